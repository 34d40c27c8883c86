"""The settings in force, as they may be shown: no secret, no password, no key; who may see what.

Of each value its own line is written here: a key that is added to the settings is not shown until
somebody decides that it may be.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib import metadata
from typing import Literal
from urllib.parse import urlsplit

from federation.administration.desk import Desk
from federation.configuration.sources import Source
from federation.settings import Settings

Kind = Literal["text", "url", "set"]  # set: a secret, of which only that it is set is told


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One value in force."""

    key: str  # as docs/settings.md has it; "" where it is no key of the file
    value: str
    kind: Kind = "text"
    source: Source | None = None  # None of what is no key, or follows from others


@dataclass(frozen=True, kw_only=True)
class Part:
    """What belongs together; ``name`` names its heading."""

    name: str
    lines: tuple[Shown, ...]


def version() -> str:
    """Return the release that runs; "" where it runs from a checkout that nobody installed."""
    try:
        return metadata.version("federation")
    except metadata.PackageNotFoundError:
        return ""


def show(desk: Desk) -> tuple[Part, ...]:
    """Return the settings: to an operator all that may be shown, to others what concerns them.

    Raises:
        NotAllowed: ``admin.scope``.
    """
    desk.demand("organizations:read", organization=desk.actor.organization)
    config = desk.settings
    parts = [
        Part(name="service", lines=tuple(_service(config))),
        Part(name="published", lines=tuple(_published(config))),
        Part(name="limits", lines=tuple(_limits(config))),
    ]
    if desk.actor.organization is None:
        parts += [
            Part(name="installation", lines=tuple(_installation(config))),
            Part(name="outbound", lines=tuple(_outbound(config))),
            Part(name="mail", lines=tuple(_mail(config))),
            Part(name="system_roles", lines=tuple(_system_roles(config))),
        ]
    return tuple(_sourced(desk, one) for one in parts if one.lines)


def _sourced(desk: Desk, part: Part) -> Part:
    """Add where each value came from; which variable or file it was, concerns an operator alone."""
    if part.name == "published":
        return part

    def sourced(line: Shown) -> Shown:
        if not line.key:
            return line
        found = desk.settings.source_of(line.key)
        return replace(line, source=found if desk.actor.is_operator else replace(found, name=""))

    return replace(part, lines=tuple(map(sourced, part.lines)))


def _service(config: Settings) -> Iterator[Shown]:
    yield Shown(key="", value=version())
    yield Shown(key="base_url", value=config.base_url, kind="url")
    yield Shown(key="development", value=_word(config.development))


def _published(config: Settings) -> Iterator[Shown]:
    yield Shown(key="saml_metadata", value=f"{config.base_url}/saml/metadata", kind="url")
    yield Shown(key="oidc_jwks", value=f"{config.base_url}/oidc/jwks.json", kind="url")
    yield Shown(key="api_openapi", value=f"{config.base_url}/admin/api/openapi.json", kind="url")


def _limits(config: Settings) -> Iterator[Shown]:
    yield Shown(key="session.idle", value=_span(config.session.idle))
    yield Shown(key="session.absolute", value=_span(config.session.absolute))
    yield Shown(key="session.break_glass", value=_span(config.session.break_glass))
    yield Shown(key="records.keep", value=_span(config.records.keep))
    yield Shown(key="rate_limits.sign_in", value=str(config.rate_limits.sign_in))
    yield Shown(key="rate_limits.failures", value=str(config.rate_limits.failures))


def _installation(config: Settings) -> Iterator[Shown]:
    yield Shown(key="", value=str(config.file))
    yield Shown(key="database_url", value=_database(config.database_url.get_secret_value()))
    yield Shown(key="encryption_keys", value=", ".join(str(one.file) for one in config.encryption_keys))
    yield Shown(key="sp_certificate", value=str(config.sp_certificate))
    yield Shown(key="sp_key", value=str(config.sp_key))
    yield Shown(key="trusted_proxies", value=", ".join(map(str, config.trusted_proxies)))
    yield Shown(key="dns_servers", value=", ".join(map(str, config.dns_servers)))


def _database(url: str) -> str:
    """Return which database it is, without who may and with what."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"


def _outbound(config: Settings) -> Iterator[Shown]:
    told = config.outbound
    if told.proxy is not None:
        yield Shown(key="outbound.proxy", value=_database(told.proxy.get_secret_value()))
        yield Shown(key="outbound.no_proxy", value=", ".join(told.no_proxy or ()))
    yield Shown(key="outbound.allow", value=", ".join(told.allow))
    yield Shown(key="outbound.ca_bundle", value=str(told.ca_bundle or ""))


def _mail(config: Settings) -> Iterator[Shown]:
    if (smtp := config.smtp) is None:
        return
    yield Shown(key="smtp.host", value=f"{smtp.host}:{smtp.port}")
    yield Shown(key="smtp.from", value=smtp.from_)
    yield Shown(key="smtp.starttls", value=_word(smtp.starttls))
    if smtp.password is not None:
        yield Shown(key="smtp.password", value="", kind="set")


def _system_roles(config: Settings) -> Iterator[Shown]:
    for connection, rules in config.system_roles.items():
        roles = ", ".join(dict.fromkeys(one.role for one in rules))
        yield Shown(key=f"system_roles.{connection}", value=roles)


def _word(value: bool) -> str:  # noqa: FBT001  a value of the settings
    return "true" if value else "false"


def _span(span: timedelta) -> str:
    """Return a span of time as the settings file writes it: ``8h``, ``30d``."""
    seconds = int(span.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds % size == 0 and seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
