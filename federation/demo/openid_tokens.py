"""What the development OpenID Provider signs: its keys, ID Tokens and the like, right and wrong ones."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any

from joserfc.jwk import JWKRegistry, Key, OctKey
from joserfc.jws import JWSRegistry

from federation.demo.openid_faults import BESIDE, RIGHT, Knobs, Later, bend
from federation.demo.users import DemoUser

LIFE = 300  # seconds: of an ID Token
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"

_KINDS: Mapping[str, tuple[str, int | str]] = {
    "RS256": ("RSA", 2048), "RS384": ("RSA", 2048), "RS512": ("RSA", 2048),
    "PS256": ("RSA", 2048), "PS384": ("RSA", 2048), "PS512": ("RSA", 2048),
    "ES256": ("EC", "P-256"), "ES384": ("EC", "P-384"), "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"), "Ed25519": ("OKP", "Ed25519"), "Ed448": ("OKP", "Ed448"),
}  # fmt: skip
SCOPES: Mapping[str, tuple[str, ...]] = {
    "profile": ("name", "given_name", "family_name", "preferred_username", "department"),
    "email": ("email", "email_verified"),
    "groups": ("groups",),
}


class Signer:
    """One issuer's keys: the current one, the next (published ahead, as real providers do), a stranger's."""

    def __init__(self, issuer: str, alg: str, *, secret: str = "", name: str = "demo") -> None:
        """Make keys, called ``name``-1 and so on; of HS256 the key is the client's ``secret``."""
        self.issuer = issuer
        self._name = name
        self.alg = alg
        self._secret = secret
        self._made = 0
        self.current, self.next = self._make(), self._make()
        self._old: list[Key] = []
        self._stranger: Key | None = None

    def _make(self, secret: str = "") -> Key:
        self._made += 1
        if self.alg.startswith("HS"):
            return OctKey.import_key(secret or self._secret)
        kty, size = _KINDS[self.alg]
        return JWKRegistry.generate_key(
            kty, size, {"kid": f"{self._name}-{self._made}", "use": "sig", "alg": self.alg}
        )

    def rotate(self, *, keep: bool = False) -> None:
        """Sign with the next key from now on; make another next one; forget the old, or publish it still."""
        self._old = [*self._old, self.current] if keep else []
        self.current, self.next = self.next, self._make()

    def replace(self, *, same_name: bool = False) -> None:
        """Sign at once with a key that nobody has seen published (rotation without notice)."""
        self._old = []
        self._made -= 2 * same_name
        self.current, self.next = self._make(), self._make()

    def jwks(self) -> bytes:
        """Return the public keys as a JWK Set, and one for encryption that is not ours to verify with."""
        published = self.published()
        encryption = {**published[0], "use": "enc", "alg": "RSA-OAEP", "kid": "demo-enc"}
        return json.dumps({"keys": [*published, encryption]}).encode()

    def published(self) -> list[dict[str, Any]]:
        """Return the public keys; none of a secret."""
        if self.alg.startswith("HS"):
            return []
        return [key.as_dict(private=False) for key in (self.current, self.next, *self._old)]

    def sign(self, header: Mapping[str, Any], claims: Mapping[str, Any], *, how: str) -> str:
        """Return a compact JWS; ``how`` is a value of Knobs.sign."""
        signing_input = f"{_encode(_json(header))}.{_encode(_json(claims))}"
        return f"{signing_input}.{_encode(self._signature(signing_input.encode(), how))}"

    def id_token(
        self,
        user: DemoUser,
        *,
        client_id: str,
        nonce: str,
        now: int,
        scopes: tuple[str, ...] = (),
        access_token: str = "",
        knobs: Knobs = RIGHT,
        **extra: Any,
    ) -> str:
        """Return a signed ID Token (Core §2), bent as the knobs say.

        Args:
            user: Whom it is about.
            client_id: Its audience.
            nonce: As asked; "" leaves it out, as after a refresh (Core §12.2).
            now: Seconds since 1970.
            scopes: Whose claims it carries itself; the rest are UserInfo's.
            access_token: Hashed into at_hash; "" leaves at_hash out.
            knobs: What to do wrong.
            extra: Claims to add.
        """
        claims: dict[str, Any] = {
            "iss": self.issuer, "sub": subject(user), "aud": client_id, "iat": now, "exp": now + LIFE,
            "auth_time": now, "nonce": nonce, "acr": "urn:demo:password", "amr": ["pwd"],
            **claims_of(user, scopes), **extra,
        }  # fmt: skip
        if not nonce:
            del claims["nonce"]
        if access_token:
            claims["at_hash"] = self.half(access_token)
        wrong = {name: _value(value, client_id, now) for name, value in knobs.claims.items()}
        return self.sign(bend(self._header("JWT"), knobs.header), bend(claims, wrong), how=knobs.sign)

    def logout_token(
        self, *, client_id: str, sub: str, sid: str, now: int, jti: str = "", knobs: Knobs = RIGHT
    ) -> str:
        """Return a signed logout token (Back-Channel Logout §2.4), bent as the knobs say.

        Args:
            client_id: Its audience.
            sub: Whose sessions end.
            sid: Which of them.
            now: Seconds since 1970.
            jti: "" makes one.
            knobs: What to do wrong: ``logout``, ``logout_header``, ``logout_sign``.
        """
        claims: dict[str, Any] = {
            "iss": self.issuer, "sub": sub, "aud": client_id, "iat": now, "exp": now + 120,
            "jti": jti or secrets.token_urlsafe(16), "sid": sid, "events": {LOGOUT_EVENT: {}},
        }  # fmt: skip
        wrong = {name: _value(value, client_id, now) for name, value in knobs.logout.items()}
        header = bend(self._header("logout+jwt"), knobs.logout_header)
        return self.sign(header, bend(claims, wrong), how=knobs.logout_sign)

    def userinfo(self, claims: Mapping[str, Any], *, client_id: str, knobs: Knobs = RIGHT) -> str:
        """Return a UserInfo answer as a JWS (Core §5.3.2), bent as the knobs say."""
        said = bend({"iss": self.issuer, "aud": client_id, **claims}, knobs.userinfo)
        return self.sign(bend(self._header("JWT"), knobs.userinfo_header), said, how=knobs.userinfo_sign)

    def half(self, text: str) -> str:
        """Return at_hash or c_hash of a text (Core §3.1.3.6): half a digest of the algorithm's own size."""
        octets = text.encode()
        match self.alg:
            case "Ed448":
                digest = hashlib.shake_256(octets).digest(114)
            case "EdDSA" | "Ed25519":
                digest = hashlib.sha512(octets).digest()
            case _:
                digest = hashlib.new(f"sha{self.alg[-3:]}", octets).digest()
        return _encode(digest[: len(digest) // 2])

    def _header(self, typ: str) -> dict[str, Any]:
        kid = {} if self.alg.startswith("HS") else {"kid": self.current.kid}
        return {"alg": self.alg, **kid, "typ": typ}

    def _signature(self, octets: bytes, how: str) -> bytes:
        match how:
            case "none":
                return b""
            case "public_key":  # for a verifier that takes what everybody knows as the secret
                return hmac.digest(_public_pem(self.current), octets, hashlib.sha256)
            case "other_key":
                self._stranger = self._stranger or self._make(secrets.token_hex(64))
                key = self._stranger
            case _:
                key = self.current
        signature: bytes = JWSRegistry.algorithms[self.alg].sign(octets, key)
        return signature


def subject(user: DemoUser) -> str:
    """Return the ``sub``: stable, and not the login."""
    return hashlib.sha256(f"demo {user.login}".encode()).hexdigest()[:24]


def told_of(user: DemoUser) -> dict[str, Any]:
    """Return every claim about a user that can be asked for."""
    return {
        "name": user.display_name,
        "given_name": user.given_name,
        "family_name": user.family_name,
        "preferred_username": user.login,
        "department": user.department,
        "email": user.email,
        "email_verified": True,
        "groups": list(user.groups),
    }


def claims_of(user: DemoUser, scopes: tuple[str, ...]) -> dict[str, Any]:
    """Return what these scopes tell about a user (Core §5.4)."""
    known = told_of(user)
    return {name: known[name] for scope in scopes for name in SCOPES.get(scope, ())}


def _value(value: Any, client_id: str, now: int) -> Any:
    if isinstance(value, Later):
        return now + value.seconds
    return [client_id, "somebody-else"] if value is BESIDE else value


def _public_pem(key: Key) -> bytes:
    return key.as_pem(private=False) if hasattr(key, "as_pem") else b""


def _json(value: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a surrogate pair: JSON can say it, UTF-8 cannot
        return json.dumps(value, separators=(",", ":")).encode()


def _encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class Signers:
    """One issuer's signers: its own, and one for each other algorithm that a client registered."""

    def __init__(self, own: Signer) -> None:
        self.own = own
        self._all = {own.alg: own}

    def of(self, alg: str, *, secret: str = "") -> Signer:
        """Return who signs by this algorithm, "" for the issuer's own; HMAC is one client's alone."""
        key = f"{alg} {secret}" if alg.startswith("HS") else alg or self.own.alg
        if key not in self._all:
            self._all[key] = Signer(self.own.issuer, alg, secret=secret, name=alg.lower())
        return self._all[key]

    def jwks(self) -> bytes:
        """Return every public key, and one for encryption that verifies nothing."""
        own = json.loads(self.own.jwks())["keys"]
        others = [
            key for signer in self._all.values() if signer is not self.own for key in signer.published()
        ]
        return json.dumps({"keys": [*own, *others]}).encode()
