"""Between rows and values: times as microseconds, texts as any engine can hold them, snapshots.

Both twins read and write with these, so that a value comes back the same from either.
"""

import hashlib
import json
from collections.abc import Generator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar, cast

import uuid_utils

from federation.decision import Carried
from federation.identity import Authentication, Grant, Session, User
from federation.store.values import Record

Row = Sequence[Any]  # the columns in the order of the statement
Result = TypeVar("Result")
Ask = tuple[str, Mapping[str, object]]
Together = tuple[Ask, ...]  # of which none sees what another does; answered by the rows of each
Steps = Generator[Ask | Together, Sequence[Row], Result]  # see ``verbs``
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_encode = json.JSONEncoder(separators=(",", ":")).encode
_quote = json.encoder.encode_basestring_ascii
_SNAPSHOT = 16 * 1024  # characters; 500 groups have some 10,000
TOUCH = timedelta(minutes=1)  # a session's use is noted at most this often
_TOUCH = TOUCH // _MICROSECOND


class Raced(Exception):
    """Somebody else was first, and what was read is no longer so: the verb is done again, from its start."""


def at_once(*verbs: Steps[Any]) -> Steps[tuple[Any, ...]]:
    """Drive verbs of one read each in one round trip; return what each of them returns."""
    found = yield tuple(cast("Ask", next(verb)) for verb in verbs)
    return tuple(_told(verb, rows) for verb, rows in zip(verbs, found, strict=True))


def _told(verb: Steps[Result], found: Sequence[Row]) -> Result:
    try:
        verb.send(found)
    except StopIteration as end:
        result: Result = end.value
        return result
    raise TypeError("it asks more than once")


def micros(moment: datetime) -> int:
    """Return an aware time as whole microseconds since 1970; a naive one raises TypeError."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """Return the UTC time that ``micros`` wrote."""
    return _EPOCH + timedelta(microseconds=value)


def digest(*parts: str) -> bytes:
    """Return the SHA-256 of the parts, injectively.

    Whoever wrote them: a text of any length, with NUL or half a surrogate pair in it, becomes
    32 octets that every engine can store and compare.
    """
    # A JSON array of texts; the encoder of all values takes three times as long for it.
    return hashlib.sha256(f"[{','.join(map(_quote, parts))}]".encode()).digest()


def new_id(now: datetime) -> str:
    """Return a UUIDv7 of this moment: rows of one time lie together, on any node."""
    return str(uuid_utils.uuid7(nanoseconds=micros(now) * 1000))


def storable(text: str) -> str:
    """Return the text with U+FFFD for what PostgreSQL or UTF-8 cannot hold: NUL, lone surrogates."""
    clean = text.replace("\0", "\ufffd")
    return clean if clean.isascii() else clean.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def snapshot(session: Session, proof: Authentication | None) -> str:
    """Return what a session keeps of its sign-in, as JSON in ASCII (so that any text survives).

    Args:
        session: The session.
        proof: How they proved themselves, which rules may ask between sign-ins too: see ``rereads``.
    """
    user = session.user
    proven = {"proof": (proof.acr, proof.amr)} if proof and (proof.acr or proof.amr) else {}
    return _encode(
        {
            "user": [user.id, user.email, user.given_name, user.family_name, user.display_name],
            "groups": session.groups,
            "grants": _grants(session.grants),
            "attributes": dict(session.attributes),
            "teams": session.teams,
            "reference": session.reference,
            "user_agent": session.user_agent,
            **({"proved_at": micros(session.proved_at)} if session.proved_at else {}),
            **proven,
        }
    )


def _grants(grants: Sequence[Grant]) -> list[tuple[str, str, str]]:
    return [(grant.role, grant.source, grant.why) for grant in grants]


def retold(data: str, told: Carried) -> str:
    """Return the snapshot of a session with other roles and teams.

    System roles (``system:``) are those that its own sign-in gave.
    """
    kept = json.loads(data)
    given = [one for one in kept["grants"] if len(one) == _GRANT and one[1].startswith("system:")]
    others = [grant for grant in told.grants if not grant.source.startswith("system:")]
    return _encode(kept | {"grants": [*_grants(others), *given], "teams": told.teams})


_GRANT = 3  # members; there were two before a grant named its source


def session(row: Row) -> Session:
    """Read a row of ``sql.FIND_SESSION``."""
    return (_session if is_small(row) else _session.__wrapped__)(*row[:8])


def is_small(row: Row) -> bool:
    """Tell whether a session may be remembered: what it holds is its identity provider's choice."""
    return len(row[3]) <= _SNAPSHOT


# Decoding a snapshot costs more than the read itself. The row is read at every request, and says
# whether the session lives; equal columns are one value, so this remembers no state.
@lru_cache(maxsize=1024)
def _session(  # noqa: PLR0913, PLR0917  the columns
    identifier: str,
    organization: str,
    connection: str,
    snapshot: str,
    authenticated_at: int,
    created_at: int,
    expires_at: int,
    idle_at: int,
) -> Session:
    data = json.loads(snapshot)
    user_id, email, given_name, family_name, display_name = data["user"]
    return Session(
        id=identifier,
        user=User(
            id=user_id,
            email=email,
            given_name=given_name,
            family_name=family_name,
            display_name=display_name,
        ),
        organization=organization,
        connection=connection,
        groups=tuple(data["groups"]),
        grants=tuple(_grant(connection, *told) for told in data["grants"]),
        attributes={name: tuple(values) for name, values in data["attributes"].items()},
        authenticated_at=moment(authenticated_at),
        created_at=moment(created_at),
        expires_at=moment(expires_at),
        idle_at=moment(idle_at),
        reference=data["reference"],
        user_agent=data["user_agent"],
        teams=tuple(data["teams"]),
        proved_at=moment(data["proved_at"]) if "proved_at" in data else None,
    )


def _grant(connection: str, role: str, told: str, why: str | None = None) -> Grant:
    return Grant(role, told, why) if why is not None else Grant(role, f"connection:{connection}", told)


def live(row: Row, now: datetime) -> Session | None:
    """Return the session of a row of ``sql.FIND_SESSION``, None where any of its ends has come."""
    expires_at, idle_at, ended_at = row[6], row[7], row[10]
    if ended_at is not None or not micros(now) < min(expires_at, idle_at):
        return None
    return session(row)


def touch_due(row: Row, now: datetime) -> datetime | None:
    """Return until when this use prolongs the session, None where that was noted within the minute."""
    expires_at, idle, last_seen = row[6], row[8], row[9]
    at = micros(now)
    return None if at - last_seen < _TOUCH else moment(min(at + idle, expires_at))


def record(row: Row) -> Record:
    """Read a row of ``sql.FIND_RECORD``."""
    return Record(
        reference=row[0],
        at=moment(row[1]),
        code=row[2],
        detail=row[3],
        connection=row[4],
        organization=row[5],
        size=row[6],
        digest=row[7],
        person=row[8],
        sealed=row[9],
    )


def record_values(record: Record, place: int | None) -> Mapping[str, object]:
    """Return a record's parameters for ``sql.KEEP_RECORD``."""
    return {
        "reference": record.reference,
        "recorded_at": micros(record.at),
        "code": record.code,
        "detail": storable(record.detail),
        "connection": record.connection,
        "organization_id": record.organization,
        "size": record.size,
        "digest": record.digest,
        "person": record.person,
        "sealed": record.sealed,
        "ring": place,
    }
