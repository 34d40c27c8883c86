"""What the development OpenID Provider signs: its keys and ID Tokens, right and wrong ones."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from joserfc.jwk import JWKRegistry, Key
from joserfc.jws import JWSRegistry

from federation.demo.openid_faults import BESIDE, RIGHT, Knobs, Later, bend
from federation.demo.users import DemoUser

LIFE = 300  # seconds: of an ID Token

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

    def __init__(self, issuer: str, alg: str) -> None:
        self.issuer = issuer
        self.alg = alg
        self._made = 0
        self.current, self.next = self._make(), self._make()
        self._stranger: Key | None = None

    def _make(self) -> Key:
        kty, size = _KINDS[self.alg]
        self._made += 1
        return JWKRegistry.generate_key(
            kty, size, {"kid": f"demo-{self._made}", "use": "sig", "alg": self.alg}
        )

    def rotate(self) -> None:
        """Sign with the next key from now on; make another next one; forget the old."""
        self.current, self.next = self.next, self._make()

    def replace(self) -> None:
        """Sign at once with a key that nobody has seen published (rotation without notice)."""
        self.current, self.next = self._make(), self._make()

    def jwks(self) -> bytes:
        """Return the public keys as a JWK Set, and one for encryption that is not ours to verify with."""
        published = [key.as_dict(private=False) for key in (self.current, self.next)]
        encryption = {**published[0], "use": "enc", "alg": "RSA-OAEP", "kid": "demo-enc"}
        return json.dumps({"keys": [*published, encryption]}).encode()

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
            nonce: As asked.
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
        if access_token and self.alg.endswith("256"):  # optional in the code flow: here for SHA-256 alone
            claims["at_hash"] = _encode(hashlib.sha256(access_token.encode()).digest()[:16])
        wrong = {name: _value(value, client_id, now) for name, value in knobs.claims.items()}
        header = {"alg": self.alg, "kid": self.current.kid, "typ": "JWT"}
        return self.sign(bend(header, knobs.header), bend(claims, wrong), how=knobs.sign)

    def _signature(self, octets: bytes, how: str) -> bytes:
        match how:
            case "none":
                return b""
            case "public_key":  # CVE-2015-9235: HMAC, with what everybody knows as the secret
                return hmac.digest(_public_pem(self.current), octets, hashlib.sha256)
            case "other_key":
                self._stranger = self._stranger or self._make()
                key = self._stranger
            case _:
                key = self.current
        signature: bytes = JWSRegistry.algorithms[self.alg].sign(octets, key)
        return signature


def subject(user: DemoUser) -> str:
    """Return the ``sub``: stable, and not the login."""
    return hashlib.sha256(f"demo {user.login}".encode()).hexdigest()[:24]


def claims_of(user: DemoUser, scopes: tuple[str, ...]) -> dict[str, Any]:
    """Return what these scopes tell about a user (Core §5.4)."""
    known: dict[str, Any] = {
        "name": user.display_name,
        "given_name": user.given_name,
        "family_name": user.family_name,
        "preferred_username": user.login,
        "department": user.department,
        "email": user.email,
        "email_verified": True,
        "groups": list(user.groups),
    }
    return {name: known[name] for scope in scopes for name in SCOPES.get(scope, ())}


def _value(value: Any, client_id: str, now: int) -> Any:
    if isinstance(value, Later):
        return now + value.seconds
    return [client_id, "somebody-else"] if value is BESIDE else value


def _public_pem(key: Key) -> bytes:
    return key.as_pem(private=False) if hasattr(key, "as_pem") else b""


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
