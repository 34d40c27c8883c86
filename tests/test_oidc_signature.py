"""Which key verifies a token, and when asking for new ones may help: as providers really rotate."""

import base64
import json
import string
from typing import Any

import pytest
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from federation.errors import AssertionRefused
from federation.oidc import key_set, signature

ENTRA = "https://login.microsoftonline.com"
TENANT, OTHER = "aaaaaaaa-2222-4333-8444-555555555555", "bbbbbbbb-2222-4333-8444-555555555555"
OLD, NEW = RSAKey.generate_key(2048), RSAKey.generate_key(2048)


def published(*keys: tuple[RSAKey, dict[str, Any]]) -> key_set.Jwks:
    entries = [{**key.as_dict(private=False), **members} for key, members in keys]
    return key_set.read_jwks(json.dumps({"keys": entries}).encode(), "application/json")


def signed(key: RSAKey, header: dict[str, Any], payload: bytes = b'{"iss":"https://op.example"}') -> str:
    return jws.serialize_compact({"alg": "RS256", **header}, payload, key)


def outcome(token: str, keys: key_set.Jwks) -> tuple[str, bool]:
    """The refusal's code, "" where it held; and whether new keys are asked for."""
    fresh = signature.needs_new_keys(token, jwks=keys, registered="RS256")
    try:
        signature.verify(token, jwks=keys, registered="RS256")
    except AssertionRefused as refused:
        return refused.code, fresh
    return "", fresh


ROTATIONS: list[tuple[str, dict[str, Any], dict[str, Any], RSAKey, str, bool]] = [
    # what happens             the header       the key published    signed by  comes of it           anew
    ("nothing",                {"kid": "old"},  {"kid": "old"},      OLD,       "",                   False),
    ("a new key",              {"kid": "new"},  {"kid": "old"},      NEW,       "oidc.key_unknown",   True),
    ("no names at all",        {},              {},                  OLD,       "",                   False),
    ("replaced without names", {},              {},                  NEW,       "oidc.signature",     True),
    ("a header without name",  {},              {"kid": "old"},      OLD,       "",                   False),
    ("likewise, replaced",     {},              {"kid": "old"},      NEW,       "oidc.signature",     True),
    ("a key without name",     {"kid": "new"},  {},                  NEW,       "oidc.key_unknown",   True),
    ("forged with its name",   {"kid": "old"},  {"kid": "old"},      NEW,       "oidc.signature",     False),
    ("nameless, of no use",    {},              {"alg": "RS512"},    OLD,       "oidc.key_unknown",   True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("header", "members", "signer", "code", "fresh"),
    [one[1:] for one in ROTATIONS],
    ids=[one[0] for one in ROTATIONS],
)
def test_when_new_keys_may_help(
    header: dict[str, Any], members: dict[str, Any], signer: RSAKey, code: str, *, fresh: bool
) -> None:
    assert outcome(signed(signer, header), published((OLD, members))) == (code, fresh)


@pytest.mark.parametrize(
    "token",
    ["", "a.b", "a.b.c.d.e", "a.b.c", "!.b.c", signed(OLD, {})[:-20] + "." * 3, "e30.e30.", "e30.e30.AA"],
)
def test_what_is_no_token_asks_for_nothing(token: str) -> None:
    assert signature.needs_new_keys(token, jwks=published((OLD, {})), registered="RS256") is False


@pytest.mark.parametrize("header", [{"kid": "new", "crit": ["b64"]}, {"kid": "new", "typ": "logout+jwt"}])
def test_a_header_that_is_refused_asks_for_nothing(header: dict[str, Any]) -> None:
    token = signed(OLD, {"kid": "new"}).partition(".")[2]
    head = base64.urlsafe_b64encode(json.dumps({"alg": "RS256", **header}).encode()).rstrip(b"=").decode()
    assert signature.needs_new_keys(f"{head}.{token}", jwks=published((OLD, {})), registered="RS256") is False


def issuer(tid: str) -> str:
    return f"{ENTRA}/{tid}/v2.0"


def says(iss: Any) -> bytes:
    return json.dumps({"iss": iss}).encode()


SHARED = issuer("{tenantid}")
KEY_ISSUERS: list[tuple[str, bytes, str]] = [
    # the key verifies   the token says                   what comes of it
    (SHARED,             says(issuer(TENANT)),            ""),
    (issuer(TENANT),     says(issuer(TENANT)),            ""),
    (issuer(OTHER),      says(issuer(TENANT)),            "oidc.key_unknown"),
    (SHARED,             says("https://evil.example"),    "oidc.key_unknown"),
    (SHARED,             says([issuer(TENANT)]),          "oidc.key_unknown"),
    (SHARED,             b"{}",                           "oidc.key_unknown"),
    (SHARED,             b"not JSON",                     "oidc.key_unknown"),
    (SHARED,             b'{"iss":"x","iss":"y"}',        "oidc.key_unknown"),
    ("",                 b"not JSON",                     ""),
]  # fmt: skip


@pytest.mark.parametrize(("named", "payload", "code"), KEY_ISSUERS)
def test_a_key_verifies_its_own_issuers_tokens(named: str, payload: bytes, code: str) -> None:
    keys = published((OLD, {"kid": "k", "issuer": named}))
    assert outcome(signed(OLD, {"kid": "k"}, payload), keys)[0] == code


def test_one_name_for_two_issuers_keys() -> None:
    """As Entra may publish them: the token's issuer tells which."""
    keys = published(
        (OLD, {"kid": "k", "issuer": issuer(OTHER)}), (NEW, {"kid": "k", "issuer": issuer(TENANT)})
    )
    said = says(issuer(TENANT))
    assert outcome(signed(NEW, {"kid": "k"}, said), keys)[0] == ""
    assert outcome(signed(OLD, {"kid": "k"}, said), keys)[0] == "oidc.signature"


KEYS: dict[str, Key] = {
    "RS256": OLD, "PS384": OLD, "ES256": ECKey.generate_key("P-256"), "ES512": ECKey.generate_key("P-521"),
    "EdDSA": OKPKey.generate_key("Ed25519"), "Ed448": OKPKey.generate_key("Ed448"),
}  # fmt: skip


class Judge(jws.JWSRegistry):
    """Asked of the whole token, as whoever uses joserfc has it read."""

    max_header_length, max_payload_length = signature.HEADER_LENGTH, signature.PAYLOAD_LENGTH
    max_signature_length = signature.SIGNATURE_LENGTH

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]  # without a warning that EdDSA has a newer name


def judged(token: str, alg: str) -> bytes | None:
    try:
        return jws.deserialize_compact(token, KEYS[alg], registry=Judge()).payload
    except (JoseError, ValueError):
        return None


def ours(token: str, alg: str) -> bytes | None:
    entry = {**KEYS[alg].as_dict(private=False), "kid": "k"}
    keys = key_set.read_jwks(json.dumps({"keys": [entry]}).encode(), "application/json")
    try:
        return signature.verify(token, jwks=keys, registered=alg).payload
    except AssertionRefused:
        return None


@pytest.mark.parametrize("alg", KEYS)
@pytest.mark.parametrize("payload", [b'{"a":1}', b'{"a":12}'])
def test_another_reader_of_tokens_says_the_same(alg: str, payload: bytes) -> None:
    """Every last character of every part, an octet more and less: one spelling holds, and one alone."""
    token = jws.serialize_compact({"alg": alg, "kid": "k"}, payload, KEYS[alg], registry=Judge())
    assert ours(token, alg) == payload == judged(token, alg)
    parts = token.split(".")
    for place in range(3):
        part = parts[place]
        for other in (part[:-1] + last for last in [*string.ascii_letters, *"0189-_=+/ \n", "", "AA", "=="]):
            changed = ".".join([*parts[:place], other, *parts[place + 1 :]])
            assert (changed == token) == (ours(changed, alg) is not None)
            assert ours(changed, alg) == judged(changed, alg), place
