"""What differs between two states of one identity provider's trust material.

Keys are told by the fingerprint of their certificate. When a document expires is no change of
trust: it moves with every publication. Pure.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from federation.saml.metadata import IdentityProvider

_ADDRESSES = (
    "entity_id",
    "sso_redirect_url",
    "sso_post_url",
    "slo_redirect_url",
    "slo_redirect_response_url",
    "slo_post_url",
    "slo_post_response_url",
)


class Change(NamedTuple):
    """One difference; ``before`` or ``after`` is "" where there was, or is, nothing."""

    kind: str  # key, scope, wants_signed_requests, or the name of an address
    before: str
    after: str

    def __str__(self) -> str:
        """Say it in a line; its values are the provider's."""
        before, after = _plain(self.before), _plain(self.after)
        if not before:
            return f"{self.kind} added: {after}"
        if not after:
            return f"{self.kind} removed: {before}"
        return f"{self.kind}: {before} → {after}"


def _plain(value: str) -> str:
    """Return a value without what would begin a line of its own: somebody approves what they read."""
    if value.isprintable():
        return value
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in value)


def compare(old: IdentityProvider, new: IdentityProvider) -> tuple[Change, ...]:
    """Return every change of name, address, key or scope; () where a sign-in cannot tell the two apart.

    Source: SAML Metadata Interoperability Profile §2.6.1: trust is what the document says now.
    """
    return (
        *(
            Change(name, before, after)
            for name in _ADDRESSES
            if (before := getattr(old, name)) != (after := getattr(new, name))
        ),
        *_exchanged("key", _keys(old), _keys(new)),
        *_exchanged("scope", _scopes(old), _scopes(new)),
        *_signed(old, new),
    )


def kinds(differences: Iterable[Change]) -> str:
    """Say what changed in words of ours alone, for a log."""
    return ", ".join(sorted({one.kind for one in differences}))


def _signed(old: IdentityProvider, new: IdentityProvider) -> Iterator[Change]:
    if old.wants_signed_requests != new.wants_signed_requests:
        words = {True: "yes", False: "no"}
        yield Change(
            "wants_signed_requests", words[old.wants_signed_requests], words[new.wants_signed_requests]
        )


def _exchanged(kind: str, before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[Change]:
    """Yield what came and what went; the order says nothing."""
    yield from (Change(kind, one, "") for one in before if one not in after)
    yield from (Change(kind, "", one) for one in after if one not in before)


def _keys(idp: IdentityProvider) -> tuple[str, ...]:
    return tuple(f"SHA-256 {one.fingerprint}" for one in idp.keys)


def _scopes(idp: IdentityProvider) -> tuple[str, ...]:
    return tuple(f"{one.value} (regular expression)" if one.regexp else one.value for one in idp.scopes)
