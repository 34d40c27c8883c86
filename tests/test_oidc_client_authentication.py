"""How we prove who we are: each method as its specification writes it, and our keys as published."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from hashlib import sha1, sha256
from typing import Any, Literal

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from oidc_peer import client

from federation.demo.saml_signing import make_key
from federation.oidc import client_authentication, key_set
from federation.oidc.client import Client
from federation.oidc.client_authentication import AssertionKey, Proof

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
ISSUER, ENDPOINT = "https://op.example", "https://op.example/token"


@cache
def pair(_name: str) -> tuple[Any, bytes]:
    made = make_key(now=NOW)
    return made.private, made.certificate


def key(name: str) -> AssertionKey:
    return client_authentication.read_assertion_key(*pair(name))


def proof(ours: Client, *, jti: str = "jti-1", own: AssertionKey | None = None) -> Proof:
    return client_authentication.authenticate(ours, url=ENDPOINT, issuer=ISSUER, key=own, jti=jti, now=NOW)


BASIC: list[tuple[str, str, str]] = [
    # client_id         client_secret     what is encoded in base64: RFC 6749 §2.3.1, §B
    ("us",              "s3cret",         "us:s3cret"),
    ("us:them",         "a:b",            "us%3Athem:a%3Ab"),
    ("us and them",     "p w",            "us+and+them:p+w"),
    ("us",              "+/=&%?#",        "us:%2B%2F%3D%26%25%3F%23"),
    ("üs",              "€",              "%C3%BCs:%E2%82%AC"),
    ("a.b-c_d~e",       "A.B-C_D~E",      "a.b-c_d~e:A.B-C_D~E"),
    ("https://sp.example/", "s",          "https%3A%2F%2Fsp.example%2F:s"),
]  # fmt: skip


@pytest.mark.parametrize(("client_id", "client_secret", "encoded"), BASIC)
def test_client_secret_basic_form_encodes_both_halves(
    client_id: str, client_secret: str, encoded: str
) -> None:
    form, headers = proof(client(client_id=client_id, client_secret=client_secret))
    assert form == {}
    assert headers == {"Authorization": f"Basic {base64.b64encode(encoded.encode()).decode()}"}


def test_client_secret_post_sends_both_in_the_form() -> None:
    ours = client(token_endpoint_auth_method="client_secret_post", client_secret="a:b c")
    assert proof(ours) == ({"client_id": "us", "client_secret": "a:b c"}, {})


def test_a_public_client_names_itself() -> None:
    ours = client(token_endpoint_auth_method="none", client_secret="")
    assert proof(ours, own=key("current")) == ({"client_id": "us"}, {})


def assertion(
    audience: Literal["issuer", "token_endpoint"] = "issuer", *, jti: str = "jti-1"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the claims of an assertion whose signature held, by the keys that we publish."""
    ours = client(token_endpoint_auth_method="private_key_jwt", client_secret="", assertion_audience=audience)
    form, headers = proof(ours, own=key("current"), jti=jti)
    assert headers == {}
    assert form.keys() == {"client_id", "client_assertion_type", "client_assertion"}
    assert form["client_id"] == "us"
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    published = json.loads(client_authentication.public_jwks([key("current"), key("next")]))
    token = jwt.decode(form["client_assertion"], KeySet.import_key_set(published), algorithms=["RS256"])
    return token.header, token.claims


def test_private_key_jwt_is_verified_by_the_keys_that_we_publish() -> None:
    header, claims = assertion()
    assert claims == {
        "iss": "us", "sub": "us", "aud": ISSUER, "jti": "jti-1", "iat": AT, "exp": AT + 60,
    }  # fmt: skip
    assert (header["alg"], header["typ"], header["kid"]) == ("RS256", "JWT", key("current").kid)


def test_the_audience_is_one_string_as_the_connection_says() -> None:
    assert assertion("issuer")[1]["aud"] == ISSUER
    assert assertion("token_endpoint")[1]["aud"] == ENDPOINT


def test_an_issuer_of_many_tenants_is_no_audience() -> None:
    ours = client(token_endpoint_auth_method="private_key_jwt", client_secret="")
    shared = "https://login.microsoftonline.com/{tenantid}/v2.0"
    form, _ = client_authentication.authenticate(
        ours, url=ENDPOINT, issuer=shared, key=key("current"), jti="jti-1", now=NOW
    )
    assert jwt.decode(form["client_assertion"], key("current").key).claims["aud"] == ENDPOINT


def test_an_assertion_is_made_for_one_request() -> None:
    assert assertion(jti="another")[1]["jti"] == "another"


def test_the_header_names_the_certificate_too() -> None:
    """RFC 7515 §4.1.7, §4.1.8: Entra knows a key by the certificate that was uploaded there."""
    header, _ = assertion()
    certificate = pair("current")[1]
    for name, digest in (("x5t", sha1(certificate)), ("x5t#S256", sha256(certificate))):  # noqa: S324  an id
        assert base64.urlsafe_b64decode(header[name] + "==") == digest.digest()


def test_private_key_jwt_without_a_key_is_a_mistake_of_ours() -> None:
    ours = client(token_endpoint_auth_method="private_key_jwt", client_secret="")
    with pytest.raises(ValueError, match="needs our key"):
        proof(ours)


def test_another_key_does_not_verify_it() -> None:
    ours = client(token_endpoint_auth_method="private_key_jwt", client_secret="")
    form, _ = proof(ours, own=key("current"))
    other = replace(key("next"), kid=key("current").kid)
    published = KeySet.import_key_set(json.loads(client_authentication.public_jwks([other])))
    with pytest.raises(JoseError):
        jwt.decode(form["client_assertion"], published, algorithms=["RS256"])


def test_what_we_publish_is_public_and_a_provider_like_us_can_read_it() -> None:
    keys = [key("current"), key("next"), key("previous")]
    document = client_authentication.public_jwks(keys)
    entries = json.loads(document)["keys"]
    assert [entry["kid"] for entry in entries] == [one.kid for one in keys]  # the one in use stands first
    for entry in entries:
        assert entry.keys() == {"kty", "n", "e", "kid", "use", "alg"}
        canonical = json.dumps({name: entry[name] for name in ("e", "kty", "n")}, separators=(",", ":"))
        digest = sha256(canonical.encode()).digest()  # RFC 7638 §3
        assert entry["kid"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    read = key_set.read_jwks(document, "application/json")
    assert [one.thumbprint for one in read.keys] == [one.kid for one in keys]


def test_a_key_keeps_its_name_while_keys_are_exchanged() -> None:
    before = json.loads(client_authentication.public_jwks([key("current"), key("next")]))["keys"]
    after = json.loads(client_authentication.public_jwks([key("next"), key("current")]))["keys"]
    assert before == after[::-1]


def test_no_secret_in_a_repr() -> None:
    for ours in (client(), client(token_endpoint_auth_method="client_secret_post")):
        assert "s3cret" not in repr(proof(ours))
        assert base64.b64encode(b"us:s3cret").decode() not in repr(proof(ours))
    ours = client(token_endpoint_auth_method="private_key_jwt", client_secret="")
    assert "eyJ" not in repr(proof(ours, own=key("current")))
    assert repr(key("current")) == f"AssertionKey(kid={key('current').kid!r})"
