"""The document about the API, as OpenAPI 3.1 has it (spec.openapis.org/oas/v3.1.1). Pure.

Made from the operations and their models alone: what is not told here is not served.
"""

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from pydantic.json_schema import models_json_schema

from federation.configuration.part import Model
from federation.console.operations import BASE, ErrorAnswer, Operation
from federation.errors import FieldsRefused
from federation.web import cookies

_REF: Final = "#/components/schemas/{model}"
_ABOUT: Final = (
    "The administration of this service: what its pages do, for programs. Send a token of the page "
    "*API tokens* as `Authorization: Bearer fst_…`, or come with the cookie of an administrator's session: "
    "then a change needs `Sec-Fetch-Site: same-origin` or our `Origin`, and a sign-in of "
    "the last quarter of an hour. "
    "Lists come in pages: `next` of one is `cursor` of the next. What is another organization's is "
    "answered as what does not exist. Secrets go in and never come out."
)
ERRORS: Final[Mapping[int, str]] = {
    400: "The request is malformed.",
    401: "Nobody is known by what was sent.",
    403: "Whoever asks may not do that, or the proof of a change is missing.",
    404: "There is nothing by that name, or it is another organization's.",
    409: "What is there already, or was changed meanwhile, stands against it.",
    422: "Fields cannot be used; each is named.",
    429: "Too many requests; `Retry-After` says when the next one fits.",
    503: "The database does not answer. Nothing was changed.",
}
_EXAMPLE: Final[Mapping[str, Any]] = {
    "code": "admin.invalid",
    "status": 422,
    "message": FieldsRefused.public,
    "reference": "7QK2M4XW3A",
    "fields": [{"field": "name", "message": "missing; expected a name for people"}],
}


def describe(operations: Sequence[Operation], *, secure: bool) -> Mapping[str, Any]:
    """Return the document.

    Args:
        operations: All of them.
        secure: Whether the session's cookie is ``__Host-``.
    """
    used: dict[tuple[type[Model], Literal["validation", "serialization"]], None] = {
        (ErrorAnswer, "serialization"): None
    }
    for one in operations:
        used |= {(model, "validation"): None for model in (one.query, one.body) if model is not None}
        if one.answer is not None:
            used[one.answer, "serialization"] = None
    named, kept = models_json_schema(list(used), ref_template=_REF)
    schemas = dict(kept.get("$defs", {}))
    paths: dict[str, dict[str, Any]] = {}
    asked: dict[str, None] = {}  # models of queries are told as parameters alone
    for one in operations:
        query: Mapping[str, Any] = {}
        if one.query is not None:
            asked[name := _named(named[one.query, "validation"])] = None
            query = schemas[name]
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, query, named)
    return {
        "openapi": "3.1.0",
        "info": {"title": "federation: administration", "version": "1", "description": _ABOUT},
        "servers": [{"url": BASE}],
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in schemas.items() if name not in asked},
            "responses": {f"E{status}": _error(status, said) for status, said in ERRORS.items()},
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of the API; an operation names the scope that it takes.",
                },
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": cookies.name(cookies.SESSION, secure=secure),
                    "description": "The session of somebody with an administrator's role.",
                },
            },
        },
        "tags": [{"name": name} for name in sorted({_tag(one) for one in operations})],
    }


def _operation(one: Operation, query: Mapping[str, Any], named: Mapping[Any, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.summary,
        "description": inspect.getdoc(one.run) or one.summary,
        "tags": [_tag(one)],
        "security": [{"bearer": [one.scope]}, {"cookie": []}],
        "responses": _answers(one, named),
    }
    if parameters := [*_path_parameters(one.path), *_query_parameters(query)]:
        told["parameters"] = parameters
    if one.body is not None:
        told["requestBody"] = {"required": True, "content": _json(named[one.body, "validation"])}
    return told


def _answers(one: Operation, named: Mapping[Any, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": one.summary}
    if one.answer is None:
        answers = {"204": good}
    else:
        answers = {str(one.status): good | {"content": _json(named[one.answer, "serialization"])}}
    return answers | {
        str(status): {"$ref": f"#/components/responses/E{status}"} for status in ERRORS if _may(one, status)
    }


def _may(one: Operation, status: int) -> bool:
    """Tell whether an operation may answer with an error; those of every one are told at each."""
    match status:
        case 409:
            return not one.only_reads
        case 404:
            return "{" in one.path or not one.only_reads or _narrows(one)
        case _:
            return True


def _narrows(one: Operation) -> bool:
    return one.query is not None and "organization" in one.query.model_fields


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1, "maxLength": 320},
        }
        for name in re.findall(r"\{([a-z_]+)\}", path)
    ]


def _query_parameters(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    required = schema.get("required", ())
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "schema": _present(about),
            **({"description": about["description"]} if "description" in about else {}),
        }
        for name, about in schema.get("properties", {}).items()
    ]


def _present(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return a parameter's schema where it is sent: none is null in a query."""
    kept = {key: value for key, value in about.items() if key not in {"description", "title"}}
    choices = [one for one in kept.get("anyOf", ()) if one.get("type") != "null"]
    if "anyOf" not in kept:
        return kept
    if kept.get("default", "") is None:
        del kept["default"]
    rest = {key: value for key, value in kept.items() if key != "anyOf"}
    return {**choices[0], **rest} if len(choices) == 1 else {"anyOf": choices, **rest}


def _error(status: int, said: str) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"$ref": _REF.format(model="ErrorAnswer")}}
    if status == _EXAMPLE["status"]:
        content["example"] = {"error": _EXAMPLE}
    told: dict[str, Any] = {"description": said, "content": {"application/json": content}}
    if status == 429:  # noqa: PLR2004  RFC 6585 §4
        told["headers"] = {"Retry-After": {"schema": {"type": "string"}, "description": "Seconds."}}
    return told


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _named(reference: Mapping[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _tag(one: Operation) -> str:
    return one.path.split("/")[1]
