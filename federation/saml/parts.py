"""The parts that messages are made of: each is read in the one way that it can be.

SAML Core §1.3, §2.2. What can be read in two ways (a part given twice, text with elements in it,
a time that is not UTC) is written down as a fault, for a rule to refuse.
"""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

from federation.saml.xml import SAML, SAMLP, Element, children

_ENTITY: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
TRANSIENT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z", re.ASCII)
_REPEATABLE: Final = frozenset(
    {
        SAML + "SubjectConfirmation",
        SAML + "AuthnStatement",
        SAML + "AttributeStatement",
        SAML + "AuthzDecisionStatement",
        SAML + "Statement",
        SAML + "AuthenticatingAuthority",
        SAMLP + "SessionIndex",
    }
)


class NameId(NamedTuple):
    """A NameID or an Issuer, which is of the same type (Core §2.2.2)."""

    value: str
    format: str
    name_qualifier: str
    sp_name_qualifier: str
    sp_provided_id: str = ""


def sort(root: Element, faults: list[str]) -> dict[str, Element]:
    """Return the children by name; one that stands twice and may not is a fault."""
    parts: dict[str, Element] = {}
    for child in children(root):
        parts[child.tag] = child
    if len(parts) != len(root):
        tags = Counter(str(child.tag) for child in root)  # of an unsigned Response: as many as they like
        twice = {tag for tag, times in tags.items() if times > 1} - _REPEATABLE
        faults.extend(f"{tag.rpartition('}')[2]} is given {tags[tag]} times" for tag in sorted(twice))
    return parts


def every(tag: str, root: Element, parts: dict[str, Element]) -> Iterable[Element]:
    """Return all the children of one name, in order. Most often there is one, which ``sort`` found."""
    if tag not in parts:
        return ()
    return (parts[tag],) if len(parts) == len(root) else root.iterchildren(tag)


def read_text(element: Element, faults: list[str]) -> str:
    """Return an element's text; elements in it are a fault."""
    if len(element):
        faults.append(f"{str(element.tag).rpartition('}')[2]} holds elements in place of text")
        return ""
    return element.text or ""


def read_name(element: Element | None, faults: list[str]) -> NameId | None:
    """Read a NameID or an Issuer; None where there is none."""
    if element is None:
        return None
    read = element.get
    return NameId(
        read_text(element, faults),
        read("Format", ""),
        read("NameQualifier", ""),
        read("SPNameQualifier", ""),
        read("SPProvidedID", ""),
    )


def read_time(element: Element, name: str, faults: list[str]) -> datetime | None:
    """Core §1.3.3: UTC, written with Z. None where absent; a fault where unreadable."""
    written = element.get(name)
    if written is None:
        return None
    if _TIME.fullmatch(written):
        try:
            return datetime.fromisoformat(written)
        except ValueError:
            pass
    faults.append(f"{str(element.tag).rpartition('}')[2]} {name} is not a time in UTC")
    return None


def not_the_issuer(found: NameId, entity_id: str) -> str | None:
    """Core §2.2.5, §8.3.6: an Issuer is an entity's name, and this is the one that it must be."""
    if found.format not in ("", _ENTITY):
        return f"Issuer has format {found.format!r}"
    return None if found.value == entity_id else f"Issuer is {found.value!r}, not {entity_id!r}"
