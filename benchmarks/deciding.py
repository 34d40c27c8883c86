"""Deciding: domain rules, role rules and settlement of one person, on plain values.

    .venv/bin/python benchmarks/deciding.py

What is asked is what a sign-in asks between ``attributes.normalize`` and the database's writing:
``decide``, ``link``, ``settle``. The person is in 500 groups, no rule matches, so that every one
is asked. The floor is one intersection of two sets of 500 and 20 names. CPU time, the least of
the rounds; all of them take turns.
"""

import argparse
import time
from collections.abc import Callable, Mapping

from pydantic import TypeAdapter

from federation.connection import Connection, Organization
from federation.decision import Candidates, Profile, Standing
from federation.identity import Authentication, Grant, Groups, Identity, Presence, Subject
from federation.policy.decide import decide

# In no order, as a directory has them.
NAMES = tuple(f"CN=Group {number * 199 % 500},OU=Groups,DC=acme,DC=example" for number in range(500))
ORGANIZATION = Organization(name="Acme", default_roles=("visitor",), administrators=("owner",))
CALLS = 50

SHORT = [{"name": f"r{n}", "groups": [f"team-{n}", f"ops-{n}-*"], "roles": [f"role-{n}"]} for n in range(20)]
CEL = [
    {
        "name": f"r{n}",
        "when": f"'team-{n}' in groups || groups.exists(g, g.startsWith('ops-{n}-')) "
        f"|| (has(attributes.department) && 'Team {n}' in attributes.department)",
        "roles": [f"role-{n}"],
    }
    for n in range(20)
]


def work(rules: object, names: tuple[str, ...] = NAMES) -> Callable[[], object]:
    """Return a whole decision about somebody in these groups, as a sign-in asks for it."""
    told = {
        "id": "okta",
        "protocol": "oidc",
        "organization": "acme",
        "domains": ["acme.example"],
        "issuer": "https://acme.okta.example",
        "client_id": "federation",
        "client_secret": "s",
        "role_rules": rules,
    }
    connection = TypeAdapter(Connection).validate_python(told)
    who = Identity(
        subject=Subject(issuer="https://acme.okta.example", value="1"),
        connection="okta",
        organization="acme",
        email="ada@acme.example",
        email_verified=True,
        given_name="Ada",
        family_name="Lovelace",
        display_name="Ada Lovelace",
        groups=Groups(Presence.PRESENT, names),
        attributes={"department": ("R&D",), "title": ("Countess",)},
        authentication=Authentication(instant=None),
    )
    groups = who.groups
    standing = Standing(
        user_id="1",
        how="subject",
        signed_in_before=True,
        profile=Profile(email="ada@acme.example"),
        grants=(Grant("visitor", "connection:okta", "default (organization)"), Grant("editor", "manual")),
        memberships=frozenset({"connection:okta"}),
    )

    def ask() -> object:
        for made in ("folded", "in_order"):  # another person each time
            groups.__dict__.pop(made, None)
        decision = decide(who, connection, ORGANIZATION, (), system_roles=(), verified=frozenset())
        return decision.link(Candidates()), decision.settle(standing)

    return ask


def floor() -> Callable[[], object]:
    """Return what asking costs at the very least: both sets made, and held against each other."""
    wanted = frozenset(f"team-{n}" for n in range(20))
    return lambda: wanted & frozenset(NAMES)


def kinds() -> Mapping[str, Callable[[], object]]:
    return {
        "a set intersection": floor(),
        "no rules": work([]),
        "20 short-form rules": work(SHORT),
        "20 CEL rules": work(CEL),
    }


def least(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the least CPU time of a call of each, in seconds."""
    times = dict.fromkeys(works, float("inf"))
    for _ in range(rounds):
        for name, one in works.items():
            start = time.process_time()
            for _ in range(CALLS):
                one()
            times[name] = min(times[name], (time.process_time() - start) / CALLS)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    times = least(kinds(), parser.parse_args().rounds)
    base = times["a set intersection"]
    for name, seconds in times.items():
        print(f"| {name} | {seconds * 1e6:.0f} µs | {seconds / base:.1f}x |")


if __name__ == "__main__":
    main()
