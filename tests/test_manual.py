"""The manual and the code name the same refusals, and public documents say only what runs."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

from federation import errors
from federation.errors import ConfigurationError, FederationError
from federation.records import mends
from federation.records.mends import mender

ROOT = Path(__file__).parent.parent
CODE = re.compile(
    r"(saml|oidc|oauth2|signin|return_to|form|query|fetch|policy|identity|store|settings|keys|rate|csrf|start|registry|"
    r"account|bootstrap|break_glass|local|explain|person|domain|enforce|admin|trial|demo|scim)\.[a-z0-9_]+"
    r"|policy\.rule\.undetermined"  # beside policy.rule:NAME, which is told in records alone
)
NOT_CODES = {"settings.yaml", "store.writer"}
KINDS = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, FederationError) and kind is not FederationError
}


def nodes(*without: str) -> Iterator[ast.AST]:
    """Every node of the source, apart from rooms left out."""
    for file in sorted((ROOT / "federation").rglob("*.py")):
        if set(without).isdisjoint(file.parts):
            yield from ast.walk(ast.parse(file.read_text()))


def codes_in_source() -> set[str]:
    """Every string constant that has the shape of a refusal code, and every code that is raised.

    The development providers name codes that their faults should lead to: only what they raise counts.
    """
    found = {
        node.value
        for node in nodes("demo", "migrations")
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value)
    }
    return {one for one in found | set(raised()) if not one.endswith(".html")} - NOT_CODES - set(actions())


def raised() -> Iterator[str]:
    """The code of every refusal that is made with a literal one."""
    return (code for _, code in made())


def made() -> Iterator[tuple[str, str]]:
    """The kind and the code of every refusal that is made with a literal code."""
    for node in nodes():
        if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in KINDS:
            yield name, str(node.args[0].value)


def actions() -> list[str]:
    """The actions that ``docs/audit.md`` lists."""
    told = (ROOT / "docs/audit.md").read_text().partition("## Actions")[2]
    return re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \| \S.* \|$", told, re.MULTILINE)


def test_every_action_of_the_audit_log_is_in_its_manual() -> None:
    named = {
        inner.value
        for node in nodes()
        if isinstance(node, ast.Call)
        and (getattr(node.func, "attr", "") == "audited" or getattr(node.func, "id", "") == "audited")
        for argument in node.args
        for inner in ast.walk(argument)
        if isinstance(inner, ast.Constant) and re.fullmatch(r"[a-z_]+\.[a-z_]+", str(inner.value))
    }
    assert named - set(actions()) == set()
    assert len(set(actions())) == len(actions())


def manual() -> str:
    return (ROOT / "docs/refusals.md").read_text()


def codes_in_manual() -> list[str]:
    return re.findall(r"^\| `([a-z0-9_.]+)` \| \S.* \| \S.* \|$", manual(), re.MULTILINE)


def test_every_code_has_one_entry_in_the_manual() -> None:
    written = codes_in_manual()
    assert sorted(set(written)) == sorted(written)
    assert codes_in_source() == set(written)


def test_every_refusal_is_made_with_a_code_that_this_file_recognizes() -> None:
    codes = set(raised())
    assert "signin.unknown" in codes
    assert {code for code in codes if not CODE.fullmatch(code)} == set()


def test_explain_names_the_mender_of_every_code_as_its_kind_does() -> None:
    # Of the settings' own metadata (saml.*) it is a fault at start; recorded is the provider's alone.
    recorded = {(k, c) for k, c in made() if not (k == "ConfigurationError" and c.startswith("saml."))}
    assert {(kind, code, mender(code)) for kind, code in recorded} == {
        (kind, code, KINDS[kind].mended_by) for kind, code in recorded
    }
    assert {code for code in codes_in_source() if mender(code) == ConfigurationError.mended_by} == {
        code for kind, code in recorded if KINDS[kind].mended_by == ConfigurationError.mended_by
    }


def test_the_manual_names_every_kind_with_its_status_sentence_and_mender() -> None:
    written = re.findall(r"^\| `([A-Z]\w+)` \| (\d+) \| (.+) \| (.+) \|$", manual(), re.MULTILINE)
    assert set(written) == {
        (name, str(kind.status), kind.public, kind.mended_by) for name, kind in KINDS.items()
    }


def plain(text: str) -> str:
    """A cell of the manual without its markup."""
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)
    return re.sub(r"\*([^*]+)\*", r"\1", text.replace("`", ""))


def at_hand() -> str:
    """What ``federation/records/refusals.toml`` should say: the codes that a sign-in can end with."""
    rooms = "saml|oidc|oauth2|policy|identity|signin|fetch"
    found = re.findall(rf"^\| `((?:{rooms})\.[a-z0-9_.]+)` \| (\S.*?) \| (\S.*) \|$", manual(), re.MULTILINE)
    head = "# The manual's words (docs/refusals.md), as plain text: what was broken, who mends it and how.\n"
    head += "# Written by `python tests/test_manual.py`, which holds the two equal too.\n"
    return head + "".join(
        f"{json.dumps(code)} = [{json.dumps(plain(broken))}, {json.dumps(plain(mend))}]\n"
        for code, broken, mend in found
    )


def test_the_words_at_hand_are_the_manuals() -> None:
    told = (ROOT / "federation/records/refusals.toml").read_text()
    assert told == at_hand()
    assert mends.entry("saml.audience") is not None
    assert mends.entry("nothing.of_the_kind") is None


if __name__ == "__main__":
    (ROOT / "federation/records/refusals.toml").write_text(at_hand())
