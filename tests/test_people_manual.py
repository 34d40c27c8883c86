"""The page about people: its commands do what it says, and its codes and modes are the real ones."""

import asyncio
import re
import shlex
from pathlib import Path
from typing import get_args

import pytest
from stair import standing
from test_guides import blocks
from typer.testing import CliRunner

from federation.__main__ import app
from federation.connection import Configured

PAGE = Path(__file__).parent.parent / "docs/people.md"


async def test_every_command_of_the_page_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FEDERATION_SECRETS_DIR", raising=False)
    lines = [line for block in blocks(PAGE.read_text(), "sh") for line in block.splitlines()]
    assert len(lines) == 3
    async with standing(tmp_path):
        for line in lines:
            told = [*shlex.split(line)[1:], "--config", str(tmp_path / "federation.yaml")]
            result = await asyncio.to_thread(CliRunner().invoke, app, told, catch_exceptions=False)
            assert (result.exit_code, result.stderr) == (0, ""), line
            assert result.stdout


@pytest.mark.parametrize("key", ["on_email_match", "provisioning", "email_trust"])
def test_the_page_names_every_mode(key: str) -> None:
    text = PAGE.read_text()
    for mode in set(get_args(Configured.model_fields[key].annotation)) - {"none"}:
        assert re.search(rf"`{mode}`", text), mode
