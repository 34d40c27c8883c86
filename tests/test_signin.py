"""The story: where to go on, what fits into a record, and what a cancelled request leaves."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import stair
from hypothesis import given
from hypothesis import strategies as st
from test_saml_journey import uninvited

from federation.connectors.contract import Callback
from federation.errors import (
    Check,
    FederationError,
    PolicyRefused,
    RequestRefused,
    SignInExpired,
    StoreUnavailable,
)
from federation.records import records
from federation.signin import return_to
from federation.store.store import Store
from federation.store.values import RECORD_OCTETS
from federation.vault import Vault

VAULT = Vault([("00000000", b"k" * 32)])
CHECKS = st.lists(
    st.builds(Check, st.text(max_size=60), st.none() | st.text(max_size=2000)), max_size=400
).map(tuple)


@given(CHECKS)
def test_whatever_was_checked_fits_a_record(checks: tuple[Check, ...]) -> None:
    wrapped = VAULT.new_key("person:p")
    sealed = VAULT.seal_under(wrapped, "person:p", records.encode(checks, None, None), "record:r")
    assert len(sealed) <= RECORD_OCTETS
    read = records.read(VAULT.open_under(wrapped, "person:p", sealed, "record:r")).checks
    assert [check.code for check in read if check.code != "record.cut"] == [
        check.code for check in checks[: len(read) - (read != () and read[-1].code == "record.cut")]
    ]


def test_a_record_that_was_cut_says_so() -> None:
    checks = tuple(Check(f"rule.{number}", "ü" * 500) for number in range(100))
    read = records.read(records.encode(checks, None, None)).checks
    assert read[-1].code == "record.cut"
    assert read[:-1] == checks[: len(read) - 1]
    assert len(read) > 3


@pytest.mark.parametrize(
    "path",
    ["/", "/a", "/a/b?x=1&y=%2F%2Fz", "/a#part", "/a%20b", "/%C3%A9", "/a?next=//x", "/session", "/a/"],
)
def test_paths_of_ours_are_gone_on_to(path: str) -> None:
    assert return_to.local_path(path) == path


def test_no_path_is_the_start_page() -> None:
    assert return_to.local_path("") == "/"


@pytest.mark.parametrize(
    "value",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "\\/evil.example",
        "https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "JavaScript:alert(1)//",
        "data:text/html,x",
        "/%2f/evil.example",
        "/%2Fevil.example",
        "/%5cevil.example",
        "/%5C%5Cevil.example",
        "%2f%2fevil.example",
        "/%252fevil.example",
        "/%25252fevil.example",
        "/%252525252525252fevil.example",
        "/a//evil.example",
        "/./evil.example",
        "/.//evil.example",
        "/../evil.example",
        "/a/..//evil.example",
        "/%2e%2e/evil.example",
        "/%2e//evil.example",
        "/\tevil",
        "/\n/evil",
        "/%09/evil.example",
        "/%0d%0aX: y",
        "/%00",
        "/ /evil.example",
        " /a",
        "\t//evil.example",
        "/é",
        "evil.example",
        "?a=/b",
        "#a",
        "@evil.example",
        ".evil.example",
        "/a?x=\\",
        "/a?x=\n",
        "/a#\\",
        "/" + "a" * 2048,
    ],
)
def test_everything_else_is_refused(value: str) -> None:
    with pytest.raises(RequestRefused, match=r"^return_to\.not_local: "):
        return_to.local_path(value)


@given(st.text(max_size=200))
def test_no_text_leads_to_another_host(value: str) -> None:
    try:
        path = return_to.local_path(value)
    except RequestRefused:
        return
    assert path.startswith("/")
    assert not path.startswith(("//", "/\\"))
    assert path.isascii()
    assert path.isprintable()


class Halting:
    """The real store; the request is cancelled as one verb returns."""

    def __init__(self, store: Store, verb: str) -> None:
        self.store = store
        self.verb = verb

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.store, name)

        async def halted(*arguments: Any, **named: Any) -> Any:
            await real(*arguments, **named)
            raise asyncio.CancelledError

        return halted if name == self.verb else real


class Failing(Halting):
    """The real store, but for one verb."""

    def __getattr__(self, name: str) -> Any:
        async def failed(*_arguments: Any, **_named: Any) -> Any:
            raise StoreUnavailable("store.unavailable", "for this test")

        return failed if name == self.verb else getattr(self.store, name)


@pytest.mark.parametrize(
    ("verb", "sessions"),
    [("take_pending", 0), ("open_session", 1)],
)
async def test_a_request_cancelled_between_verbs_leaves_nothing_half_done(
    tmp_path: Path, verb: str, sessions: int
) -> None:
    async with stair.standing(tmp_path) as opened:
        story = opened.house.signin
        begun = await story.begin(
            "acme-saml", return_to="/", binder="", session_token="", login_hint="", trial=""
        )
        asked = dict(parse_qsl(urlsplit(begun.url).query))
        form = stair.saml_answer(asked, "ada", now=stair.NOW)
        callback = Callback(
            connection="acme-saml",
            handle=form.pop("RelayState"),
            binder=begun.binder,
            params=form,
            path="/saml/acme-saml/acs",
            posted=True,
        )
        real, story.store = story.store, Halting(story.store, verb)
        with pytest.raises(asyncio.CancelledError):
            await story.complete(callback)
        story.store = real
        assert {table: opened.count(table) for table in ("session", "account", "user")} == dict.fromkeys(
            ("session", "account", "user"), sessions
        )
        with pytest.raises(SignInExpired, match=r"^signin\.used: "):
            await story.complete(callback)


NOT_OURS = {"unsolicited": "accept", "domains": ["elsewhere.example"]}


def _unasked(stair_: stair.Stair) -> Callback:
    params = uninvited(stair_)
    path = "/saml/acme-saml/acs"
    return Callback(connection="acme-saml", handle="", binder="", params=params, path=path, posted=True)


async def _refused(story: Any, callback: Callback) -> FederationError:
    with pytest.raises(FederationError) as refusal:
        await story.complete(callback)
    return refusal.value


async def test_an_assertion_that_policy_refuses_is_used_up(tmp_path: Path) -> None:
    async with stair.standing(tmp_path, acme_saml=NOT_OURS) as opened:
        story, callback = opened.house.signin, _unasked(opened)
        first, again = [await _refused(story, callback) for _ in range(2)]
        assert isinstance(first, PolicyRefused)
        assert again.code == "signin.replayed"  # before what policy says of it
        for told in (first, again):
            record = await story.store.find_record(told.reference)
            assert record
            assert (record.code, record.person) == (told.code, told.person)
            assert record.sealed
        assert opened.count("decision_record") == 2
        assert opened.count("session") == 0


async def test_of_two_presentations_at_one_moment_both_are_recorded(tmp_path: Path) -> None:
    async with stair.standing(tmp_path, acme_saml=NOT_OURS) as opened:
        story, callback = opened.house.signin, _unasked(opened)
        told = await asyncio.gather(*(_refused(story, callback) for _ in range(2)))
        assert {type(one) for one in told if one.code != "signin.replayed"} == {PolicyRefused}
        assert sorted(one.code == "signin.replayed" for one in told) == [False, True]
        records = [await story.store.find_record(one.reference) for one in told]
        assert [record and record.code for record in records] == [one.code for one in told]


async def test_what_could_not_be_claimed_is_not_refused_for_good(tmp_path: Path) -> None:
    async with stair.standing(tmp_path, acme_saml=NOT_OURS) as opened:
        story, callback = opened.house.signin, _unasked(opened)
        real, story.store = story.store, Failing(story.store, "keep_record")
        assert (await _refused(story, callback)).code == "store.unavailable"
        story.store = real
        assert isinstance(await _refused(story, callback), PolicyRefused)
