"""How much the library has to do for a filter or a PATCH, before it is asked.

It builds a validator anew for each comparison with each entry, and copies a list for each operation on
it: up to half a millisecond each. Pure.
"""

import re
from typing import Any, Final

from scim2_models import PatchOp, PayloadTooLargeException, Resource

from federation.scim import tolerance

_JOINED: Final = re.compile(r"\s(?:and|or)\s", re.IGNORECASE)


def comparisons(told: str) -> int:
    """Return how many comparisons a filter makes, or a path with one; no fewer than there are."""
    return 1 + len(_JOINED.findall(told))


def entries(resource: Resource[Any]) -> int:
    """Return how many values a resource has in lists."""
    return sum(len(one) for one in resource.__dict__.values() if isinstance(one, list))


def of(patch: "PatchOp[Any]", size: int) -> int:
    """Return how often the library has to look at an entry for a PATCH.

    Args:
        patch: As the library has read it.
        size: Entries of what it is an operation on.

    Raises:
        PayloadTooLargeException: More often than ``tolerance.EFFORT``, and than for one operation.
    """
    operations = patch.operations or ()
    size += sum(map(_added, operations))
    effort = sum(comparisons(str(one.path or "")) for one in operations) * (size + 1)
    if effort > max(tolerance.EFFORT, 2 * (size + 1)):
        raise PayloadTooLargeException(detail="The operations of this PATCH are too many for one request")
    return effort


def _added(operation: Any) -> int:
    value = operation.value
    if isinstance(value, dict):
        return sum(len(one) for one in value.values() if isinstance(one, list))
    return len(value) if isinstance(value, list) else 1 if "[" in str(operation.path or "") else 0
