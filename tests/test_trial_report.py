"""The report of a trial: what goes into it and what never does; who is told what."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from stair import NOW, Stair, standing

from federation.administration import trials
from federation.administration.actor import SCOPES, Actor
from federation.administration.desk import Desk
from federation.errors import FederationError, NotFound, RequestRefused
from federation.fetch import Answer, Heard
from federation.signin.signin import SignIn
from federation.store.trials_store import Trial
from federation.trial import evidence, report
from federation.trial.report import Claim, Document, Field, Given, Piece, Report, Rule, Step
from federation.trial.sandbox import open_report, place

TOLD = Report(
    id="a-trial",
    connection="acme-saml",
    organization="acme",
    protocol="saml",
    started_at="2026-11-21T12:00:00Z",
    ended_at="2026-11-21T12:00:09Z",
    code="saml.audience",
    detail="broken: saml.audience",
    public="We could not verify the answer from your identity provider.",
    mended_by="the owner of the identity provider",
    said_there=("zoe@acme.example is not assigned",),
    checks=(
        Step(code="saml.audience", outcome="broken", said="audience is 'x'", expected="a", received="x"),
    ),
    claims=(Claim(name="mail", values=("zoe@acme.example",), becomes=("email",)),),
    subject=(Field(name="value", values=("zoe@acme.example",)),),
    identity=(Field(name="email", values=("zoe@acme.example",), source="mail"),),
    found="linked",
    user="a-user",
    roles=(Given(name="admin", source="connection:acme-saml", why="admins"),),
    teams=(Given(name="zoe's", source="connection:acme-saml", why="group:zoe@acme.example"),),
    rules=(Rule(name="admins", outcome="no match", said="groups are 'zoe@acme.example'"),),
    documents=(Document(name="SAMLResponse", pieces=(Piece(text="<zoe@acme.example>", signed=True),)),),
)
ELSEWHERE = ("connection:acme-oidc", "scim:acme-oidc", "manual", "team:ops", "system:acme-oidc", "invitation")


def test_it_comes_back_as_it_was() -> None:
    assert report.read(report.encode(TOLD, secrets=())) == TOLD


def test_no_secret_stands_in_it_wherever_it_was() -> None:
    secret, short = "a-secret-of-ours", "short"
    leaky = replace(
        TOLD,
        detail=f"x{secret}y",
        said_there=(secret, short),
        documents=(Document(name=secret, pieces=(Piece(text=f'{{"v": "{secret}"}}'),)),),
    )
    read = report.read(report.encode(leaky, secrets=(secret, short, "")))
    assert secret not in repr(read)
    assert (read.detail, read.said_there) == ("x…y", ("…", short))


def test_what_no_page_can_hold_is_replaced_and_what_is_endless_cut() -> None:
    odd = replace(TOLD, said_there=("\ud800", "x" * 20_000), claims=(Claim(name="g", values=("v",) * 5_000),))
    read = report.read(report.encode(odd, secrets=()))
    assert read.said_there[0] == "?"
    assert len(read.said_there[1]) == 10_001
    assert len(read.claims[0].values) == 1_000


def test_hidden_it_says_nothing_of_the_person() -> None:
    told = repr(report.hide(TOLD))
    assert "zoe" not in told
    assert "a-user" not in told
    for kept in ("saml.audience", "admin", "mail", "broken: saml.audience"):
        assert kept in told


def test_a_clock_is_read_from_each_hosts_answer() -> None:
    def heard(url: str, date: str) -> Heard:
        answer = Answer(status=200, content_type="text/plain", body=b"", date=date)
        return Heard(method="GET", url=url, answer=answer)

    asked = [
        heard("https://idp.example/keys?token=x", "Sat, 21 Nov 2026 12:01:30 GMT"),
        heard("https://idp.example/token", "Sat, 21 Nov 2026 13:00:00 GMT"),
        heard("https://api.example/", "yesterday"),
        heard("https://old.example/", ""),
    ]
    (clock,) = evidence.dates(asked, datetime(2026, 11, 21, 12, 0, tzinfo=UTC))
    assert (clock.name, clock.ahead, clock.theirs) == ("Date (idp.example)", 90, "2026-11-21T12:01:30Z")
    assert evidence.exchanges(asked)[0].url == "https://idp.example/keys"


# Who is told


@pytest.fixture(scope="module")
async def stair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stair]:
    directory: Path = tmp_path_factory.mktemp("trials")
    local = {"people": {"protocol": "local", "organization": "acme", "domains": ["acme.example"]}}
    async with standing(directory, further=local) as found:
        yield found


def actor(kind: str = "user", **differs: object) -> Actor:
    one = Actor(
        kind=kind,  # type: ignore[arg-type]
        id="me",
        organization="acme",
        connection=None,
        scopes=SCOPES,
        address="",
    )
    return replace(one, **differs)  # type: ignore[arg-type]


def desk(stair: Stair, who: Actor) -> Desk:
    house = stair.house
    return Desk(
        actor=who,
        now=stair.clock(),
        store=house.store,
        vault=house.vault,
        roster=house.roster,
        settings=house.settings,
        fetch=house.fetch,
    )


async def kept(stair: Stair, identifier: str) -> Trial:
    """A trial of acme-saml that has ended, started by "me"."""
    store, vault = stair.house.store, stair.house.vault
    trial = Trial(
        id=identifier,
        organization="acme",
        connection="acme-saml",
        number=0,
        started_by="me",
        started_at=NOW,
        expires_at=NOW + timedelta(hours=24),
    )
    await store.open_trial(trial, in_force=0)
    sealed = vault.seal(report.encode(TOLD, secrets=()), place(identifier))
    await store.end_trial(trial, NOW, code=TOLD.code, sealed=sealed, claim=None, in_force=0)
    return trial


async def refused(act: Callable[[], object]) -> str:
    with pytest.raises(FederationError) as told:
        await act()  # type: ignore[misc]
    return told.value.code


async def test_administrators_read_all_of_it_and_whose_link_it_is_what_is_of_the_connection(
    stair: Stair,
) -> None:
    trial = await kept(stair, "t-1")
    for who in (actor(), actor(id="another"), actor(organization=None)):
        assert (await trials.find(desk(stair, who), trial.id)).report == TOLD
    of_link = actor("setup_link", connection="acme-saml")
    assert (await trials.find(desk(stair, of_link), trial.id)).report == report.of_one_connection(TOLD)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("policy.sso_required", "people of acme come in through acme-oidc, not acme-saml"),
        ("policy.deactivated", "this user is deactivated (by scim:acme-oidc)"),
    ],
)
def test_of_one_connection_it_names_no_other(code: str, said: str) -> None:
    more = replace(
        TOLD,
        code=code,
        detail=said,
        checks=(*TOLD.checks, Step(code=code, outcome="broken", said=said)),
        roles=(*TOLD.roles, *(Given(name="r", source=one, why="w") for one in ELSEWHERE)),
        teams=(*TOLD.teams, *(Given(name="t", source=one, why="w") for one in ELSEWHERE)),
    )
    told = report.of_one_connection(more)
    assert "acme-oidc" not in repr(told)
    assert (told.roles, told.teams, told.user) == (TOLD.roles, TOLD.teams, "")
    assert (told.claims, told.identity, told.checks[0]) == (TOLD.claims, TOLD.identity, TOLD.checks[0])


async def test_others_do_not_even_learn_that_it_is_there(stair: Stair) -> None:
    trial = await kept(stair, "t-2")
    for who in (
        actor(organization="globex"),
        actor("setup_link", connection="other-saml"),
        actor("setup_link", connection="acme-saml", id="another link"),
    ):
        with pytest.raises(NotFound):
            await trials.find(desk(stair, who), trial.id)
    with pytest.raises(NotFound):
        await trials.find(desk(stair, actor()), "nobody")
    assert (
        await refused(lambda: trials.find(desk(stair, actor(scopes=frozenset())), trial.id)) == "admin.scope"
    )


async def test_a_token_is_told_values_only_where_it_may_reveal_them(stair: Stair) -> None:
    trial = await kept(stair, "t-3")
    reads = actor("api_token", scopes=frozenset({"connections:read"}))
    assert (await trials.find(desk(stair, reads), trial.id)).report == report.hide(TOLD)
    reveals = actor("api_token", scopes=frozenset({"connections:read", "decisions:reveal"}))
    assert (await trials.find(desk(stair, reveals), trial.id)).report == TOLD


async def test_lists_are_of_one_connection_and_of_a_link_its_own(stair: Stair) -> None:
    await kept(stair, "t-4")
    page = await trials.every(desk(stair, actor()), "acme-saml", cursor=None, limit=1)
    assert (len(page.items), page.next is None) == (1, False)
    assert page.items[0].sealed == ""
    other = actor("setup_link", connection="acme-saml", id="another link")
    assert list((await trials.every(desk(stair, other), "acme-saml", cursor=None, limit=9)).items) == []
    for who, connection in ((actor(organization="globex"), "acme-saml"), (actor(), "nobody")):
        with pytest.raises(NotFound):
            await trials.every(desk(stair, who), connection, cursor=None, limit=9)


async def test_whom_one_is_not_theirs_starts_none(stair: Stair) -> None:
    story: SignIn = stair.house.signin
    for who, connection, code in (
        (actor(organization="globex"), "acme-saml", "admin.not_yours"),
        (actor("setup_link", connection="other-saml"), "acme-saml", "admin.not_yours"),
        (actor(scopes=frozenset({"connections:read"})), "acme-saml", "admin.scope"),
        (actor(), "nobody", "admin.unknown"),
        (actor(), "people", "trial.local"),
    ):
        before = stair.count("trial")
        told = desk(stair, who)
        assert (
            await refused(
                lambda told=told, connection=connection: trials.start(  # type: ignore[misc]
                    told, story, connection, binder="", landing="/admin/tests/"
                )
            )
            == code
        )
        assert stair.count("trial") == before
    assert issubclass(RequestRefused, FederationError)


async def test_the_holder_of_a_setup_link_starts_one_and_comes_back_to_their_page(stair: Stair) -> None:
    who = actor("setup_link", connection="acme-saml", id="a link")
    audited = stair.count("audit")
    started = await trials.start(
        desk(stair, who), stair.house.signin, "acme-saml", binder="", landing="/setup/tests/"
    )
    assert started.begun is not None
    assert started.begun.binder
    assert (started.trial.started_by, stair.count("audit")) == ("a link", audited + 1)


async def test_a_report_opens_in_its_own_place_alone(stair: Stair) -> None:
    trial = await kept(stair, "t-5")
    found = await stair.house.store.find_trial(trial.id, NOW)
    assert found is not None
    assert open_report(stair.house.vault, found) == TOLD
    assert await refused(lambda: _opened(stair, replace(found, id="t-4"))) == "keys.envelope"


async def _opened(stair: Stair, trial: Trial) -> Report | None:
    return open_report(stair.house.vault, trial)
