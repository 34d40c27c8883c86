"""Every page speaks another language: what stands on one and is not from the catalogue is data.

A second catalogue is made of the first, each text within ⟦ ⟧, and every page of the administration, of
sign-in, account and setup is asked for in it. What is left outside the marks must be in the settings file,
in the database, or be the name of something that has none in another language.
"""

import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import lxml.html
import pytest
from crowded import crowd, pages

from federation import clock, presets
from federation.administration.actor import SCOPES
from federation.console import vendors
from federation.web import texts

MARKED = "qps"
TEMPLATES = Path(__file__).parent.parent / "federation/web/templates"
READ_OUT = ("aria-label", "placeholder", "title", "alt", "data-copied")
VALUES = {"style", "script", "output", "pre", "textarea"}  # hold what is data, or no text at all
STEPS = ("provider", "answer", "people", "mapping", "test", "enable")
DRAFT = "/admin/connections/typed"
NAMES = {"federation", "Firefox", "SAML 2.0", "OpenID Connect", "OAuth 2.0", "true", "false", "off"}
# A code, a scope, a key of the settings; a reference; an address; a time; the beginning of a fingerprint.
NAMED = re.compile(
    r"[\w*-]+([.:/][\w*-]+)+|[A-Z2-7]{10}|\S+@\S+|\d\d:\d\d UTC|(SHA-256 )?[0-9a-f]{16,}|[a-z]+(_[a-z]+)+"
)
FAULT = "fault"  # the class of a sentence of a rule: one language, in the file, the API and here alike


@pytest.fixture(scope="module")
async def rig(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Any]:
    """A crowded service that speaks the marked language."""
    file = tmp_path_factory.mktemp("texts") / f"{MARKED}.toml"
    file.write_text("".join(f'"{key}" = "⟦{_quoted(text)}⟧"\n' for key, text in texts.TEXTS.items()), "utf-8")
    texts.learn(MARKED, file)
    many = {"people": 6, "connections": 3, "teams": 3, "records": 6, "audit": 6}
    home = tmp_path_factory.mktemp("house")
    async with pages.standing(home, now=clock.now(), **many) as standing:
        object.__setattr__(standing.house, "language", MARKED)
        yield standing


def _quoted(text: str) -> str:
    for one, other in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n")):
        text = text.replace(one, other)
    return text


def unmarked(page: str) -> Iterator[str]:
    """Yield what a person reads or hears of a page that no text of the catalogue says."""
    for one in lxml.html.document_fromstring(page).iter(lxml.html.etree.Element):
        told = [one.tail, *(one.get(name) for name in READ_OUT), *([] if one.tag in VALUES else [one.text])]
        if FAULT in str(one.get("class")):
            told = [one.tail]
        for text in filter(None, told):
            left = text
            while (without := re.sub(r"⟦[^⟦⟧]*⟧", "\0", left)) != left:  # one may be within another
                left = without
            yield from (part for part in re.split(r"[\0·,…–()]", left) if re.search(r"[^\W\d_]{2}", part))


def data(rig: Any) -> str:
    """Return all that the settings file, the vendors' table and the database say."""
    home = Path(rig.house.settings.database_url.get_secret_value().removeprefix("sqlite:///")).parent
    told = [(home / "federation.yaml").read_text(), *SCOPES, str(home / "federation.yaml")]
    told += [repr(vendor) for vendor in (vendors.VENDORS, vendors.GENERIC, presets.PRESETS)]
    with closing(sqlite3.connect(home / "federation.db")) as db:
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            rows = db.execute(f'SELECT * FROM "{table}"').fetchall()  # noqa: S608
            told += [value for row in rows for value in row if isinstance(value, str)]
    return "\n".join(told)


def strange(page: str, known: str) -> set[str]:
    return {
        one
        for part in unmarked(page)
        if (one := part.strip()) not in NAMES and one not in known and not NAMED.fullmatch(one)
    }


async def asked(rig: Any, path: str, who: str, form: dict[str, str] | None = None) -> str:
    """Return a page in the marked language; a form is sent with what proves whose it is."""
    if form is not None:
        account = (await rig.ask("/account", who)).body.decode()
        csrf = re.search(r'name="csrf" value="([^"]+)"', account)
        assert csrf
        form = {"csrf": csrf[1], **form}
    answer = await rig.ask(path, who, form=form)
    assert answer.status < 500
    told = str(answer.body.decode())
    assert not told.startswith("<") or f'<html lang="{MARKED}">' in told, path
    return told if told.startswith("<") else ""


async def test_every_page_that_is_asked_for(rig: Any) -> None:
    found = {(who, path): await asked(rig, path, who) for who, path in pages.pages()}
    known = data(rig)  # records of what was refused meanwhile, too
    wrong = {f"{who} {path}": strange(page, known) for (who, path), page in found.items() if page}
    assert "\n".join(f"{path}: {sorted(found)}" for path, found in wrong.items() if found) == ""


# What a form answers: good ones, and with a fault beside every field.
NEW = {"preset": "generic", "protocol": "saml"}
RULE = {"rules.0.name": "x", "rules.0.groups": "staff", "rules.0.roles": "builder", "number": "1"}
FORMS: list[tuple[str, dict[str, str]]] = [
    ("/admin/connections/new", {**NEW, "id": "No id", "display_name": ""}),
    ("/admin/connections/new", {**NEW, "id": "typed", "display_name": "Typed"}),
    (f"{DRAFT}/setup/answer", {"way": "paste", "paste": "<a>", "number": "1"}),
    (f"{DRAFT}/setup/answer", {"way": "url", "url": "http://x", "number": "1"}),
    (f"{DRAFT}/setup/answer", {"way": "fields", "entity_id": "", "certificates": "x", "number": "1"}),
    (f"{DRAFT}/setup/people", {"domains": "no domain", "number": "1"}),
    (f"{DRAFT}/setup/mapping", {"group_0": "x", "role_0": "", "number": "1"}),
    (f"{DRAFT}/setup/test", {}),
    (f"{DRAFT}/setup/enable", {}),
    (f"{DRAFT}/links", {"days": "99"}),
    (f"{DRAFT}/links", {"days": "7"}),
    (f"{DRAFT}/rules", {"act": "add", "number": "1"}),
    (f"{DRAFT}/rules", {"act": "preview", **RULE}),
    (f"{DRAFT}/rules", {"act": "preview", **RULE, "rules.0.when": "no("}),
    (f"{DRAFT}/delete", {"name": "wrong"}),
    ("/admin/connections/acme-saml/rules", {"act": "preview", **RULE}),
    ("/admin/connections/acme-saml/test", {}),
    ("/admin/people/invitations", {"email": "none", "days": "0", "teams": "none", "roles": "x" * 201}),
    ("/admin/people/invitations", {"email": "new@acme.example", "days": "7"}),
    (f"/admin/people/{crowd.user(2)}/erase", {"typed": "wrong"}),
    (f"/admin/people/{crowd.user(2)}/grant", {"role": ""}),
    ("/admin/teams", {"key": "No key", "name": ""}),
    ("/admin/teams", {"key": "team-0000", "name": "x"}),
    ("/admin/teams/team-0000/link", {"group": "", "connection": "nowhere"}),
    ("/admin/tokens", {"name": "", "days": "0"}),
    ("/admin/tokens", {"name": "x", "days": "7", "people:read": "on"}),
    (f"/admin/decisions/{crowd.reference(2)}", {}),
    ("/admin/domains/acme/acme.example/begin", {}),
    ("/admin/organizations/acme/enforce", {"way-acme-saml": "on", "locked_out": "9"}),
]  # fmt: skip
LATER = [
    *(f"{DRAFT}{rest}" for rest in ("", "/rules", "/links", "/delete", "/test", "/disable")),
    *(f"{DRAFT}/setup/{step}" for step in STEPS),
    "/admin/domains/acme/acme.example",
    "/admin/organizations/acme?way-acme-saml=on",
    "/admin/organizations/acme?way-operators=on",
    "/prove?return_to=/account",
    "/join",
    "/invitation/none",
    "/local/none/password/none",
    "/setup/none",
    "/nowhere",
    "/break-glass",
]


async def test_every_answer_of_a_form(rig: Any) -> None:
    wrong = {}
    for path, form in FORMS:
        page = await asked(rig, path, "administrator", form)
        wrong[f"POST {path} {form}"] = strange(page, data(rig) + repr(form)) if page else set()
    for path in LATER:
        page = await asked(rig, path, "administrator")
        wrong[path] = strange(page, data(rig)) if page else set()
    assert "\n".join(f"{path}: {sorted(found)}" for path, found in wrong.items() if found) == ""


async def test_every_step_of_a_setup_link(rig: Any) -> None:
    page = await asked(rig, f"{DRAFT}/links", "administrator", {"days": "7"})
    found = re.search(r"http://localhost:8000(/setup/[\w-]{43})", page)
    assert found, page
    wrong = {"opened": strange(await asked(rig, found[1], ""), data(rig))}
    begun = await rig.ask(found[1], form={"begin": "on"})
    rig.cookies["holder"] = "; ".join(one.partition(";")[0] for one in begun.named(b"set-cookie"))
    for step in STEPS:
        wrong[step] = strange(await asked(rig, f"/setup/{step}", "holder"), data(rig))
    assert "\n".join(f"{path}: {sorted(told)}" for path, told in wrong.items() if told) == ""
    assert begun.status == 303


def test_a_text_that_is_not_of_the_catalogue_is_found() -> None:
    page = '<p>⟦One ⟦two⟧ three⟧ acme · Revoked</p><button aria-label="Press me">⟦x⟧</button>'
    assert strange(page, "acme") == {"Revoked", "Press me"}


def test_no_two_landmarks_of_a_page_have_one_name() -> None:
    """A section that its heading names, and a list within it that is named alike (axe: landmark-unique)."""
    twice = []
    for file in TEMPLATES.glob("*.html"):
        page = file.read_text()
        named = re.findall(r'<section[^>]*aria-labelledby="([\w-]+)"', page)
        headed = {
            text for name in named for text in re.findall(rf'id="{name}">{{{{ t\("([\w.]+)"\) }}}}<', page)
        }
        regions = re.findall(r"""role="region" aria-label="{{ t\('([\w.]+)'\) }}\"""", page)
        twice += [f"{file.name}: {text}" for text in regions if text in headed]
    assert not twice
