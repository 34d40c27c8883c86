"""Who is in a group, as far as an answer is to tell of it (RFC 7644 §3.9)."""

import asyncio
from typing import Any

from scim2_models import ResponseParameters

from federation.provisioned import Reference
from federation.provisioning.written import PART
from federation.scim import resources


def tells_members(asked: ResponseParameters[Any]) -> bool:
    """Tell whether an answer has the members of groups."""
    kept, left_out = _names(asked.attributes), _names(asked.excluded_attributes)
    return "members" not in left_out and (not kept or any(map(_is_member, kept)))


async def members(told: tuple[Reference, ...], asked: ResponseParameters[Any] | None) -> list[dict[str, str]]:
    """Return members with what is asked of them (``attributes=members.value``), others let in between."""
    kept = _subs(asked.attributes) if asked is not None else set[str]()
    left_out = _subs(asked.excluded_attributes) if asked is not None else set[str]()
    listed: list[dict[str, str]] = []
    for first in range(0, len(told), PART):
        some = resources.members(told[first : first + PART])
        if (kept and "" not in kept) or left_out:
            some = [
                {
                    key: one
                    for key, one in each.items()
                    if (not kept or {"", key} & kept) and key not in left_out
                }
                for each in some
            ]
        listed += some
        await asyncio.sleep(0)
    return listed


def _names(paths: Any) -> set[str]:
    """Return the names of attributes without their schema, in lower case."""
    return {str(one).lower().rpartition("group:")[2] for one in paths or ()}


def _subs(paths: Any) -> set[str]:
    """Return the sub-attributes of members that are named, "" for members as they are."""
    return {name.partition(".")[2] for name in filter(_is_member, _names(paths))}


def _is_member(name: str) -> bool:
    return name == "members" or name.startswith("members.")
