"""Every text stands in one file: all are used, none is missing, none is left in a template."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

import federation.console.access  # noqa: F401  its kinds of refusal are there then
from federation.errors import FederationError
from federation.web import texts

ROOT = Path(texts.__file__).parent.parent
TEMPLATES = sorted((ROOT / "web" / "templates").glob("*.html"))
SOURCES = sorted(file for room in ("web", "console") for file in (ROOT / room).glob("*.py"))
# Put together where they are said: a key's beginning.
BUILT = ("errors.", "refusals.", "months.", "password.", "refused.not_")


def literals() -> Iterator[str]:
    """Every string of the source."""
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def keys_said() -> set[str]:
    said = {
        key for file in TEMPLATES for key in re.findall(r"\bt\(\s*['\"]([a-z_.0-9]+)['\"]", file.read_text())
    }
    for file in SOURCES:
        said |= set(re.findall(r"texts\.say\(\s*\"([a-z_.0-9]+)\"", file.read_text()))
    return said


def test_every_key_that_is_said_is_there() -> None:
    lacking = {key for key in keys_said() if key not in texts.TEXTS}
    begun = {
        key for key in lacking if key.endswith((".", "_")) and any(one.startswith(key) for one in texts.TEXTS)
    }
    assert lacking - begun == set()


def test_no_text_is_left_over() -> None:
    """One that is looked up by a name is named somewhere whole, or begins as ``BUILT`` says."""
    everything = {*literals(), *keys_said()}
    said_in_templates = "".join(file.read_text() for file in TEMPLATES)
    unused = {
        key
        for key in texts.TEXTS
        if key not in everything
        and not key.startswith(BUILT)
        and key not in said_in_templates
        and key.rpartition(".")[0] + "." not in said_in_templates.replace("' ~", "").replace('" ~', "")
        and not any(key.startswith(one) for one in everything if one.endswith((".", "_")) and "." in one)
    }
    assert unused == set()


class _Visible(HTMLParser):
    """What a person would read in a template, and attributes that are read out."""

    READ_OUT = frozenset({"aria-label", "placeholder", "title", "alt", "data-copied"})

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)

    def handle_starttag(
        self,
        tag: str,  # noqa: ARG002
        attrs: list[tuple[str, str | None]],
    ) -> None:
        self.found += [value for name, value in attrs if name in self.READ_OUT and value]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda file: file.name)
def test_no_text_stands_in_a_template(template: Path) -> None:
    told = re.sub(r"\{% block width %\}\w+", "", template.read_text())
    plain = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", told, flags=re.DOTALL)
    visible = _Visible()
    visible.feed(plain)
    texts_left = [text.strip() for text in visible.found if re.search(r"[A-Za-z]{2}", text)]
    # An attribute of a macro's; an example of a code, the name of an algorithm: the same in every language.
    assert [text for text in texts_left if not re.fullmatch(r"\w+[.:-]\S+|(aria-\w+=\S+ ?)+.*", text)] == []


def kinds(kind: type[FederationError] = FederationError) -> Iterator[type[FederationError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from kinds(below)


def test_each_kind_of_refusal_says_the_same_in_both_places() -> None:
    for kind in kinds():
        if not kind.__module__.startswith("federation."):
            continue
        if "public" in vars(kind):
            assert texts.TEXTS[f"errors.{kind.__name__}.public"] == kind.public
    named = {key.split(".")[1] for key in texts.TEXTS if key.startswith("errors.")}
    assert named <= {kind.__name__ for kind in kinds()}


def test_a_code_with_words_of_its_own_is_in_the_manual() -> None:
    manual = (ROOT.parent / "docs" / "refusals.md").read_text()
    codes = {
        key.removeprefix("refusals.").rpartition(".")[0] for key in texts.TEXTS if key.startswith("refusals.")
    }
    assert {code for code in codes if f"| `{code}` |" not in manual} == set()


def write(file: Path, told: dict[str, str]) -> None:
    file.write_text("".join(f'"{key}" = {_quoted(text)}\n' for key, text in told.items()))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


FAULTS = [
    ({"console.title": None}, "console.title stands in one file alone"),
    ({"console.other": "More"}, "console.other stands in one file alone"),
    ({"prove.lead": "Sign in once more."}, "prove.lead fills in"),
    ({"console.title": "About {name}"}, "console.title fills in"),
]


@pytest.mark.parametrize(("differs", "said"), FAULTS)
def test_a_language_says_everything_and_nothing_else(
    tmp_path: Path, differs: dict[str, str | None], said: str
) -> None:
    told = {key: text for key, text in {**texts.TEXTS, **differs}.items() if text is not None}
    write(tmp_path / "xx.toml", told)
    with pytest.raises(ValueError, match=re.escape(said)):
        texts.learn("xx", tmp_path / "xx.toml")
    assert "xx" not in texts.languages()


def test_nothing_is_said_in_a_language_that_there_is_none_of() -> None:
    with pytest.raises(KeyError):
        texts.speak("xx")


def test_a_name_does_not_turn_round_the_sentence_that_it_is_said_in() -> None:
    plain = texts.say("my_account.at_the_latest", when="now")
    for turning in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069":
        assert texts.say("my_account.at_the_latest", when=f"n{turning}ow") == plain
    assert texts.say("my_account.at_the_latest", when="\u05d0\u200f") == plain.replace("now", "\u05d0\u200f")
