"""The API: every room's operations, and how a request becomes one."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from federation.configuration import faults
from federation.configuration.part import Model
from federation.console import (
    access,
    audit_api,
    connections_api,
    decisions_api,
    domains_api,
    invitations_api,
    links_api,
    organizations_api,
    overview_api,
    people_api,
    provisioning_api,
    teams_api,
    tokens_api,
    trials_api,
)
from federation.console.openapi import describe
from federation.console.operations import BASE, Asked, Operation
from federation.errors import FieldsRefused, NotAllowed
from federation.web import fields, pages

OPERATIONS: Final[Sequence[Operation]] = (
    *audit_api.OPERATIONS,
    *connections_api.OPERATIONS,
    *decisions_api.OPERATIONS,
    *domains_api.OPERATIONS,
    *invitations_api.OPERATIONS,
    *links_api.OPERATIONS,
    *organizations_api.OPERATIONS,
    *overview_api.OPERATIONS,
    *people_api.OPERATIONS,
    *provisioning_api.OPERATIONS,
    *teams_api.OPERATIONS,
    *tokens_api.OPERATIONS,
    *trials_api.OPERATIONS,
)
"""All of them; a room adds its own: ``*teams_api.OPERATIONS``."""


def api_routes() -> list[BaseRoute]:
    """Return a route for each operation, and the document about them."""
    return [
        Route(f"{BASE}/openapi.json", document),
        *(Route(BASE + one.path, endpoint(one), methods=[one.method]) for one in OPERATIONS),
    ]


async def document(request: Request) -> Response:
    """GET /admin/api/openapi.json: public, as the manual is."""
    return pages.as_json(_described(secure=request.app.state.house.secure))


@cache
def _described(*, secure: bool) -> Mapping[str, Any]:
    return describe(OPERATIONS, secure=secure)


def endpoint(operation: Operation) -> Callable[[Request], Any]:
    """Return what answers an operation's requests."""

    async def answer(request: Request) -> Response:
        visitor = await access.by_token_or_session(request, only_reads=operation.only_reads)
        if operation.scope not in visitor.actor.scopes:
            raise NotAllowed("admin.scope", f"this takes the scope {operation.scope}")
        told = await operation.run(access.desk(request, visitor.actor), await _asked(request, operation))
        if told is None:
            return Response(status_code=204)
        return pages.as_json(told.model_dump(mode="json", by_alias=True), operation.status)

    return answer


async def _asked(request: Request, operation: Operation) -> Asked:
    """Hold what was sent to the operation's models.

    Raises:
        RequestRefused: ``form.*``.
        FieldsRefused: ``admin.invalid``; or what the operation has in its place.
    """
    try:
        return await _read(request, operation)
    except FieldsRefused as refused:
        if operation.malformed is None:
            raise
        raise operation.malformed(refused) from None


async def _read(request: Request, operation: Operation) -> Asked:
    query = _query(fields.read_query(request), operation.query)
    body = None
    if operation.body is not None:
        body = _body(await fields.read_json(request), operation.body)
    return Asked(path=dict(request.path_params), query=query, body=body)


def _query(told: Any, model: type[Model] | None) -> Model | None:
    if model is None:
        if told:
            found = (((), "this takes no query"),)
            raise FieldsRefused("admin.invalid", "a query where none is taken", faults=found)
        return None
    try:
        return model.model_validate_strings(told)
    except ValidationError as error:
        raise _refused(error, model) from None


def _body(told: Any, model: type[Model]) -> Model:
    try:  # as JSON: an array is a tuple, a text never a number
        return model.model_validate_json(json.dumps(told), strict=True)
    except ValidationError as error:
        raise _refused(error, model) from None


def _refused(error: ValidationError, model: type[Model]) -> FieldsRefused:
    found = faults.read_errors(error, model.model_fields)
    return FieldsRefused("admin.invalid", "what was sent cannot be used", faults=found)
