"""What is kept of an attempt: it fits, it comes back, it says what was cut, and it shows no value unasked."""

import json
import random
import re
import shlex
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from federation.__main__ import app
from federation.decision import Link, Outcome, Profile, Settled, Standing, TeamMember
from federation.errors import Check, ConfigurationError
from federation.identity import Authentication, Grant, Groups, Identity, Presence, Subject
from federation.records import records, redaction
from federation.records.records import Kept
from federation.store.values import RECORD_OCTETS
from federation.vault import Vault

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
VAULT = Vault([("00000000", b"k" * 32)])
KEY = VAULT.new_key("person:p")
CHECKS = (
    Check("saml.signature"),
    Check("policy.domain", "'evil.example' is not one of acme.example"),
    Check("policy.rule:staff", "none of the person's groups (2) is one of the rule's"),
)
ADA = Identity(
    subject=Subject(issuer="https://idp.acme.example", value="ada@acme.example", format="urn:emailAddress"),
    connection="okta",
    organization="acme",
    email="ada@acme.example",
    email_verified=True,
    given_name="Ada",
    family_name="Lovelace",
    display_name="Ada Lovelace",
    groups=Groups(Presence.PRESENT, ("engineers", "Secret Project")),
    attributes={"department": ("R&D",), "manager": ("grace@acme.example", "alan")},
    authentication=Authentication(
        instant=NOW, acr="urn:mfa", amr=("pwd", "otp"), session_until=NOW + timedelta(hours=8)
    ),
)
MEMBER = Grant("member", "connection:okta", "default (connection)")
ADMIN = Grant("admin", "connection:okta", "admins")
BY_HAND = Grant("auditor", "manual", "")
TEAMS = (TeamMember("eng", "connection:okta", "engineers"), TeamMember("ops", "manual"))


def settled(**differs: Any) -> Settled:
    standing = Standing(
        user_id="user-1",
        how="subject",
        signed_in_before=True,
        profile=Profile(),
        grants=(MEMBER, BY_HAND),
        members=TEAMS,
    )
    outcome = Outcome(
        profile=Profile(),
        add=(ADMIN,),
        drop=(MEMBER,),
        join=(TeamMember("new", "connection:okta", "g"),),
        leave=TEAMS[:1],
        grants=(BY_HAND, ADMIN),
        teams=("new", "ops"),
    )
    told: dict[str, Any] = {
        "link": Link(user_id="user-1", how="subject"),
        "standing": standing,
        "outcome": outcome,
        "session_id": "session-1",
    }
    return Settled(**told | differs)


def of_groups(number: int) -> Identity:
    """Somebody in many groups, named as directories do."""
    chance = random.Random(number)  # noqa: S311
    names = tuple(f"CN=team-{chance.randrange(10**6)},OU=Groups,DC=acme,DC=example" for _ in range(number))
    return replace(ADA, groups=Groups(Presence.PRESENT, names))


def fits(encoded: bytes) -> bool:
    return len(VAULT.seal_under(KEY, "person:p", encoded, "record:r")) <= RECORD_OCTETS


def test_everything_comes_back() -> None:
    kept = records.read(records.encode(CHECKS, ADA, settled()))
    assert kept == Kept(
        checks=CHECKS,
        who=ADA,
        how="subject",
        user="user-1",
        grants=((MEMBER, BY_HAND), (BY_HAND, ADMIN)),
        teams=(TEAMS, (TEAMS[1], TeamMember("new", "connection:okta", "g"))),
        session="session-1",
    )


def test_what_did_not_change_is_told_once() -> None:
    same = replace(settled().outcome, join=(), leave=(), grants=(MEMBER, BY_HAND))
    encoded = records.encode((), ADA, settled(outcome=same))
    assert [len(json.loads(encoded)[part]) for part in ("grants", "teams")] == [1, 1]
    kept = records.read(encoded)
    assert (kept.grants, kept.teams) == (((MEMBER, BY_HAND),) * 2, (TEAMS, TEAMS))


def test_of_a_refusal_there_is_no_outcome() -> None:
    assert records.read(records.encode(CHECKS, ADA, None)) == Kept(checks=CHECKS, who=ADA)
    assert records.read(records.encode(CHECKS, None, None)) == Kept(checks=CHECKS)


def test_no_secret_of_the_provider_is_kept() -> None:
    from federation.identity import KeptTokens, ProviderSession, StableId

    told = replace(
        ADA,
        stable_id=StableId("k", "STABLE"),
        provider_session=ProviderSession(name="NAME", hint="HINT"),
        tokens=KeptTokens(access="ACCESS", refresh="REFRESH"),
        authentication=replace(ADA.authentication, session_index="INDEX"),
    )
    encoded = records.encode((), told, None).decode()
    assert [one for one in ("STABLE", "NAME", "HINT", "ACCESS", "REFRESH", "INDEX") if one in encoded] == []


@pytest.mark.parametrize(
    ("encoded", "checks"),
    [
        (b"[]", ()),
        (b'[["saml.signature", null]]', (Check("saml.signature"),)),
        (b'[["a.b", "said"], ["record.cut", "x"]]', (Check("a.b", "said"), Check("record.cut", "x"))),
    ],
)
def test_the_records_of_before_are_read_still(encoded: bytes, checks: tuple[Check, ...]) -> None:
    assert records.read(encoded) == Kept(checks=checks)


def test_a_newer_releases_record_is_not_guessed_at() -> None:
    with pytest.raises(ConfigurationError, match=r"^explain\.version: "):
        records.read(b'{"v":3,"checks":[]}')


# What does not fit


def test_deflating_loses_nothing() -> None:
    who = of_groups(600)
    encoded = records.encode(CHECKS, who, settled())
    assert not encoded.startswith(b"{")
    assert fits(encoded)
    assert records.read(encoded).who == who


CUT = [
    # who                                                                        what goes
    (replace(ADA, attributes={"photo": tuple(f"{n:040d}" for n in range(9000))}), ("attributes",)),
    (of_groups(3000), ("attributes", "groups")),
    (replace(ADA, display_name="x" * 200_000), ("attributes", "groups", "teams", "identity", "checks")),
]  # fmt: skip


@pytest.mark.parametrize(("who", "cut"), CUT)
def test_what_is_cut_is_said(who: Identity, cut: tuple[str, ...]) -> None:
    encoded = records.encode(CHECKS, who, settled())
    assert fits(encoded)
    kept = records.read(encoded)
    assert kept.cut == cut
    assert kept.checks[-1].code == "record.cut"
    assert kept.checks[:-1] == CHECKS
    if "identity" not in cut:
        assert kept.who is not None
        assert (kept.who.email, kept.who.groups.presence) == (ADA.email, Presence.PRESENT)
        assert kept.session == "session-1"


TEXT = st.text(max_size=200)


@given(
    st.lists(st.builds(Check, st.text(max_size=60), st.none() | st.text(max_size=2000)), max_size=300),
    st.dictionaries(TEXT, st.lists(TEXT, max_size=30).map(tuple), max_size=60),
    st.lists(TEXT, max_size=300).map(tuple),
)
def test_whatever_was_sent_fits_and_is_whole_or_says_so(
    checks: list[Check], attributes: dict[str, tuple[str, ...]], names: tuple[str, ...]
) -> None:
    who = replace(ADA, attributes=attributes, groups=Groups(Presence.PRESENT, names))
    encoded = records.encode(checks, who, settled())
    assert fits(encoded)
    kept = records.read(encoded)
    assert kept.cut or kept.who == who
    said = Check("record.cut", f"the record was full: {', '.join(kept.cut)}")
    assert bool(kept.cut) == (kept.checks[-1:] == (said,))


def test_a_record_costs_little() -> None:
    """Encoding and sealing: of 80 rules and 50 groups at most 100 µs more than of the rules alone."""
    checks = tuple(Check(f"saml.rule_{number}") for number in range(80))
    who, done = of_groups(50), settled()

    def best(*told: Any) -> float:
        took = []
        for _ in range(5):
            begun = time.process_time()
            for _ in range(200):
                VAULT.seal_under(KEY, "person:p", records.encode(checks, *told), "record:r")
            took.append((time.process_time() - begun) / 200)
        return min(took)

    assert best(who, done) - best(None, None) < 100e-6


# What is shown


def test_no_value_is_shown_unasked() -> None:
    kept = records.read(records.encode(CHECKS, ADA, settled()))
    shown = json.dumps(redaction.show(kept, values=False, refused=""))
    for value in ("ada@", "Lovelace", "Ada", "engineers", "Secret Project", "R&D", "grace", "alan", "evil"):
        assert value not in shown, value
    for told in ("policy.rule:staff", "auditor", "acme.example", '"count": 2', '"department": 1', "session"):
        assert told in shown, told


def test_who_asks_is_shown_every_value() -> None:
    shown = redaction.show(Kept(checks=CHECKS, who=ADA), values=True, refused="")
    assert shown["identity"]["email"] == "ada@acme.example"
    assert shown["identity"]["groups"]["names"] == ["engineers", "Secret Project"]
    assert shown["identity"]["attributes"]["manager"] == ["grace@acme.example", "alan"]
    assert shown["checks"][1]["said"] == CHECKS[1].said


HIDDEN = [
    ("'evil.example' is not one of acme.example", "…(12) is not one of acme.example"),
    ('"it\'s" is refused', "…(4) is refused"),
    (r"'a\'b' stays", "…(4) stays"),
    ("none of the person's groups (5) is one of the rule's", None),
    ("audience is ('https://x.example/a', 'b'), not 'c'", "audience is (…(19), …(1)), not …(1)"),
    ("sent ada@acme.example here", "sent …(16) here"),
    ("to https://idp.example/x?y=1 again", "to …(25) again"),
    ("expired 5 minutes ago", None),
]  # fmt: skip


@pytest.mark.parametrize(("said", "shown"), HIDDEN)
def test_what_is_hidden_in_a_sentence(said: str, shown: str | None) -> None:
    assert redaction.hide(said) == (said if shown is None else shown)


@pytest.mark.parametrize("value", ["Zoë", "a'b", 'a"b', "\\", "'", "x' y 'z", "張 三", "a\nb", ""])
@pytest.mark.parametrize("frame", ["{} is no name", "expected us, not {}", "is ({}, 'b')", "a={}"])
def test_whatever_stands_quoted_is_hidden(value: str, frame: str) -> None:
    shown = redaction.hide(frame.format(repr(value)))
    assert repr(value) not in shown
    assert value == "" or value.strip("'\"\\") == "" or value not in shown


# The page about them


def test_the_commands_of_the_page_are_ours() -> None:
    """Every command that docs/records.md shows takes the options that it shows."""
    page = (Path(__file__).parent.parent / "docs/records.md").read_text()
    shown = re.findall(r"^(federation [^#>\n]+)", page, re.MULTILINE)
    assert len(shown) == 8
    for line in shown:
        words = shlex.split(line)[1:]
        options = {one for one in words if one.startswith("-")}
        path = words[: 1 if words[0] == "explain" else 2]
        result = CliRunner().invoke(app, [*path, "--help"], terminal_width=200)
        assert result.exit_code == 0, line
        assert {one for one in options if one not in result.stdout} == set(), line
