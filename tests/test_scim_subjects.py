"""Whose account a provisioned person's is: the same Subject as a sign-in's, or none."""

import dataclasses
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import saml_peer
from decisions import connection as oidc
from saml_peer import IDP, SP
from test_saml_presets import connection as saml
from test_saml_profile import EMAIL, PERSISTENT, UNSPECIFIED, good, name

from federation.connection import AnyConnection, LocalConnection, OAuth2Connection
from federation.identity import Authentication, Groups, Identity, Presence, Subject
from federation.oidc import signed_claims
from federation.provisioned import Awaited, ScimUser
from federation.saml import subject as saml_subject
from federation.scim import subjects

OKTA_ID = "00u1a2b3c4d5e6f7g8h9"
OBJECT = "6f1c1a44-30dd-4c4a-9b6e-0123456789ab"
TENANT = "11111111-2222-3333-4444-555555555555"
ENTRA_OIDC = f"https://login.microsoftonline.com/{TENANT}/v2.0"
ENTRA_SAML = f"https://sts.windows.net/{TENANT}/"
CLAIM = "http://schemas.microsoft.com/identity/claims/"
ISSUER = "https://idp.example"


def user(external_id: str = "", user_name: str = "Zoe@acme.example") -> ScimUser:
    return ScimUser(id="1", user_name=user_name, external_id=external_id, body={})


def signed_in(claims: dict[str, str], *, by: str, subject_claims: tuple[str, ...] = ()) -> Subject:
    """The Subject of a sign-in by OpenID Connect."""
    want: Any = SimpleNamespace(demands=SimpleNamespace(subject_claims=subject_claims))
    said: Any = SimpleNamespace(claims=claims)
    return signed_claims._subject(said, by, want)


def named(issuer: str = IDP, *, keyed: tuple[str, ...] = (), form: str = EMAIL, **message: Any) -> Subject:
    """The Subject of a sign-in by SAML."""
    idp = dataclasses.replace(saml_peer.trusted(), entity_id=issuer)
    found = saml_subject.read(
        good(**message), saml_peer.expected(idp=idp, subject_attributes=keyed, name_id_format=form)
    )
    assert found is not None
    return found


def found(connection: AnyConnection, told: ScimUser, issuer: str, ours: str = "") -> tuple[str, ...]:
    return subjects.persons(connection, told, issuer=issuer, sp_entity_id=ours)


def test_okta_by_openid_connect_is_known_by_its_id() -> None:
    want = signed_in({"sub": OKTA_ID}, by=ISSUER)
    assert found(oidc("c", "o", preset="okta"), user(OKTA_ID), ISSUER) == (want.person,)


def test_entra_by_openid_connect_is_known_by_tenant_and_object() -> None:
    want = signed_in({"tid": TENANT, "oid": OBJECT}, by=ENTRA_OIDC, subject_claims=("tid", "oid"))
    entra = oidc("c", "o", preset="entra", issuer=ENTRA_OIDC)
    assert found(entra, user(OBJECT), ENTRA_OIDC) == (want.person,)
    shared = oidc("c", "o", preset="entra", issuer=ENTRA_OIDC, tenants=[TENANT])
    assert found(shared, user(OBJECT), "https://login.microsoftonline.com/{tenantid}/v2.0") == (want.person,)


def test_entra_of_several_tenants_says_nothing_of_whose_an_object_is() -> None:
    entra = oidc("c", "o", preset="entra", issuer=ENTRA_OIDC, tenants=[TENANT, OBJECT])
    assert found(entra, user(OBJECT), "https://login.microsoftonline.com/{tenantid}/v2.0") == ()


def test_entra_with_the_default_mapping_tells_a_nickname_and_nobody_by_it() -> None:
    assert found(oidc("c", "o", preset="entra", issuer=ENTRA_OIDC), user("zoe"), ENTRA_OIDC) == ()


NAME_IDS = [
    # format, what the directory told, what the IdP sends
    ("emailAddress", user(), {"name_id": name("zoe@ACME.example", format=EMAIL)}, EMAIL),
    ("unspecified", user(user_name="Zoe"), {"name_id": name("Zoe")}, UNSPECIFIED),
    ("persistent", user(OBJECT, "x"), {"name_id": name(OBJECT, format=PERSISTENT)}, PERSISTENT),
]


@pytest.mark.parametrize(("asked", "told", "message", "form"), NAME_IDS)
def test_by_saml_a_person_is_known_by_the_name_id_that_is_asked_for(
    asked: str, told: ScimUser, message: dict[str, Any], form: str
) -> None:
    connection = saml("generic", name_id_format=asked)
    assert found(connection, told, IDP, SP) == (named(form=form, **message).person,)


def test_okta_by_saml_is_known_by_its_id_and_by_the_name_that_may_stand_alone() -> None:
    by_id = named(keyed=("user.id",), attributes={"user.id": (OKTA_ID,)})
    by_name = named(name_id=name("zoe@acme.example", format=EMAIL))
    assert found(saml("okta"), user(OKTA_ID), IDP, SP) == (by_id.person, by_name.person)


def test_entra_by_saml_is_known_by_tenant_and_object() -> None:
    keyed = (f"{CLAIM}tenantid", f"{CLAIM}objectidentifier")
    sent: dict[str, Any] = {"attributes": {keyed[0]: (TENANT,), keyed[1]: (OBJECT,)}}
    by_id = named(ENTRA_SAML, keyed=keyed, **sent)
    by_name = named(ENTRA_SAML, name_id=name("zoe@acme.example", format=EMAIL))
    assert found(saml("entra"), user(OBJECT), ENTRA_SAML, SP) == (by_id.person, by_name.person)


def test_an_attribute_that_keys_people_is_the_external_id_where_the_connection_says_so() -> None:
    keyed = saml("generic", subject_attribute="uid", scim={"external_id": "uid"})
    want = named(keyed=("uid",), attributes={"uid": ("[4711]",)})
    assert found(keyed, user("[4711]"), IDP, SP) == (want.person,)
    assert found(saml("generic", subject_attribute="uid"), user("4711"), IDP, SP) == ()


def test_an_api_s_people_are_known_by_their_id_where_the_connection_says_so() -> None:
    told = {
        "protocol": "oauth2", "preset": "github", "organization": "o", "client_id": "us", "anyone": True,
        "token_endpoint_auth_method": "none", "subject_claim": "id", "issuer": ISSUER,
        "server": "https://github.com",
    }  # fmt: skip
    silent = OAuth2Connection.model_validate(told)
    saying = OAuth2Connection.model_validate(told | {"scim": {"external_id": "id"}})
    assert found(silent, user("4711"), ISSUER) == ()
    assert found(saying, user("4711"), ISSUER) == (Subject(issuer=ISSUER, value="4711").person,)


@pytest.mark.parametrize("value", ["4711", "zoe", "", " ", "zoe@acme.exam", "ä" * 20])
def test_what_two_systems_may_give_to_different_people_is_nobody(value: str) -> None:
    assert found(oidc("c", "o"), user(value), ISSUER) == ()


def test_nobody_is_known_before_the_provider_is() -> None:
    assert found(oidc("c", "o", preset="okta"), user(OKTA_ID), "") == ()


def test_local_accounts_are_nobody_s_directory() -> None:
    local = LocalConnection.model_validate({"protocol": "local", "organization": "o", "anyone": True})
    assert found(local, user(OKTA_ID), ISSUER) == ()


def who(subject: Subject, email: str = "", **attributes: str) -> Identity:
    return Identity(
        subject=subject,
        connection="c",
        organization="o",
        email=email,
        email_verified=None,
        given_name="",
        family_name="",
        display_name="",
        groups=Groups(Presence.EMPTY),
        attributes={name: (value,) for name, value in attributes.items()},
        authentication=Authentication(instant=None),
    )


def waiting(one: Identity, connection: AnyConnection, *, trusted: bool = False) -> Awaited:
    return subjects.awaited(one, connection, email_trusted=trusted)


def test_whoever_signs_in_is_awaited_by_what_their_vendor_sends_both_ways() -> None:
    okta = oidc("c", "o", preset="okta")
    one = who(Subject(issuer=ISSUER, value="00u4711"), "Zoe@acme.example", preferred_username="Zoe@X")
    assert waiting(one, okta) == Awaited(external_ids=("00u4711",), user_names=("zoe@x",))
    assert waiting(one, okta, trusted=True) == Awaited(
        external_ids=("00u4711",), user_names=("zoe@x", "zoe@acme.example"), email_key="zoe@acme.example"
    )


def test_entra_is_awaited_by_the_object_not_by_the_pair() -> None:
    entra = oidc("c", "o", preset="entra", issuer=ENTRA_OIDC)
    subject = signed_in({"tid": TENANT, "oid": OBJECT}, by=ENTRA_OIDC, subject_claims=("tid", "oid"))
    assert waiting(who(subject, oid=OBJECT, upn="Z@x"), entra) == Awaited(
        external_ids=(OBJECT,), user_names=("z@x",)
    )


def test_a_name_that_people_choose_themselves_finds_nobody() -> None:
    one = who(Subject(issuer=ISSUER, value="42"), "boss@acme.example", preferred_username="boss", oid=OBJECT)
    assert waiting(one, oidc("c", "o")) == Awaited()


def test_by_saml_the_name_id_is_the_user_name() -> None:
    one = who(named(name_id=name("Zoe@acme.example", format=EMAIL)))
    assert waiting(one, saml("generic")).user_names == ("zoe@acme.example",)


def test_the_connection_s_own_word_beats_its_vendor_s() -> None:
    okta = oidc("c", "o", preset="okta", scim={"external_id": "employee"})
    one = who(Subject(issuer=ISSUER, value="00u4711"), employee="7")
    assert waiting(one, okta).external_ids == ("7",)


def test_the_formats_are_those_of_saml() -> None:
    assert subjects.EMAIL_ADDRESS == EMAIL
    assert dict(subjects._FORMATS) == {
        key: value for key, value in saml_subject.FORMATS.items() if key != "transient"
    }


def test_a_worker_whose_connections_provision_nobody_loads_no_library() -> None:
    told = (
        "import sys, federation.scim.subjects, federation.scim.identity;"
        "print([name for name in sys.modules if name.startswith('scim2')])"
    )
    found = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
