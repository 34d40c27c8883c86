"""Attributes in our words: what identity providers call things, and the Identity made of them.

The same lines for every protocol. Names change here as vendors do; the types that they
fill stand in ``identity``. Pure.
"""

import json
from collections.abc import Iterable, Mapping

from federation.configuration.scalars import SplitGroups
from federation.errors import Check, PolicyRefused
from federation.identity import Groups, Identity, Presence, VerifiedAssertion, parse_email

# What identity providers call things; the first that is there wins, be it empty. The connection's own
# map goes before it.
_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
_MICROSOFT = "http://schemas.microsoft.com/"
ALIASES: Mapping[str, tuple[str, ...]] = {
    "email": (
        "email", "mail", "emailAddress", "emailaddress", "Email",
        "urn:oid:0.9.2342.19200300.100.1.3", _CLAIMS + "emailaddress",
    ),
    "given_name": (
        "given_name", "givenName", "firstName", "first_name", "FirstName", "givenname",
        "urn:oid:2.5.4.42", _CLAIMS + "givenname",
    ),
    "family_name": (
        "family_name", "sn", "surname", "lastName", "last_name", "LastName", "familyName",
        "urn:oid:2.5.4.4", _CLAIMS + "surname",
    ),
    "display_name": (
        "display_name", "displayName", "name", "cn",
        "urn:oid:2.16.840.1.113730.3.1.241", "urn:oid:2.5.4.3",
        _MICROSOFT + "identity/claims/displayname", _CLAIMS + "name",
    ),
    "groups": (
        "groups", "group", "memberOf", "member_of", "roles", "role", "teams", "team",
        "urn:oid:1.3.6.1.4.1.5923.1.5.1.1", "urn:oid:1.2.840.113556.1.2.102",
        _MICROSOFT + "ws/2008/06/identity/claims/groups",
        _MICROSOFT + "ws/2008/06/identity/claims/role",
        "http://schemas.xmlsoap.org/claims/Group",
    ),
}  # fmt: skip


def normalize(
    assertion: VerifiedAssertion,
    *,
    connection: str,
    organization: str,
    attributes: Mapping[str, tuple[str, ...]],
    split_groups: SplitGroups,
) -> Identity:
    """Turn what an IdP said into our words, the same lines for every protocol.

    Args:
        assertion: Sealed by a verifier.
        connection: Id of the connection that it came through.
        organization: Id of that connection's organization.
        attributes: The connection's map, ours → the IdP's names, of which the first
            that is there, empty or not, counts; takes the place of the aliases.
        split_groups: Where one value holds several groups: the connection's, see ``_apart``.

    Raises:
        PolicyRefused: ``identity.too_large``, ``identity.email_repeated``, ``identity.email_malformed``.
    """
    _bounded(assertion)
    sent, unobtainable = assertion.attributes, assertion.unobtainable
    decided = sources(assertion, attributes)
    ours = {name: sent.get(theirs, ()) for name, theirs in decided.items()}
    used = set(decided.values())  # names of theirs
    unknown = {name for name, theirs in decided.items() if theirs in unobtainable}  # names of ours
    grouped = decided.get("groups", "")  # the name of theirs that tells the groups
    addresses = _email_values(ours, attributes, assertion)
    strings = assertion.strings
    groups = _groups(
        ours.get("groups", ()),
        unobtainable="groups" in unknown,
        split=split_groups,
        string=strings is not None and grouped in strings,
        listed=strings is not None and grouped not in strings,
    )
    if len(groups.names) > GROUPS:
        raise _too_large(assertion, f"more than {GROUPS} groups are named")
    return Identity(
        subject=assertion.subject,
        connection=connection,
        organization=organization,
        email=_email(addresses, assertion),
        email_verified=_email_verified(addresses, assertion),
        given_name=_first(ours.get("given_name")),
        family_name=_first(ours.get("family_name")),
        display_name=_first(ours.get("display_name")),
        groups=groups,
        # A claim that happens to have one of our names never stands in for the one mapped to it.
        attributes={
            name: values
            for name, values in sent.items()
            if values and name not in used and not (name in attributes and name not in _PROFILE)
        }
        | {name: values for name, values in ours.items() if values and name not in _PROFILE},
        authentication=assertion.authentication,
        stable_id=assertion.stable_id,
        provider_session=assertion.provider_session,
        tokens=assertion.tokens,
    )


def sources(assertion: VerifiedAssertion, attributes: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return which name of theirs tells what we call by a name of ours.

    The first of which anything was said decides, though it be "nothing": somebody in no group is not
    in what the next name calls groups, and neither is somebody whose groups could not be had
    (Entra sends app roles beside groups that it only names).

    Args:
        assertion: Sealed by a verifier.
        attributes: As for ``normalize``.
    """
    sent, unobtainable = assertion.attributes, assertion.unobtainable
    asked = {**ALIASES, **attributes} if attributes else ALIASES
    return {
        name: decides
        for name, names in asked.items()
        for decides in next(([one] for one in names if one in sent or one in unobtainable), ())
    }


_PROFILE = frozenset(ALIASES)
SIZE = 256 * 1024  # characters of all that is said of a person: it is kept with every session of theirs
GROUPS = (
    10_000  # each is looked up while others wait: 60,000 of one letter or two would hold all up for a second
)


def _bounded(assertion: VerifiedAssertion) -> None:
    """A MiB of claims is no person, and would be read again with every request of theirs."""
    sent = assertion.attributes
    size = sum(len(name) + sum(len(one) + 1 for one in values) for name, values in sent.items())
    if size > SIZE:
        raise _too_large(assertion, f"more than {SIZE} characters are said of the person")


def _too_large(assertion: VerifiedAssertion, said: str) -> PolicyRefused:
    return PolicyRefused("identity.too_large", said, (*assertion.checks, Check("identity.too_large", said)))


def _first(values: tuple[str, ...] | None) -> str:
    return values[0].strip() if values else ""


def _groups(
    values: tuple[str, ...], *, unobtainable: bool, split: SplitGroups, string: bool, listed: bool
) -> Groups:
    """Return the names; an array that holds anything but texts is no answer, and half of it neither.

    An array is a whole answer: a name among others is never read as one. Whoever may make groups at
    the provider would call theirs ``["admins"]``.
    """
    names: list[str] = []
    for value in values:
        may_be_array = len(values) == 1 and not listed and value.lstrip().startswith("[")
        array = _array(value) if may_be_array else None
        if array is None:
            names += _apart(value, split, string=string)
        else:
            names += (texts := [one for one in array if isinstance(one, str)])
            if len(texts) != len(array):
                unobtainable, names = True, []
                break
    kept = tuple(dict.fromkeys([name for name in names if name.strip()]))
    if unobtainable and not kept:
        return Groups(Presence.UNOBTAINABLE)
    return Groups(Presence.PRESENT if kept else Presence.EMPTY, kept)


def _array(text: str) -> list[object] | None:
    """Return the JSON array that a text is, or None: a group may well be called ``[acme] admins``."""
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, list) else None


_SEPARATORS: Mapping[SplitGroups, str] = {"commas": ",", "semicolons": ";", "spaces": " "}


def _apart(value: str, split: SplitGroups, *, string: bool) -> Iterable[str]:
    r"""Return the groups that one value names.

    Cut in the wrong place, "Domain Admins" would be in Admins, and so would whoever is in
    ``CN=Acme,Admins,OU=Staff``: of itself (``auto``) nothing is cut but a single string of a
    protocol that has lists as well, on commas, else on spaces; and nothing with an ``=`` in it, which
    is a distinguished name, nor on spaces a name below another (``ACME\Domain Admins``).
    """
    if split == "auto" and string:
        split = "commas" if "," in value else "never" if set(value) & set("\\/") else "spaces"
    separator = _SEPARATORS.get(split)
    if separator is None or ("=" in value and separator != ";"):
        return (value,)
    return (one.strip() for one in value.split(separator))


def _email_values(
    ours: Mapping[str, tuple[str, ...]], mapped: Mapping[str, object], assertion: VerifiedAssertion
) -> tuple[str, ...]:
    """The connection's own map speaks first, then an emailAddress subject, then the aliases."""
    if assertion.subject_email and "email" not in mapped:
        return (assertion.subject_email,)
    return ours.get("email", ())


def _email_verified(values: tuple[str, ...], assertion: VerifiedAssertion) -> bool | None:
    """What was said holds for the claim ``email`` (OIDC Core §5.1): "verified" moves to no other."""
    if assertion.email_verified and values and values != assertion.attributes.get("email"):
        return None
    return assertion.email_verified


def _email(values: tuple[str, ...], assertion: VerifiedAssertion) -> str:
    """Return the one address, its domain lower-cased; two different ones are refused."""
    distinct = {value.strip().lower() for value in values if value.strip()}
    if not distinct:
        return ""
    if len(distinct) > 1:
        raise PolicyRefused(
            "identity.email_repeated",
            "the identity provider sent more than one e-mail address",
            (*assertion.checks, Check("identity.email_repeated", f"{len(distinct)} different addresses")),
        )
    address = next(value.strip() for value in values if value.strip())
    parsed = parse_email(address)
    if parsed is None:
        raise PolicyRefused(
            "identity.email_malformed",
            "the e-mail address is not one plain ASCII address",
            (*assertion.checks, Check("identity.email_malformed", "not one plain ASCII address")),
        )
    return parsed


def outline(
    sent: Mapping[str, tuple[str, ...]], attributes: Mapping[str, tuple[str, ...]], split: SplitGroups
) -> tuple[Mapping[str, tuple[str, ...]], Groups]:
    """Return what a map would make of values that were once sent: ours, and the groups.

    For trying a map out: of the message nothing is left by which a single text and a list of one differ.
    """
    asked = {**ALIASES, **attributes}
    found = {name: next((sent[one] for one in names if one in sent), ()) for name, names in asked.items()}
    told = found["groups"]
    return found, _groups(told, unobtainable=False, split=split, string=False, listed=len(told) > 1)
