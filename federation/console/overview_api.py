"""What needs attention, metadata that waits, the settings in force: for programs, by the pages' deeds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from federation.administration import overview, provider_metadata, settings_shown
from federation.administration.desk import Desk
from federation.configuration.part import Model
from federation.configuration.sources import Origin
from federation.console.operations import Asked, Operation


class OverviewAsked(Model):
    """Whose."""

    organization: Annotated[str | None, Field(max_length=63)] = None


class MatterShown(Model):
    """Something that needs somebody."""

    kind: str
    level: str
    path: str = Field(description="Of the page that mends it")
    told: dict[str, str]


class CertificateShown(Model):
    """When a certificate ends."""

    connection: str | None = Field(description="Null: our own")
    fingerprint: str
    not_after: datetime


class OverviewShown(Model):
    """What happened lately, ends soon, and needs attention."""

    matters: tuple[MatterShown, ...]
    day: dict[str, int] = Field(description="Code → attempts in 24 hours; the empty one: signed in")
    week: dict[str, int]
    counted_since: datetime | None = Field(description="Null: all of the week was counted")
    certificates: tuple[CertificateShown, ...]


class DigestAsked(Model):
    """Of the document that was looked at."""

    digest: Annotated[str, Field(min_length=64, max_length=64)]


class SettingShown(Model):
    """A value in force; of a secret only that it is set."""

    part: str
    key: str
    value: str | None = Field(description="Null: set, and never shown")
    source: Origin | None = Field(description="Where it came from; null of what is no key")
    source_name: str = Field(description="Of that variable or secret file, to an operator; else empty")


class SettingsShown(Model):
    """What is in force."""

    items: tuple[SettingShown, ...]


async def get_overview(desk: Desk, asked: Asked) -> OverviewShown:
    """Of the latest 2,000 attempts at most."""
    told = await overview.look(desk, asked.query.organization)
    return OverviewShown(
        matters=tuple(
            MatterShown(kind=one.kind, level=one.level, path=one.path, told=dict(one.told))
            for one in told.matters
        ),
        day=dict(told.causes.day),
        week=dict(told.causes.week),
        counted_since=told.causes.since,
        certificates=tuple(
            CertificateShown(
                connection=one.connection or None, fingerprint=one.fingerprint, not_after=one.not_after
            )
            for one in told.certificates
        ),
    )


async def approve_metadata(desk: Desk, asked: Asked) -> None:
    """Every worker follows within half a minute."""
    await provider_metadata.approve(desk, asked.path["connection"], asked.body.digest)


async def reject_metadata(desk: Desk, asked: Asked) -> None:
    """It is never held again."""
    await provider_metadata.reject(desk, asked.path["connection"], asked.body.digest)


async def get_settings(desk: Desk, _: Asked) -> SettingsShown:
    """They are changed in the settings file."""
    shown = (
        SettingShown(
            part=part.name,
            key=one.key,
            value=None if one.kind == "set" else one.value,
            source=one.source.origin if one.source else None,
            source_name=one.source.name if one.source else "",
        )
        for part in settings_shown.show(desk)
        for one in part.lines
    )
    return SettingsShown(items=tuple(shown))


_HELD: Final = "/connections/{connection}/metadata"
OPERATIONS: Final[Sequence[Operation]] = (
    Operation(
        "GET",
        "/overview",
        "What needs attention",
        "decisions:read",
        get_overview,
        OverviewAsked,
        None,
        OverviewShown,
    ),
    Operation(
        "POST",
        f"{_HELD}/approve",
        "Take the metadata that waits",
        "connections:write",
        approve_metadata,
        None,
        DigestAsked,
    ),
    Operation(
        "POST",
        f"{_HELD}/reject",
        "Put the metadata that waits aside",
        "connections:write",
        reject_metadata,
        None,
        DigestAsked,
    ),
    Operation(
        "GET",
        "/settings",
        "Show the settings in force",
        "organizations:read",
        get_settings,
        None,
        None,
        SettingsShown,
    ),
)
