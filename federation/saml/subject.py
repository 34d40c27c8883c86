"""Who it is: which value of a message keys the person, and the name that logout will use.

SAML Core §2.2.2, §8.3; Subject Identifier Attributes 1.0 §3; eduPerson §2.2. An address keys as
ASCII case-folded, every other NameID and attribute octet for octet, both identifiers of the
profile in lower case. What two different people could share is refused. Pure.
"""

import json
import re
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring
from typing import Final, NamedTuple

from federation.identity import StableId, Subject, parse_email
from federation.saml.expected import Expected
from federation.saml.messages import TARGETED_IDS, Message
from federation.saml.parts import TRANSIENT, NameId
from federation.saml.xml import EMAIL_ADDRESS

UNSPECIFIED: Final = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
PERSISTENT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
# As the settings name them.
FORMATS: Final[Mapping[str, str]] = {
    "emailAddress": EMAIL_ADDRESS,
    "persistent": PERSISTENT,
    "transient": TRANSIENT,
    "unspecified": UNSPECIFIED,
}
PAIRWISE_ID: Final = "urn:oasis:names:tc:SAML:attribute:pairwise-id"
SUBJECT_ID: Final = "urn:oasis:names:tc:SAML:attribute:subject-id"
_IDENTIFIERS: Final = frozenset({PAIRWISE_ID, SUBJECT_ID})
# Subject Identifier Attributes §3.3.1, §3.4.1.
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9=-]{0,126}@[A-Za-z0-9][A-Za-z0-9.-]{0,126}", re.ASCII)
_OPAQUE: Final = 256  # characters: Core §8.3.7, §8.3.8
_LONGEST: Final = 1024  # characters of every other value; ours


class _Value(NamedTuple):
    """The one value of an attribute, and the qualifiers where it is a NameID."""

    value: str
    qualifiers: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it as one text."""
        return _join([*self.qualifiers, self.value])


def stated(message: Message, _want: Expected) -> str | None:
    """Profiles §4.1.4.2: the Subject holds a NameID that names someone; logout needs it too."""
    found = message.assertion.name_id
    return None if found is not None and found.value.strip() else "there is no NameID, or it is blank"


def name_id_format(message: Message, want: Expected) -> str | None:
    """Core §8.3: what this connection asked for. Absent says "unspecified" (§8.3.1).

    Where a required attribute keys the person and nothing in particular was asked for, the
    NameID is a name for logout alone, and any will do.
    """
    found = message.assertion.name_id
    wanted = want.terms.name_id_format
    if found is None or found.format == wanted:
        return None  # without NameID: ``stated`` says so
    if wanted == UNSPECIFIED and (not found.format or want.terms.subject_required):
        return None
    return f"NameID has format {found.format!r}, not {wanted!r}"


def name_id(message: Message, _want: Expected) -> str | None:
    """Core §8.3.2, §8.3.7, §8.3.8: one plain e-mail address, or at most 256 characters."""
    found = message.assertion.name_id
    if found is None:
        return None  # ``stated`` says so
    if found.format == EMAIL_ADDRESS:
        if parse_email(found.value) is not None:
            return None
        return f"NameID {found.value!r:.100} is not one plain ASCII e-mail address"
    longest = _OPAQUE if found.format in (PERSISTENT, TRANSIENT) else _LONGEST
    return None if len(found.value) <= longest else f"NameID has {len(found.value)} characters"


def name_qualifier(message: Message, want: Expected) -> str | None:
    """Core §8.3.7, §8.3.8: a persistent or transient NameID is theirs, for us."""
    found = message.assertion.name_id
    if found is None or found.format not in (PERSISTENT, TRANSIENT):
        return None
    return _foreign(found, want)


def _foreign(name: NameId, want: Expected) -> str | None:
    """Say whose a NameID is that another provider made, or made for another."""
    if name.name_qualifier not in ("", want.idp.entity_id):
        return f"NameQualifier is {name.name_qualifier!r}, not {want.idp.entity_id!r}"
    if name.sp_name_qualifier not in ("", want.terms.sp_entity_id):
        return f"SPNameQualifier is {name.sp_name_qualifier!r}, not {want.terms.sp_entity_id!r}"
    return None


def subject_attribute(message: Message, want: Expected) -> str | None:
    """DESIGN, Subject: the attributes that key the person have one value each, and not a blank one."""
    keyed = _keyed_by_attributes(message, want)
    return keyed if isinstance(keyed, str) else None


def read(message: Message, want: Expected) -> Subject | None:
    """Return who a message is about, as keyed by this connection; None where it names nobody.

    Whether the message may say so is for the rules to tell.
    """
    keyed = _keyed_by_attributes(message, want)
    if isinstance(keyed, Subject):
        return keyed
    name = message.assertion.name_id
    if name is None or not name.value.strip():
        return None
    folds = name.format == EMAIL_ADDRESS and name.value.isascii()
    return Subject(
        issuer=want.idp.entity_id,
        value=name.value.lower() if folds else name.value,
        format=name.format or UNSPECIFIED,
        name_qualifier=name.name_qualifier or want.idp.entity_id,
        sp_name_qualifier=name.sp_name_qualifier or want.terms.sp_entity_id,
    )


def _keyed_by_attributes(message: Message, want: Expected) -> Subject | str | None:
    """Return the person that attributes key, what is wrong with them, or None: the NameID does."""
    names = want.terms.subject_attributes
    if not names:
        return None
    sent = message.assertion.attributes
    if missing := [name for name in names if not sent.get(name)]:
        return f"{', '.join(map(repr, missing))} is not sent" if want.terms.subject_required else None
    values: list[_Value] = []
    for name in names:
        value = _one_value(name, message, want)
        if isinstance(value, str):
            return value
        values.append(value)
    # Without qualifiers, which the key of a NameID always has: no NameID is ever equal to it.
    theirs, ours = values[0].qualifiers if len(values) == 1 and values[0].qualifiers else ("", "")
    return Subject(
        issuer=want.idp.entity_id,
        value=values[0].value if len(values) == 1 else _join([one.text for one in values]),
        format=_join(names),
        name_qualifier=theirs,
        sp_name_qualifier=ours,
    )


def _one_value(name: str, message: Message, want: Expected) -> _Value | str:
    """Return the value of an attribute that was sent, or say why it has not just one."""
    values = message.assertion.attributes[name]
    if name in TARGETED_IDS:
        return _targeted_id(name, message.assertion.targeted_ids.get(name, ()), len(values), want)
    distinct = set(values)
    if len(distinct) > 1:
        return f"{name!r} has {len(distinct)} different values"
    value = values[0]
    if not value.strip() or len(value) > _LONGEST:
        return f"{name!r} is blank, or longer than {_LONGEST} characters"
    if name not in _IDENTIFIERS:
        return _Value(value)
    if _IDENTIFIER.fullmatch(value) is None:
        return f"{name!r} is {value!r:.300}, not an identifier, @ and a scope"
    return _Value(value.lower())


def _targeted_id(name: str, found: tuple[NameId, ...], sent: int, want: Expected) -> _Value | str:
    """EduPerson §2.2.12: a persistent NameID, which is theirs, for us."""
    if len(found) != sent:
        return f"{name!r} holds text in place of a NameID"
    distinct = set(found)
    if len(distinct) > 1:
        return f"{name!r} has {len(distinct)} different values"
    one = found[0]
    if one.format not in ("", PERSISTENT):
        return f"{name!r} holds a NameID of format {one.format!r}"
    if not one.value.strip() or len(one.value) > _OPAQUE:
        return f"{name!r} is blank, or longer than {_OPAQUE} characters"
    if foreign := _foreign(one, want):
        return f"{name!r}: {foreign}"
    return _Value(
        one.value,
        (one.name_qualifier or want.idp.entity_id, one.sp_name_qualifier or want.terms.sp_entity_id),
    )


def _join(parts: Sequence[str]) -> str:
    """Write one or several texts as one, injectively: what begins with a bracket is always a list."""
    if len(parts) == 1 and not parts[0].startswith("["):
        return parts[0]
    return _write(parts)


def _write(parts: Sequence[str]) -> str:
    """Write a list of texts as JSON; three times as fast as an encoder is made."""
    return f"[{','.join(map(encode_basestring, parts))}]"


def stable_id(message: Message, want: Expected) -> StableId | None:
    """Return what the IdP calls the person for good, beside a NameID that may be given to another.

    The first set of attributes that is sent whole; None where there is none, or where
    attributes are what keys the person.
    """
    sent = message.assertion.attributes
    if not want.terms.stable_attributes or isinstance(_keyed_by_attributes(message, want), Subject):
        return None
    for names in want.terms.stable_attributes:
        if not all(map(sent.get, names)):
            continue
        values = [_one_value(name, message, want) for name in names]
        whole = [one.text for one in values if isinstance(one, _Value)]
        if len(whole) == len(names):
            return StableId(_write(names), _write(whole))
    return None


def provider_name(name: NameId, issuer: str) -> str:
    """Write a NameID as ``identity.ProviderSession`` holds it: exactly as issued, injectively.

    Args:
        name: From a message whose signature held.
        issuer: The identity provider's entity ID.
    """
    return _write([issuer, *name])


def provider_names(name: NameId, *, issuer: str, sp_entity_id: str) -> tuple[str, ...]:
    """Return every way to write one NameID: what an IdP may leave out of a later message.

    Args:
        name: From a message whose signature held.
        issuer: The identity provider's entity ID, which an absent NameQualifier means.
        sp_entity_id: Ours, which an absent SPNameQualifier means.

    Source: SAML Core §8.3.1, §8.3.7; §3.3.4.
    """
    formats = ("", UNSPECIFIED) if name.format in ("", UNSPECIFIED) else (name.format,)
    theirs = ("", issuer) if name.name_qualifier in ("", issuer) else (name.name_qualifier,)
    ours = ("", sp_entity_id) if name.sp_name_qualifier in ("", sp_entity_id) else (name.sp_name_qualifier,)
    return tuple(
        provider_name(name._replace(format=one, name_qualifier=first, sp_name_qualifier=second), issuer)
        for one in formats
        for first in theirs
        for second in ours
    )


def read_provider_name(text: str) -> NameId:
    """Read what ``provider_name`` wrote, and nothing else.

    Raises:
        ValueError: It did not write this.
    """
    match json.loads(text):
        case [str(), str(value), str(form), str(theirs), str(ours), str(provided)]:
            return NameId(value, form, theirs, ours, provided)
    raise ValueError("not the name of a provider's session")
