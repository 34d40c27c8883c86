"""Who administers, and how far their word reaches. Pure.

A person with one of their organization's administrators' roles, or the system role ``operator``;
a token of the API with its scopes; the holder of a setup link; the operator at the command line.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, get_args

from federation.errors import NotAllowed, NotFound
from federation.identity import Session

OPERATOR: Final = "operator"  # the system role that sees every organization

Scope = Literal[
    "connections:read",
    "connections:write",
    "people:read",
    "people:write",
    "teams:read",
    "teams:write",
    "organizations:read",
    "organizations:write",
    "decisions:read",
    "decisions:reveal",  # values that records show redacted else
    "audit:read",
    "tokens:write",
    "administrators:write",  # beside another: for what gives, takes or could give administration
]
SCOPES: Final[frozenset[Scope]] = frozenset(get_args(Scope))
ADMINISTRATORS: Final[Scope] = "administrators:write"
OF_SETUP: Final[frozenset[Scope]] = frozenset({"connections:read", "connections:write"})


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who asks. Nothing here has a default that permits."""

    kind: Literal["user", "api_token", "setup_link", "operator"]
    id: str  # of the user, the token, the link; "" of the operator at the command line
    organization: str | None  # whose alone they see; None: every one's
    connection: str | None  # of a setup link: the one that it sets up; None: no such bound
    scopes: frozenset[Scope]
    address: str = field(repr=False)  # of the client, for the audit log; ""
    session: Session | None = None  # of a person
    proven_at: datetime | None = None  # when that person last proved themselves; None: they are none
    ends_at: datetime | None = None  # of a token: nothing that it makes is good for longer
    may_enable: bool = False  # of a setup link: others are asked for their scope alone

    @property
    def is_operator(self) -> bool:
        """Whether the whole installation is theirs."""
        return self.organization is None and self.kind != "setup_link"

    def demand(self, scope: Scope, *, organization: str | None, connection: str | None) -> None:
        """Refuse what is not theirs to do.

        Args:
            scope: What it takes.
            organization: Whose it is; None: the whole installation's.
            connection: Which one it is about; None: none in particular.

        Raises:
            NotAllowed: ``admin.scope``.
            NotFound: ``admin.not_yours``, where what is asked for is another's: answered as what
                does not exist.
        """
        if scope not in self.scopes:
            raise NotAllowed("admin.scope", f"this takes the scope {scope}")
        if not self.sees(organization) or (self.connection is not None and connection != self.connection):
            raise NotFound("admin.not_yours", "it belongs to another organization or connection")

    @property
    def may_administrators(self) -> bool:
        """Whether who administers is theirs to say."""
        return ADMINISTRATORS in self.scopes

    def demand_administrators(self) -> None:
        """Refuse what gives, takes or could give administration; ``administrators`` says what does.

        Raises:
            NotAllowed: ``admin.administrators``.
        """
        if not self.may_administrators:
            raise NotAllowed(
                "admin.administrators",
                f"it gives or takes administration, or could: this takes the scope {ADMINISTRATORS} besides",
            )

    def sees(self, organization: str | None) -> bool:
        """Tell whether what is an organization's (None: the installation's) is theirs to see."""
        return self.organization is None or organization == self.organization
