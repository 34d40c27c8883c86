"""Guides say only what is so: their settings load, their codes, commands, URLs and links exist.

What they tell of a vendor's own pages no test here can hold; each guide says whether it was tried.
"""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import google_account
import pytest
import typer.main
import yaml
from lxml import etree
from test_manual import CODE, actions, codes_in_manual
from test_manual import codes_in_source as read_codes_in_source
from typer.testing import CliRunner

from federation import registry, settings
from federation.__main__ import app
from federation.attributes import ALIASES
from federation.configuration.about import About
from federation.connection import AnyConnection
from federation.presets import PRESETS, PROTOCOLS

ROOT = Path(__file__).parent.parent
GUIDES = ROOT / "docs/guides"
INDEX = GUIDES / "README.md"
PROVISIONING = set(GUIDES.glob("scim-*.md"))  # see test_scim_manual
FILES = sorted(set(GUIDES.glob("*.md")) - PROVISIONING)
VENDORS = [file for file in FILES if file != INDEX]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PRACTICAL = [file for file in DOCUMENTS if file.stem != "architecture"]  # a plan: it names what is later work
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOST = "https://sso.acme.example"
BASE = {
    "base_url": HOST,
    "database_url": "sqlite:///var/federation.db",
    "encryption_keys": [{"file": "certs/secrets.key"}],
    "organizations": {"acme": {"name": "Acme"}},
}
NAMESPACES = (
    'xmlns="urn:a" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:p="urn:p" xmlns:c="urn:c"'
)

SECOND = "## By OpenID Connect"  # the part of a guide whose numbered steps are for SAML
codes_in_source = cache(read_codes_in_source)
ENDS = {  # of our URLs, below /{protocol's door}/{connection}; those that a guide must name stand first
    "saml": ("saml", ("metadata", "acs"), ("slo",)),
    "oidc": ("oidc", ("callback",), ("backchannel-logout", "frontchannel-logout")),
    "oauth2": ("oidc", ("callback",), ()),
}
SHARED = {"", "/logout", "/oidc/initiate", "/oidc/jwks"}

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
each_vendor = pytest.mark.parametrize("file", VENDORS, ids=lambda file: file.stem)


def blocks(text: str, language: str) -> list[str]:
    """Fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def spoken(text: str) -> str:
    """The text without fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def tables(text: str) -> list[list[list[str]]]:
    """Every table: its rows, header first, cells stripped."""
    lines = spoken(text).splitlines()
    kept = [list(rows) for inside, rows in groupby(lines, lambda line: line.startswith("|")) if inside]
    return [
        [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows if not row.startswith("|---")]
        for rows in kept
    ]


@dataclass(frozen=True)
class Part:
    """What a guide says of one protocol."""

    file: Path
    text: str
    first: bool  # it has the numbered steps

    def __str__(self) -> str:
        return self.file.stem if self.first else f"{self.file.stem}, second part"


def parts(file: Path) -> list[Part]:
    """A guide's parts, one for each protocol."""
    before, found, after = file.read_text().partition(f"\n{SECOND}\n")
    return [Part(file, before, first=True), *([Part(file, after, first=False)] if found else [])]


PARTS = [part for file in VENDORS for part in parts(file)]
each_part = pytest.mark.parametrize("part", PARTS, ids=str)


@dataclass(frozen=True)
class Block:
    """The connections of one YAML block, as a settings file would give them."""

    written: dict[str, Any]
    read: dict[str, AnyConnection]


def load(text: str, directory: Path) -> Block:
    """Load a block as part of a settings file; files that it names are there."""
    told = yaml.safe_load(text)
    for name in re.findall(r"[\w/-]+\.(?:pem|xml)\b", text.replace("https://", "")):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text("-----BEGIN CERTIFICATE-----")
    for name in re.findall(r"file: ([\w/-]+\.json)\b", text):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(google_account.key_file())
    file = directory / "federation.yaml"
    file.write_text(yaml.safe_dump(BASE | told))
    secrets = dict.fromkeys(re.findall(r"{env: ([A-Z0-9_]+)}", text), "a secret")
    return Block(told["connections"], dict(settings.load(file, environment=secrets).connections))


def loaded(text: str, directory: Path) -> list[Block]:
    found = [load(block, directory) for block in blocks(text, "yaml")]
    assert found
    return found


def presets_of(text: str, directory: Path) -> set[str]:
    return {one.preset for block in loaded(text, directory) for one in block.read.values()}


# ── settings ──────────────────────────────────────────────────────────────────────────────


@each_file
def test_every_connection_of_a_guide_loads(file: Path, tmp_path: Path) -> None:
    for block in loaded(file.read_text(), tmp_path):
        for name, one in block.read.items():
            assert one.organization == "acme", name
            assert one.domains, name


@each_file
def test_a_guides_connections_compile(file: Path, tmp_path: Path) -> None:
    for block in loaded(file.read_text(), tmp_path):
        for one in block.read.values():
            if one.protocol != "saml":  # its trust material is made up
                registry.compile_one(one, HOST, development=False, own=None, now=NOW)


@each_part
def test_a_part_is_of_one_protocol_and_the_second_of_another(part: Part, tmp_path: Path) -> None:
    spoken_here = {one.protocol for block in loaded(part.text, tmp_path) for one in block.read.values()}
    assert len(spoken_here) == 1
    if len(parts(part.file)) > 1:
        assert spoken_here == {"saml" if part.first else "oidc"}


def test_every_preset_has_a_guide_for_each_protocol_and_no_other(tmp_path: Path) -> None:
    guided = {
        (one.preset, one.protocol)
        for file in FILES
        for block in loaded(file.read_text(), tmp_path)
        for one in block.read.values()
    }
    speaking = {
        (name, protocol)
        for name, row in PRESETS.items()
        for protocol in PROTOCOLS
        if getattr(row, protocol) is not None
    }
    # OpenID Providers by plug-ins, as generic as any; OAuth 2.0 has no one way.
    unguided = {
        ("shibboleth", "oidc"),
        ("simplesamlphp", "oidc"),
        ("generic", "oauth2"),
    }
    assert guided - {("generic", "oauth2")} == speaking - unguided


def test_a_guide_is_of_its_own_preset(tmp_path: Path) -> None:
    guided = {file.stem: presets_of(file.read_text(), tmp_path) for file in FILES}
    assert guided.pop("README") == {"generic"}
    assert guided.pop("ping") == {"ping", "pingfederate"}
    assert guided == {name: {name} for name in guided}


def test_the_index_names_every_guide_with_its_presets(tmp_path: Path) -> None:
    index = next(table for table in tables(INDEX.read_text()) if table[0][0] == "guide")[1:]
    named = {
        match[1]: set(re.findall(r"`([a-z0-9]+)`", presets))
        for guide, presets, _ in index
        if (match := re.search(r"\]\(([a-z0-9]+\.md)\)", guide))
    }
    assert named == {file.name: presets_of(file.read_text(), tmp_path) for file in VENDORS}


# ── the identity provider's side ──────────────────────────────────────────────────────────


def urls(text: str) -> set[str]:
    """Paths of ours that a text names."""
    return set(re.findall(re.escape(HOST) + r"([A-Za-z0-9/_-]*)", text))


@each_part
def test_every_url_of_ours_is_one_of_a_connection_of_the_guide(part: Part, tmp_path: Path) -> None:
    known = {
        (name, one.protocol) for block in loaded(part.text, tmp_path) for name, one in block.read.items()
    }
    paths, needed = set(SHARED), set()
    for name, protocol in known:
        door, pasted, further = ENDS[protocol]
        paths |= {f"/{door}/{name}/{end}" for end in (*pasted, *further)} | {f"/login/{name}"}
        needed |= {f"/{door}/{name}/{end}" for end in pasted if name == part.file.stem}
    assert needed <= urls(part.text) <= paths


def test_every_url_of_the_index_is_one_of_its_example() -> None:
    ends = {f"/{door}/okta/{end}" for door, pasted, further in ENDS.values() for end in (*pasted, *further)}
    assert urls(INDEX.read_text()) == ends | SHARED | {"/login/okta"}


@each_part
def test_every_attribute_that_a_guide_releases_is_understood(part: Part, tmp_path: Path) -> None:
    (block,) = [one for one in loaded(part.text, tmp_path) if part.file.stem in one.read][:1]
    understood = block.read[part.file.stem].attributes  # the preset's and the block's own
    (released,) = [table[1:] for table in tables(part.text) if table[0][0] == "ours"]
    assert {"given_name", "family_name", "groups"} <= {row[0].strip("`") for row in released}
    for ours, theirs, *_ in released:
        names = understood.get(ours.strip("`"), ALIASES[ours.strip("`")])
        assert theirs.strip("`") in names, ours


def test_a_guide_names_what_its_preset_knows_people_by_for_good() -> None:
    for preset, row in PRESETS.items():
        for name in row.saml.stable_attributes if row.saml else ():
            assert name in (GUIDES / f"{preset}.md").read_text(), preset


def test_the_index_lists_the_names_that_are_understood() -> None:
    (rows,) = [table[1:] for table in tables(INDEX.read_text()) if table[0] == ["ours", "names understood"]]
    written = {ours.strip("`"): tuple(re.findall("`([^`]+)`", names)) for ours, names in rows}
    assert written == dict(ALIASES)


@each_file
def test_snippets_of_other_languages_are_well_formed(file: Path) -> None:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    for text in blocks(file.read_text(), "xml"):
        etree.fromstring(f"<root {NAMESPACES}>{text}</root>", parser)
    for text in blocks(file.read_text(), "json"):
        json.loads(text)


@pytest.mark.providers
@pytest.mark.parametrize("text", blocks((GUIDES / "simplesamlphp.md").read_text(), "php"))
def test_php_is_php(text: str) -> None:
    if not shutil.which("php"):
        pytest.skip("php-cli is missing: scripts/test installs it")
    asked = subprocess.run(["php", "-l"], input=text, capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stdout


# ── refusals ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("file", PRACTICAL, ids=lambda file: file.stem)
def test_every_code_that_a_document_names_is_in_the_manual(file: Path) -> None:
    dotted = set(re.findall(r"`([a-z_]+\.[a-z_0-9]+)`", file.read_text()))
    others = {"saml.md", "settings.md"} | {f"saml.{key}" for key in About.model_fields}  # files, settings
    lines = {"policy.rule", "policy.rule.undetermined", *actions()}  # of a record and the audit log
    assert {one for one in dotted if CODE.fullmatch(one)} - others - lines <= set(codes_in_manual())


@each_part
def test_a_guide_names_three_refusals_with_cause_and_mender(part: Part) -> None:
    (rows,) = [table[1:] for table in tables(part.text) if table[0][0] == "code"]
    assert len(rows) >= 3
    assert all(len(row) == 3 and all(row) for row in rows)
    assert {row[0].strip("`") for row in rows} <= codes_in_source()


@each_vendor
def test_a_guide_says_whether_it_was_tried_and_goes_the_same_way(file: Path) -> None:
    text = file.read_text()
    assert re.search(r"^(Not tried against|Tried here:) ", text, re.MULTILINE)
    headings = re.findall(r"^## (\d)\.", text, re.MULTILINE)
    assert headings == [*"12345678"]
    assert "## 2. What to release" in text
    assert "## 3. Our side" in text


@each_part
def test_a_second_part_goes_the_same_way(part: Part) -> None:
    headings = re.findall(r"^### (.+)$", part.text, re.MULTILINE)
    if not part.first:
        assert re.match(r"In [\w ]+: ", headings[0])
        assert headings[1:] == [
            "Which claims", "On our side", "If an answer is refused", "How it ends, and who the person is",
        ]  # fmt: skip


# ── commands ──────────────────────────────────────────────────────────────────────────────


@cache
def commands() -> dict[tuple[str, ...], str]:
    """Every command and group with its help."""
    found: dict[tuple[str, ...], str] = {}

    def walk(path: tuple[str, ...], one: Any) -> None:
        answer = CliRunner().invoke(app, [*path, "--help"], terminal_width=200, env={"COLUMNS": "200"})
        assert answer.exit_code == 0, path
        found[path] = answer.stdout
        for name, inner in getattr(one, "commands", {}).items():
            walk((*path, name), inner)

    walk((), typer.main.get_command(app))
    return found


def said(file: Path) -> list[str]:
    """Every use of our command line in a document, without comments."""
    text = file.read_text()
    inline = re.findall(r"`(?:\.venv/bin/)?federation ([^`]+)`", spoken(file.read_text()))
    fenced = [
        match[1]
        for block in re.findall(r"^```(?:shell|sh)?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
        if (match := re.match(r"(?:\.venv/bin/)?federation (.+)", line))
    ]
    return [re.split(r"\s+#|\s[|>] ", one)[0] for one in (*inline, *fenced)]


@pytest.mark.parametrize("file", PRACTICAL, ids=lambda file: file.stem)
def test_every_command_that_a_document_names_exists(file: Path) -> None:
    for line in said(file):
        words = line.split()
        path = max((path for path in commands() if tuple(words[: len(path)]) == path), key=len)
        assert path, line
        rest = words[len(path) :]
        assert not rest or rest[0] not in {name for known in commands() for name in known}, line
        for option in (word.partition("=")[0] for word in rest if word.startswith("--")):
            assert option in commands()[path], line


def test_a_command_that_does_not_exist_would_be_seen(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("`federation metadata forget okta`, `federation doctor --sing`")
    with pytest.raises(AssertionError):
        test_every_command_that_a_document_names_exists(file)


# ── links ─────────────────────────────────────────────────────────────────────────────────


def anchors(file: Path) -> set[str]:
    """The anchors of a document's headings, as the usual renderers make them."""
    headings = re.findall(r"^#+ (.+)$", spoken(file.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.stem)
def test_every_relative_link_leads_somewhere(file: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", spoken(file.read_text())):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        there = (file.parent / path).resolve() if path else file
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target
