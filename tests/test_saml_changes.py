"""What counts as a change of trust: every field of the trust material, and nothing else."""

from dataclasses import fields, replace
from typing import Any

import pytest
from saml_peer import IDP, NOW, SECOND, peer

from federation.saml import changes
from federation.saml.certificates import read_key
from federation.saml.changes import Change
from federation.saml.metadata import IdentityProvider
from federation.saml.scopes import Scope

KEY, ANOTHER = read_key(peer().key.certificate), read_key(peer().another_key.certificate)
ACME = Scope(value="acme.example", regexp=False, pattern=None)
URL = "https://idp.example/new"
SSO = "https://idp.example/sso"
OLD = IdentityProvider(entity_id=IDP, sso_redirect_url=SSO, keys=(KEY,))
# field of IdentityProvider → what it becomes → what is said
CHANGED: list[tuple[str, Any, tuple[Change, ...]]] = [
    ("entity_id", "urn:new", (Change("entity_id", IDP, "urn:new"),)),
    ("sso_redirect_url", URL, (Change("sso_redirect_url", SSO, URL),)),
    ("sso_redirect_url", "", (Change("sso_redirect_url", SSO, ""),)),
    *[
        (name, URL, (Change(name, "", URL),))
        for name in (
            "sso_post_url", "slo_redirect_url", "slo_redirect_response_url",
            "slo_post_url", "slo_post_response_url",
        )
    ],
    ("keys", (ANOTHER,), (
        Change("key", f"SHA-256 {KEY.fingerprint}", ""), Change("key", "", f"SHA-256 {ANOTHER.fingerprint}"),
    )),
    ("keys", (ANOTHER, KEY), (Change("key", "", f"SHA-256 {ANOTHER.fingerprint}"),)),
    ("wants_signed_requests", True, (Change("wants_signed_requests", "no", "yes"),)),
    ("scopes", (ACME,), (Change("scope", "", "acme.example"),)),
    ("scopes", (Scope(value="a.*", regexp=True, pattern=None),), (
        Change("scope", "", "a.* (regular expression)"),
    )),
]  # fmt: skip
NO_CHANGE: dict[str, Any] = {"valid_until": NOW, "refresh_after": SECOND}  # they move with every publication


@pytest.mark.parametrize(("name", "value", "said"), CHANGED)
def test_a_change_is_said(name: str, value: Any, said: tuple[Change, ...]) -> None:
    old, new = OLD, replace(OLD, **{name: value})
    assert changes.compare(old, new) == said
    back = tuple(Change(one.kind, one.after, one.before) for one in said)
    assert set(changes.compare(new, old)) == set(back)


def test_every_field_is_compared_or_is_no_change() -> None:
    assert {name for name, _, _ in CHANGED} | set(NO_CHANGE) == {one.name for one in fields(IdentityProvider)}
    assert changes.compare(OLD, replace(OLD, **NO_CHANGE)) == ()
    assert changes.compare(OLD, OLD) == ()


def test_order_is_no_change() -> None:
    old = replace(OLD, keys=(KEY, ANOTHER), scopes=(ACME, replace(ACME, value="b.example")))
    assert changes.compare(old, replace(old, keys=old.keys[::-1], scopes=old.scopes[::-1])) == ()


def test_a_change_reads_as_a_line() -> None:
    both = [Change("key", "", "b"), Change("key", "a", ""), Change("key", "a", "b")]
    assert [str(one) for one in both] == ["key added: b", "key removed: a", "key: a → b"]


def test_a_change_is_one_line() -> None:
    """An entity ID may hold line ends, and so seemed to be a change of nothing but a key."""
    forged = Change("entity_id", IDP, "urn:x\n  key added: SHA-256 00\u2028\x9b2J\u202e")
    assert str(forged) == rf"entity_id: {IDP} → urn:x\n  key added: SHA-256 00\u2028\x9b2J\u202e"
