"""Which domains an identity provider may speak for: ``shibmd:Scope`` in its metadata.

Shibboleth Metadata Extensions, "Scope". An expression is RE2's, so that none can take longer
than its text is long; it must match the whole of a scope. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from federation.errors import ConfigurationError
from federation.saml.xml import Element

_SCOPE = "{urn:mace:shibboleth:metadata:1.0}Scope"
_SCOPES = 200
_LENGTH = 1000  # characters
_PATTERN_MEMORY = 1024 * 1024  # octets


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A domain that an identity provider may speak for (``shibmd:Scope``)."""

    value: str  # as written
    regexp: bool
    pattern: Any = field(repr=False, compare=False)  # compiled by RE2 where it is a regexp, else None

    def matches(self, scope: str) -> bool:
        """Tell whether this allows a scope; ASCII letters of either case are the same."""
        if self.regexp:
            return scope.isascii() and self.pattern.fullmatch(scope) is not None
        # Lower-casing is ASCII's alone: no other letter may become one of a domain.
        if scope.isascii() and self.value.isascii():
            return scope.lower() == self.value.lower()
        return scope == self.value


def read(extensions: Iterable[Element]) -> tuple[Scope, ...]:
    """Read the domains that a provider may speak for.

    Args:
        extensions: Of its role and of its entity: what either place allows is allowed.

    Raises:
        ConfigurationError: ``saml.metadata_scope``, ``saml.metadata_unreadable``.
    """
    found = [_read_scope(scope) for place in extensions for scope in place.findall(_SCOPE)]
    if len(found) > _SCOPES:
        raise ConfigurationError("saml.metadata_scope", f"{len(found)} scopes; keep at most {_SCOPES}")
    return tuple(dict.fromkeys(found))


def _read_scope(element: Element) -> Scope:
    value, regexp = (element.text or "").strip(), read_boolean(element, "regexp")
    # A scope left out would allow every domain, where it is the only one.
    if not value or len(element) or len(value) > _LENGTH:
        raise ConfigurationError("saml.metadata_scope", "a shibmd:Scope is empty, huge, or no text")
    return Scope(value=value, regexp=regexp, pattern=_compile(value) if regexp else None)


def _compile(expression: str) -> Any:
    """Compile by RE2, which needs no more than linear time for whatever stands in there."""
    import re2  # noqa: PLC0415  few providers have one, and it costs 15 ms

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _PATTERN_MEMORY
    options.case_sensitive = False  # it is a domain; what is not ASCII is not asked
    try:
        return re2.compile(expression, options)
    except re2.error:
        raise ConfigurationError(
            "saml.metadata_scope", "a shibmd:Scope is no regular expression that RE2 reads"
        ) from None


def read_boolean(element: Element, name: str) -> bool:
    """Read an ``xs:boolean``; absent is never true.

    Raises:
        ConfigurationError: ``saml.metadata_unreadable``.
    """
    match element.get(name, "false").strip():
        case "true" | "1":
            return True
        case "false" | "0":
            return False
    raise ConfigurationError("saml.metadata_unreadable", f"{name} is neither true nor false")
