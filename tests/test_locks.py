"""The two lock files: complete hashes, one set of versions, no address of any registry or machine."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements.txt", "requirements-dev.txt")
PIN = re.compile(
    r"^(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>\S+)(?: ; (?P<marker>[^\\]+?))? \\$", re.MULTILINE
)


def pins(lock: str) -> dict[tuple[str, str], str]:
    """Name and marker → version."""
    text = (ROOT / lock).read_text()
    return {(pin["name"], pin["marker"] or ""): pin["version"] for pin in PIN.finditer(text)}


def test_both_locks_agree() -> None:
    runtime, development = pins(LOCKS[0]), pins(LOCKS[1])
    assert runtime
    assert runtime.items() <= development.items()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash(lock: str) -> None:
    for entry in re.split(r"\n(?=\S)", (ROOT / lock).read_text()):
        if not entry.startswith("#"):
            assert PIN.match(entry)
            assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry)


@pytest.mark.parametrize("lock", LOCKS)
def test_no_address_is_recorded(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert not re.search(
        r"^\s*(-[ife]|--(extra-)?index-url|--find-links|--trusted-host)\b", text, re.MULTILINE
    )


def test_lxml_and_xmlsec_are_the_pair_that_was_tried() -> None:
    """Their wheels must carry the same libxml2 (federation/saml/xml.py says so at start)."""
    runtime = pins(LOCKS[0])
    assert (runtime["lxml", ""], runtime["xmlsec", ""]) == ("6.1.3", "1.3.17")
