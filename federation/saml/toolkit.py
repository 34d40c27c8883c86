"""python3-saml as a second opinion, after our own verdict: its no may refuse, its yes never admits.

For connections that ask for it, and for tests. Its defaults that leave a check out are overridden
here. It reads the clock itself, refuses some valid messages, and looks the keys up again each
time: never on the way of an ordinary sign-in.
"""

import base64
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings

_BINDINGS = "urn:oasis:names:tc:SAML:2.0:bindings:"


def second_opinion(  # noqa: PLR0913 (each is one value of the sign-in)
    document: bytes,
    *,
    idp_entity_id: str,
    sso_url: str,
    certificates: Sequence[str],
    sp_entity_id: str,
    acs_url: str,
    request_id: str | None,
    signed_response: bool,
    name_id_format: str,
    private_key: str,
) -> str | None:
    """Return why python3-saml refuses a response, or None.

    Args:
        document: XML that our own verifier accepted.
        idp_entity_id: Whose it is.
        sso_url: The IdP's single sign-on URL; only to make its settings complete.
        certificates: Bare base64 of DER.
        sp_entity_id: Our name for this connection.
        acs_url: Where it was sent.
        request_id: What it answers; None where it answers nothing.
        signed_response: Ask for the Response's signature, else for the Assertion's: it has no "either".
        name_id_format: URN that was asked for.
        private_key: PEM, where something is encrypted to us; "" otherwise.
    """
    url = urlsplit(acs_url)
    settings = {
        "strict": True,
        "debug": False,
        "sp": {
            "entityId": sp_entity_id,
            "assertionConsumerService": {"url": acs_url, "binding": f"{_BINDINGS}HTTP-POST"},
            "NameIDFormat": name_id_format,
            "privateKey": private_key,
        },
        "idp": {
            "entityId": idp_entity_id,
            "singleSignOnService": {"url": sso_url, "binding": f"{_BINDINGS}HTTP-Redirect"},
            "x509certMulti": {"signing": list(certificates)},
        },
        "security": _security(signed_response=signed_response),
    }
    request = {
        "https": "on" if url.scheme == "https" else "off",
        "http_host": url.netloc,
        "script_name": url.path,
    }
    try:
        response = OneLogin_Saml2_Response(
            OneLogin_Saml2_Settings(settings), base64.b64encode(document).decode()
        )
        if response.is_valid(request, request_id):
            return None
    except Exception as error:  # noqa: BLE001 (its own, xmlsec's and lxml's: what it trips over is a no)
        return str(error) or type(error).__name__
    return str(response.get_error() or "refused without a reason")


def _security(*, signed_response: bool) -> dict[str, Any]:
    return {
        "wantMessagesSigned": signed_response,  # both default to false: then unsigned would do
        "wantAssertionsSigned": not signed_response,
        "wantNameId": True,
        "wantAttributeStatement": False,  # a message without attributes is valid
        "allowRepeatAttributeName": True,  # Keycloak repeats them
        "rejectDeprecatedAlgorithm": True,
        "requestedAuthnContext": False,
    }
