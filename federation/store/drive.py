"""How a twin drives the steps of a verb; what every part of it builds on."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from federation.store.rows import Result, Steps
from federation.store.values import KeptTokensOf

Verb = Callable[[], Steps[Result]]  # made anew for every attempt


class Drive(ABC):
    """To read, to let one statement decide (the disk waited for, or not), or in one transaction."""

    @abstractmethod
    async def _read(self, verb: Verb[Result]) -> Result:
        """Drive steps that change nothing."""

    @abstractmethod
    async def _read_in_turns(self, verb: Verb[Result]) -> Result:
        """As ``_read``, of many steps: between two of them everybody else has their turn."""

    @abstractmethod
    async def _decide(self, verb: Verb[Result]) -> Result:
        """Drive steps of which one statement decides."""

    @abstractmethod
    async def _note(self, verb: Verb[Result]) -> Result:
        """As ``_decide``, not waiting for the disk.

        Nothing is lost with a process; with the power what came last, in order: whatever
        ``_decide`` or ``_transact`` keeps afterwards has all that was noted before it.
        """

    @abstractmethod
    async def _transact(self, verb: Verb[Result], *, long: bool = False) -> Result:
        """Drive all steps in one transaction, or none; ``long``: the loop is not to stand still for them."""

    def _dropped(self, kept: Sequence[KeptTokensOf]) -> None:  # noqa: B027  where nobody asked to be told
        """Tell who gives them back, after the commit, of tokens that went with their sessions."""

    def _ended(self, token_hash: bytes) -> None:  # noqa: B027  a twin that remembers nothing has nothing to forget
        """Forget what is remembered of a session."""
