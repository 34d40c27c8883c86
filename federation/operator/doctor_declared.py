"""What `federation doctor` sees in the settings alone: what was accepted there, and is weaker for it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from federation.connection import AnyConnection, OAuth2Connection, OidcConnection
from federation.operator.finding import Finding, note, ok, warning


def shared_callbacks(connections: Mapping[str, AnyConnection]) -> Iterator[Finding]:
    """Tell which providers could pass another's answer off as their own (RFC 9207 §1)."""
    sharing: dict[str, list[str]] = defaultdict(list)
    for name, one in connections.items():
        for path in getattr(one, "callback_paths", ()):
            sharing[path].append(name)
    for path, names in sharing.items():
        trusted = [name for name in names if _accepted(connections[name])]
        if len(names) > 1 and trusted:
            whose = f"answers from {', '.join(trusted)} need not say whose they are"
            said = f"{path} is shared by {', '.join(names)}; {whose}"
            mend = (
                "require_iss: true where the provider sends iss (RFC 9207), else a callback path of its own"
            )
            yield warning("shared callback", said, mend)


def many_tenants(connections: Mapping[str, AnyConnection]) -> Iterator[Finding]:
    """Tell where each of several directories may put any address into its people's ``email``."""
    for name, one in connections.items():
        if not isinstance(one, OidcConnection) or one.preset != "entra":
            continue
        if one.tenants and one.email_trust != "verified":
            said = f"any of its tenants may give its people any address; email_trust is {one.email_trust}"
            mend = "email_trust: verified, with Entra's optional claim xms_edov"
            yield warning(f"connection {name}", said, mend)


def _accepted(one: AnyConnection) -> bool:
    if not isinstance(one, OidcConnection | OAuth2Connection):
        return False
    return one.shared_callback == "accepted" and not one.require_iss


def rereads(connections: Mapping[str, AnyConnection]) -> Iterator[Finding]:
    """Tell of which connections the provider is asked between sign-ins, and what the others lack."""
    for name, one in connections.items():
        topic = "between sign-ins"
        if not one.enabled:
            yield note(topic, f"{name}: enabled: false: nobody comes in by it, and its sessions end")
        elif lack := _lack(one):
            yield note(topic, f"{name}: groups and status are not re-read: {lack}")
        else:
            every = int(one.reconcile_every.total_seconds() // 60)
            yield ok(topic, f"{name}: groups and status are re-read every {every} minutes")


def _lack(connection: AnyConnection) -> str:
    """Say what a provider cannot be asked without, "" where it can be."""
    if isinstance(connection, OidcConnection):
        asks = "refresh" in connection.keep_tokens or connection.google_directory is not None
        return "" if asks else "keep_tokens: [refresh], and a scope that brings one"
    if isinstance(connection, OAuth2Connection):
        return "" if connection.keep_tokens else "keep_tokens: [access]"
    return f"{connection.protocol} has no way to ask without the person"
