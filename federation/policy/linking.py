"""Linking: who is a person that has no account yet?

Asked within the transaction that opens their session, of all who could be meant. Pure.
"""

from federation.connection import AnyConnection
from federation.decision import Candidates, Link
from federation.identity import Identity


def link(who: Identity, connection: AnyConnection, candidates: Candidates) -> Link:
    """Say whose user a new Subject is."""
    del who, connection, candidates
    return Link(user_id="", how="new")
