"""What a report tells of the rules that were asked: those of roles apart from all others. Pure."""

from collections.abc import Mapping
from typing import Final

from federation.errors import Check
from federation.records import mends, redaction
from federation.trial.report import Outcome, Rule, Step

_RULE: Final = "policy.rule:"
_UNDETERMINED: Final = "policy.rule.undetermined"
_KEYS: Final = ("saml.response_key:", "saml.assertion_key:")  # told among the keys
_OUTCOMES: Final[Mapping[str, Outcome]] = {
    "held": "held",
    "BROKEN": "broken",
    "remark": "remark",
    "no match": "no match",
    "open": "open",
}


def steps(checks: tuple[Check, ...], pairs: Mapping[str, tuple[str, str]], code: str) -> tuple[Step, ...]:
    """Return every rule but those of roles, and whose key it was: those are told apart. ``code`` refused."""
    return tuple(
        _step(one, pairs.get(one.code, ("", "")), code)
        for one in dict.fromkeys(checks)
        if not one.code.startswith((_RULE, _UNDETERMINED, *_KEYS))
    )


def _step(check: Check, pair: tuple[str, str], code: str) -> Step:
    outcome = _OUTCOMES[redaction.outcome(check, code)]
    manual = mends.entry(check.code) if outcome == "broken" else None
    return Step(
        code=check.code,
        outcome=outcome,
        said=check.said or "",
        expected=pair[0],
        received=pair[1],
        broken=manual.broken if manual else "",
        mend=manual.mend if manual else "",
    )


def rules(checks: tuple[Check, ...]) -> tuple[Rule, ...]:
    """Return the role rules, and whether each applies."""
    return tuple(
        Rule(
            name=one.code.removeprefix(_RULE),
            outcome=_OUTCOMES[redaction.outcome(one, "")],
            said=one.said or "",
        )
        for one in dict.fromkeys(checks)
        if one.code.startswith((_RULE, _UNDETERMINED))
    )
