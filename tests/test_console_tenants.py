"""An organization's administrator sees and changes nothing of another's: every page, every form.

All people, teams, records, invitations, domains, connections, links, tests and tokens of the store are of
other organizations here; acme has its administrator alone. What names one of them is answered as what does
not exist, octet for octet but for the reference; lists show none; no form changes a row.
"""

import re
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest
from crowded import crowd, pages
from starlette.routing import Route

from federation import clock
from federation.console import people, teams
from federation.console.routes import console_routes

OTHER = "org0001"
# What stands for a parameter: another organization's, and what nobody has.
THEIRS = {
    "user": (crowd.user(2), crowd.user(999)),
    "key": ("team-0001", "team-9999"),
    "reference": (crowd.reference(2), "ZZZZZZZZZZ"),
    "trial": (crowd.identifier(4, 1), crowd.identifier(4, 999)),
    "link": (crowd.identifier(5, 1), crowd.identifier(5, 999)),
    "organization": (OTHER, "org9999"),
    "domain": (f"{OTHER}.example", "org9999.example"),
    "vendor": ("okta", "okta"),
    "step": ("mapping", "mapping"),
    "credential": (crowd.identifier(7, 0), crowd.identifier(7, 999)),
}
IDS = {  # whose ``{id}`` it is, by how the path begins
    "/admin/connections/": ("conn0001", "conn9999"),
    "/admin/organizations/": (OTHER, "org9999"),
    "/admin/tokens/": (crowd.identifier(7, 0), crowd.identifier(7, 999)),
    "/admin/people/invitations/": (crowd.identifier(3, 1), crowd.identifier(3, 999)),
    "/admin/metadata/": ("conn0001", "conn9999"),
    "/admin/links/": (crowd.identifier(5, 1), crowd.identifier(5, 999)),
}
DEEDS = {
    "/admin/people/{user}/{deed}": tuple(people._DEEDS),
    "/admin/teams/{key}/{deed}": tuple(teams._DEEDS),
}
FIELDS: Mapping[str, str] = {  # of every form, good ones
    "organization": OTHER,
    "name": "Changed",
    "key": "changed",
    "typed": "2@acme.example",
    "role": "admin",
    "roles": "admin",
    "team": "team-0001",
    "group": "everybody",
    "email": "eve@acme.example",
    "days": "7",
    "session": crowd.identifier(2, 2),
    "domain": "",
    "locked_out": "0",
    "way-conn0001": "on",
    "people:read": "on",
    "display_name": "Changed",
    "vendor": "okta",
    "protocol": "saml",
    "connection": "conn0001",
    "number": "1",
    "link": crowd.identifier(5, 1),
    "user": crowd.user(2),
}
MARKS = re.compile(
    r"org0\d{3}|Organization \d|conn0\d{3}|Connection \d|Team-0|guest\d|\d@acme\.example|Token \d"
)
KEPT_OF_REFUSALS = {"decision_record", "ring", "session", "lease"}  # the last by upkeep, beside the requests


def page_routes() -> Iterator[tuple[str, str]]:
    """Yield method and path of each route of the administration's pages; operations have their own walk."""
    for route in console_routes():
        if isinstance(route, Route) and not route.path.startswith("/admin/api"):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                for deed in DEEDS.get(route.path, ("",)):
                    yield method, route.path.replace("{deed}", deed)


def places(path: str) -> tuple[str, str]:
    """Return the path of another's, and of nobody's."""
    theirs, nobodys = path, path
    for name in re.findall(r"{(\w+)", path):
        if name == "id":
            pair = next(found for start, found in reversed(IDS.items()) if path.startswith(start))
        else:
            pair = THEIRS[name]
        theirs = re.sub(rf"{{{name}[^}}]*}}", pair[0], theirs)
        nobodys = re.sub(rf"{{{name}[^}}]*}}", pair[1], nobodys)
    return theirs, nobodys


OF_ADMINISTRATORS = [one for one in page_routes() if one[1].startswith("/admin")]
NAMED = [one for one in OF_ADMINISTRATORS if "{" in one[1] and not one[1].endswith("{vendor}")]
LISTED = [one for one in OF_ADMINISTRATORS if one not in NAMED]


@pytest.fixture(scope="module")
async def rig(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Any]:
    home = tmp_path_factory.mktemp("tenants")
    many = {"people": 6, "connections": 3, "teams": 3, "records": 6, "audit": 6}
    async with pages.standing(home, now=clock.now(), organization=OTHER, **many) as standing:
        yield standing


async def asked(rig: Any, method: str, path: str, who: str = "administrator") -> Any:
    if method == "GET":
        return await rig.ask(path, who)
    page = await rig.ask("/account", who)
    csrf = re.search(r'name="csrf" value="([^"]+)"', page.body.decode())
    assert csrf
    return await rig.ask(path, who, form={**FIELDS, "csrf": csrf[1]})


def rows(rig: Any, *, but: str = "") -> Mapping[str, list[Any]]:
    """Return every row that a refusal leaves alone, without those of an organization."""
    database = rig.house.settings.database_url.get_secret_value().removeprefix("sqlite:///")
    found = {}
    with closing(sqlite3.connect(database)) as db:
        db.row_factory = sqlite3.Row
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if table not in KEPT_OF_REFUSALS:
                every = map(dict, db.execute(f'SELECT * FROM "{table}"'))  # noqa: S608
                found[table] = [one for one in every if not but or one.get("organization_id") != but]
    return found


def without_reference(body: bytes, path: str) -> str:
    return re.sub(r"[A-Z2-7]{10}", "", body.decode().replace(path, ""))


@pytest.mark.parametrize(("method", "path"), NAMED, ids=str)
async def test_what_is_anothers_is_answered_as_what_is_not_there(rig: Any, method: str, path: str) -> None:
    theirs, nobodys = places(path)
    before = rows(rig)
    answer = await asked(rig, method, theirs)
    assert answer.status == 404, answer.body.decode()[-2000:]
    assert rows(rig) == before
    nobody = await asked(rig, method, nobodys)
    assert nobody.status == 404, nobody.named(b"location")
    assert without_reference(answer.body, theirs) == without_reference(nobody.body, nobodys)
    with_organization = await asked(rig, method, f"{theirs}?organization={OTHER}")
    assert with_organization.status == 404
    assert rows(rig) == before


@pytest.mark.parametrize(("method", "path"), LISTED, ids=str)
@pytest.mark.parametrize("query", ["", f"?organization={OTHER}", "?search=org"], ids=["", "theirs", "search"])
async def test_no_list_shows_and_no_form_changes_anothers(
    rig: Any, method: str, path: str, query: str
) -> None:
    before = rows(rig, but="acme")
    answer = await asked(rig, method, places(path)[0] + query)
    assert answer.status < 500
    told = {name: now for name, now in rows(rig, but="acme").items() if now != before[name]}
    assert set(told) <= {"kept_connection", "configuration"}, told  # one of acme's own may be made
    assert not [one for one in told.get("kept_connection", ()) if one not in before["kept_connection"]]
    shown = re.sub(r'value="[^"]*"', "", answer.body.decode())  # what was typed is shown again
    assert not MARKS.search(shown), MARKS.findall(shown)


@pytest.mark.parametrize(("method", "path"), [one for one in NAMED if one[0] == "GET"], ids=str)
async def test_it_is_there_for_who_sees_every_organization(rig: Any, method: str, path: str) -> None:
    answer = await asked(rig, method, f"{places(path)[0]}?organization={OTHER}", "operator")
    assert answer.status in {200, 303}, answer.body.decode()[
        -2000:
    ]  # so that the walk above proves something


def test_every_parameter_of_a_path_has_somebody_elses() -> None:
    for _, path in page_routes():
        if path.startswith("/admin"):
            theirs, nobodys = places(path)
            assert "{" not in theirs + nobodys
