"""How a message of ours leaves: by HTTP-Redirect or by HTTP-POST, signed or not.

SAML Bindings §3.4 and §3.5. A redirect carries its signature in the query, over the exact
octets; a form carries it in the document.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from federation.saml import bindings, signing

Binding = Literal["redirect", "post"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Where the browser takes a message: a URL to go to, or one to post the fields to."""

    url: str = field(repr=False)
    fields: Mapping[str, str] = field(repr=False)  # empty: go there


def deliver(
    message: bytes,
    *,
    name: Literal["SAMLRequest", "SAMLResponse"],
    binding: Binding,
    destination: str,
    relay_state: str,
    parameters: Mapping[str, str],
    key: signing.SigningKey | None,
) -> Sent:
    """Pack a message for the browser.

    Args:
        message: XML.
        name: Its parameter.
        binding: How it goes.
        destination: The peer's endpoint of that binding.
        relay_state: Opaque; "" leaves it out.
        parameters: The connection's own additions to the URL.
        key: Signs it; None sends it unsigned.
    """
    if binding == "redirect":
        url = bindings.encode_redirect(
            destination,
            name=name,
            message=message,
            relay_state=relay_state,
            parameters=parameters,
            sign=None if key is None else lambda query: signing.sign_query(query, key),
        )
        return Sent(url=url, fields={})
    document = message if key is None else signing.sign_document(message, key)
    relayed = {"RelayState": relay_state} if relay_state else {}
    return Sent(
        url=bindings.with_parameters(destination, parameters),
        fields={name: bindings.encode_post(document), **relayed},
    )
