"""What the development OpenID Provider can do wrong, one knob per rule that forbids it.

FAULTS is the table: the login page offers it ("break one rule"), and tests hold each row to
the code that must refuse it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

GONE = object()  # as a value: the member is left out
TWICE = object()  # as a value: the parameter is sent two times
BESIDE = object()  # as aud: the client, and somebody else beside it
FAR = 366 * 86400  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """A NumericDate as seconds from now."""

    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    """How one sign-in deviates; the default is a provider that keeps every rule."""

    claims: Mapping[str, Any] = field(default_factory=dict)  # of the ID Token; GONE, Later, BESIDE
    header: Mapping[str, Any] = field(default_factory=dict)  # of the ID Token; GONE
    sign: str = "right"  # right, none, public_key (HS256 with our public key), other_key
    bends: str = "every"  # which ID Token of a hybrid answer is bent: every, front, back
    answer: Mapping[str, Any] = field(default_factory=dict)  # authorization answer; GONE, TWICE
    token_members: Mapping[str, Any] = field(default_factory=dict)  # GONE
    userinfo: Mapping[str, Any] = field(default_factory=dict)  # claims of UserInfo; GONE
    userinfo_header: Mapping[str, Any] = field(default_factory=dict)  # where it is signed; GONE
    userinfo_sign: str = "right"  # as sign
    repeats: bool = False  # the ID Token of the sign-in before, whoever's that was
    rotates: bool = False  # signs with a key that was made this moment, and publishes it
    fails: Mapping[str, str] = field(default_factory=dict)  # token, userinfo, pushed → openid_failures.HOW
    ended: Mapping[str, Any] = field(default_factory=dict)  # answer of end_session; GONE, TWICE
    logout: Mapping[str, Any] = field(default_factory=dict)  # claims of the logout token; GONE, Later, BESIDE
    logout_header: Mapping[str, Any] = field(default_factory=dict)  # GONE
    logout_sign: str = "right"  # as sign
    # what concerns everybody
    pushed: Mapping[str, Any] = field(default_factory=dict)  # answer to a pushed request; GONE
    jwks: bytes | None = None  # sent in place of the JWK Set
    discovery: Mapping[str, Any] = field(default_factory=dict)  # GONE
    publishes: Mapping[str, str] = field(default_factory=dict)  # discovery, jwks → openid_failures.HOW


RIGHT = Knobs()


def bend(right: Mapping[str, Any], wrong: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is sent: the right members, the wrong ones over them, none that is GONE."""
    return {name: value for name, value in {**right, **wrong}.items() if value is not GONE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to break one rule."""

    code: str  # of the refusal that must follow
    says: str  # what is wrong, on the login page
    knobs: Knobs


def _token(says: str, code: str, /, **claims: Any) -> Fault:
    return Fault(code=code, says=f"ID Token: {says}", knobs=Knobs(claims=claims))


def _header(says: str, code: str, /, sign: str = "right", **header: Any) -> Fault:
    return Fault(code=code, says=f"ID Token header: {says}", knobs=Knobs(header=header, sign=sign))


def _answer(says: str, code: str, /, **answer: Any) -> Fault:
    return Fault(code=code, says=f"answer: {says}", knobs=Knobs(answer=answer))


def _endpoint(says: str, code: str, how: str) -> Fault:
    return Fault(code=code, says=f"token endpoint: {says}", knobs=Knobs(fails={"token": how}))


OTHER = "https://other.example"
FAULTS: Mapping[str, Fault] = {
    "iss": _token("another issuer", "oidc.issuer", iss=OTHER),
    "aud": _token("another audience", "oidc.audience", aud="somebody-else"),
    "azp": _token("issued to another client", "oidc.azp", azp="somebody-else"),
    "azp-missing": Fault(
        code="oidc.azp", says="ID Token: several audiences, no azp",
        knobs=Knobs(claims={"aud": BESIDE}),
    ),
    "sub": _token("no subject", "oidc.subject", sub=GONE),
    "exp": _token("expired", "oidc.expired", exp=Later(seconds=-3600)),
    "exp-missing": _token("no expiry", "oidc.expired", exp=GONE),
    "iat": _token("issued next year", "oidc.issued_at", iat=Later(seconds=FAR)),
    "iat-missing": _token("no time of issue", "oidc.issued_at", iat=GONE),
    "nbf": _token("not valid before next year", "oidc.not_before", nbf=Later(seconds=FAR)),
    "nonce": _token("another nonce", "oidc.nonce", nonce="another"),
    "nonce-missing": _token("no nonce", "oidc.nonce", nonce=GONE),
    "at_hash": _token("hash of another access token", "oidc.at_hash", at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
    "alg-none": _header("unsigned", "oidc.alg", sign="none", alg="none"),
    "alg-hs256": _header("HS256 with the public key", "oidc.alg", sign="public_key", alg="HS256"),
    "key": _header("signed with another key", "oidc.signature", sign="other_key"),
    "kid-unknown": _header("unknown key id", "oidc.key_unknown", kid="nobody"),
    "kid-missing": _header("no key id, with several keys", "oidc.key_ambiguous", kid=GONE),
    "kid-number": _header("key id is a number", "oidc.kid", kid=7),
    "crit": _header("an extension that must be understood", "oidc.crit", crit=["exp"], exp=1),
    "typ": _header("says it is an access token", "oidc.typ", typ="at+jwt"),
    "answer-iss": _answer("another issuer", "oidc.answer_iss", iss=OTHER),
    "answer-iss-missing": _answer("no issuer, though promised", "oidc.answer_iss", iss=GONE),
    "answer-iss-twice": _answer("issuer twice", "form.repeated", iss=TWICE),
    "state": _answer("another state", "signin.unknown", state="another"),
    "state-missing": _answer("no state", "signin.unknown", state=GONE),
    "state-twice": _answer("state twice", "form.repeated", state=TWICE),
    "code": _answer("another code", "oidc.code_refused", code="another"),
    "code-missing": _answer("no code", "oidc.code_missing", code=GONE),
    "code-twice": _answer("code twice", "form.repeated", code=TWICE),
    "answer-error": _answer("an error", "oidc.error_answer", error="server_error"),
    "token-slow": _endpoint("slow", "fetch.timeout", "slow"),
    "token-drip": _endpoint("one octet at a time", "fetch.timeout", "drip"),
    "token-huge": _endpoint("2 MiB", "fetch.too_large", "huge"),
    "token-malformed": _endpoint("half an answer", "oidc.token_malformed", "malformed"),
    "token-500": _endpoint("status 500", "oidc.token_status", "error"),
    "token-text": _endpoint("not JSON", "oidc.token_content_type", "text"),
    "token-redirect": _endpoint("redirects", "fetch.redirect", "redirect"),
    "token-compressed": _endpoint("compressed", "fetch.encoded", "compressed"),
    "token-dropped": _endpoint("breaks off", "fetch.connection", "dropped"),
    "token-client": _endpoint("refuses our secret", "oidc.token_client_refused", "refused"),
    "token-type": Fault(
        code="oidc.token_type", says="token endpoint: another kind of token",
        knobs=Knobs(token_members={"token_type": "DPoP"}),
    ),
    "id-token-missing": Fault(
        code="oidc.token_no_id_token", says="token endpoint: no ID Token",
        knobs=Knobs(token_members={"id_token": GONE}),
    ),
    "userinfo-sub": Fault(
        code="oidc.userinfo_sub", says="UserInfo: another subject", knobs=Knobs(userinfo={"sub": "mallory"})
    ),
    "userinfo-500": Fault(
        code="oidc.userinfo_status", says="UserInfo: status 500", knobs=Knobs(fails={"userinfo": "error"})
    ),
}  # fmt: skip
# Where an ID Token comes through the browser; the login page offers them for such a request.
FRONT_FAULTS: Mapping[str, Fault] = {
    "front-nonce": Fault(
        code="oidc.nonce", says="ID Token in front: another nonce",
        knobs=Knobs(claims={"nonce": "another"}, bends="front"),
    ),
    "front-alg-none": Fault(
        code="oidc.alg", says="ID Token in front: unsigned",
        knobs=Knobs(header={"alg": "none"}, sign="none", bends="front"),
    ),
    "front-missing": _answer("no ID Token", "oidc.answer_no_id_token", id_token=GONE),
    "front-twice": _answer("ID Token twice", "form.repeated", id_token=TWICE),
    "access-token": _answer("an access token", "oidc.answer_unasked", access_token="of-somebody"),
}  # fmt: skip
HYBRID_FAULTS: Mapping[str, Fault] = {
    "c_hash": Fault(
        code="oidc.c_hash", says="ID Token in front: hash of another code",
        knobs=Knobs(claims={"c_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, bends="front"),
    ),
    "c_hash-missing": Fault(
        code="oidc.c_hash", says="ID Token in front: no hash of the code",
        knobs=Knobs(claims={"c_hash": GONE}, bends="front"),
    ),
    "back-sub": Fault(
        code="oidc.subject_changed", says="the two ID Tokens name two people",
        knobs=Knobs(claims={"sub": "mallory"}, bends="back"),
    ),
}  # fmt: skip
# These concern everybody and stand in documents that are kept, so the login page does not offer them.
PUBLISHED_FAULTS: Mapping[str, Fault] = {
    name: Fault(code=code, says=says, knobs=knobs)
    for name, code, says, knobs in (
        ("jwks", "oidc.jwks_malformed", "garbage in place of keys", Knobs(jwks=b"\x00garbage")),
        ("jwks-empty", "oidc.jwks_no_key", "no key", Knobs(jwks=b'{"keys":[]}')),
        ("issuer", "oidc.discovery_issuer", "discovery: another issuer", Knobs(discovery={"issuer": OTHER})),
        ("endpoint", "oidc.discovery_endpoint", "discovery: plain http",
         Knobs(discovery={"token_endpoint": "http://other.example/token"})),
        ("endpoint-missing", "oidc.discovery_endpoint", "discovery: no token endpoint",
         Knobs(discovery={"token_endpoint": GONE})),
    )
}  # fmt: skip
