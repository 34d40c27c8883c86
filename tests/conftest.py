"""Fixtures for every room. Async tests run under anyio's pytest plugin, on asyncio."""

import pytest

pytest_plugins = ["chromium", "databases", "providers", "strictness"]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
