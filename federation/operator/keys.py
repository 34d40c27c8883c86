"""What `federation keys` does: tells which of our pairs are there and what comes next; does that step."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

from federation import keys
from federation.connection import SamlConnection
from federation.keys import KeyPair, PairFiles
from federation.operator import rollover
from federation.operator.audited import audited
from federation.operator.rollover import Places, Step, places_of, ripe_at, since
from federation.settings import Settings
from federation.store.store import open_store


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One pair that is there."""

    stage: Literal["current", "next", "previous"]
    files: PairFiles
    pair: KeyPair
    since: datetime  # when its certificate's file came

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "stage": self.stage,
            "key_file": str(self.files.key),
            "certificate_file": str(self.files.certificate),
            "certificate_sha256": sha256(self.pair.certificate_der).hexdigest(),
            "not_after": self.pair.not_after.isoformat(),
            "since": self.since.isoformat(),
        }


@dataclass(frozen=True, kw_only=True)
class Status:
    """Where the exchange of our keys stands."""

    slots: tuple[Slot, ...]
    step: Step  # what `rotate` would do now
    unfinished: bool  # it was begun and cut off
    ripe_at: datetime | None  # from when on it is not early; None: at any time
    advice: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """Yield what an operator reads."""
        for one in self.slots:
            fingerprint = sha256(one.pair.certificate_der).hexdigest()
            yield f"{one.stage:<9} {one.files.certificate}  since {one.since:%Y-%m-%d}"
            yield f"{'':<9} until {one.pair.not_after:%Y-%m-%d}, SHA-256 {fingerprint}"
        yield "next:"
        yield from (f"  - {one}" for one in self.advice)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "keys": [one.as_json() for one in self.slots],
            "step": self.step.value,
            "unfinished": self.unfinished,
            "ripe_at": self.ripe_at.isoformat() if self.ripe_at else None,
            "advice": list(self.advice),
        }


def status(config: Settings) -> Status:
    """Say which pairs are there, and what comes next.

    Raises:
        ConfigurationError: ``keys.*``.
    """
    places = places_of(config)
    held = keys.load_key_set(config.sp_key, config.sp_certificate)
    stages: tuple[tuple[Literal["current", "next", "previous"], PairFiles, KeyPair | None], ...] = (
        ("current", places.current, held.current),
        ("next", places.next, held.next),
        ("previous", places.previous, held.previous),
    )
    return Status(
        slots=tuple(
            Slot(stage=stage, files=where, pair=pair, since=since(where.certificate))
            for stage, where, pair in stages
            if pair is not None
        ),
        step=places.due,
        unfinished=places.begun is not None,
        ripe_at=ripe_at(places, config),
        advice=tuple(_advice(places, config)),
    )


def _advice(places: Places, config: Settings) -> Iterator[str]:
    """Yield what the operator does next, by what is there."""
    if places.begun:
        yield f"a step was cut off; finish it: federation keys rotate --step {places.begun}"
        return
    urls = [
        f"{config.base_url}/saml/{name}/metadata"
        for name, one in config.connections.items()
        if isinstance(one, SamlConnection)
    ]
    nodes = "restart every node; on nodes with files of their own, copy these first"
    send = f"give identity providers that do not fetch it our metadata anew: {', '.join(urls) or 'none yet'}"
    ripe = ripe_at(places, config)
    later = f", from {ripe:%Y-%m-%d %H:%M} UTC on" if ripe else ""
    match places.due:
        case Step.USE:
            yield f"{nodes}: all must be able to read what is encrypted to the new key"
            yield send
            yield f"when all have it{later}: federation keys rotate --step use"
        case Step.RETIRE:
            yield f"{nodes}: from then on the new key signs"
            yield f"{send}; one that holds a single certificate of ours takes the new one now"
            yield f"when none encrypts to the old one any more{later}: federation keys rotate --step retire"
        case Step.PUBLISH:
            yield "in order; to exchange the key: federation keys rotate --step publish"


async def rotate(
    config: Settings, step: Step | None, *, now: datetime, early: bool, say: Callable[[str], None]
) -> None:
    """Do one step of the exchange, and tell it in the audit log; arguments and errors as ``rollover.rotate``.

    Args:
        config: Whose keys.
        step: Which; None for the one that is due.
        now: UTC, aware.
        early: Do it though identity providers may not know the new key yet.
        say: Told a sentence after each change that was made.

    Raises:
        ConfigurationError: ``keys.*``; ``store.*``, before anything is changed.
    """
    before = _fingerprints(config)
    doing = step or places_of(config).due
    store = await open_store(config.database_url.get_secret_value())
    try:
        try:
            for sentence in rollover.rotate(config, step, now=now, early=early):
                say(sentence)
        finally:  # cut off, what it did stands
            after = _fingerprints(config)
            if after != before:
                told = audited(
                    store, f"keys.{doing}", "sp_key", organization="", now=now, before=before, after=after
                )
                await told.note_done()
    finally:
        await store.close()


def _fingerprints(config: Settings) -> dict[str, str]:
    """Return the certificates that are there by stage, as SHA-256: no key says more of itself in a log."""
    return {one.stage: sha256(one.pair.certificate_der).hexdigest() for one in status(config).slots}
