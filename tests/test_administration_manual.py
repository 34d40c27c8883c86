"""The page about the administration says what is there: its block, its commands, its pages, its links."""

import asyncio
import json
import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from stair import standing
from typer.testing import CliRunner

from federation import clock
from federation.__main__ import app
from federation.console.shell import NAVIGATION
from federation.web import texts

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "administration.md").read_text()


def test_its_table_is_the_navigation() -> None:
    table = PAGE.partition("## The pages")[2].partition("\n\nWhat the settings file")[0]
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| \[[^|]+\) \|$", table, re.MULTILINE)
    assert rows == [texts.say(place.key) for place in NAVIGATION]


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)]+)\)", PAGE))
def test_its_links_lead_somewhere(link: str) -> None:
    name, _, heading = link.partition("#")
    told = DOCS / (name or "administration.md")
    assert told.exists()
    if heading:
        written = re.findall(r"^#+ (.+)$", told.read_text(), re.MULTILINE)
        assert heading in {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in written}


async def test_its_example_administers_and_its_token_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = re.findall(r"```yaml\n(.+?)```", PAGE, re.DOTALL)
    (roles,) = [one["administrators"] for one in yaml.safe_load(block)["organizations"].values()]
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS__ACME__ADMINISTRATORS", json.dumps(roles))
    create, asking = re.findall(r"^(?:federation|curl) .+$", PAGE, re.MULTILINE)
    url = shlex.split(asking)[-1]
    async with standing(tmp_path) as stair:
        monkeypatch.setattr(clock, "now", stair.clock)
        browser = stair.browser(accept="text/html")
        await browser.post("/saml/acme-saml/acs", data=await stair.saml(browser))
        assert (await browser.get("/admin")).status_code == 200
        told = [*shlex.split(create)[1:], "--json", "--config", str(tmp_path / "federation.yaml")]
        made = await asyncio.to_thread(CliRunner().invoke, app, told, catch_exceptions=False)
        program = stair.browser(authorization=f"Bearer {json.loads(made.stdout)['token']}")
        path = urlsplit(url)
        answer = await program.get(f"{path.path}?{path.query}")
        assert {one["id"] for one in answer.json()["items"]} >= {"acme-saml", "acme-oidc"}
