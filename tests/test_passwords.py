"""Which passwords may be chosen, one fault at a time; and how one is kept."""

import re
from pathlib import Path

import pytest

from federation import passwords
from federation.errors import RequestRefused

ADDRESS = "zoe.quartermain@acme.example"
GOOD = "four winds & a harbour"

FAULTS = [
    ("local.password_short", "elevenchars"),
    ("local.password_short", ""),
    ("local.password_short", "Å" * 11),
    ("local.password_long", GOOD + "q4" * 118),
    ("local.password_unprintable", "four winds\x00 & a harbour"),
    ("local.password_unprintable", "four winds\ud800 & a harbour"),
    ("local.password_address", ADDRESS),
    ("local.password_address", ADDRESS.upper()),
    ("local.password_address", f"{ADDRESS}2026"),
    ("local.password_address", "zoe.quartermain!1"),
    ("local.password_common", "1qaz2wsx3edc"),
    ("local.password_common", "Password2026"),
    ("local.password_common", "!!password!!"),
    ("local.password_common", "passwordpassword"),
    ("local.password_common", "aaaaaaaaaaaaaaaa"),
    ("local.password_common", "abcabcabcabcab"),
    ("local.password_common", "abcdefghijklmno"),
    ("local.password_common", "098765432109"),
    ("local.password_common", "1234567890123"),
]


@pytest.mark.parametrize(("code", "typed"), FAULTS)
def test_each_fault_has_its_code(code: str, typed: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        passwords.choose(typed, ADDRESS)
    assert refused.value.code == code
    assert not typed or typed not in f"{refused.value!r} {refused.value.detail}"


def test_every_rule_has_a_fault() -> None:
    assert {code for code, _ in FAULTS} == set(passwords.RULES)


@pytest.mark.parametrize(
    "typed",
    [GOOD, "q7" * 6 + "é", "quiet-harbour", "👩‍🚀 orbits the moon", "tür und angel zu", "x" + GOOD * 11],
)
def test_what_is_long_and_rare_may_be_chosen(typed: str) -> None:
    assert passwords.choose(typed, ADDRESS)


@pytest.mark.parametrize(("characters", "held"), [(11, False), (12, True), (256, True), (257, False)])
def test_length_counts_characters_not_octets(characters: int, held: bool) -> None:  # noqa: FBT001
    letters = "".join(chr(0x4E00 + 37 * number % 5000) for number in range(characters))
    try:
        passwords.choose(letters, ADDRESS)
    except RequestRefused:
        assert not held
    else:
        assert held


def test_the_address_may_be_a_small_part() -> None:
    assert passwords.choose("a long walk with zoe@acme.example", "zoe@acme.example")


def test_one_password_typed_on_two_keyboards_is_one() -> None:
    """NIST SP 800-63B §5.1.1.2: NFKC."""
    kept = passwords.hash_password(passwords.choose("Zoe\u0308 \ufb01nds a harbour", ADDRESS))
    assert passwords.verify("Zoë finds a harbour", kept) == (True, "")
    assert passwords.verify("Zoe finds a harbour", kept) == (False, "")


def test_what_is_kept_is_argon2id_with_a_salt_of_its_own() -> None:
    first, second = passwords.hash_password(GOOD), passwords.hash_password(GOOD)
    assert first != second
    assert first.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert GOOD not in first


@pytest.mark.parametrize("typed", [GOOD.upper(), GOOD + " ", GOOD[:-1], "", "\ud800", GOOD * 1000])
def test_nothing_else_is_the_password(typed: str) -> None:
    kept = passwords.hash_password(GOOD)
    assert passwords.verify(typed, kept) == (False, "")


def test_the_longest_is_kept_whole() -> None:
    letters = "".join(chr(0x4E00 + 37 * number % 5000) for number in range(256))
    kept = passwords.hash_password(letters)
    assert passwords.verify(letters, kept)[0]
    assert not passwords.verify(letters + "x", kept)[0]
    assert not passwords.verify(letters[:-1], kept)[0]


@pytest.mark.parametrize("typed", [GOOD, "", "nobody"])
def test_where_nothing_is_kept_nothing_opens(typed: str) -> None:
    assert passwords.verify(typed, "") == (False, "")


def test_a_cheaper_hash_is_made_anew_with_the_right_password_alone() -> None:
    from pwdlib import PasswordHash
    from pwdlib.hashers.argon2 import Argon2Hasher

    cheap = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8 * 1024, parallelism=1),)).hash(GOOD)
    same, renewed = passwords.verify(GOOD, cheap)
    assert same
    assert passwords.verify(GOOD, renewed) == (True, "")
    assert passwords.verify("another", cheap) == (False, "")


def test_the_list_is_what_its_head_says() -> None:
    text = Path(passwords.__file__).with_name("common_passwords.txt").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(lines) > 5000
    assert lines == sorted(set(lines))
    assert all(len(line) >= 8 and line == line.lower() for line in lines)
    assert "MIT License" in text


def test_verifiers_alone_hold_the_seal() -> None:
    """Who may make a VerifiedAssertion: ``identity._Seal`` names them."""
    root = Path(passwords.__file__).parent
    holders = {
        ".".join(file.relative_to(root).with_suffix("").parts)
        for file in root.rglob("*.py")
        if re.search(
            r"^from federation\.identity import (\([^)]*|.*)\bSEAL\b", file.read_text(), re.MULTILINE
        )
    }
    assert holders == {
        "connectors.local",
        "oidc.oauth2_person",
        "oidc.relying_party",
        "saml.profile",
        "saml.second_opinion",
    }
