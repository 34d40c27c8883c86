"""What the wizard's forms say, as keys of the settings file. Pure: nothing is fetched or kept here."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from federation.configuration.faults import Fault

PROFILE: Final = ("email", "given_name", "family_name", "display_name", "groups")
ROWS: Final = 10  # of groups and their roles
_DIGITS: Final = 18
_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_AUTHENTICATION: Final = ("client_secret_basic", "client_secret_post")

# What the second step asks for, by the key of the settings file: the text that names it.
ASKED: Final = {
    "metadata": "wizard.lacks_metadata",
    "entity_id": "wizard.entity_id",
    "sso_url": "wizard.sso_url",
    "certificates": "wizard.certificates",
    "issuer": "wizard.issuer",
    "server": "wizard.server",
    "authorization_endpoint": "wizard.authorization_endpoint",
    "token_endpoint": "wizard.token_endpoint",
    "userinfo_endpoint": "wizard.userinfo_endpoint",
    "client_id": "wizard.client_id",
    "client_secret": "wizard.client_secret",
}

# What stands in the way of metadata, and the other way round: each way of telling takes out the others.
_NOT_BY_HAND: Final[Mapping[str, Any]] = {"sso_url": None, "slo_url": None, "certificates": None}


class Blank(dict[str, Any]):
    """What a template asks for by name: "" where there is none."""

    def __missing__(self, name: str) -> str:
        """Return nothing, and keep nothing."""
        return ""


def number(form: Mapping[str, str]) -> int:
    """Return of which state of the connection a form was made; one that says none is like no other."""
    told = form.get("number", "")
    return int(told) if told.isascii() and told.isdecimal() and len(told) <= _DIGITS else -1


def by_url(url: str, entity_id: str) -> dict[str, Any]:
    """Return the keys of metadata that a URL holds."""
    return {**_NOT_BY_HAND, "metadata": {"url": url}, "entity_id": entity_id}


def by_document(document: str, entity_id: str) -> dict[str, Any]:
    """Return the keys of metadata that was uploaded or pasted."""
    return {**_NOT_BY_HAND, "metadata": {"xml": document}, "entity_id": entity_id}


def by_hand(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the keys of an identity provider that has no metadata."""
    told = form.get("certificates", "").strip()
    return {
        "metadata": None,
        "entity_id": form.get("entity_id", "").strip() or None,
        "sso_url": form.get("sso_url", "").strip() or None,
        "slo_url": form.get("slo_url", "").strip() or None,
        "certificates": _PEM.findall(told) or ([told] if told else None),
    }


def client(form: Mapping[str, str], names: Sequence[str]) -> dict[str, Any]:
    """Return what a provider told us as its client, without the secret; what is empty is taken out."""
    return {name: form.get(name, "").strip() or None for name in names}


def authentication(offered: Sequence[str]) -> str:
    """Return how a secret is sent: as the provider offers it, the specification's default first."""
    return next((one for one in _AUTHENTICATION if one in offered), _AUTHENTICATION[0])


def domains(form: Mapping[str, str]) -> list[str]:
    """Return the domains that were typed, each once, in any case and with any signs between."""
    told = re.split(r"[\s,;]+", form.get("domains", "").lower())
    return list(dict.fromkeys(one.removeprefix("@").removesuffix(".") for one in told if one))


def names(text: str) -> list[str]:
    """Return names that stand beside commas or on lines."""
    return list(dict.fromkeys(one for part in re.split(r"[,\n]", text) if (one := part.strip())))


def attributes(form: Mapping[str, str], before: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the map; of names that the form does not show, what stood there. None where it is empty."""
    kept = {name: told for name, told in before.items() if name not in PROFILE}
    told = {name: found for name in PROFILE if (found := names(form.get(f"attribute_{name}", "")))}
    return kept | told or None


def rules(form: Mapping[str, str]) -> list[dict[str, Any]] | None:
    """Return a rule for each row in which something stands; what is missing in it is told as its fault."""
    found: list[dict[str, Any]] = []
    for row in range(ROWS):
        group, role = form.get(f"group_{row}", "").strip(), names(form.get(f"role_{row}", ""))
        if group or role:
            found.append(
                {"name": f"{group or '?'} → {', '.join(role)}"[:200], "groups": [group], "roles": role}
            )
    return found or None


def rows(told: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]] | None:
    """Return group and roles of each rule; None where one asks for more than one group has: the editor's."""
    found = []
    for rule in told:
        groups = rule.get("groups")
        if (
            rule.keys() - {"name", "groups", "roles"}
            or not isinstance(groups, list | tuple)
            or len(groups) != 1
        ):
            return None
        found.append((str(groups[0]), ", ".join(map(str, rule.get("roles", ())))))
    return found if len(found) <= ROWS else None


def placed(faults: Sequence[Fault]) -> dict[str, str]:
    """Return what is wrong, by the field of the form at which it is told; "" of none in particular."""
    found: dict[str, str] = {}
    for steps, why in faults:
        found.setdefault(_field(tuple(map(str, steps))), why)
    return found


def _field(steps: tuple[str, ...]) -> str:
    match steps:
        case ("metadata", _, *_) | ("metadata",):
            return "metadata"
        case ("attributes", name, *_):
            return f"attribute_{name}"
        case ("role_rules", row, "groups", *_) if row.isdecimal():
            return f"group_{row}"
        case ("role_rules", row, *_) if row.isdecimal():
            return f"role_{row}"
        case (key, *_):
            return key
    return ""
