"""Faults of the settings: each with its place, told in our words, all of them at once.

Pydantic finds them; what it says of a value that it was given is never asked for.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Steps = tuple[str | int, ...]  # connections, okta, client_id
Fault = tuple[Steps, str]

EXPECTED: Final = {
    "base_url": "our public origin, such as https://sso.acme.example",
    "database_url": "sqlite:///var/federation.db or postgresql://user@host/name",
    "protocol": "saml, oidc, oauth2 or local",
    "organization": "the id of one of organizations",
    "client_id": "the client id that the provider gave",
    "file": "the path of a file",
    "name": "a name for people",
    "roles": "a list of roles",
    "in": "a list of values",
}


def as_error(faults: Iterable[Fault]) -> ValidationError:
    """Return the faults as what a validator may raise; pydantic puts the outer place before each."""
    lines = [
        InitErrorDetails(type=PydanticCustomError("fault", "{why}", {"why": why}), loc=steps, input=None)
        for steps, why in faults
    ]
    return ValidationError.from_exception_data("settings", lines)


def refuse(faults: Iterable[Fault]) -> None:
    """Raise them if there are any."""
    if found := list(faults):
        raise as_error(found)


def read_errors(error: ValidationError, keys: Iterable[str]) -> Iterator[Fault]:
    """Yield each error's place and what was expected there.

    Args:
        error: Whatever a model refused.
        keys: Every key of the file, to guess what a mistyped one was meant to be.
    """
    for one in error.errors(include_input=False, include_url=False):
        steps, kind = tuple(one["loc"]), one["type"]
        leaf = str(steps[-1]) if steps else ""
        match kind:
            case "missing":
                why = f"missing; expected {EXPECTED.get(leaf, 'a value')}"
            case "extra_forbidden":
                near = difflib.get_close_matches(leaf, sorted(keys), 1)
                why = f"unknown key{f'; did you mean {near[0]}?' if near and near[0] != leaf else ''}"
            case "union_tag_invalid" | "union_tag_not_found":
                why = f"expected {EXPECTED['protocol']}"
            case _:
                why = one["msg"].removeprefix("Value error, ").replace("Input should be", "expected", 1)
        yield steps, why


def tell(file: object, faults: list[Fault], said_by: Mapping[Steps, str]) -> str:
    """Return one line for each fault, with the source where it was not the file."""
    lines = []
    for steps, why in dict.fromkeys(faults):
        source = said_by.get(steps)
        place = ".".join(map(str, steps)) or "the file"
        lines.append(f"  {place}: {why}{f' ({source})' if source and source not in why else ''}")
    count = f"{len(lines)} faults" if len(lines) > 1 else "one fault"
    return "\n".join([f"{file} cannot be used, {count}:", *lines])
