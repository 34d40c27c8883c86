"""A small OpenID Provider for benchmarks/callback.py; its CPU is nobody's.

    python benchmarks/provider.py PORT

The code is the nonce, so that whoever drives needs no login page: ID Tokens are RS256, unique,
and hold name and e-mail, so that nobody has to ask UserInfo, which is not offered.
"""

import base64
import json
import sys
import time
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

CLIENT, SECRET = "bench", "a-secret-of-the-benchmarks"
_KEY = rsa.generate_private_key(65537, 2048)


def _encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _number(value: int) -> str:
    return _encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def id_token(issuer: str, nonce: str) -> str:
    now = int(time.time())
    claims = {
        "iss": issuer, "aud": CLIENT, "sub": f"user-{nonce[:12]}", "nonce": nonce, "iat": now,
        "exp": now + 3600, "auth_time": now, "email": f"{nonce[:12]}@example.org", "email_verified": True,
        "name": "Ann-Sofie Bergström", "given_name": "Ann-Sofie", "family_name": "Bergström",
    }  # fmt: skip
    header = {"alg": "RS256", "kid": "bench", "typ": "JWT"}
    signed = ".".join(_encode(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{_encode(_KEY.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def application(issuer: str) -> Any:
    public = _KEY.public_key().public_numbers()
    key = {"kty": "RSA", "kid": "bench", "use": "sig", "alg": "RS256"}
    jwks = {"keys": [{**key, "n": _number(public.n), "e": _number(public.e)}]}
    discovery = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/jwks",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
    }

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        told: dict[str, Any] = jwks if scope["path"] == "/jwks" else discovery
        if scope["path"] == "/token":
            body, more = b"", True
            while more:
                message = await receive()
                body, more = body + message.get("body", b""), message.get("more_body", False)
            nonce = parse_qs(body.decode())["code"][0]
            told = {"access_token": f"of-{nonce}", "token_type": "Bearer", "expires_in": 3600}
            told["id_token"] = id_token(issuer, nonce)
        octets = json.dumps(told).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(octets)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": octets})

    return answer


if __name__ == "__main__":
    port = int(sys.argv[1])
    uvicorn.run(
        application(f"http://127.0.0.1:{port}"),
        host="127.0.0.1",
        port=port,
        lifespan="off",
        access_log=False,
        log_level="warning",
    )
