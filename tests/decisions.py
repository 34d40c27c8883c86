"""Decisions for tests of the store: what policy makes of grants that are given by hand."""

from dataclasses import replace
from typing import Any

from federation.connection import OidcConnection, Organization
from federation.decision import Decision, Wanted, of_connection
from federation.identity import Grant, Identity
from federation.policy.decide import bind


def connection(identifier: str, organization: str, **told: Any) -> OidcConnection:
    """Return a connection that asks nothing of anybody."""
    keys = {
        "protocol": "oidc",
        "organization": organization,
        "issuer": "https://idp.example",
        "client_id": "us",
        "token_endpoint_auth_method": "none",
        "anyone": True,
        "on_email_match": "create",
    }
    return OidcConnection.model_validate(keys | told).model_copy(update={"id": identifier})


def decided(who: Identity, *given: tuple[str, str], **told: Any) -> Decision:
    """Return the decision that gives these roles, each with its rule, through the identity's connection.

    Args:
        who: The person.
        given: Role and rule.
        told: Keys of the connection (``role_rules`` has no say here).
    """
    return admitting(who, Wanted(grants=tuple(granted(who, *one) for one in given)), **told)


def admitting(who: Identity, wanted: Wanted, **told: Any) -> Decision:
    """Return the decision that wants this, as policy would make it."""
    through = connection(who.connection, who.organization, **told)
    organization = Organization(name=who.organization, administrators=("owner",))
    return bind(who, through, organization, wanted, (), system=(), verified=frozenset())


def granted(who: Identity, role: str, why: str) -> Grant:
    return Grant(role, of_connection(who.connection), why)


def as_someone(decision: Decision, **differs: Any) -> Decision:
    """Return the same decision about somebody else."""
    return admitting(replace(decision.identity, **differs), decision.wanted)
