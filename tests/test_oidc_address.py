"""Whose address it is: what each vendor says about it, and what that does not say."""

from typing import Any

import pytest

from federation.oidc.address import VerifiedBy, email_verified

ADA = {"email": "ada@acme.example"}
CASES: list[tuple[VerifiedBy, dict[str, Any], dict[str, Any], bool | None]] = [
    # by, ID Token, UserInfo, and what comes of it
    ("email_verified", {**ADA, "email_verified": True}, {}, True),
    ("email_verified", {**ADA, "email_verified": "true"}, {}, True),  # Cognito
    ("email_verified", {**ADA, "email_verified": False}, {}, False),
    ("email_verified", {**ADA, "email_verified": "false"}, {}, False),
    ("email_verified", ADA, {}, None),
    ("email_verified", {**ADA, "email_verified": 1}, {}, None),
    ("email_verified", {**ADA, "email_verified": "True"}, {}, None),
    ("email_verified", {**ADA, "email_verified": [True]}, {}, None),
    ("email_verified", {**ADA, "xms_edov": True}, {}, None),  # another vendor's word
    ("email_verified", {"email_verified": True}, {}, None),  # of what?
    ("email_verified", {}, {**ADA, "email_verified": "true"}, True),
    ("email_verified", ADA, {"email": "bob@acme.example", "email_verified": True}, None),
    ("email_verified", {**ADA, "email_verified": False}, {**ADA, "email_verified": True}, False),
    ("email_verified", {**ADA, "email_verified": 1}, {**ADA, "email_verified": True}, None),
    ("email_verified", {"email": ["ada@acme.example"], "email_verified": True}, {}, None),
    # Entra: the tenant owns the domain
    ("xms_edov", {**ADA, "xms_edov": True}, {}, True),
    ("xms_edov", {**ADA, "xms_edov": "1"}, {}, True),
    ("xms_edov", {**ADA, "xms_edov": 1}, {}, True),
    ("xms_edov", {**ADA, "xms_edov": "true"}, {}, True),
    ("xms_edov", {**ADA, "xms_edov": False}, {}, False),
    ("xms_edov", {**ADA, "xms_edov": "0"}, {}, False),
    ("xms_edov", {**ADA, "xms_edov": 0}, {}, False),
    ("xms_edov", {**ADA, "xms_edov": 2}, {}, None),
    ("xms_edov", {**ADA, "xms_edov": "yes"}, {}, None),
    ("xms_edov", {**ADA, "xms_edov": 1.0}, {}, None),
    ("xms_edov", ADA, {}, None),
    ("xms_edov", {**ADA, "email_verified": True}, {}, None),  # not Entra's own word
    ("xms_edov", {**ADA, "email_verified": False, "xms_edov": True}, {}, False),
    ("xms_edov", {"xms_edov": True, "preferred_username": "ada@acme.example"}, {}, None),
    # Google: authoritative for Gmail and for Workspace alone
    ("hd", {**ADA, "email_verified": True, "hd": "acme.example"}, {}, True),
    ("hd", {**ADA, "email_verified": True}, {}, None),
    ("hd", {**ADA, "email_verified": True, "hd": " "}, {}, None),
    ("hd", {**ADA, "email_verified": True, "hd": True}, {}, None),
    ("hd", {**ADA, "email_verified": False, "hd": "acme.example"}, {}, False),
    ("hd", {**ADA, "email_verified": False}, {}, False),
    ("hd", {**ADA, "hd": "acme.example"}, {}, None),
    ("hd", {"email": "ada@gmail.com", "email_verified": True}, {}, True),
    ("hd", {"email": "ada@GMAIL.COM", "email_verified": True}, {}, True),
    ("hd", {"email": "ada@gmail.com"}, {}, None),
    ("hd", {"email": "ada@notgmail.com", "email_verified": True}, {}, None),
    ("hd", {"email": "ada@gmail.com.acme.example", "email_verified": True}, {}, None),
    ("hd", {**ADA, "email_verified": True}, {**ADA, "email_verified": True, "hd": "acme.example"}, None),
]  # fmt: skip


@pytest.mark.parametrize(("by", "said", "userinfo", "verified"), CASES)
def test_an_address_is_verified_only_in_the_vendors_own_way(
    by: VerifiedBy,
    said: dict[str, Any],
    userinfo: dict[str, Any],
    verified: bool | None,  # noqa: FBT001
) -> None:
    assert email_verified(said, userinfo, by=by) is verified
