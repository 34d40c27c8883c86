"""The checks of an attempt as a page shows them: what was expected beside what came. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from federation.administration.decisions import Opened
from federation.errors import Check
from federation.records import redaction
from federation.records.mends import entry

_RULE: Final = "policy.rule:"
_UNDETERMINED: Final = "policy.rule.undetermined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A rule that was asked."""

    code: str
    outcome: str  # "held", "broken", "remark", "no match", "open"
    said: str  # why it is broken
    expected: str  # "" where only its sentence is kept
    received: str
    rule: str  # what the manual says is broken by it


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A role rule, and whether it applied."""

    name: str
    outcome: str
    said: str


def steps(found: Opened) -> tuple[Step, ...]:
    """Return every rule but those of roles, the broken first."""
    pairs = found.message.pairs if found.message else {}
    told = [_step(one, found, pairs.get(one.code, ("", ""))) for one in _checks(found) if not _is_role(one)]
    return tuple(sorted(told, key=lambda one: one.outcome != "broken"))


def rules(found: Opened) -> tuple[Rule, ...]:
    """Return the role rules that were asked, in their order."""
    return of_rules([one for one in _checks(found) if _is_role(one)], values=found.values)


def of_rules(checks: Iterable[Check], *, values: bool) -> tuple[Rule, ...]:
    """Return checks of role rules as a page shows them."""
    return tuple(
        Rule(name=one.code.removeprefix(_RULE), outcome=_outcome(one, ""), said=_said(one, values=values))
        for one in checks
    )


def _checks(found: Opened) -> tuple[Check, ...]:
    """Return each once; a rule that refused is told even where only its code is kept."""
    kept = found.kept.checks if found.kept else ()
    return tuple(dict.fromkeys(kept))


def _is_role(check: Check) -> bool:
    return check.code.startswith((_RULE, _UNDETERMINED))


def _step(check: Check, found: Opened, pair: tuple[str, str]) -> Step:
    outcome = _outcome(check, found.record.code)
    manual = entry(check.code) if outcome == "broken" else None
    return Step(
        code=check.code,
        outcome=outcome,
        said=_said(check, values=found.values),
        expected=pair[0],
        received=pair[1],
        rule=manual.broken if manual else "",
    )


def _outcome(check: Check, refused: str) -> str:
    return redaction.outcome(check, refused).lower()


def _said(check: Check, *, values: bool) -> str:
    said = check.said or ""
    return said if values else redaction.hide(said)
