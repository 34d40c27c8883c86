"""Role rules as a form's fields, and back: a list has one entry a line. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

RULES: Final = 400  # of one form
FIELDS: Final = 7 * RULES + 16  # a rule has seven
_CHOICES: Final = {"match": ("first", "all"), "on_no_match": ("remove", "keep")}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A rule as it is typed."""

    name: str = ""
    groups: str = ""  # one a line, like every list here
    attribute: str = ""
    values: str = ""
    when: str = ""
    roles: str = ""
    teams: str = ""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """All that the form says."""

    rows: tuple[Row, ...]
    match: str
    strict: bool
    on_no_match: str
    default_roles: str
    untold: bool = field(default=False)  # the form could not show all of it: it may not be saved by it

    @property
    def keys(self) -> dict[str, Any]:
        """Return them as the settings file has them."""
        return {
            "role_rules": [_rule(one) for one in self.rows],
            "match": self.match,
            "strict": self.strict,
            "on_no_match": self.on_no_match,
            "default_roles": lines(self.default_roles),
        }

    def moved(self, at: int, to: int) -> "Draft":
        """Return the rule at one place put at another."""
        rows = list(self.rows)
        if 0 <= at < len(rows) and 0 <= to < len(rows):
            rows.insert(to, rows.pop(at))
        return replace(self, rows=tuple(rows))

    def without(self, at: int) -> "Draft":
        """Return the draft without a rule."""
        return replace(self, rows=tuple(one for number, one in enumerate(self.rows) if number != at))

    def with_another(self) -> "Draft":
        """Return the draft with an empty rule at the end."""
        return replace(self, rows=(*self.rows, Row())[:RULES])


def of_keys(keys: Mapping[str, Any]) -> Draft:
    """Return what the form shows of a connection's keys."""
    draft = Draft(
        rows=tuple(_row(one) for one in keys.get("role_rules") or ()),
        match=str(keys.get("match") or "first"),
        strict=bool(keys.get("strict")),
        on_no_match=str(keys.get("on_no_match") or "remove"),
        default_roles=_joined(keys.get("default_roles") or ()),
    )
    same = [_rule(one) for one in draft.rows] == [_plain(one) for one in keys.get("role_rules") or ()]
    return replace(draft, untold=not same)


def read(form: Mapping[str, str]) -> Draft:
    """Return what was typed; a choice that there is not is the first."""
    rows: list[Row] = []
    while len(rows) < RULES and f"rules.{len(rows)}.name" in form:
        at = f"rules.{len(rows)}."
        rows.append(Row(**{name: form.get(at + name, "") for name in Row.__dataclass_fields__}))
    return Draft(
        rows=tuple(rows),
        match=_chosen(form, "match"),
        strict=form.get("strict") == "on",
        on_no_match=_chosen(form, "on_no_match"),
        default_roles=form.get("default_roles", ""),
    )


def _chosen(form: Mapping[str, str], name: str) -> str:
    told, every = form.get(name, ""), _CHOICES[name]
    return told if told in every else every[0]


def lines(text: str) -> list[str]:
    """Return the lines of a text that hold something."""
    return [line for line in text.replace("\r", "").split("\n") if line.strip()]


def _joined(told: Sequence[str]) -> str:
    return "\n".join(told)


def _row(rule: Mapping[str, Any]) -> Row:
    test = rule.get("attribute") or {}
    return Row(
        name=rule.get("name", ""),
        groups=_joined(rule.get("groups") or ()),
        attribute=test.get("name", ""),
        values=_joined(test.get("in") or ()),
        when=rule.get("when") or "",
        roles=_joined(rule.get("roles") or ()),
        teams=_joined(rule.get("teams") or ()),
    )


def _rule(row: Row) -> dict[str, Any]:
    told: dict[str, Any] = {"name": row.name.strip()}
    if groups := lines(row.groups):
        told["groups"] = groups
    if row.attribute.strip() or row.values.strip():
        told["attribute"] = {"name": row.attribute.strip(), "in": lines(row.values)}
    if when := row.when.replace("\r", "").strip():
        told["when"] = when
    if roles := lines(row.roles):
        told["roles"] = roles
    if teams := lines(row.teams):
        told["teams"] = teams
    return told


def _plain(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule of the keys without what is empty."""
    told: dict[str, Any] = {
        key: list(value) if isinstance(value, tuple) else value for key, value in rule.items() if value
    }
    if "when" in told:
        told["when"] = str(told["when"]).strip()
    if "attribute" in told:
        told["attribute"] = {"name": rule["attribute"]["name"], "in": list(rule["attribute"]["in"])}
    return told
