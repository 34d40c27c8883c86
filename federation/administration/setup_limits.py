"""What the holder of a setup link may do, beyond seeing one connection and no other. Pure.

They stand for the identity provider, not for this service: they say how it is reached, what it calls
things, and which domains are theirs. Who may enter besides, who somebody is to us and what they may do is
an administrator's to say. Once people come in by the connection, a link changes nothing of it.
"""

from collections.abc import Iterable
from typing import Final

from federation.administration.actor import Actor
from federation.errors import NotAllowed

KEYS: Final[frozenset[str]] = frozenset(
    {
        # who they are
        "metadata",
        "entity_id",
        "sso_url",
        "slo_url",
        "certificates",
        "issuer",
        "client_id",
        "client_secret",
        "token_endpoint_auth_method",
        "server",
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        # what they call things
        "attributes",
        "name_id_format",
        "subject_attribute",
        "scopes",
        # whose people they are; every one of them is proved by DNS
        "domains",
    }
)

# Whether their directory provisions, which is to say whom people are here: for whoever may enable it.
PROVISIONING: Final[frozenset[str]] = frozenset({"scim"})


def demand_keys(actor: Actor, keys: Iterable[str], *, enabled: bool) -> None:
    """Refuse what a link's holder may not change; nobody else is asked.

    Args:
        actor: Who asks.
        keys: Of the settings file, dotted or not.
        enabled: Whether people come in by the connection now.

    Raises:
        NotAllowed: ``admin.setup_link``.
    """
    if actor.kind != "setup_link":
        return
    if enabled:
        raise NotAllowed("admin.setup_link", "the connection is in use: an administrator changes it")
    allowed = KEYS | PROVISIONING if actor.may_enable else KEYS
    if beyond := sorted({key.partition(".")[0] for key in keys} - allowed):
        raise NotAllowed("admin.setup_link", f"a setup link does not change {', '.join(beyond)[:200]}")


def demand_enable(actor: Actor) -> None:
    """Refuse a link's holder to let people in, but where whoever made it said that they may.

    Raises:
        NotAllowed: ``admin.setup_link``.
    """
    if actor.kind == "setup_link" and not actor.may_enable:
        raise NotAllowed("admin.setup_link", "an administrator enables the connection")


def demand_administrator(actor: Actor) -> None:
    """Refuse every link's holder.

    Raises:
        NotAllowed: ``admin.setup_link``.
    """
    if actor.kind == "setup_link":
        raise NotAllowed("admin.setup_link", "this is an administrator's to do")
