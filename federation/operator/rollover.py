"""Exchange our key pair in three steps, each of which may be cut off anywhere.

publish → use → retire. Each step is a row of changes to files; after every one of them what is
there can be loaded (``keys.load_key_set``), and the same command does the rest. Nothing is used
or retired early without being told so.
"""

import contextlib
import fcntl
import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from federation import files, keys
from federation.errors import ConfigurationError
from federation.keys import PairFiles
from federation.settings import Settings

WAIT: Final = timedelta(days=7)
"""How long identity providers are given to take new metadata; most ask once a day."""


class Step(StrEnum):
    """One step of an exchange."""

    PUBLISH = "publish"
    USE = "use"
    RETIRE = "retire"


# What may be due once a step is done.
_AFTER: Final = {
    Step.PUBLISH: {Step.USE},
    Step.USE: {Step.RETIRE},
    Step.RETIRE: {Step.PUBLISH, Step.USE},
}


@dataclass(frozen=True, slots=True)
class Places:
    """Where the pairs of these settings are."""

    current: PairFiles
    next: PairFiles
    previous: PairFiles

    def holds(self, file: Path, other: Path) -> bool:
        """Tell whether both are there with the same content."""
        return file.exists() and other.exists() and _read(file) == _read(other)

    @property
    def begun(self) -> Step | None:
        """Return the step that was cut off; None where none was."""
        if self.holds(self.next.key, self.current.key):
            return Step.USE  # the new key is in its place already
        if self.next.key.exists() and self.holds(self.previous.key, self.current.key):
            return Step.USE  # the old one was copied, no more
        if self.previous.key.exists() and not self.previous.certificate.exists():
            return Step.RETIRE
        if self.next.key.exists() and not self.next.certificate.exists():
            return Step.PUBLISH
        return None

    @property
    def due(self) -> Step:
        """Return the step that comes next."""
        if self.begun:
            return self.begun
        if self.previous.key.exists():
            return Step.RETIRE
        return Step.USE if self.next.key.exists() else Step.PUBLISH


def read_step(word: str) -> Step | None:
    """Return the step that a word names; None for "".

    Raises:
        ConfigurationError: ``keys.step``.
    """
    try:
        return Step(word) if word else None
    except ValueError:
        raise ConfigurationError("keys.step", f"--step: expected one of {', '.join(Step)}") from None


def rotate(config: Settings, step: Step | None, *, now: datetime, early: bool) -> Generator[str, None, None]:
    """Do one step, and yield a sentence after each change that was made.

    Whoever stops listening stops the step there; the next call does the rest.

    Args:
        config: Whose keys.
        step: Which; None for the one that is due.
        now: UTC, aware.
        early: Do it though identity providers may not know the new key yet.

    Raises:
        ConfigurationError: ``keys.step`` (another step is due), ``keys.early``, ``keys.busy``,
            ``keys.place`` (files that we do not exchange), and ``keys.*`` as when they are loaded.
    """
    places = places_of(config)
    with _alone(places.current.key.parent):
        _require_exchangeable(places)
        keys.load_key_set(config.sp_key, config.sp_certificate)  # nothing is built on what is broken
        step = step or places.due
        if places.begun is None and places.due in _AFTER[step]:
            yield f"{step} is done already"
            return
        if step is not places.due:
            raise ConfigurationError("keys.step", _why_not(step, places))
        ripe = ripe_at(places, config)
        if ripe and now < ripe:
            age = _age(now - (ripe - _wait(config)))
            if not early:
                raise ConfigurationError("keys.early", f"{_too_early(step, age)}; {_until(ripe)}")
            yield f"early, as told: {_too_early(step, age)}"
        elif ripe:
            yield f"{_age(now - (ripe - _wait(config)))} after the step before"
        match step:
            case Step.PUBLISH:
                yield from _publish(places, config, now)
            case Step.USE:
                yield from _use(places)
            case Step.RETIRE:
                yield from _retire(places)


def _publish(places: Places, config: Settings, now: datetime) -> Iterator[str]:
    name = urlsplit(config.base_url).hostname or "federation"
    where = places.next
    keys.generate_key_pair(where.key, where.certificate, name=name, now=now, like=places.current.key)
    yield f"made {where.key} and {where.certificate}: published and able to decrypt, not used for signing"


def _use(places: Places) -> Iterator[str]:
    """Copy the old pair aside, then put the new one in its place, the key first."""
    current, following, former = places.current, places.next, places.previous
    if not places.holds(following.key, current.key):
        for file, copy in ((current.key, former.key), (current.certificate, former.certificate)):
            if files.create_file(copy, _read(file), like=file):
                yield f"kept {file} as {copy}"
        files.replace_file(current.key, _read(following.key))
        yield f"{following.key} is {current.key} now"
    if following.certificate.exists():
        files.replace_file(current.certificate, _read(following.certificate))
        yield f"{following.certificate} is {current.certificate} now"
        files.remove_file(following.certificate)
        yield f"removed {following.certificate}"
    files.remove_file(following.key)
    yield f"removed {following.key}"


def _retire(places: Places) -> Iterator[str]:
    """Remove the certificate first: a key without one is left out when keys are loaded."""
    for file in (places.previous.certificate, places.previous.key):
        if file.exists():
            files.remove_file(file)
            yield f"removed {file}"
    yield "from the next restart on it decrypts nothing, and our metadata leaves it out"


def places_of(config: Settings) -> Places:
    """Return where the pairs of these settings are."""
    current = PairFiles(config.sp_key, config.sp_certificate)
    return Places(current, current.beside("next"), current.beside("previous"))


def _require_exchangeable(places: Places) -> None:
    current = places.current
    if current.key == current.certificate:
        raise ConfigurationError(
            "keys.place",
            f"{current.key} holds key and certificate; put them in two files (sp_key, sp_certificate)",
        )
    for file in (current.key, current.certificate):
        if file.is_symlink():
            raise ConfigurationError(
                "keys.place",
                f"{file} is a link; exchange it where it leads to, as docs/keys.md tells for mounted secrets",
            )


def ripe_at(places: Places, config: Settings) -> datetime | None:
    """Return when everybody should know what the step before did; None: the step waits for nobody."""
    match places.due:
        case Step.USE if not places.begun:
            return since(places.next.certificate) + _wait(config)
        case Step.RETIRE if not places.begun:
            return since(places.current.certificate) + _wait(config)
    return None


def _wait(config: Settings) -> timedelta:
    """Metadata with a longer life may be kept as long as that."""
    return max(WAIT, config.saml.metadata_valid_for or WAIT)


def _why_not(step: Step, places: Places) -> str:
    due = places.due
    if places.begun:
        return f"{due} was begun and cut off; finish it before {step}: federation keys rotate --step {due}"
    if step is Step.PUBLISH:
        return f"the previous key is still there ({places.previous.key}); retire it before the next is made"
    return "there is no next key yet; publish one before it is used"


def _too_early(step: Step, age: str) -> str:
    if step is Step.USE:
        return f"the next key was made {age} ago: who has not taken it yet will refuse what it signs"
    return f"the new key is in use for {age}: what is still encrypted to the old one could not be read"


def _until(ripe: datetime) -> str:
    return f"wait until {ripe:%Y-%m-%d %H:%M} UTC, or say --yes if all identity providers have it"


def _age(passed: timedelta) -> str:
    hours = int(passed.total_seconds() // 3600)
    if hours < 1:
        return "less than an hour"
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hours"  # noqa: PLR2004  two days


def since(file: Path) -> datetime:
    """Return when a file came to its place.

    Raises:
        ConfigurationError: ``keys.file``.
    """
    try:
        return datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except OSError as error:
        raise ConfigurationError("keys.file", f"{file} cannot be read ({error.strerror})") from None


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError("keys.file", f"{file} cannot be read ({error.strerror})") from None


@contextlib.contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Keep others from exchanging keys here at the same time; the lock goes with the process."""
    try:
        handle = os.open(directory, os.O_RDONLY)
    except OSError as error:
        raise ConfigurationError("keys.file", f"{directory} cannot be read ({error.strerror})") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                "keys.busy", f"somebody else exchanges keys in {directory}; wait for the other command"
            ) from None
        yield
    finally:
        os.close(handle)
