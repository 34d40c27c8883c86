"""An answer as JSON: of a long one a part at a time, so that nobody waits for 20,000 members at one go."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

PART: Final = 1_000  # members
_FEW: Final = 50  # resources


async def write(body: Mapping[str, Any]) -> bytes:
    """Return an answer in UTF-8; others have their turn between the parts of a long list."""
    parts: list[str] = []
    await _object(body, parts)
    return "".join(parts).encode()


async def _object(told: Mapping[str, Any], parts: list[str]) -> None:
    parts.append("{")
    for at, (name, value) in enumerate(told.items()):
        parts.append(f"{',' if at else ''}{_text(name)}:")
        if name == "Resources":
            await _resources(value, parts)
        elif name == "members" and len(value) > PART:
            await _members(value, parts)
        else:
            parts.append(_text(value))
    parts.append("}")


async def _resources(value: list[Mapping[str, Any]], parts: list[str]) -> None:
    parts.append("[")
    for at, one in enumerate(value):
        if at:
            parts.append(",")
            if not at % _FEW:
                await asyncio.sleep(0)
        await _object(one, parts)
    parts.append("]")


async def _members(value: list[Any], parts: list[str]) -> None:
    for first in range(0, len(value), PART):
        parts.append(f"{',' if first else '['}{_text(value[first : first + PART])[1:-1]}")
        await asyncio.sleep(0)
    parts.append("]")


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
