"""A trial by OAuth 2.0 alone: nothing is signed, and the report shows what the API answered."""

from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from loopback import NO_TLS
from test_administration_connections import actor, desk
from test_oauth2_sign_in import SECRET, World, world
from test_trial import everything

from federation.administration import trials
from federation.connectors.contract import Callback
from federation.demo.github_answers import FAULTS
from federation.trial.report import Report
from federation.trial.sandbox import open_report

__all__ = ["world"]  # a fixture


async def tried(here: World) -> tuple[Report, str]:
    """Try GitHub out; return the report, and the code that it gave."""
    house = here.stair.house
    started = await trials.start(
        desk(house, actor("acme")), house.signin, "github", binder="", landing="/admin/tests/"
    )
    assert started.begun is not None
    async with httpx2.AsyncClient(trust_env=False, verify=NO_TLS) as there:
        answer = await there.get(started.begun.url)
    url = urlsplit(answer.headers["location"])
    params = dict(parse_qsl(url.query))
    callback = Callback(
        connection="github",
        handle=params.pop("state"),
        binder=started.begun.binder,
        params=params,
        path=url.path,
        posted=False,
    )
    done = await house.signin.complete(callback)
    assert (done.session, done.token, done.return_to) == (None, "", f"/admin/tests/{started.trial.id}")
    trial = await house.store.find_trial(started.trial.id, here.stair.clock())
    assert trial is not None
    told = open_report(house.vault, trial)
    assert told is not None
    return told, params.get("code", "")


async def test_it_tells_the_profile_and_no_token(world: World) -> None:
    world.misbehave()
    before = everything(world.stair)
    told, code = await tried(world)
    assert everything(world.stair) == before
    assert (told.code, told.found) == ("", "new")
    assert {one.name: one.values for one in told.identity}["email"] == ("ada@acme.example",)
    assert [one.name for one in told.documents] == ["Profile", "Token endpoint"]
    assert {one.name for one in told.endpoints} >= {"callback_url", "token_endpoint", "userinfo_endpoint"}
    assert {one.status for one in told.exchanges} == {200}
    shown = repr(told)
    for secret in (code, SECRET, "gho_"):
        assert secret
        assert secret not in shown


@pytest.mark.parametrize("name", ["token-client", "code-other", "error"])
async def test_what_fails_is_red(world: World, name: str) -> None:
    fault = FAULTS[name]
    world.misbehave(**fault.knobs)
    told, _ = await tried(world)
    world.misbehave()
    assert told.code == fault.code
    assert [one.outcome for one in told.checks if one.code == fault.code] == ["broken"]
    assert told.said_there or name == "code-other"
