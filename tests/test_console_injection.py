"""What an identity provider or a setup link's holder says is text on every page, whatever it says.

A table of values × what would hurt in each place of a page: an element, an attribute, a URL, a script, a
template, a policy, the direction of writing. Each page is parsed back and held against the same page of a
world in which only ordinary words were said: it has no element and no attribute more. No browser takes
part; test_browser_console.py does so once in a real one.
"""

import html
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

import httpx2
import lxml.html
import pytest
from planting import VALUES, Planted, mark, planted
from stair import BASE, listening

CONTEXTS: Mapping[str, str] = {
    "element": "<b class=hurt>b</b><svg><math><a class=hurt>",
    "attribute": "'\" onfocus=alert(1) class=hurt x=\"'",
    "URL": "javascript:alert(1)//",
    "script": "</script></textarea></title><script>alert(1)</script>",
    "template": "{{7*7}}{% raw %}${7*7}#{7*7}",
    "policy": "<base href=//e.x><meta http-equiv=refresh content=0;//e.x>",
    "direction": "\u202egnp.exe\u2066\u2067",
    "entities": "&lt;b class=hurt&gt;&#60;b&#62;&amp;lt;b",
}
EVIL = " ".join(CONTEXTS.values())
INNOCENT = {  # as accepted and as refused as what would hurt
    "words": "quite an ordinary name",
    "name": "an-ordinary-name",
    "unprintable": "quite an ordi\u200bnary name",
}
FAILED = 500
TAIL = 8  # signs of what would hurt
ACTIVE = {"href", "src", "action", "formaction", "content", "data", "srcdoc", "poster", "ping"}

Shape = Counter[tuple[str, tuple[str, ...]]]  # element and its attributes → how many


@dataclass(frozen=True)
class Page:
    """What a page is made of."""

    status: int
    marks: Mapping[str, int]
    shape: Shape
    hurts: list[str]


Pages = Mapping[str, Sequence[Page]]


def elements(page: httpx2.Response) -> list[lxml.html.HtmlElement]:
    if "html" not in page.headers.get("content-type", ""):
        assert page.headers.get("x-content-type-options") == "nosniff" or page.status_code in {204, 303}
        return []
    return list(lxml.html.document_fromstring(page.content).iter(lxml.html.etree.Element))


def shape(page: httpx2.Response) -> Shape:
    return Counter((str(one.tag), tuple(sorted(map(str, one.attrib)))) for one in elements(page))


def hurts(page: httpx2.Response) -> list[str]:
    """Return what a page is made of that no template of ours writes."""
    found = []
    for one in elements(page):
        told = {str(name): str(value) for name, value in one.attrib.items()}
        wrong = "hurt" in told.get("class", "") or any(name.startswith("on") for name in told)
        wrong |= one.tag == "script" and bool(one.text or not told.get("src", "").startswith("/static/"))
        wrong |= one.tag == "img" and not told["src"].startswith("/static/")
        wrong |= any(leads_away(name, value) for name, value in told.items())
        if wrong:
            found.append(lxml.html.tostring(one, encoding="unicode")[:200])
    return found


def leads_away(name: str, value: str) -> bool:
    """Tell whether an attribute leads to a script, or where a planted value says."""
    if name not in ACTIVE:
        return False
    if re.match(r"\s*((javascript|data|vbscript):|//)", value, re.IGNORECASE):
        return True
    planted_there = re.search(r"q-\d\d-q", value) and re.match(r"(0; url=)?https?:", value)
    return bool(planted_there) and not value.removeprefix("0; url=").startswith((BASE, "https://"))


def tails(page: httpx2.Response, hurtful: str) -> tuple[dict[str, int], list[str]]:
    """Return how often each mark stands in a page, and those that do not stand behind their whole value.

    A value that was read as a part of the page is no longer whole, in one text or one attribute. Quotes may
    stand escaped in it, and a list be told apart at its spaces: the end of it tells.
    """
    found, broken = dict[str, int](), []
    end = plain(hurtful)[-TAIL:]
    every = [told for one in elements(page) for told in (one.text, one.tail, *one.attrib.values()) if told]
    for told in map(str, every):
        for at in re.finditer(r"q-\d\d-q", told):
            found[at[0]] = found.get(at[0], 0) + 1
            if not plain(told[: at.start()]).endswith(end):
                broken.append(told[max(0, at.start() - 60) : at.end()])
    return found, broken


def plain(text: str) -> str:
    """Return text as it was before it was written into JSON, XML, a URL or Python's form of it."""
    for _ in range(3):  # one within another
        text = html.unescape(unquote(text))
    return re.sub(r"\\u20[0-9a-f]{2}|[\s,\\\u202a-\u2069]", "", text).casefold()


def made_of(world: Planted) -> Pages:
    pages: dict[str, list[Page]] = {}
    for label, every in world.pages.items():
        for one in every:
            marks, broken = tails(one, world.hurtful)
            pages.setdefault(label, []).append(Page(one.status_code, marks, shape(one), hurts(one) + broken))
    return pages


class Worlds:
    """Of each context, and of ordinary words, every page by its label; made when it is first asked for.

    Each takes seconds: together they would take longer than one test may.
    """

    def __init__(self, directories: pytest.TempPathFactory) -> None:
        self._directories = directories
        self._found: dict[str, Pages] = {}

    async def of(self, context: str) -> Pages:
        """Return the pages of one; of what would hurt, with what they are made of more than innocent ones."""
        if context not in self._found:
            said = {**INNOCENT, **CONTEXTS}[context]
            innocent = [await self.of(one) for one in INNOCENT if context not in INNOCENT]
            async with listening(), planted(self._directories.mktemp("planted"), said) as world:
                pages = made_of(world)
            if innocent:
                note_excess(pages, innocent)
            self._found[context] = pages
        return self._found[context]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    return Worlds(tmp_path_factory)


def note_excess(found: Pages, innocent: Sequence[Pages]) -> None:
    """Note beside each page what it is made of more than the innocent pages of its label are."""
    for label, pages in found.items():
        most: Shape = Counter()
        for one in (page for world in innocent for page in world.get(label, ())):
            most |= one.shape
        for one in pages:
            one.hurts.extend(f"{number} more of {what}" for what, number in (one.shape - most).items())
            if one.status >= FAILED:
                one.hurts.append(str(one.status))


# What no page shows: nothing of it reaches one.
UNSEEN = {
    "RelayState", "error", "error_description", "state", "code", "iss", "user agent", "path", "domain",
    "organization's names",
    "uploaded organization's names", "certificate's subject", "uploaded certificate's subject",
    "metadata that is none", "endpoint", "uploaded endpoint", "endpoint's path",
}  # fmt: skip
PLACES = ("<p>{}</p>", '<input value="{}">', "<textarea>{}</textarea>", '<a href="{}">x</a>')
# Where each would hurt if it were not escaped there.
SEEN = {
    ("element", "<p>{}</p>"),
    ("attribute", '<input value="{}">'),
    ("attribute", '<a href="{}">x</a>'),
    ("URL", '<a href="{}">x</a>'),
    ("script", "<p>{}</p>"),
    ("script", "<textarea>{}</textarea>"),
    ("policy", "<p>{}</p>"),
}


@pytest.mark.parametrize("context", [*INNOCENT, *CONTEXTS])
async def test_no_page_is_made_of_more(worlds: Worlds, context: str) -> None:
    found = await worlds.of(context)
    wrong = {label: one.hurts for label, pages in found.items() for one in pages if one.hurts}
    assert wrong == {}


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("value", VALUES)
async def test_it_is_text_wherever_it_is_shown(worlds: Worlds, value: str, context: str) -> None:
    found = await worlds.of(context)
    shown = [(label, one) for label, pages in found.items() for one in pages if mark(value) in one.marks]
    assert [(label, one.hurts) for label, one in shown if one.hurts] == []


async def test_every_value_is_shown_somewhere(worlds: Worlds) -> None:
    every = [await worlds.of(context) for context in (*INNOCENT, *CONTEXTS)]
    shown = {name for world in every for pages in world.values() for one in pages for name in one.marks}
    assert {value for value in VALUES if mark(value) not in shown} == UNSEEN


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("place", PLACES)
def test_what_would_hurt_is_seen(context: str, place: str) -> None:
    said = '<meta charset="utf-8">' + place.format(CONTEXTS[context] + mark("group"))
    page = httpx2.Response(200, html=said, request=httpx2.Request("GET", BASE))
    found = tails(page, CONTEXTS[context])[1] + hurts(page)
    assert bool(found) is ((context, place) in SEEN)
