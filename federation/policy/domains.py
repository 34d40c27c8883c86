"""E-mail domains: may this person come in through this connection, and which one is theirs?

Asked after the identity provider has answered, for every protocol alike, whatever hint was
sent before. Each rule is one function; RULES is the whole list. Domains are compared whole, label
by label: a subdomain is another domain, unless the connection says ``*.acme.example``. Pure.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from federation.connection import AnyConnection, Organization
from federation.errors import Check, PolicyRefused
from federation.identity import Identity, parse_email

_GUEST = "#EXT#"  # in the user name that Microsoft Entra ID makes for a guest
_USER_NAMES = ("preferred_username", "upn", "unique_name")


def known_address(who: Identity, connection: AnyConnection) -> str | None:
    """A connection bound to domains needs an address to hold against them."""
    if not connection.domains or who.email:
        return None
    return "the identity provider sent no e-mail address"


def at_home(who: Identity, connection: AnyConnection) -> str | None:
    """A guest of a directory has a made-up name there (``ada_partner.example#EXT#@…``), and no mailbox by it.

    Whoever comes with an address of their own is asked for its domain like everybody.
    """
    names = [name for claim in _USER_NAMES for name in who.attributes.get(claim, ())]
    if connection.anyone or not any(_GUEST in name.upper() for name in (who.email, who.display_name, *names)):
        return None
    if _GUEST not in who.email.upper() and speaks_for(connection, domain_of(who.email)):
        return None
    return "a guest of the identity provider's directory"


def own_domain(who: Identity, connection: AnyConnection) -> str | None:
    """The address's domain is one of the connection's.

    ``anyone: true`` alone lifts this, or another bound in place of domains: whoever made or invited
    the person, or a list that the protocol's own rules hold against the answer.
    """
    if connection.anyone:
        return None
    domain = domain_of(who.email)
    if connection.domains:
        if speaks_for(connection, domain):
            return None
        return f"{domain!r} is not one of {', '.join(connection.domains)}"
    return None if connection.is_bounded else "nothing says who may come in through this connection"


def trusted_address(who: Identity, connection: AnyConnection) -> str | None:
    """An address that the provider calls unverified is nobody's.

    What it leaves open is accepted, unless the connection asks for verified addresses. A
    connection whose domains are its own (``email_trust: domains``) need not say anything.
    """
    if connection.email_trust == "domains" or not who.email:
        return None
    if who.email_verified is False:
        return "the identity provider says that the e-mail address is not verified"
    if who.provisioned:  # a directory has no word for it; their sign-in is asked
        return None
    if connection.email_trust == "verified" and who.email_verified is not True:
        return "the identity provider does not say that the e-mail address is verified"
    return None


RULES: Mapping[str, Callable[[Identity, AnyConnection], str | None]] = {
    "policy.no_email": known_address,
    "policy.guest": at_home,
    "policy.domain": own_domain,
    "policy.email_unverified": trusted_address,
}

UNPROVED: Final = "policy.domain_unproved"
_HELD = {code: Check(code) for code in RULES}

_DETAILS = {
    "policy.no_email": "the identity provider sent no e-mail address, and this connection asks for one",
    "policy.guest": "a guest of the identity provider's directory, whose own domain may not enter",
    "policy.domain": "the e-mail address is outside the connection's domains",
    "policy.email_unverified": "the e-mail address is not verified",
}


def admit(who: Identity, connection: AnyConnection) -> tuple[Check, ...]:
    """Ask every domain rule.

    Returns:
        The rules, all held.

    Raises:
        PolicyRefused: The first broken rule's code; ``checks`` tells all of them.
    """
    said = {code: rule(who, connection) for code, rule in RULES.items()}
    checks = tuple([_HELD[code] if why is None else Check(code, why) for code, why in said.items()])
    for check in checks:
        if check.said is not None:
            raise PolicyRefused(check.code, _DETAILS[check.code], checks)
    return checks


def prove(who: Identity, connection: AnyConnection, proved: AbstractSet[str]) -> tuple[Check, ...]:
    """Ask for a record in DNS where a connection of the store lets somebody in by their domain.

    Whoever edits it could name anybody's, and have an application that knows people by their address
    take one for another.

    Args:
        who: Whom every domain rule lets in.
        connection: Through which they come.
        proved: As ``is_proved``.

    Returns:
        What was asked, and held.

    Raises:
        PolicyRefused: ``policy.domain_unproved``.
    """
    if not connection.of_store or not connection.domains:
        return ()
    if is_proved(connection, domain_of(who.email), proved):
        return (Check(UNPROVED),)
    said = f"no record in DNS proves that {domain_of(who.email)!r} is the organization's"
    raise PolicyRefused(
        UNPROVED, "the domain of the e-mail address is not proved by DNS", (Check(UNPROVED, said),)
    )


def needs_proof(connection: AnyConnection, organization: Organization) -> bool:
    """Tell whether the operator's word is not enough for whose a domain is."""
    return connection.of_store or organization.domain_proof == "dns"


def domain_of(email: str) -> str:
    """Return the part after the ``@``, lower-case; "" if there is none."""
    return email.rpartition("@")[2].lower() if "@" in email else ""


def covers(entry: str, domain: str) -> bool:
    """Tell whether an entry of a connection's domains means this domain; both lower-case.

    ``*.acme.example`` means every name below ``acme.example``, however deep, and not that itself.
    """
    if entry.startswith("*."):
        return domain.endswith(entry[1:]) and len(domain) > len(entry) - 1
    return domain == entry


def speaks_for(connection: AnyConnection, domain: str) -> bool:
    """Tell whether a domain is among the connection's; "" is nobody's."""
    return any(covers(entry, domain) for entry in connection.domains)


def is_proved(connection: AnyConnection, domain: str, proved: AbstractSet[str]) -> bool:
    """Tell whether a domain is the connection's by a record in DNS.

    Args:
        connection: Whose domains are meant.
        domain: Of an address, lower-case.
        proved: Names whose record was found; that of ``acme.example`` proves ``*.acme.example`` too.
    """
    entries = [entry for entry in connection.domains if covers(entry, domain)]
    return any(entry.removeprefix("*.") in proved for entry in entries)


def index(connections: Iterable[AnyConnection]) -> Mapping[str, tuple[str, ...]]:
    """Return the connections of each entry of domains (``*.acme.example`` is one), as they are declared."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for one in connections:
        for entry in one.domains:
            found[entry].append(one.id)
    return {entry: tuple(ids) for entry, ids in found.items()}


def names_of(email: str) -> tuple[str, ...]:
    """Return an address's domain and every domain that it lies in; () of what is no address."""
    labels = domain_of(email).split(".")
    return tuple(".".join(labels[at:]) for at in range(len(labels))) if labels != [""] else ()


def find_ways(email: str, homes: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the ids of the connections whose domains an address lies in; the domain itself comes first.

    Several may be of several organizations: the person knows which is theirs.

    Args:
        email: One plain address; "" has no way.
        homes: From ``index``.
    """
    whole, *around = names_of(email) or ("",)
    entries = (whole, *(f"*.{name}" for name in around))
    return tuple(dict.fromkeys(one for entry in entries for one in homes.get(entry, ())))


def route(email: str, connections: Sequence[AnyConnection]) -> tuple[str, ...]:
    """Return the ids of the connections that an address may sign in through, as they are declared.

    Several are of one organization, and the person chooses.

    Args:
        email: As typed by anyone; surrounding white space does not count.
        connections: All connections in force, in the order of their declaration.

    Returns:
        None of them where the address is malformed, its domain unknown, or two organizations'.
    """
    address = parse_email(email.strip())
    if address is None:
        return ()
    owners = [one for one in connections if one.enabled and speaks_for(one, domain_of(address))]
    organizations = {owner.organization for owner in owners}
    return tuple(owner.id for owner in owners) if len(organizations) == 1 else ()
