"""Every refusal: who can mend it, which rule broke, and the one sentence the person reads.

The class says who mends it, ``code`` names the rule. ``detail`` is for the operator. What a
remote party sent goes into ``checks`` alone, and those exist only once a signature held.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final

_TOLD_FAULTS: Final = 50  # of one request


@dataclass(frozen=True, slots=True)
class Check:
    """One rule that was asked: ``said`` is None where it held, else why it is broken."""

    code: str
    said: str | None = None

    def __str__(self) -> str:
        return f"{self.code}: {self.said or 'held'}"


class FederationError(Exception):
    """Base of every refusal. Raise a subclass, never this."""

    status: ClassVar[int] = 500
    public: ClassVar[str] = "Something went wrong on our side."  # all the person ever reads
    mended_by: ClassVar[str] = "the operator"

    def __init__(self, code: str, detail: str, checks: tuple[Check, ...] = ()) -> None:
        """Name the rule (``code``: stable, dotted) and say what was broken.

        Args:
            code: Stable name of the rule; tests, dashboards and the manual key on it.
            detail: One sentence of ours. Without ``checks`` it holds no value from outside.
            checks: Every rule asked, held or broken, of a message whose signature held;
                empty for everything refused before that.
        """
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.checks = checks
        self.reference = ""  # set where the refusal is recorded
        self.person = ""  # whose record it is, once a signature held; see Subject.person
        self.identity: object = (
            None  # who it was, as normalized (``identity.Identity``): for the record alone
        )
        self.message = b""  # what was answered, decoded, of a connection that records in full: likewise


class AssertionRefused(FederationError):
    """The identity provider's message breaks a rule; the IdP's owner mends it."""

    status = 403
    public = "We could not verify the answer from your identity provider."
    mended_by = "the owner of the identity provider"


class SignInDeclined(AssertionRefused):
    """The provider said no: the person cancelled there, or may not use this service (access_denied)."""

    public = "Your identity provider did not let you in: that was cancelled there, or you have no access."


class PasswordRefused(AssertionRefused):
    """What was typed opens nothing here; neither the page nor its timing tells why."""

    public = "This address and password do not fit together. After too many tries, wait half an hour."
    mended_by = "the person: type both again, or wait half an hour; else the operator (`federation local`)"


class PolicyRefused(FederationError):
    """The message is genuine, but this person may not enter; our administrator mends it."""

    status = 403
    public = "You are not allowed to sign in here."
    mended_by = "the administrator of this service"


class ProofNeeded(PolicyRefused):
    """Another user has this address: the person first proves, in the same browser, to be that user."""

    public = "An account with this e-mail address exists already."
    mended_by = "the person: sign in the way they did before"

    def __init__(self, code: str, detail: str, checks: tuple[Check, ...] = ()) -> None:
        """Say what was found."""
        super().__init__(code, detail, checks)
        self.connection = ""  # through which they came, set where it is recorded
        self.join_token = ""  # what the browser keeps of it; "" where they may not go on from here


class AccountRefused(PolicyRefused):
    """What a person wants done with their own account would shut them or others out, or is not theirs."""

    status = 409
    public = "That cannot be done with this account."
    mended_by = "the person, as the page says; else an administrator"


class SsoRequired(PolicyRefused):
    """Their organization has people come in another way; the page leads there."""

    public = "Your organization has you sign in another way."
    mended_by = "the person: sign in the way that the page names"

    def __init__(
        self, code: str, detail: str, checks: tuple[Check, ...] = (), *, ways: tuple[str, ...]
    ) -> None:
        """Name the connections that they may take (``ways``: ids)."""
        super().__init__(code, detail, checks)
        self.ways = ways
        self.return_to = "/"  # where the person wanted to go, set where it is recorded


class SignInExpired(FederationError):
    """The sign-in is unknown, used, too old, or another browser's; starting again mends it."""

    status = 400
    public = "This sign-in is no longer valid. Please start again."
    mended_by = "the person: start the sign-in again"


class RequestRefused(SignInExpired):
    """The request itself is malformed: a field missing, repeated, too large, a bad target."""

    public = "This request could not be understood. Please start again."
    mended_by = "whoever made the request"


class ProveAgain(RequestRefused):
    """The person proved themselves too long ago for this change; the page leads through a fresh sign-in."""

    status = 403
    public = "Please confirm that it is you, then try again."
    mended_by = "the person: sign in once more, then repeat the change"


class TooManyRequests(FederationError):
    """This address tried too often; waiting mends it. Never recorded: it would fill the ring."""

    status = 429
    public = "Too many attempts from your network. Please wait a moment and try again."
    mended_by = "the person: wait"

    def __init__(self, code: str, detail: str, *, retry_after: int) -> None:
        """Say when the next attempt fits (``retry_after``: seconds)."""
        super().__init__(code, detail)
        self.retry_after = retry_after


class NotFound(PolicyRefused):
    """Nothing by that name, or another's: told apart by the code alone, which the answer does not name."""

    status = 404
    public = "There is nothing here by that name."
    mended_by = "whoever made the request"


class NotAllowed(PolicyRefused):
    """Whoever asks is known, and this is not theirs to do."""

    public = "You may not do that here."
    mended_by = "an administrator who may, or whoever made the token"


class ChangeConflicts(RequestRefused):
    """What is there already, or was changed meanwhile, stands against the change."""

    status = 409
    public = "That does not go together with what is there now. Look again, then repeat the change."
    mended_by = "whoever made the request: look at what is there"


class LastAdministrator(ChangeConflicts):
    """The change would leave an organization without anybody who administers it."""

    public = (
        "Nobody else is an administrator here, so this was not done. Make somebody else one first, then "
        "repeat the change."
    )
    mended_by = "an administrator: make somebody else one first"


class FieldsRefused(RequestRefused):
    """Fields that an administrator sent cannot be used; every fault is told, none by its value."""

    status = 422
    public = "Some of what was sent cannot be used. Each fault says what is expected there."
    mended_by = "whoever made the request: every fault stands at its place"

    def __init__(
        self, code: str, detail: str, *, faults: Iterable[tuple[tuple[str | int, ...], str]]
    ) -> None:
        """Name every fault: its place, as ``("rules", 0, "name")``, and what was expected there."""
        super().__init__(code, detail)
        self.faults = tuple(dict.fromkeys(faults))[:_TOLD_FAULTS]


class ProviderUnavailable(FederationError):
    """The provider did not answer as its specification asks; waiting, or its owner, mends it."""

    status = 502
    public = "Your identity provider is not answering properly. Please try again later."
    mended_by = "the owner of the identity provider"


class ProviderTimedOut(ProviderUnavailable):
    """The provider took longer than the deadline."""

    status = 504


class StoreUnavailable(FederationError):
    """The database did not answer, or not in time; nothing was written. Waiting mends it."""

    status = 503
    public = "This service is busy. Please try again in a moment."


class ConfigurationError(FederationError):
    """The settings cannot be used; raised at start, with every fault named."""

    public = "This service is not configured correctly."
