"""Passwords: which may be chosen, and how one is kept and held against what is typed.

NIST SP 800-63B §5.1.1.2: length alone counts, nothing is asked of what it is made of, and what many
people have is refused. Normalized to NFKC as that section has it, so that one password typed on two
keyboards is one. Each rule is one function; RULES is the whole list. No I/O but the list, read once,
and no clock; hashing takes a tenth of a second and 64 MiB, so that its callers bound it.
"""

import itertools
import secrets
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from federation.errors import Check, RequestRefused

SHORTEST: Final = 12  # characters (Unicode code points, as the section counts them), normalized
LONGEST: Final = 256
_TYPED: Final = 4 * LONGEST  # nobody has us normalize more
_FURTHER: Final = 4  # characters around a common password that make it no other: a year, an exclamation mark

# RFC 9106 §4, the second recommended option: argon2id, 3 passes, 4 lanes, 64 MiB.
_HASH: Final = PasswordHash((Argon2Hasher(time_cost=3, memory_cost=64 * 1024, parallelism=4),))


def normalize(typed: str) -> str:
    """Return a password as it is kept: what is too long to be one comes back as it is."""
    return unicodedata.normalize("NFKC", typed) if len(typed) <= _TYPED else typed


def short(password: str, address: str) -> str | None:  # noqa: ARG001
    """NIST SP 800-63B §5.1.1.2 asks for 8; ours are longer because many have nothing beside it."""
    return f"it has less than {SHORTEST} characters" if len(password) < SHORTEST else None


def long(password: str, address: str) -> str | None:  # noqa: ARG001
    """At least 64 must fit; without an end somebody would send a book."""
    return f"it has more than {LONGEST} characters" if len(password) > LONGEST else None


def unprintable(password: str, address: str) -> str | None:  # noqa: ARG001
    """What no keyboard types is a slip of copying; half a surrogate pair cannot be hashed at all."""
    if any(unicodedata.category(one) in {"Cc", "Cs", "Cn"} for one in password):
        return "it holds a control or no character at all"
    return None


def own_address(password: str, address: str) -> str | None:
    """Context-specific words: whoever knows the address would try it first."""
    folded, whole = password.casefold(), address.casefold()
    for part in (whole, whole.partition("@")[0]):
        if part and part in folded and len(folded) - len(part) <= _FURTHER:
            return "it is the e-mail address"
    return None


def common(password: str, address: str) -> str | None:  # noqa: ARG001
    """Compromised, repetitive and sequential ones: in the list, but for a few characters, or a pattern."""
    folded = password.casefold()
    if _is_known(folded) or _is_repeated(folded) or _is_sequence(folded):
        return "many people have it, or one like it"
    return None


RULES: Mapping[str, Callable[[str, str], str | None]] = {
    "local.password_short": short,
    "local.password_long": long,
    "local.password_unprintable": unprintable,
    "local.password_address": own_address,
    "local.password_common": common,
}


def choose(typed: str, address: str) -> str:
    """Return a password that may be chosen, normalized.

    Args:
        typed: As somebody typed it.
        address: The e-mail address of whose it is to be.

    Raises:
        RequestRefused: The first broken rule's code; no part of the password is in it.
    """
    password = normalize(typed)
    for code, rule in RULES.items():
        if said := rule(password, address):
            raise RequestRefused(code, f"the password was not taken: {said}", (Check(code, said),))
    return password


def hash_password(password: str) -> str:
    """Return what is kept of a password: argon2id with a salt of its own, in PHC form."""
    return _HASH.hash(password)


def verify(typed: str, kept: str) -> tuple[bool, str]:
    """Hold what was typed against what is kept; always the work of one hash.

    Returns:
        Whether it is the password, and what to keep from now on ("" where that stays), because
        hashes have become more expensive since.
    """
    password = normalize(typed)[: LONGEST + 1].encode("utf-8", "replace")  # longer than any that is kept
    same, renewed = _HASH.verify_and_update(password, kept or nobodys())
    return (same and bool(kept)), (renewed or "" if kept and same else "")


@cache
def nobodys() -> str:
    """Return a hash like any other, which no password opens: for whoever is not there."""
    return hash_password(secrets.token_urlsafe(32))


def _is_known(folded: str) -> bool:
    known, length = _known(), len(folded)
    cuts = ((before, after) for before in range(_FURTHER + 1) for after in range(_FURTHER + 1 - before))
    return any(folded[before : length - after] in known for before, after in cuts)


def _is_repeated(folded: str) -> bool:
    """One to four characters, or something common, again and again (the last time perhaps in part)."""
    for size in range(1, len(folded) // 2 + 1):
        part = folded[:size]
        if (part * (len(folded) // size + 1)).startswith(folded):
            return size <= _FURTHER or _is_known(part) or _is_sequence(part)
    return False


def _is_sequence(folded: str) -> bool:
    """``abcdefghijkl``, ``210987654321``: each character the next one, digits going round."""
    steps = {
        (ord(after) - ord(before)) % 10
        if before.isdigit() and after.isdigit() and (before + after).isascii()
        else ord(after) - ord(before)
        for before, after in itertools.pairwise(folded)
    }
    return len(folded) > 1 and steps in ({1}, {-1}, {9}, {-1, 9})


@cache
def _known() -> frozenset[str]:
    """Read the list; its source and licence stand at its head."""
    lines = Path(__file__).with_name("common_passwords.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))
