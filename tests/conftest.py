"""Fixtures for every room. Async tests run under anyio's pytest plugin, on asyncio."""

import gc

import pytest

pytest_plugins = ["chromium", "databases", "providers", "strictness"]


def pytest_collection_finish() -> None:
    """Let the collector pass over what stays, as a worker does: thousands of tests, and all they import.

    Going through it takes a second of the CPU time that a test of costs would count.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
