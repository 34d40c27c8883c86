"""The domains that an IdP's metadata names bind the very address that is used, and no other."""

from dataclasses import replace
from typing import Any

import pytest
import re2
import saml_peer
from hypothesis import given
from hypothesis import strategies as st
from test_saml_profile import EMAIL, PRINCIPAL, UNSPECIFIED, good, name

from federation import attributes
from federation.errors import AssertionRefused, PolicyRefused
from federation.saml import profile
from federation.saml.scopes import Scope

EXACT = Scope(value="acme.example", regexp=False, pattern=None)


def scoped(*scopes: Scope, **want: Any) -> profile.Expected:
    return saml_peer.expected(idp=replace(saml_peer.trusted(), scopes=scopes), **want)


ADDRESSES = st.sampled_from(
    ["zoe@acme.example", "Zoe@ACME.example", "zoe@other.example", " zoe@acme.example", "", " "]
)
SENT = st.dictionaries(
    st.sampled_from(["email", "mail", "workMail", "else"]), st.lists(ADDRESSES, max_size=2).map(tuple)
)


@given(
    sent=SENT,
    mapped=st.sampled_from([(), ("workMail",), ("else", "mail")]),
    named=st.sampled_from(["zoe@acme.example", "zoe@other.example"]),
    form=st.sampled_from([EMAIL, UNSPECIFIED]),
)
def test_the_address_that_is_used_is_the_one_that_was_asked(
    sent: dict[str, tuple[str, ...]], mapped: tuple[str, ...], named: str, form: str
) -> None:
    """What was let pass under scopes has no address outside of them."""
    message = good(name_id=name(named, format=form), attributes=sent)
    want: dict[str, Any] = {"name_id_format": form, "email_attributes": mapped}

    def address(*scopes: Scope) -> str:
        return attributes.normalize(
            profile.verify(message, scoped(*scopes, **want), ()),
            connection="acme",
            organization="acme",
            attributes={"email": mapped} if mapped else {},
            split_groups="auto",
        ).email

    try:
        freely = address()
    except PolicyRefused:  # two different addresses: refused with scopes or without
        return
    if freely in ("", "zoe@acme.example", "Zoe@acme.example"):
        assert address(EXACT) == freely
    else:
        with pytest.raises(AssertionRefused, match=r"^saml\.scope: "):
            address(EXACT)


@pytest.mark.parametrize(
    ("principal", "held"),
    [
        ("zoe@cs.acme.example", True),
        ("zoe@CS.ACME.example", True),
        ("zoe@acme.example", False),
        ("zoe@cs.acme.example.evil.example", False),
        ("zoe@evil.example/cs.acme.example", False),
        ("zoe@cs.acme.example\n", True),  # space around a value is not part of it
        ("zoe@cs@cs.acme.example", False),
        ("@cs.acme.example", True),  # whom it means is not asked here
    ],
)
def test_an_expression_matches_the_whole_scope(principal: str, held: bool) -> None:  # noqa: FBT001
    options = re2.Options()
    options.case_sensitive = False
    pattern = re2.compile(r"[a-z]+\.acme\.example", options)
    want = scoped(Scope(value="…", regexp=True, pattern=pattern), email_attributes=("none",))
    message = good(attributes={PRINCIPAL: (principal,)})
    if held:
        assert profile.verify(message, want, ()).id == "_a"
    else:
        with pytest.raises(AssertionRefused, match=r"^saml\.scope: "):
            profile.verify(message, want, ())


def test_one_of_several_scopes_is_enough() -> None:
    other = Scope(value="other.example", regexp=False, pattern=None)
    message = good(attributes={PRINCIPAL: ("zoe@other.example",)})
    assert profile.verify(message, scoped(EXACT, other), ()).id == "_a"


def test_metadata_without_scopes_limits_nothing() -> None:
    message = good(attributes={PRINCIPAL: ("anything",)})
    assert profile.verify(message, scoped(), ()).id == "_a"
