"""A sign-in on trial: verified and decided as any other, opened never; a report is kept in its place.

What a real sign-in would keep is not made here: no user, account, session, grant, join or decision
record. The verified assertion is claimed with the report, so that it opens nothing afterwards.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from federation import fetch, registry
from federation.connection import AnyConnection
from federation.connectors.contract import Callback, Connector
from federation.connectors.oidc import OidcConnector
from federation.connectors.saml import SamlConnector
from federation.decision import Decision
from federation.errors import (
    AssertionRefused,
    Check,
    FederationError,
    PolicyRefused,
    ProofNeeded,
    SignInExpired,
    StoreUnavailable,
)
from federation.fetch import Heard
from federation.identity import Identity, VerifiedAssertion
from federation.saml.expected import Unsolicited
from federation.store.store import Store
from federation.store.trials_store import Trial
from federation.store.values import Claim, Pending
from federation.trial import message, oidc, person, report, saml, telling
from federation.trial.evidence import Evidence, dates, exchanges, iso
from federation.trial.report import Report
from federation.vault import Vault

log = logging.getLogger(__name__)


class Story(Protocol):
    """What ``signin.deciding`` does with every verified assertion."""

    def identify(self, assertion: VerifiedAssertion, connection: AnyConnection) -> Identity:
        """Return who that is, in our words."""

    async def decide(
        self, who: Identity, connection: AnyConnection, checks: tuple[Check, ...], now: datetime
    ) -> Decision:
        """Ask the policy."""


@dataclass(kw_only=True)
class _Course:
    """How far one sign-in on trial got."""

    connector: Connector
    callback: Callback
    expects: Mapping[str, str]
    now: datetime
    heard: list[Heard]
    verified: VerifiedAssertion | None = None
    who: Identity | None = None
    decision: Decision | None = None
    came: Mapping[str, Any] | None = None  # fields of the report: see ``person.outcome``
    checks: tuple[Check, ...] = ()  # of the message and the policy
    refusal: FederationError | None = None


class Sandbox:
    """Where trials end."""

    def __init__(
        self,
        *,
        entries: Mapping[str, registry.Entry],
        in_force: Callable[[], int],
        store: Store,
        vault: Vault,
    ) -> None:
        """Take what is in force: ``entries`` by id, and number of the store's latest change among it."""
        self._entries = entries
        self._in_force = in_force
        self._store = store
        self._vault = vault

    async def complete(
        self, pending: Pending, connector: Connector, callback: Callback, now: datetime, *, story: Story
    ) -> None:
        """Verify and decide an answer, and keep the report.

        Args:
            pending: Taken; it names the trial.
            connector: Of its connection.
            callback: The answer.
            now: UTC.
            story: What is asked of every sign-in.

        Raises:
            SignInExpired: ``trial.unknown``: it ended, or has expired.
            StoreUnavailable: Nothing was kept.
        """
        trial = await self._store.find_trial(pending.trial, now)
        if trial is None or trial.ended_at is not None:
            raise SignInExpired("trial.unknown", "the trial that this answers has ended, or expired")
        with fetch.listening() as heard:
            course = _Course(
                connector=connector, callback=callback, expects=pending.expects, now=now, heard=heard
            )
            await self._verify(course, now)
            if course.verified is not None:
                await self._decide(course, story)
            evidence = await self._told(course)
        await self._end(trial, course, evidence)

    async def hear_out(
        self, connector: Connector, callback: Callback, expects: Mapping[str, str] | None, now: datetime
    ) -> tuple[VerifiedAssertion, bytes]:
        """Verify the answer of an ordinary sign-in, and return with it what it said: see ``message``.

        Args:
            connector: Of a connection that records in full.
            callback: The answer.
            expects: What was asked for; None: nothing was.
            now: UTC.

        Raises:
            FederationError: As the connector does; the refusal's ``message`` is what it said.
        """
        with fetch.listening() as heard:
            course = _Course(
                connector=connector, callback=callback, expects=expects or {}, now=now, heard=heard
            )
            try:
                course.verified = await ask(connector, callback, expects, now)
            except StoreUnavailable:
                raise
            except FederationError as refusal:
                course.refusal = refusal
                refusal.message = await self._message(course)
                raise
            course.checks = course.verified.checks
            return course.verified, await self._message(course)

    async def _message(self, course: _Course) -> bytes:
        """Return what is kept of the answer; that it cannot be told stops nobody's sign-in."""
        try:
            return message.encode(await self._evidence(course))
        except Exception as failure:  # noqa: BLE001  whoever made the message chose what is read here
            log.error("message not kept", extra={"error": type(failure).__name__})  # noqa: TRY400  likewise
            return b""

    async def refused(
        self, trial: Trial, refusal: FederationError, heard: list[Heard], now: datetime
    ) -> None:
        """Keep the report of a trial that did not get away from here: the provider could not be asked.

        Args:
            trial: As it was opened.
            refusal: Why.
            heard: What the provider answered.
            now: UTC.
        """
        found = self._begun(trial, now) | _refused(refusal) | {
            "checks": telling.steps((Check(refusal.code, refusal.detail),), {}, refusal.code),
            "exchanges": exchanges(heard),
            "clocks": dates(heard, now),
        }  # fmt: skip
        await self._keep(trial, Report(**found), now, secrets=(), claim=None)

    @staticmethod
    async def _verify(course: _Course, now: datetime) -> None:
        try:
            await course.connector.refresh(now)  # what the provider publishes now, and its clock
        except StoreUnavailable:
            raise
        except FederationError:
            pass  # what is known stays in force; what that leads to, the answer shows
        try:
            course.verified = await course.connector.complete(course.callback, course.expects, now)
            course.checks = course.verified.checks
        except StoreUnavailable:
            raise
        except FederationError as refusal:
            course.refusal, course.checks = refusal, refusal.checks

    async def _decide(self, course: _Course, story: Story) -> None:
        """Ask the policy as if the connection were enabled, and what would come of that."""
        verified = course.verified
        if verified is None:
            return
        connection = course.connector.connection.model_copy(update={"enabled": True})
        try:
            course.who = story.identify(verified, connection)
            course.decision = await story.decide(course.who, connection, verified.checks, course.now)
            course.checks = course.decision.checks
        except PolicyRefused as refusal:
            course.refusal, course.checks = refusal, refusal.checks or verified.checks
            return
        probed = await self._store.probe(course.decision, course.now)
        course.came = person.outcome(probed)
        further = probed.outcome.checks if probed.outcome else ()
        course.checks = (*course.checks, *(probed.link.checks if probed.link else ()), *further)
        if probed.refusal is not None:
            # Whoever is asked for proof is let in with it: administrators try with their own address.
            course.refusal = None if isinstance(probed.refusal, ProofNeeded) else probed.refusal
            course.checks = probed.refusal.checks or course.checks

    async def _told(self, course: _Course) -> Evidence:
        """Tell the message; where that fails, the rest is reported still, and the assertion claimed."""
        try:
            return await self._evidence(course)
        except StoreUnavailable:
            raise
        except Exception as failure:  # noqa: BLE001  whoever made the message chose what is read here
            log.error("answer not told", extra={"error": type(failure).__name__})  # noqa: TRY400  likewise
            return Evidence()

    async def _evidence(self, course: _Course) -> Evidence:
        """Tell the message, whatever became of it."""
        connector, now = course.connector, course.now
        entry = self._entries.get(connector.connection.id)
        asked = course.refusal.checks if course.refusal and course.verified is None else ()
        came = oidc.Answered(
            callback=course.callback,
            expects=course.expects,
            heard=course.heard,
            verified=course.verified,
            asked=asked,
            now=now,
        )
        if isinstance(entry, registry.OAuth2):
            return oidc.tell_oauth2(entry, came)
        asked_at = course.expects.get("asked_at")  # of an answer that nobody asked for there is none
        try:
            if isinstance(entry, registry.Oidc) and isinstance(connector, OidcConnector):
                return oidc.tell(entry, await connector.provider(now), came)
            if isinstance(entry, registry.Saml) and isinstance(connector, SamlConnector):
                return saml.tell(
                    entry,
                    await connector.provider(now),
                    course.callback,
                    request_id=course.expects.get("request_id", Unsolicited.UNSOLICITED),
                    asked_at=datetime.fromisoformat(asked_at) if asked_at else None,
                    verified=course.verified,
                    asked=asked,
                    now=now,
                )
        except FederationError:  # its metadata cannot be had: that is what the report tells then
            if isinstance(entry, registry.Oidc):
                return oidc.tell(entry, None, came)
        return Evidence(exchanges=exchanges(course.heard), clocks=dates(course.heard, now))

    async def _end(self, trial: Trial, course: _Course, evidence: Evidence) -> None:
        verified = course.verified
        claim = None
        if verified is not None:
            claim = Claim(issuer=verified.subject.issuer, id=verified.id, until=verified.not_on_or_after)
        told = self._report(trial, course, evidence)
        try:
            await self._keep(trial, told, course.now, secrets=evidence.secrets, claim=claim)
        except AssertionRefused as replayed:
            course.refusal, course.came = replayed, None
            told = self._report(trial, course, evidence)
            await self._keep(trial, told, course.now, secrets=evidence.secrets, claim=None)

    async def _keep(
        self, trial: Trial, told: Report, now: datetime, *, secrets: tuple[str, ...], claim: Claim | None
    ) -> None:
        sealed = self._vault.seal(report.encode(told, secrets=secrets), place(trial.id))
        await self._store.end_trial(
            trial, now, code=told.code, sealed=sealed, claim=claim, in_force=self._in_force()
        )

    def _begun(self, trial: Trial, now: datetime) -> dict[str, Any]:
        entry = self._entries.get(trial.connection)
        return {
            "id": trial.id,
            "connection": trial.connection,
            "organization": trial.organization,
            "protocol": entry.connection.protocol if entry else "",
            "started_at": iso(trial.started_at),
            "ended_at": iso(now),
            "code": "",
            "detail": "",
            "public": "",
            "mended_by": "",
        }

    def _report(self, trial: Trial, course: _Course, evidence: Evidence) -> Report:
        connection, verified = course.connector.connection, course.verified
        checks = course.checks or evidence.checks
        refusal = course.refusal
        if refusal is not None and refusal.code not in {one.code for one in checks}:
            checks = (*checks, Check(refusal.code, refusal.detail))
        found = self._begun(trial, course.now) | _evident(evidence)
        found |= {
            "checks": telling.steps(checks, evidence.pairs, refusal.code if refusal else ""),
            "rules": telling.rules(checks),
            "skew_allowed": round(getattr(connection, "clock_skew", timedelta()).total_seconds()),
        }
        if refusal is not None:
            found |= _refused(refusal)
        if verified is not None:
            found |= {"claims": person.claims(verified, connection), "subject": person.subject(verified)}
            if course.who is not None:
                found["identity"] = person.identity(verified, course.who, connection)
        return Report(**found | dict(course.came or {}))


async def ask(
    connector: Connector, callback: Callback, expects: Mapping[str, str] | None, now: datetime
) -> VerifiedAssertion:
    """Verify an answer (``expects`` None: to no request of ours); raises as the connector does."""
    if expects is None:
        return await connector.complete_uninvited(callback, now)
    return await connector.complete(callback, expects, now)


def open_report(vault: Vault, trial: Trial) -> Report | None:
    """Return the report of a trial; None while it is under way.

    Raises:
        ConfigurationError: ``keys.*``: the key that sealed it is gone.
    """
    if not trial.sealed:
        return None
    return report.read(vault.open(trial.sealed, place(trial.id)))


def place(identifier: str) -> str:
    """Return where a trial's report stands: moved, it opens nowhere."""
    return f"trial:{identifier}"


def _evident(evidence: Evidence) -> dict[str, Any]:
    names = ("said_there", "documents", "keys", "algorithms", "clocks", "endpoints", "exchanges")
    return {name: getattr(evidence, name) for name in names}


def _refused(refusal: FederationError) -> dict[str, Any]:
    return {
        "code": refusal.code,
        "detail": refusal.detail,
        "public": refusal.public,
        "mended_by": refusal.mended_by,
    }
