"""Who mends what a code names, and how: what the manual says (docs/refusals.md), at hand where we run.

``refusals.toml`` holds the manual's words of every code that a sign-in can end with; a test holds the
two equal. Pure but for that file, which is read once.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from federation.errors import (
    AccountRefused,
    AssertionRefused,
    ChangeConflicts,
    ConfigurationError,
    FederationError,
    FieldsRefused,
    LastAdministrator,
    NotAllowed,
    NotFound,
    PasswordRefused,
    PolicyRefused,
    ProofNeeded,
    ProveAgain,
    ProviderUnavailable,
    RequestRefused,
    SignInExpired,
    SsoRequired,
    TooManyRequests,
)

# What kind of refusal a recorded code was, by its room or by itself; tests/test_manual.py holds it to
# the source. What a provider publishes and cannot be used is recorded as ProviderUnavailable.
_KINDS: Final[dict[str, type[FederationError]]] = {
    "saml": AssertionRefused,
    "saml.missing": RequestRefused,
    "saml.repeated": RequestRefused,
    "saml.relay_state": RequestRefused,
    "oidc": AssertionRefused,
    "oidc.frontchannel_issuer": RequestRefused,
    "oidc.frontchannel_missing": RequestRefused,
    "oauth2": AssertionRefused,
    "policy": PolicyRefused,
    "policy.sso_required": SsoRequired,
    "domain.dns": ProviderUnavailable,
    "domain.dns_setup": ProviderUnavailable,
    "identity": PolicyRefused,
    "signin": SignInExpired,
    "signin.initiate_unknown": RequestRefused,
    "signin.initiate_unnamed": RequestRefused,
    "signin.no_connection": RequestRefused,
    "signin.replayed": AssertionRefused,
    "fetch": ProviderUnavailable,
    "fetch.allow": ConfigurationError,
    "fetch.ca_bundle": ConfigurationError,
    "form": RequestRefused,
    "csrf": RequestRefused,
    "account.another_person": AccountRefused,
    "account.last_administrator": AccountRefused,
    "account.last_way": AccountRefused,
    "account.link_taken": AccountRefused,
    "account.no_way": AccountRefused,
    "admin": RequestRefused,
    "admin.administrators": NotAllowed,
    "admin.changed_meanwhile": ChangeConflicts,
    "admin.forbidden": PolicyRefused,
    "admin.invalid": FieldsRefused,
    "admin.enforced": ChangeConflicts,
    "admin.last_administrator": LastAdministrator,
    "admin.managed": ChangeConflicts,
    "admin.member": ChangeConflicts,
    "admin.not_empty": ChangeConflicts,
    "admin.preflight": ChangeConflicts,
    "admin.taken": ChangeConflicts,
    "admin.untried": ChangeConflicts,
    "admin.operator": NotAllowed,
    "admin.prove_again": ProveAgain,
    "admin.not_yours": NotFound,
    "admin.scope": NotAllowed,
    "admin.setup_link": NotAllowed,
    "admin.unknown": NotFound,
    "policy.proof_needed": ProofNeeded,
    "policy.edited": ConfigurationError,
    "policy.no_connection": ConfigurationError,
    "return_to": RequestRefused,
    "scim": RequestRefused,
    "scim.no_connection": NotFound,
    "scim.disabled": PolicyRefused,
    "scim.moved": PolicyRefused,
    "rate": TooManyRequests,
    "local": PasswordRefused,
    "local.busy": TooManyRequests,
    "local.link": SignInExpired,
    "local.unsolicited": AssertionRefused,
    "local.password_address": RequestRefused,
    "local.password_common": RequestRefused,
    "local.password_differs": RequestRefused,
    "local.password_long": RequestRefused,
    "local.password_short": RequestRefused,
    "local.password_unprintable": RequestRefused,
    "break_glass": PolicyRefused,
    "trial": RequestRefused,
    "trial.unknown": SignInExpired,
    "bootstrap": PolicyRefused,
    "bootstrap.unknown": SignInExpired,
}


def mender(code: str) -> str:
    """Say who can mend what a code names."""
    room = code.partition(".")[0]
    return _KINDS.get(code, _KINDS.get(room, ConfigurationError)).mended_by


@dataclass(frozen=True, slots=True)
class Entry:
    """What the manual says of a code, as plain text."""

    broken: str  # what was broken
    mend: str  # who mends it, and how


def entry(code: str) -> Entry | None:
    """Return the manual's entry; None of what no sign-in ends with."""
    told = _manual().get(code)
    return Entry(*told) if told else None


@cache
def _manual() -> dict[str, list[str]]:
    return tomllib.loads(_FILE.read_text("utf-8"))


_FILE: Final = Path(__file__).parent / "refusals.toml"
