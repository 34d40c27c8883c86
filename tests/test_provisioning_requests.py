"""A directory's requests, answered by the story over the real store: what is kept and who is decided of."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from stair import Stair, standing

from federation.provisioning.request import Answered, Asked, Caller
