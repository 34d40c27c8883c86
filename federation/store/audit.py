"""The audit log: a row for each change, written in the transaction of the change.

Appended and never altered, but that erasing a person empties ``personal`` and ``address`` of the rows
that are about them. ``before`` and ``after`` hold nothing that would have to be erased: whatever a deed says,
addresses are cut down to their domains here.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from federation.store import audit_sql
from federation.store.provisioning_rows import Kept
from federation.store.rows import Ask, micros, new_id, storable

_LOCAL_PART: Final = re.compile(r"""[^\s"'<>()\[\]{},;:|=]+@(?=[^\s@])""")


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """Who changed what, before it is written."""

    organization: str  # "": the whole installation
    at: datetime  # UTC
    actor_kind: str  # user, api_token, setup_link, operator, system
    actor: str  # id of the user, token or link; ""
    action: str  # kind and verb, as "connection.update"
    kind: str  # of what was changed
    name: str  # its id
    before: Mapping[str, object] = field(default_factory=dict)  # no secret, no personal value
    after: Mapping[str, object] = field(default_factory=dict)  # likewise
    about: str = ""  # id of the user whom ``personal`` is about
    personal: Mapping[str, object] = field(default_factory=dict, repr=False)
    address: str = field(default="", repr=False)  # of the client
    reference: str = ""  # of a decision record


def named(entry: AuditEntry, result: object) -> AuditEntry:
    """Return a line whose name nobody knew before with that of what its verb answers.

    Of a user who was made that is their id; of what a directory keeps the resource's, and about whom it is.
    """
    one = result[0] if isinstance(result, tuple) and result else result
    user_id = str(getattr(one, "user_id", ""))
    if isinstance(one, Kept):
        return replace(entry, name=entry.name or one.name, about=entry.about or user_id)
    return replace(entry, name=user_id) if not entry.name else entry


def append(entry: AuditEntry) -> Ask:
    """Return the statement that writes it."""
    return audit_sql.APPEND, {
        "id": new_id(entry.at),
        "organization_id": entry.organization,
        "at": micros(entry.at),
        "actor_kind": entry.actor_kind,
        "actor": entry.actor,
        "action": entry.action,
        "kind": entry.kind,
        "object": storable(entry.name),
        "before": json.dumps(without_addresses(entry.before)),
        "after": json.dumps(without_addresses(entry.after)),
        "about": entry.about,
        "personal": json.dumps(dict(entry.personal)) if entry.personal else "",
        "address": entry.address,
        "reference": entry.reference,
    }


def without_addresses(value: object) -> object:
    """Return plain data in which of each e-mail address the domain alone is left."""
    match value:
        case str():
            return _LOCAL_PART.sub("…@", value)
        case Mapping():
            return {without_addresses(str(key)): without_addresses(one) for key, one in value.items()}
        case list() | tuple():
            return [without_addresses(one) for one in value]
        case _:
            return value


def is_change(result: object) -> bool:
    """Tell whether a verb that answers this has changed anything.

    None and False have not, nor has what says so itself (``changed``). Of several values the one that
    says so is first, or last.
    """
    match result:
        case None | False:
            return False
        case (_, bool(done)) | (bool(done), _):
            return done
        case (first, *_):
            return is_change(first)
        case _:
            return bool(getattr(result, "changed", True))
