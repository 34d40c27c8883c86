"""E-mail domains: may this person come in through this connection, and which one is theirs?

Asked after the identity provider has answered, for every protocol alike, whatever hint was
sent before. Each rule is one function; RULES is the whole list. Domains are compared whole:
a subdomain is another domain. Pure.
"""

from collections.abc import Callable, Mapping, Sequence

from federation.connection import AnyConnection
from federation.errors import Check, PolicyRefused
from federation.identity import Identity, parse_email

_GUEST = "#EXT#"  # in the user name that Microsoft Entra ID makes for a guest
_USER_NAMES = ("preferred_username", "upn", "unique_name")


def known_address(who: Identity, connection: AnyConnection) -> str | None:
    """A connection bound to domains needs an address to hold against them."""
    if connection.anyone or who.email:
        return None
    return "the identity provider sent no e-mail address"


def at_home(who: Identity, connection: AnyConnection) -> str | None:
    """A guest of a directory has a made-up name there (``ada_partner.example#EXT#@…``), and no mailbox by it.

    Whoever comes with an address of their own is asked for its domain like everybody.
    """
    names = [name for claim in _USER_NAMES for name in who.attributes.get(claim, ())]
    if connection.anyone or not any(_GUEST in name.upper() for name in (who.email, who.display_name, *names)):
        return None
    if _GUEST not in who.email.upper() and domain_of(who.email) in connection.domains:
        return None
    return "a guest of the identity provider's directory"


def own_domain(who: Identity, connection: AnyConnection) -> str | None:
    """The address's domain equals one of the connection's; ``anyone: true`` alone lifts this."""
    if connection.anyone:
        return None
    domain = domain_of(who.email)
    if domain and domain in connection.domains:
        return None
    return f"{domain!r} is not one of {', '.join(connection.domains)}"


def trusted_address(who: Identity, connection: AnyConnection) -> str | None:
    """An address that the provider calls unverified is nobody's.

    What it leaves open is accepted, unless the connection asks for verified addresses. A
    connection whose domains are its own (``email_trust: domains``) need not say anything.
    """
    if connection.email_trust == "domains" or not who.email:
        return None
    if who.email_verified is False:
        return "the identity provider says that the e-mail address is not verified"
    if connection.email_trust == "verified" and who.email_verified is not True:
        return "the identity provider does not say that the e-mail address is verified"
    return None


RULES: Mapping[str, Callable[[Identity, AnyConnection], str | None]] = {
    "policy.no_email": known_address,
    "policy.guest": at_home,
    "policy.domain": own_domain,
    "policy.email_unverified": trusted_address,
}

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
    checks = tuple(Check(code, rule(who, connection)) for code, rule in RULES.items())
    for check in checks:
        if check.said is not None:
            raise PolicyRefused(check.code, _DETAILS[check.code], checks)
    return checks


def domain_of(email: str) -> str:
    """Return the part after the ``@``, lower-case; "" if there is none."""
    return email.rpartition("@")[2].lower() if "@" in email else ""


def route(email: str, connections: Sequence[AnyConnection]) -> str | None:
    """Return the id of the connection that owns the address's domain.

    An organization may have several for one domain: the first one declared is meant.

    Args:
        email: As typed by anyone; surrounding white space does not count.
        connections: All connections in force, in the order of their declaration.

    Returns:
        None where the address is malformed, its domain unknown, or two organizations'.
    """
    address = parse_email(email.strip())
    if address is None:
        return None
    owners = [connection for connection in connections if domain_of(address) in connection.domains]
    organizations = {owner.organization for owner in owners}
    return owners[0].id if len(organizations) == 1 else None
