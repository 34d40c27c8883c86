"""Local accounts, compiled: whose word a Subject of ours is."""

from dataclasses import dataclass

from federation.connection import LocalConnection


@dataclass(frozen=True, kw_only=True)
class Local:
    """A connection of local accounts, ready for its connector."""

    connection: LocalConnection
    # Not a URL of ours: people stay who they are where ``base_url`` moves. An identity provider may
    # choose its name, but no other protocol has subjects of this format.
    issuer: str
    subject_format: str = "urn:federation:local"


def compile_local(connection: LocalConnection) -> Local:
    """Compile one."""
    return Local(connection=connection, issuer=f"urn:federation:local:{connection.id}")
