"""Attacks found by a reviewer: each with the message that did it, and what it gets now."""

import asyncio
import json
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stair
from saml_peer import NOW, accept, refusal, response
from typer.testing import CliRunner

from federation import attributes
from federation.__main__ import app
from federation.connection import OidcConnection
from federation.connectors.kept import RETRY_AFTER, Kept
from federation.errors import PolicyRefused, ProviderTimedOut
from federation.identity import SEAL, Authentication, Subject, VerifiedAssertion
from federation.policy import domains
from federation.store import rows
from federation.web import verify

ADVICE = "<saml:Advice {declarations}>{content}</saml:Advice>"
LONG = "u:" + "u" * 30_000


def assertion(sent: dict[str, str], **differs: Any) -> VerifiedAssertion:
    told: dict[str, Any] = {
        "id": "_1",
        "subject": Subject(issuer="https://op.example", value="1"),
        "not_on_or_after": NOW,
        "attributes": {name: (value,) for name, value in sent.items()},
        "authentication": Authentication(instant=NOW),
        "checks": (),
        "seal": SEAL,
    }
    return VerifiedAssertion(**told | differs)


# A signature taken from any message of theirs, around content of an attacker's.
SWOLLEN = {
    "a long namespace used often": (f'xmlns:p="{LONG}"', "<p:z/>" * 15_000),
    "in the other quotes": (f"xmlns:p = '{LONG}'", "<p:z/>" * 15_000),
    "as the default": (f'xmlns:p="{LONG}"', f'<p:z xmlns="{LONG}"/>' + "<p:z/>" * 15_000),
    "many declarations above many elements": (
        " ".join(f'xmlns:a{number}="u:"' for number in range(8_000)),
        "<z/>" * 15_000,
    ),
}


@pytest.mark.parametrize(("declarations", "content"), SWOLLEN.values(), ids=SWOLLEN)
@pytest.mark.alone
def test_namespaces_do_not_swell_under_canonicalization(declarations: str, content: str) -> None:
    """18,000 uses of 30 kB are 540 MB of canonical octets, before any digest is compared."""
    swollen = ADVICE.format(declarations=declarations, content=content)
    document = response(tamper=(("<saml:Subject>", swollen + "<saml:Subject>"),))
    start = time.process_time()
    assert refusal(document).code == "saml.limits"
    assert time.process_time() - start < 0.5


def test_namespaces_declared_at_every_value_are_no_attack() -> None:
    """OpenSAML declares two at each AttributeValue."""
    value = (
        '<saml:AttributeValue xmlns:xs="http://www.w3.org/2001/XMLSchema"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xs:string">g</saml:AttributeValue>'
    )
    attribute = f'<saml:Attribute Name="member">{value * 1_200}</saml:Attribute>'
    assert len(accept(response(insert={"attributes": attribute})).attributes["member"]) == 1_200


@pytest.mark.alone
def test_children_of_an_unsigned_response_cost_little() -> None:
    """Each was compared with every other: four seconds for 18,000."""
    strange = "".join(f"<a{number:x}/>" for number in range(18_000)) + "<b/><b/>"
    document = response(sign="assertion", tamper=(("<samlp:Status>", strange + "<samlp:Status>"),))
    start = time.process_time()
    assert refusal(document).code == "saml.malformed"
    assert time.process_time() - start < 0.5


# part, time, code: "" where it is accepted
INSTANTS = [
    ("issue_instant", "0001-01-01T00:00:00Z", ""),
    ("issue_instant", "9999-12-31T23:59:59.999999Z", "saml.issue_instant"),
    ("response_issue_instant", "0001-01-01T00:00:00Z", ""),
    ("response_issue_instant", "9999-12-31T23:59:59.999999Z", "saml.issue_instant"),
    ("not_before", "0001-01-01T00:00:00Z", ""),
    ("not_before", "9999-12-31T23:59:59.999999Z", "saml.not_yet_valid"),
    ("not_on_or_after", "0001-01-01T00:00:00Z", "saml.expired"),
    ("not_on_or_after", "9999-12-31T23:59:59.999999Z", ""),
    ("session_not_on_or_after", "0001-01-01T00:00:00Z", "saml.session_expired"),
    ("session_not_on_or_after", "9999-12-31T23:59:59.999999Z", ""),
]


@pytest.mark.parametrize(("part", "instant", "code"), INSTANTS)
def test_no_time_leaves_the_calendar(part: str, instant: str, code: str) -> None:
    """The first IssueInstant less the clock skew was an OverflowError, not an answer."""
    document = response(**{part: instant})
    if code:
        assert refusal(document).code == code
    else:
        assert accept(document).id


# ours → theirs, what is sent, said of ``email``: what may be said of the address taken
BORROWED_TRUST = [
    ({"email": ("upn",)}, {"email": "me@evil.example", "upn": "ceo@acme.example"}, True, None),
    ({"email": ("upn",)}, {"email": "me@evil.example", "upn": "ceo@acme.example"}, False, False),
    ({"email": ("upn",)}, {"email": "ceo@acme.example", "upn": "ceo@acme.example"}, True, True),
    ({"email": ("email", "upn")}, {"email": "ceo@acme.example", "upn": "x@evil.example"}, True, True),
    ({}, {"email": "ceo@acme.example", "mail": "x@evil.example"}, True, True),
]


@pytest.mark.parametrize(("mapped", "sent", "said", "holds"), BORROWED_TRUST)
def test_verified_speaks_of_the_claim_email_alone(
    mapped: dict[str, tuple[str, ...]], sent: dict[str, str], *, said: bool | None, holds: bool | None
) -> None:
    """With ``email: upn`` a verified address of one's own vouched for anybody's upn."""
    made = attributes.normalize(
        assertion(sent, email_verified=said),
        connection="okta",
        organization="acme",
        attributes=mapped,
        split_groups="auto",
    )
    assert made.email == "ceo@acme.example"
    assert made.email_verified is holds
    strict = OidcConnection(
        protocol="oidc",
        organization="acme",
        domains=("acme.example",),
        email_trust="verified",
        issuer="https://op.example",
        client_id="us",
        token_endpoint_auth_method="none",
    )
    if holds:
        assert domains.admit(made, strict)
    else:
        with pytest.raises(PolicyRefused) as refused:
            domains.admit(made, strict)
        assert refused.value.code == "policy.email_unverified"


@pytest.mark.parametrize(
    ("sent", "department"),
    [
        ({"https://acme.example/department": "Finance"}, ("Finance",)),
        ({"https://acme.example/department": "R&D", "department": "Finance"}, ("R&D",)),
        ({"department": "Finance"}, None),
    ],
)
def test_a_claim_of_the_same_name_never_stands_in_for_the_mapped_one(
    sent: dict[str, str], department: tuple[str, ...] | None
) -> None:
    """People may set a plain ``department`` themselves where the namespaced one is the directory's."""
    made = attributes.normalize(
        assertion(sent),
        connection="okta",
        organization="acme",
        attributes={"department": ("https://acme.example/department",)},
        split_groups="auto",
    )
    assert made.attributes.get("department") == department


# What a terminal obeys, or a reader does not see: a title, a colour by C1, a line turned round.
ESCAPES = ["\x1b]0;owned\x07", "\x1b[2J", "\x9b31m", "\u202e", "\x7f", "\r"]


@pytest.mark.parametrize("escape", ESCAPES, ids=ascii)
@pytest.mark.parametrize("options", [(), ("--json",), ("--decode",)])
def test_a_message_does_not_speak_to_the_terminal(
    tmp_path: Path, escape: str, options: tuple[str, ...]
) -> None:
    """`explain FILE` prints what anybody may have sent."""
    config = stair.write_settings(tmp_path)
    document = response(insert={"attributes": "<saml:Attribute/>"}).decode().replace("zoe@", f"{escape}zoe@")
    (tmp_path / "message").write_text(document, encoding="utf-8", newline="")
    arguments = ["explain", tmp_path / "message", "--config", config, "--connection", "acme-saml", *options]
    told = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert told.exit_code == 1
    assert "saml." in told.stdout
    assert escape not in told.stdout
    if "--decode" in options:
        assert "zoe@acme.example" in told.stdout


async def test_a_provider_that_hangs_is_asked_once_for_all_who_wait() -> None:
    """Those who came five seconds into a fetch of ten each began another, one behind the other."""
    begun, gate, loads = asyncio.Event(), asyncio.Event(), 0

    async def load(_now: datetime) -> str:
        nonlocal loads
        loads += 1
        begun.set()
        await gate.wait()
        raise ProviderTimedOut("fetch.timeout", "too slow")

    kept = Kept(load)
    waiting = [asyncio.create_task(kept.get(NOW + timedelta(seconds=3 * later))) for later in range(20)]
    await begun.wait()
    gate.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [getattr(answer, "code", answer) for answer in answers] == ["fetch.timeout"] * 20
    assert loads == 1
    with pytest.raises(ProviderTimedOut):
        await kept.get(NOW + RETRY_AFTER)
    assert loads == 2


@pytest.mark.parametrize(
    ("path", "form", "status", "code"),
    [
        ("/saml/nobody/acs", "SAMLResponse=x", 404, "signin.no_connection"),
        ("/saml/acme-saml/acs", "SAMLResponse=%ff", 400, "form.malformed"),
        ("/oidc/acme-oidc/callback", "state=1&state=2", 400, "form.repeated"),
    ],
)
async def test_one_address_cannot_write_the_ring_of_records_round(
    tmp_path: Path, path: str, form: str, status: int, code: str
) -> None:
    """What is refused before a connection is known was recorded without limit: 10,000 wiped the ring."""
    kind = {"content-type": "application/x-www-form-urlencoded"}
    async with stair.standing(tmp_path, "rate_limits: {failures: 5/minute}") as standing:
        attacker = standing.browser()
        answers = [await attacker.post(path, content=form, headers=kind) for _ in range(20)]
        assert {answer.status_code for answer in answers} == {status}
        assert await standing.code(answers[0]) == code
        assert standing.count("decision_record") == 5
        standing.clock.at += timedelta(minutes=2)
        again = await attacker.post(path, content=form, headers=kind)
        assert await standing.code(again) == code


@pytest.mark.alone
async def test_readiness_costs_little_and_still_sees_a_broken_key(tmp_path: Path) -> None:
    """Anybody may ask: each question parsed and checked an RSA key, 130 ms of CPU on the loop."""
    async with stair.standing(tmp_path) as standing:
        anybody = standing.browser()
        assert (await anybody.get("/readyz")).status_code == 200
        start = time.process_time()
        for _ in range(20):
            assert (await anybody.get("/readyz")).status_code == 200
        assert time.process_time() - start < 0.5
        ring = tmp_path / "secrets.key"
        whole = ring.read_bytes()
        for broken in (b"", b"%%", whole[:20]):
            ring.write_bytes(broken)
            assert (await anybody.get("/readyz")).json()["checks"]["keys"] == "failed"
        ring.unlink()
        assert (await anybody.get("/readyz")).json()["checks"]["keys"] == "failed"
        ring.write_bytes(whole)
        assert (await anybody.get("/readyz")).json()["checks"]["keys"] == "ok"


def test_what_is_remembered_is_bounded_in_octets() -> None:
    """A thousand sessions of 200 kB each were 1.4 GB in every worker."""

    def row(number: int, size: int) -> list[Any]:
        told = {"user": ["u", "", "", "", ""], "groups": ["g" * size], "grants": [], "attributes": {}}
        told |= {"teams": [], "reference": "", "user_agent": ""}
        return [str(number), "acme", "okta", json.dumps(told), 0, 0, 1, 1, 1, 0, None]

    remembered = rows._session.cache_info().currsize
    for number in range(20):
        assert rows.session(row(number, 200_000)).groups == ("g" * 200_000,)
    assert rows._session.cache_info().currsize == remembered
    assert rows.session(row(1, 10)) is rows.session(row(1, 10))
    remembered = verify._headers.cache_info().currsize
    for number in range(20):
        told = dict(verify.who(rows.session(row(number, 200_000 + number))))
        assert len(told[b"x-auth-request-groups"]) == 200_000 + number
    assert verify._headers.cache_info().currsize == remembered
