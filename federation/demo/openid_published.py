"""What the development OpenID Provider says about itself (Discovery §3)."""

from collections.abc import Mapping
from typing import Any

from federation.demo import openid_requests, openid_tokens
from federation.demo.openid_clients import ASSERTION_ALGS, DemoClient


def document(
    issuer: str, alg: str, clients: Mapping[str, DemoClient], *, require_pushed: bool
) -> dict[str, Any]:
    """Return the discovery document of a provider that keeps every rule."""
    registered = [client.alg for client in clients.values() if client.alg]
    userinfo = sorted({client.userinfo_alg for client in clients.values() if client.userinfo_alg})
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks",
        "end_session_endpoint": f"{issuer}/logout",
        "revocation_endpoint": f"{issuer}/revoke",
        "pushed_authorization_request_endpoint": f"{issuer}/par",
        "require_pushed_authorization_requests": require_pushed,
        "response_types_supported": list(openid_requests.RESPONSE_TYPES),
        "response_modes_supported": list(openid_requests.RESPONSE_MODES),
        "grant_types_supported": ["authorization_code", "implicit", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(dict.fromkeys([alg, *registered])),
        **({"userinfo_signing_alg_values_supported": userinfo} if userinfo else {}),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic", "client_secret_post", "private_key_jwt", "none",
        ],
        "token_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGS,
        "scopes_supported": ["openid", *openid_tokens.SCOPES, "offline_access"],
        "acr_values_supported": list(openid_requests.ACRS),
        "prompt_values_supported": ["none", "login"],
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
    }  # fmt: skip
