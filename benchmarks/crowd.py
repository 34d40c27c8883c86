"""A large installation's rows, as columns of each table: for ``pages.py``, and tests/test_console_cost.py.

Everybody is in one organization, the worst case of its lists; a thousand have one connection each.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import asyncpg

from federation.vault import hash_token

Rows = Iterator[tuple[object, ...]]
_SECOND = 1_000_000  # microseconds
_DAY = 86_400 * _SECOND
_FIRST = ("Ada", "Bo", "Chi", "Dag", "Eva", "Finn", "Gro", "Hans", "Ida", "Jon", "Kim", "Lea", "Mia", "Noa")
_LAST = ("Adams", "Berg", "Chen", "Dahl", "Ek", "Frank", "Gupta", "Holm", "Ito", "Jensen", "Kaya", "Lund")
_CODES = (
    "signin.ok",
    "signin.ok",
    "signin.ok",
    "saml.expired",
    "policy.no_rule",
    "oidc.nonce",
    "signin.replayed",
)


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """How many of each."""

    organization: str = "acme"  # whose all people are
    people: int = 100_000
    connections: int = 1_000  # kept, each of an organization of its own
    teams: int = 1_000
    records: int = 100_000
    audit: int = 100_000
    now: datetime
    metadata: str  # of an identity provider whose entity ID holds "NUMBER"

    @property
    def at(self) -> int:
        """Microseconds since 1970."""
        return int(self.now.timestamp()) * _SECOND


def identifier(kind: int, number: int) -> str:
    """Return an id like a UUIDv7 of last year."""
    return f"0192{kind:04x}-{number >> 16:04x}-7{number >> 4 & 0xFFF:03x}-8000-{number:012x}"


def setup_token(number: int) -> str:
    """Return the secret of a setup link: 43 characters of base64url."""
    return f"{number:043}"


def user(number: int) -> str:
    """Return a user's id."""
    return identifier(1, number)


def tables(crowd: Crowd) -> Iterator[tuple[str, str, Rows]]:
    """Yield each table, its columns, and its rows."""
    yield "user", "id created_at", ((user(n), crowd.at - _DAY) for n in range(crowd.people))
    yield "account", _ACCOUNT, _accounts(crowd)
    place = "organization_id user_id source"
    yield (
        "membership",
        f"{place} created_at",
        ((crowd.organization, user(n), "connection:acme-saml", crowd.at) for n in range(crowd.people)),
    )
    yield (
        "role_grant",
        f"{place} role why granted_at",
        (
            (
                crowd.organization,
                user(n),
                "connection:acme-saml",
                "member" if n % 50 else "auditor",
                "everybody",
                crowd.at,
            )
            for n in range(crowd.people)
        ),
    )
    yield (
        "deactivation",
        "user_id organization_id source deactivated_at",
        ((user(n), crowd.organization, "manual", crowd.at) for n in range(0, crowd.people, 200)),
    )
    yield "session", _SESSION, _sessions(crowd)
    yield from _of_teams(crowd)
    yield from _waiting(crowd)
    yield from _declared(crowd)
    yield "decision_record", _RECORD, _records(crowd)
    yield "audit", _AUDIT, _audit(crowd)
    yield (
        "api_token",
        "id token_hash organization_id name scopes created_at created_by expires_at",
        (
            (
                identifier(7, n),
                b"t%d" % n,
                "" if n % 2 else crowd.organization,
                f"Token {n}",
                '["people:read"]',
                crowd.at,
                user(n),
                crowd.at + _DAY,
            )
            for n in range(crowd.connections)
        ),
    )


_ACCOUNT = (
    "organization_id person subject_key stable_ids user_id connection email email_key email_proven "
    "given_name family_name display_name name_key created_at signed_in_at released_at"
)


def _accounts(crowd: Crowd) -> Rows:
    for n in range(crowd.people):
        given, family = _FIRST[n % len(_FIRST)], _LAST[n // len(_FIRST) % len(_LAST)]
        email, name = f"{given}.{family}.{n}@acme.example".lower(), f"{given} {family}"
        key = json.dumps(["https://idp.acme.example", "emailAddress", "", "", email])
        yield (
            crowd.organization,
            f"person{n:06}",
            key,
            "{}",
            user(n),
            "acme-saml",
            email,
            email,
            1,
            given,
            family,
            name,
            name.lower(),
            crowd.at,
            crowd.at - n * _SECOND,
            0,
        )


_SESSION = (
    "token_hash id organization_id user_id connection person data authenticated_at created_at expires_at "
    "idle idle_at last_seen"
)


def _sessions(crowd: Crowd) -> Rows:
    for n in range(crowd.people // 5):
        told = {
            "user": [user(n), f"{n}@acme.example", "Ada", "Berg", "Ada Berg"],
            "groups": ["staff"],
            "grants": [["member", "connection:acme-saml", "everybody"]],
            "attributes": {},
            "teams": [],
            "reference": "",
            "user_agent": "Mozilla/5.0 (Windows NT 10.0) Firefox/145.0",
        }
        ends = crowd.at + _DAY
        yield (
            b"session%d" % n,
            identifier(2, n),
            crowd.organization,
            user(n),
            "acme-saml",
            f"person{n:06}",
            json.dumps(told),
            crowd.at,
            crowd.at,
            ends,
            _DAY,
            ends,
            crowd.at,
        )


def _of_teams(crowd: Crowd) -> Iterator[tuple[str, str, Rows]]:
    keys = [f"team-{n:04}" for n in range(crowd.teams)]
    yield (
        "team",
        "organization_id key name source created_at",
        ((crowd.organization, key, key.title(), "manual", crowd.at) for key in keys),
    )
    yield (
        "team_group",
        "organization_id group_key team_key connection",
        ((crowd.organization, f"g-{key}", key, "") for key in keys),
    )
    yield "team_role", "organization_id team_key role", ((crowd.organization, key, "member") for key in keys)
    # The first team is everybody's.
    yield (
        "team_membership",
        "organization_id user_id team_key source why joined_at",
        (
            (crowd.organization, user(n), key, "connection:acme-saml", "a group", crowd.at)
            for n in range(crowd.people)
            for key in {keys[0], keys[n % len(keys)]}
        ),
    )


def _waiting(crowd: Crowd) -> Iterator[tuple[str, str, Rows]]:
    many = range(crowd.connections)
    addresses = [f"guest{n}@acme.example" for n in many]
    columns = "id organization_id email email_key token_hash roles teams created_at expires_at"
    yield (
        "invitation",
        columns,
        (
            (
                identifier(3, n),
                crowd.organization,
                one,
                one,
                b"i%d" % n,
                '["member"]',
                "[]",
                crowd.at,
                crowd.at + _DAY,
            )
            for n, one in enumerate(addresses)
        ),
    )
    yield "user", "id created_at", ((identifier(8, n), crowd.at) for n in many)
    yield (
        "provisioned_user",
        "organization_id source user_id connection email email_key created_at",
        (
            (crowd.organization, "manual", identifier(8, n), "", one, one, crowd.at)
            for n, one in enumerate(addresses)
        ),
    )


def _declared(crowd: Crowd) -> Iterator[tuple[str, str, Rows]]:
    many = range(crowd.connections)
    at = crowd.at
    yield (
        "kept_organization",
        "id body number created_at updated_at",
        (
            (
                f"org{n:04}",
                json.dumps({"name": f"Organization {n}", "administrators": ["admin"]}),
                n + 1,
                at,
                at,
            )
            for n in many
        ),
    )
    columns = "id organization_id protocol body sealed enabled number created_at updated_at tested_at"
    yield (
        "kept_connection",
        columns,
        (
            (
                f"conn{n:04}",
                f"org{n:04}",
                "saml",
                _body(crowd, n),
                "",
                1,
                crowd.connections + n + 1,
                at + n,
                at,
                at,
            )
            for n in many
        ),
    )
    yield (
        "domain_proof",
        "organization_id domain token created_at checked_at seen_at",
        ((f"org{n:04}", f"org{n:04}.example", f"token{n}", at, at, at) for n in many),
    )
    columns = "id organization_id connection number started_by started_at expires_at ended_at code sealed"
    yield (
        "trial",
        columns,
        (
            (
                identifier(4, n),
                f"org{n % 50:04}",
                f"conn{n % 50:04}",
                1,
                user(0),
                at,
                at + _DAY,
                at,
                "saml.expired",
                "",
            )
            for n in many
        ),
    )
    columns = "id token_hash organization_id connection may_enable created_at created_by expires_at uses"
    yield (
        "setup_link",
        columns,
        (
            (
                identifier(5, n),
                hash_token(setup_token(n)),
                f"org{n % 50:04}",
                f"conn{n % 50:04}",
                1,
                at + _SECOND,  # after its connection
                user(0),
                at + _DAY,
                0,
            )
            for n in many
        ),
    )
    yield (
        "metadata_change",
        "id connection changed_at changes state",
        ((identifier(6, n), f"conn{n:04}", at - n, '["a certificate more"]', "taken") for n in many),
    )


def _body(crowd: Crowd, number: int) -> str:
    return json.dumps(
        {
            "protocol": "saml",
            "display_name": f"Connection {number}",
            "domains": [f"org{number:04}.example"],
            "visible": False,
            "metadata": {"xml": crowd.metadata.replace("NUMBER", str(number))},
            "role_rules": [{"name": "staff", "groups": ["staff"], "roles": ["member"]}],
        }
    )


_RECORD = "reference recorded_at code detail connection organization_id size digest person sealed"


def reference(number: int) -> str:
    """Return a record's reference: ten base32 characters."""
    return "".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[number >> 5 * place & 31] for place in range(10))


def _records(crowd: Crowd) -> Rows:
    for n in range(crowd.records):
        code = _CODES[n % len(_CODES)]
        yield (
            reference(n + 1),
            crowd.at - n * 30 * _SECOND,
            code,
            "",
            "acme-saml",
            crowd.organization,
            6000,
            "ab" * 32,
            f"person{n % crowd.people:06}",
            "",
        )


def _of_moment(at: int, n: int) -> str:
    """Return a UUIDv7 of a moment: what is kept by age is known by it."""
    told = f"{at // 1000:012x}7000{0x8000 + n // 2**48:04x}{n % 2**48:012x}"
    return "-".join((told[:8], told[8:12], told[12:16], told[16:20], told[20:]))


_AUDIT = (
    "id organization_id at actor_kind actor action kind object before after about personal address reference"
)


def _audit(crowd: Crowd) -> Rows:
    for n in range(crowd.audit):
        at = crowd.at - (crowd.audit - n) * _SECOND
        yield (
            _of_moment(at, n),
            crowd.organization,
            at,
            "user",
            user(n % 20),
            "role.grant",
            "user",
            user(n % crowd.people),
            "{}",
            '{"role": "auditor"}',
            user(n % crowd.people),
            json.dumps({"email": f"{n}@acme.example"}),
            "192.0.2.7",
            "",
        )


def lay(file: Path, crowd: Crowd) -> None:
    """Write all of it into a SQLite file at head."""
    with closing(sqlite3.connect(file)) as db, db:
        for table, columns, rows in tables(crowd):
            names = columns.split()
            marks = ", ".join("?" * len(names))
            db.executemany(f'INSERT INTO "{table}" ({", ".join(names)}) VALUES ({marks})', rows)  # noqa: S608
        db.execute("UPDATE configuration SET number = ?", (2 * crowd.connections,))


async def lay_postgres(db: asyncpg.Connection, crowd: Crowd) -> None:
    """Write all of it into a PostgreSQL database at head."""
    async with db.transaction():
        for table, columns, rows in tables(crowd):
            await db.copy_records_to_table(table, records=rows, columns=columns.split())
        await db.execute("UPDATE configuration SET number = $1", 2 * crowd.connections)
    await db.execute("VACUUM ANALYZE")  # as upkeep of the database does by itself, some time later
