"""Fixtures for every room. Async tests run under anyio's pytest plugin, on asyncio."""

import gc
from collections.abc import Iterator
from functools import cache

import hypothesis
import pytest

from federation import keys

# The same examples in every run: who looks for others changes this line, or runs scripts/fuzz.
hypothesis.settings.register_profile("the same", derandomize=True, database=None)
hypothesis.settings.load_profile("the same")
pytest_plugins = ["chromium", "databases", "providers", "side_by_side", "strictness"]


def pytest_collection_finish() -> None:
    """Let the collector pass over what stays, as a worker does: thousands of tests, and all they import.

    Going through it takes a second of the CPU time that a test of costs would count.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def key_bits() -> Iterator[int]:
    """Make our own keys of 2048 bits, and load each once: to load one is to check it, most of a start.

    Yields how long they are outside the tests.
    """
    with pytest.MonkeyPatch.context() as patch:
        bits = keys._RSA_BITS
        patch.setattr(keys, "_RSA_BITS", 2048)
        patch.setattr(keys, "_private_key", cache(keys._private_key))  # of the file's octets, and its name
        yield bits
