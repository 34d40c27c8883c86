"""Trying a map and rules out, before they are kept: what they would make of whoever tested last.

Of the test's report nothing is left by which its message could be verified again: this says what names and
rules would come to, and decides nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from federation import attributes
from federation.administration import trials
from federation.administration.desk import Desk
from federation.connection import AnyConnection
from federation.errors import PolicyRefused
from federation.identity import Authentication, Identity, Subject
from federation.policy import roles
from federation.roster import kept
from federation.trial.report import Report

_LOOKED_AT = 10  # tests


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of it."""

    at: str  # of the test, ISO 8601
    fields: Mapping[str, tuple[str, ...]] = field(repr=False)  # ours → values; () nothing was sent for it
    roles: tuple[tuple[str, str], ...]  # each with what gives it
    refusal: str  # why they would be refused; "" where they would not


async def last(desk: Desk, connection: str) -> Report | None:
    """Return the report of the latest test that got as far as who somebody is; None where there is none.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``.
    """
    if connection not in desk.roster.connectors:
        return None
    page = await trials.every(desk, connection, cursor=None, limit=_LOOKED_AT)
    for some in (page.items[:1], page.items[1:]):  # the latest is most often the one
        if with_claims := [one for one in await trials.reports(desk, some) if one.claims]:
            return with_claims[0]
    return None


async def outcome(desk: Desk, report: Report, changes: Mapping[str, Any]) -> Outcome:
    """Return what a connection would make of a test's claims if these keys were kept.

    Raises:
        ValidationError: The keys cannot be used.
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``.
    """
    one = desk.roster.kept[report.connection]
    desk.demand("connections:read", organization=one.row.organization, connection=report.connection)
    told = {**kept.body_of(one.row), **changes}
    body = {key: value for key, value in told.items() if value is not None}
    secrets = kept.open_secrets(desk.vault, one.row)
    connection = kept.read(
        report.connection, body, secrets, organization=one.row.organization, config=desk.settings
    )
    who, fields = _identity(report, connection)
    refusal = ""
    given: tuple[tuple[str, str], ...] = ()
    try:
        wanted, _ = roles.want(who, connection, desk.roster.organizations[connection.organization])
        given = tuple((grant.role, grant.why) for grant in wanted.grants)
    except PolicyRefused as refused:
        refusal = refused.detail
    return Outcome(at=report.ended_at, fields=fields, roles=given, refusal=refusal)


def _identity(report: Report, connection: AnyConnection) -> tuple[Identity, Mapping[str, tuple[str, ...]]]:
    sent = {claim.name: claim.values for claim in report.claims}
    fields, groups = attributes.outline(sent, connection.attributes, connection.split_groups)
    if not fields["email"]:  # SAML's NameID, of which the report tells what came of it
        known = {one.name: one.values for one in report.identity}
        fields = {**fields, "email": known.get("email", ())}
    profile = {name: "".join(values[:1]).strip() for name, values in fields.items()}
    key = {one.name: "".join(one.values) for one in report.subject}
    who = Identity(
        subject=Subject(
            issuer=key.get("issuer", report.connection),
            format=key.get("format", "try"),
            value=key.get("value", "nobody"),
        ),
        connection=connection.id,
        organization=connection.organization,
        email=profile["email"],
        email_verified=None,
        given_name=profile["given_name"],
        family_name=profile["family_name"],
        display_name=profile["display_name"],
        groups=groups,
        attributes={**sent, **{name: told for name, told in fields.items() if told}},
        authentication=Authentication(instant=None),
    )
    return who, {**fields, "groups": groups.names}
