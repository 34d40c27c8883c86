"""Linking: who is a person that has no account yet?

Asked within the transaction that opens their session, of all who could be meant: a user whom
somebody made for them, an invitation to them, or somebody who has their address already. An
address finds a person only by the word of somebody who knows whose it is (``addresses``); all
others make a user of their own, or prove first to be who they seem to be. Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from federation.connection import AnyConnection
from federation.decision import Candidates, Invited, Link
from federation.errors import Check, PolicyRefused, ProofNeeded
from federation.identity import Identity


def link(who: Identity, connection: AnyConnection, candidates: Candidates, *, trusted: bool) -> Link:
    """Say whose user a new Subject is.

    Args:
        who: Normalized; of no account in this organization.
        connection: Through which they come.
        candidates: All of this organization who have, or were told, this address.
        trusted: The address is theirs by this connection's word: see ``addresses.is_trusted``.

    Raises:
        ProofNeeded: ``policy.proof_needed``: somebody has the address already.
        PolicyRefused: ``policy.email_taken``: likewise, and ``on_email_match`` is ``deny``;
            ``policy.several_users``: two users were made for this address;
            ``policy.not_invited``, ``policy.not_provisioned``: ``provisioning`` is closed to them.
    """
    said = None if trusted else f"{connection.id} is not trusted for this address: it finds nobody"
    if candidates.resource:  # by externalId, userName or address, of this connection's own directory
        return Link(user_id=candidates.resource, how="provisioned")
    if (
        candidates.resource_of_another
    ):  # two Subjects of one provider are two people, whatever it says of them
        return Link(user_id="", how="provisioned")
    new = _New(
        who=who,
        connection=connection,
        candidates=candidates,
        trusted=trusted,
        asked=(Check("policy.link.address", said),) if who.email else (),
    )
    if user_id := _provisioned(new):
        return Link(user_id=user_id, how="provisioned", checks=new.asked)
    if (invitation := _invited(new)) is not None:
        return Link(user_id="", how="invited", invitation=invitation, checks=new.asked)
    return _ON_EMAIL_MATCH[connection.on_email_match](new) if candidates.holders else _newcomer(new)


@dataclass(frozen=True, slots=True, kw_only=True)
class _New:
    """A person without an account, and all that is known for them."""

    who: Identity
    connection: AnyConnection
    candidates: Candidates
    trusted: bool
    asked: tuple[Check, ...]

    def refused(self, code: str, said: str) -> PolicyRefused:
        return PolicyRefused(code, said, (*self.asked, Check(code, said)))


def _provisioned(new: _New) -> str:
    """Return the user who was made for them, "" for none; one who is expected here comes first.

    Whoever expects them here trusts this provider for that; not against its own word, though.
    """
    made = new.candidates.provisioned
    if not made or new.who.email_verified is False:
        return ""
    expected = {one.user_id for one in made if one.connection == new.connection.id}
    meant = expected or {one.user_id for one in made if new.trusted and not one.connection}
    if len(meant) > 1:
        raise new.refused("policy.several_users", f"{len(meant)} users were made for this address")
    return "".join(meant)


def _invited(new: _New) -> Invited | None:
    """Return the invitation whose link the browser holds, else one that a trusted address finds."""
    if new.connection.provisioning == "provisioned_only":
        return None
    held = [one for one in new.candidates.invited if one.by_link]
    return next(iter(held or (new.candidates.invited if new.trusted else ())), None)


def _ask_proof(new: _New) -> Link:
    said = f"a user has this address already, whom this subject of {new.connection.id} has not proved to be"
    raise ProofNeeded("policy.proof_needed", said, (*new.asked, Check("policy.proof_needed", said)))


def _link(new: _New) -> Link:
    """Only one whose own address was trusted, too: else whoever takes an address first gets its owner."""
    holders = new.candidates.holders
    users = {one.user_id for one in holders}
    proven = any(one.proven for one in holders)
    # Two subjects of one provider are two people, though the second has the first one's mailbox now.
    here = any(one.connection == new.connection.id for one in holders)
    if new.trusted and proven and len(users) == 1 and not here:
        return Link(user_id=users.pop(), how="linked", checks=new.asked)
    return _ask_proof(new)


def _deny(new: _New) -> Link:
    said = f"a user has this address already, and {new.connection.id} lets nobody else in with it"
    raise new.refused("policy.email_taken", said)


_CLOSED = {
    "invited_only": ("policy.not_invited", "there is no open invitation to this person"),
    "provisioned_only": ("policy.not_provisioned", "nobody has made a user for this person"),
}


def _newcomer(new: _New) -> Link:
    """Return a user of their own, who inherits nothing."""
    if closed := _CLOSED.get(new.connection.provisioning):
        raise new.refused(*closed)
    return Link(user_id="", how="new", checks=new.asked)


_ON_EMAIL_MATCH: Mapping[str, Callable[[_New], Link]] = {
    "ask_proof": _ask_proof,
    "link": _link,
    "create": _newcomer,
    "deny": _deny,
}
