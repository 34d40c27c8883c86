"""One request of a directory, step by step: read, keep, answer (RFC 7644 §3).

Members of groups pass the library by: it takes 20 µs for each, and a group may have 20,000. What a
client changes without naming a version is tried again where another change came in between.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar, cast

from scim2_models import (
    BulkOperation,
    PatchOp,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ResponseParameters,
    SearchRequest,
)
from scim2_server.bulk import BulkPlan, BulkStep
from scim2_server.conditions import Conditions
from scim2_server.handler import AsyncScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.routing import Operation, Target

from federation.provisioned import Members
from federation.provisioning import shown
from federation.provisioning.service import Service, kind_of
from federation.provisioning.service import conditions as bound_to
from federation.provisioning.storage import MANY, Storage
from federation.scim import effort, models, resources
from federation.scim import members as groups

SHOWN: Final = 1_000  # members of a group that a PATCH is answered with, where nobody asked for them
_ATTEMPTS: Final = 40  # of so many who change one group at once, one comes through each time
_LARGE: Final = 100  # entries to be looked at: up to half a millisecond each
_LONG: Final = 8_192  # octets of a body that is read in a thread

Attempt = Callable[[], Awaitable[Resource[Any]]]
What = TypeVar("What")


class Handler(AsyncScimHandler):
    """One for each request."""

    def __init__(self, service: Service, storage: Storage) -> None:
        super().__init__(service, storage)
        self.service: Service = service
        self.storage: Storage = storage

    async def create(self, request: ScimRequest) -> ScimResponse:
        """Keep a new resource."""
        with self.service.provider:
            _, resource_type = self._route(request, Operation.create)
            asked = self.service.read_response_parameters(resource_type, request.query)
            resource = await self._read(request, self.service.read_creation, resource_type)
            created = await self.storage.keep(resource_type, resource, self.service.members)
            return await self._with_members(self.service.created(request.base_url, created, asked), asked)

    async def query(self, request: ScimRequest) -> ScimResponse:
        """Read one."""
        with self.service.provider:
            target, resource_type = self._route(request, Operation.query)
            asked = self.service.read_response_parameters(resource_type, request.query)
            found = await self.storage.get(resource_type, _id(target), response_parameters=asked)
            conditions = self.service.read_conditions(request)
            answer = self.service.query_response(request.base_url, found, asked, conditions)
            return await self._with_members(answer, asked)

    async def replace(self, request: ScimRequest) -> ScimResponse:
        """Put what is sent in the place of what is kept; members that it says nothing of stay."""
        with self.service.provider:
            target, resource_type = self._route(request, Operation.replace)
            asked = self.service.read_response_parameters(resource_type, request.query)
            sent = await self._read(request, self.service.read_replacement, resource_type)
            named, conditions = self.service.members, self.service.read_conditions(request)

            async def attempt() -> Resource[Any]:
                copy = sent.model_copy(deep=True)
                return await self._replace(resource_type, _id(target), copy, named, conditions)

            resource = await _repeated(attempt, conditions)
            resource = await self._with_asked(resource_type, resource, asked)
            return await self._with_members(
                self.service.replacement_response(request.base_url, resource, asked), asked
            )

    async def patch(self, request: ScimRequest) -> ScimResponse:
        """Change what is named, and answer with the resource unless it is a very large Group."""
        with self.service.provider:
            target, resource_type = self._route(request, Operation.patch)
            asked = self.service.read_response_parameters(resource_type, request.query)
            change, parsed = await self._read(request, self._read_patch, resource_type)
            conditions = self.service.read_conditions(request)

            async def attempt() -> Resource[Any]:
                if change is not None:
                    return await self._change_group(_id(target), change, conditions)
                assert parsed is not None  # noqa: S101  one of the two
                return await self._patch(resource_type, _id(target), parsed, conditions)

            resource = await _repeated(attempt, conditions)
            if self.storage.size(resource) > SHOWN and not asked.attributes and not asked.excluded_attributes:
                return self.service.patched(request.base_url, resource)
            resource = await self._with_asked(resource_type, resource, asked)
            answer = self.service.patch_response(request.base_url, resource, asked)
            return await self._with_members(answer, asked)

    async def search(self, request: ScimRequest) -> ScimResponse:
        """Search by GET."""
        with self.service.provider:
            target = self.service.route(request, Operation.search)
            kinds = self.service.searched_types(target.endpoint)
            return await self._found(request, kinds, *self.service.read_search_query(kinds, request.query))

    async def search_with_body(self, request: ScimRequest) -> ScimResponse:
        """Search by POST."""
        with self.service.provider:
            target = self.service.route(request, Operation.search_with_body)
            kinds = self.service.searched_types(target.endpoint)
            asked = await self._read(request, self.service.read_search_body, kinds)
            return await self._found(request, kinds, *asked)

    async def _found(
        self, request: ScimRequest, kinds: list[ResourceType], asked: SearchRequest[Any], position: Any
    ) -> ScimResponse:
        """Answer with a page; a large one is written down in a thread."""
        page = await self.storage.search(kinds, asked, position=position)

        def answer() -> ScimResponse:
            return self.service.search_response(request.base_url, kinds, page, asked)

        told = await self.storage.beside(answer) if len(page.resources) > MANY else answer()
        return await self._with_members(told, asked)

    async def delete_resource(
        self, resource_type: ResourceType, resource_id: str, conditions: Conditions
    ) -> None:
        """Remove one; who is in a Group is not read for it."""

        async def attempt() -> Resource[Any]:
            current = await self.storage.outline(resource_type, resource_id)
            self.service.check_deletion(current, conditions)
            assert current.meta is not None  # noqa: S101  the storage's
            await self.storage.delete(resource_type, resource_id, expected_version=current.meta.version)
            return current

        await _repeated(attempt, conditions)

    async def bulk(self, request: ScimRequest) -> ScimResponse:
        """Carry out operations one after the other; long ones are read in a thread, and others go between."""
        with self.service.provider:
            self.service.route(request, Operation.bulk)
            plan = await self.storage.beside(self.service.read_bulk, request.body, _type(request))
            for step in plan:
                plan.record(step, *await self.run_bulk_step(request, plan, step))
                await asyncio.sleep(0)  # others are waiting
            return await self.storage.beside(self.service.bulk_response, plan)

    async def run_bulk_step(
        self, request: ScimRequest, plan: BulkPlan, step: BulkStep
    ) -> tuple[dict[str, Any], Resource[Any] | None]:
        """Carry out a step; one that could not be read fails by its own fault."""
        fault = self.service.faults.get(step.index)
        if fault is None:
            return await super().run_bulk_step(request, plan, step)
        outcome = self.service.bulk_outcome(request.base_url, plan.operation(step))
        return self.service.bulk_failure(outcome, fault), None

    async def apply_bulk_operation(
        self, resource_type: ResourceType, operation: BulkOperation[Resource[Any]]
    ) -> Resource[Any] | None:
        """Carry out one operation of a bulk request as if it had come alone (RFC 7644 §3.7)."""
        if operation.method == BulkOperation.Method.post:
            return await self.storage.create(resource_type, cast("Resource[Any]", operation.data))
        identifier, conditions = operation.resource_id or "", bound_to(if_match=operation.version)
        if operation.method == BulkOperation.Method.delete:
            await self.delete_resource(resource_type, identifier, conditions)
            return None

        async def attempt() -> Resource[Any]:
            if operation.method == BulkOperation.Method.patch:
                patch = cast("PatchOp[Any]", operation.data)
                change = groups.of(patch) if kind_of(resource_type) == "Group" else None
                if change is not None:
                    return await self._change_group(identifier, change, conditions)
                return await self._patch(resource_type, identifier, patch, conditions)
            sent = cast("Resource[Any]", operation.data).model_copy(deep=True)
            named = _named(sent)
            return await self._replace(resource_type, identifier, sent, named, conditions)

        return await _repeated(attempt, conditions)

    async def _replace(
        self,
        resource_type: ResourceType,
        identifier: str,
        sent: Resource[Any],
        named: tuple[str, ...] | None,
        conditions: Conditions,
    ) -> Resource[Any]:
        current = await self.storage.outline(resource_type, identifier)
        if not isinstance(sent, models.Group):
            told, before = cast("resources.UserModel", sent), cast("resources.UserModel", current)
            if told.active is None:
                told.active = before.active  # to leave it out is not to take it away
            return await self.replace_resource(resource_type, current, sent, conditions)
        self.service.check_preconditions(current, "PUT", conditions)
        members = Members(add=named, every=True) if named is not None else None
        return await self.storage.change_group(identifier, groups.GroupChange(members=members), sent=sent)

    async def _change_group(
        self, identifier: str, change: groups.GroupChange, conditions: Conditions
    ) -> Resource[Any]:
        """Change a Group by what is named, however many are in it."""
        current = await self.storage.outline(self.service.get_resource_type("Group"), identifier)
        self.service.check_preconditions(current, "PATCH", conditions)
        return await self.storage.change_group(identifier, change)

    async def _patch(
        self, resource_type: ResourceType, identifier: str, patch: "PatchOp[Any]", conditions: Conditions
    ) -> Resource[Any]:
        """Have the library change the whole resource; where that is much, in a thread."""
        current = await self.storage.whole(resource_type, identifier)
        assert current.meta is not None  # noqa: S101  the storage's
        version = current.meta.version
        if effort.of(patch, self.storage.size(current) or effort.entries(current)) > _LARGE:
            patched = await self.storage.beside(self.service.apply_patch, current, patch, conditions)
        else:
            patched = self.service.apply_patch(current, patch, conditions)
        if patched is None:
            return current
        return await self.storage.update(resource_type, patched, expected_version=version)

    async def _read(
        self, request: ScimRequest, read: Callable[[Any, bytes, str | None], What], of: Any
    ) -> What:
        """Read a body; a long one in a thread."""
        told = (of, request.body, _type(request))
        return await self.storage.beside(read, *told) if len(request.body) > _LONG else read(*told)

    def _read_patch(
        self, resource_type: ResourceType, body: bytes, content_type: str | None
    ) -> "tuple[groups.GroupChange | None, PatchOp[Any] | None]":
        """Return what becomes of a Group, or the operations that the library is to carry out."""
        read = self.service.mend_patch(resource_type, body, content_type)
        self.service.unknown |= read.unknown
        change = groups.change(read.payload) if kind_of(resource_type) == "Group" else None
        return change, self.service.parse_patch(resource_type, read) if change is None else None

    async def _with_asked(
        self, resource_type: ResourceType, resource: Resource[Any], asked: ResponseParameters[Any]
    ) -> Resource[Any]:
        """Return a Group with its members, where the answer is to have them."""
        if kind_of(resource_type) == "User":
            return resource
        return await self.storage.get(resource_type, resource.id or "", response_parameters=asked)

    async def _with_members(
        self, answer: ScimResponse, asked: ResponseParameters[Any] | None = None
    ) -> ScimResponse:
        """Write members into an answer, as far as they are asked for (RFC 7644 §3.9)."""
        body = answer.body
        if body is not None and self.storage.members and (asked is None or shown.tells_members(asked)):
            for one in body.get("Resources", [body]):
                if told := self.storage.members.get(one.get("id", "")):
                    one["members"] = await shown.members(told, asked)
        return answer

    def _route(self, request: ScimRequest, operation: Operation) -> tuple[Target, ResourceType]:
        target = self.service.route(request, operation)
        return target, self.service.resource_type_at(target.endpoint or "")


def _type(request: ScimRequest) -> str | None:
    return request.header("Content-Type")


def _id(target: Target) -> str:
    return target.resource_id or ""


def _named(sent: Resource[Any]) -> tuple[str, ...] | None:
    if not isinstance(sent, models.Group) or sent.members is None:
        return None
    return tuple(one.value or "" for one in sent.members)


async def _repeated(attempt: Attempt, conditions: Conditions) -> Resource[Any]:
    """Do a change, once more where another one came in between; not one that is bound to a version."""
    for _ in range(1 if conditions.if_match else _ATTEMPTS):
        try:
            return await attempt()
        except PreconditionFailedException as refusal:
            refused = refusal
    raise refused
