"""Who somebody is by OAuth 2.0 alone: the profile's own id, and what else its API says of them.

There is no ID Token. The id is the person; a login is a name that may be given up and taken by
somebody else. An address counts where the API calls it primary and verified, and groups are the
organizations and teams that it lists, or *unobtainable*, never empty for want of an answer. Pure.

Source: GitHub's REST API, "Users", "Emails", "Organizations", "Teams".
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from federation.attributes import ALIASES
from federation.errors import AssertionRefused, Check, FederationError
from federation.identity import SEAL, Authentication, KeptTokens, Subject, VerifiedAssertion
from federation.oidc import address, claims, oauth2_api
from federation.oidc.claims import Path
from federation.oidc.oauth2 import Client, Tokens
from federation.oidc.oauth2_api import Entries, Heard, Listing

CODE_LIFE: Final = timedelta(hours=1)  # RFC 6749 §4.1.2 gives a code ten minutes at most
_SUBJECT_LENGTH: Final = 255  # characters, as of an OpenID Provider's sub
_GROUPS: Final = frozenset({"groups", "organization_ids", "team_ids"})
_ADDRESSES: Final = frozenset({*ALIASES["email"], "email_verified", "notification_email"})
_LACKS: Final[Mapping[str, str]] = {
    "oauth2.email_primary": "not exactly one e-mail address of the person is the primary one",
    "oauth2.email_unverified": "the person's primary e-mail address is not verified",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a connection reads what it is told."""

    subject_claim: str  # the member of the profile that names a person for good
    members: tuple[str, ...]  # of the profile, that are of use; (): all
    paths: tuple[Path, ...]  # of the connection's attributes
    address_needed: bool  # who has none may not enter
    organizations: frozenset[str]  # ids; a member of one of these may enter; empty: the connection names none
    keep_tokens: frozenset[str]  # access, refresh
    skew: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What a part of the answers comes to."""

    values: Mapping[str, tuple[str, ...]] = field(repr=False)
    checks: tuple[Check, ...]
    unobtainable: frozenset[str] = frozenset()


def accept(
    profile: Mapping[str, Any],
    heard: Heard,
    *,
    code: str,
    tokens: Tokens,
    client: Client,
    terms: Terms,
    now: datetime,
) -> VerifiedAssertion:
    """Make the verified assertion of what the API says of whoever the token belongs to.

    Args:
        profile: From ``oauth2_api.read_profile``, asked with these tokens.
        heard: Each listing that there is, or why it could not be had.
        code: For which the tokens were given. It is good once, and so is the assertion.
        tokens: From ``oauth2.read_tokens``.
        client: Ourselves, and whom we asked.
        terms: The connection's.
        now: UTC, aware.

    Raises:
        AssertionRefused: ``oauth2.subject``; ``oauth2.organization``; ``oauth2.scope``,
            ``oauth2.email_primary``, ``oauth2.email_unverified`` where the connection needs an address.
        ProviderUnavailable: Why the addresses, or organizations that are asked for, could not be had.
    """
    subject = Subject(issuer=client.issuer, value=_subject(profile.get(terms.subject_claim)))
    told = {name: profile[name] for name in (terms.members or profile) if name in profile}
    read = claims.read_attributes(_without(told, heard), terms.paths)
    try:
        member = _member(heard, terms)
        addresses, groups = _addresses(heard, terms), _groups(heard)
    except FederationError as refusal:
        refusal.person = subject.person
        refusal.checks = (Check("oauth2.subject"), Check(refusal.code, refusal.detail))
        raise
    attributes = {**read.values, **addresses.values, **groups.values}
    listed = "emails_endpoint" in heard
    return VerifiedAssertion(
        id=hashlib.sha256(code.encode()).hexdigest(),
        subject=subject,
        not_on_or_after=now + CODE_LIFE + terms.skew,
        attributes=attributes,
        unobtainable=read.unreadable | groups.unobtainable,
        strings=read.strings - groups.values.keys(),
        email_verified=(True if "email" in addresses.values else None)
        if listed
        else address.email_verified(told, {}, by="email_verified"),
        authentication=Authentication(instant=None),  # nobody says when
        tokens=_kept(tokens, terms, now),
        checks=(Check("oauth2.subject"), *member, *addresses.checks, *groups.checks),
        seal=SEAL,
    )


def _subject(value: Any) -> str:
    """Return the id as text. A number must be a JSON integer: 1.0, 1e3 and true are nobody's id."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return str(value)
    if isinstance(value, str) and value.strip() and value.isprintable() and len(value) <= _SUBJECT_LENGTH:
        return value
    raise AssertionRefused("oauth2.subject", "the profile has no id of the person under subject_claim")


def _without(told: Mapping[str, Any], heard: Heard) -> dict[str, Any]:
    """Leave out of the profile what a listing says: its own address is one that a person shows."""
    out = _ADDRESSES if "emails_endpoint" in heard else frozenset()
    if heard.keys() & {"organizations_endpoint", "teams_endpoint"}:
        out |= {*_GROUPS, *ALIASES["groups"]}
    return {name: value for name, value in told.items() if name not in out}


def _addresses(heard: Heard, terms: Terms) -> _Said:
    """The primary address where it is verified; no other stands in for it."""
    if "emails_endpoint" not in heard:
        return _Said(values={}, checks=())
    entries = heard["emails_endpoint"]
    if isinstance(entries, FederationError):
        if terms.address_needed or entries.code != "oauth2.scope":
            raise entries
        return _Said(values={}, checks=(Check(entries.code, f"not checked: {entries.detail}"),))
    email, lack = _primary(entries)
    if not lack:
        return _Said(values={"email": (email,)}, checks=tuple(map(Check, _LACKS)))
    if terms.address_needed:
        raise AssertionRefused(lack, _LACKS[lack])
    return _Said(values={}, checks=(Check(lack, f"not checked: {_LACKS[lack]}"),))


def _member(heard: Heard, terms: Terms) -> tuple[Check, ...]:
    """Whoever is a member of none of the connection's organizations may not enter; by id, never by name."""
    if not terms.organizations:
        return ()
    entries = heard.get("organizations_endpoint", ())
    if isinstance(entries, FederationError):
        raise entries
    if terms.organizations.isdisjoint(_id(one, "organizations_endpoint") for one in entries):
        raise AssertionRefused(
            "oauth2.organization", "the person is in none of the connection's organizations"
        )
    return (Check("oauth2.organization"),)


def _primary(entries: Entries) -> tuple[str, str]:
    """Return the address, or which rule it breaks."""
    primaries = [one for one in entries if one.get("primary") is True]
    email = primaries[0].get("email") if len(primaries) == 1 else None
    if not isinstance(email, str) or not email.strip():
        return "", "oauth2.email_primary"
    if primaries[0].get("verified") is not True:
        return "", "oauth2.email_unverified"
    return email, ""


def _groups(heard: Heard) -> _Said:
    """Organizations by name, teams below them; of all of them, or of none."""
    try:
        return _Said(values=_listed(heard), checks=())
    except FederationError as failure:
        why = Check(failure.code, f"not checked: {failure.detail}")
        return _Said(values={}, checks=(why,), unobtainable=_GROUPS)


def _listed(heard: Heard) -> dict[str, tuple[str, ...]]:
    """Return the names, and beside them the ids, which nobody else can take over."""
    names: list[str] = []
    values: dict[str, tuple[str, ...]] = {}
    for listing, ids, name_of in _LISTINGS:
        if listing not in heard:
            continue
        entries = heard[listing]
        if isinstance(entries, FederationError):
            raise entries
        names += [name_of(one) for one in entries]
        values[ids] = tuple(_id(one, listing) for one in entries)
    if values:  # a list was read to its end: no group at all is an answer too
        values["groups"] = tuple(dict.fromkeys(names))
    return {name: found for name, found in values.items() if found or name == "groups"}


def _id(entry: Mapping[str, Any], listing: Listing) -> str:
    value = entry.get("id")
    if isinstance(value, bool) or not isinstance(value, int):
        raise oauth2_api.malformed(listing, "an entry has no id")
    return str(value)


def _organization(entry: Mapping[str, Any]) -> str:
    return _part(entry.get("login"), "organizations_endpoint")


def _team(entry: Mapping[str, Any]) -> str:
    owner = entry.get("organization")
    name = owner.get("login") if isinstance(owner, Mapping) else None
    return f"{_part(name, 'teams_endpoint')}/{_part(entry.get('slug'), 'teams_endpoint')}"


def _part(value: Any, listing: Listing) -> str:
    """A name with a slash in it would be another organization's team."""
    if not isinstance(value, str) or not value.strip() or "/" in value or not value.isprintable():
        raise oauth2_api.malformed(listing, "an entry has no name")
    return value


_LISTINGS: Final[tuple[tuple[Listing, str, Callable[[Mapping[str, Any]], str]], ...]] = (
    ("organizations_endpoint", "organization_ids", _organization),
    ("teams_endpoint", "team_ids", _team),
)


def _kept(tokens: Tokens, terms: Terms, now: datetime) -> KeptTokens | None:
    access = tokens.access_token if "access" in terms.keep_tokens else ""
    refresh = tokens.refresh_token if "refresh" in terms.keep_tokens else ""
    if not access and not refresh:
        return None
    until = now + tokens.expires_in if access and tokens.expires_in is not None else None
    return KeptTokens(
        access=access,
        refresh=refresh,
        access_until=until,
        scopes=tuple(sorted(tokens.scopes or ())),
        receivers=tokens.receivers,
    )


def keep_renewed(tokens: Tokens, before: KeptTokens, *, terms: Terms, now: datetime) -> KeptTokens:
    """Return what takes the place of kept tokens: a refresh token that did not come anew stays (RFC 6749 §6).

    Args:
        tokens: From ``oauth2.read_refreshed``.
        before: What was kept.
        terms: The connection's.
        now: UTC, aware.

    Raises:
        ValueError: The connection keeps nothing any more.
    """
    full = replace(tokens, refresh_token=tokens.refresh_token or before.refresh, receivers=before.receivers)
    kept = _kept(full, terms, now)
    if kept is None:
        raise ValueError("tokens are renewed where some are kept")
    return kept
