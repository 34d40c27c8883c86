"""What an identity provider may say of whom: the domains that its metadata lets it speak for.

Shibboleth Metadata Extensions, "Scope"; eduPerson §1.2; Subject Identifier Attributes §3.5.1.
Metadata without scopes limits nothing; with them, every scoped value and the e-mail address
that will be used must be within them. Pure.
"""

from collections.abc import Iterator
from typing import Final

from federation.attributes import ALIASES
from federation.saml.expected import Expected
from federation.saml.messages import Message
from federation.saml.subject import PAIRWISE_ID, SUBJECT_ID
from federation.saml.xml import EMAIL_ADDRESS

_EDUPERSON: Final = {
    "eduPersonPrincipalName": "urn:oid:1.3.6.1.4.1.5923.1.1.1.6",
    "eduPersonScopedAffiliation": "urn:oid:1.3.6.1.4.1.5923.1.1.1.9",
    "eduPersonUniqueId": "urn:oid:1.3.6.1.4.1.5923.1.1.1.13",
}
_SCOPED: Final = (
    PAIRWISE_ID,
    SUBJECT_ID,
    *_EDUPERSON,
    *_EDUPERSON.values(),
    *(f"urn:mace:dir:attribute-def:{name}" for name in _EDUPERSON),
)


def scope(message: Message, want: Expected) -> str | None:
    """Shibboleth Metadata Extensions: every scope is one that the IdP's metadata names."""
    allowed = want.idp.scopes
    if not allowed:
        return None
    for name, value in _scoped_values(message, want):
        _, at, found = value.strip().partition("@")
        # A second @ would leave it to the reader which of the two begins the scope.
        if not at or "@" in found or not any(one.matches(found) for one in allowed):
            return f"{name} is {value!r:.300}; the metadata allows {[one.value for one in allowed]}"
    return None


def _scoped_values(message: Message, want: Expected) -> Iterator[tuple[str, str]]:
    sent = message.assertion.attributes
    for name in _SCOPED:
        for value in sent.get(name, ()):
            yield name, value
    for value in _addresses(message, want):
        if value.strip():
            yield "the e-mail address", value


def _addresses(message: Message, want: Expected) -> tuple[str, ...]:
    """Return the values that ``attributes.normalize`` will choose the address from, as it chooses."""
    names = want.terms.email_attributes
    name = message.assertion.name_id
    if not names and name is not None and name.format == EMAIL_ADDRESS:
        return (name.value,)
    sent = message.assertion.attributes
    return next((sent[one] for one in names or ALIASES["email"] if one in sent), ())
