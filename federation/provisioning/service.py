"""The protocol as we speak it: the library's steps, with requests mended before it reads them.

One for each request: it keeps what the library has no place for.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from scim2_models import (
    BaseModel,
    Context,
    Error,
    InvalidValueException,
    PatchOp,
    Resource,
    ResourceType,
    ResponseParameters,
    SCIMException,
    ScimProvider,
    SearchRequest,
)
from scim2_server.bulk import BulkPlan
from scim2_server.conditions import Conditions
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.service import ScimService, scim_exception_of
from scim2_server.storage import SearchPage

from federation.errors import StoreUnavailable
from federation.provisioned import Kind
from federation.scim import dialect, documents, models, tolerance
from federation.scim.dialect import Read

Model = TypeVar("Model", bound=BaseModel)


_QUOTED: Final = re.compile(r'"[^"]*"')
_NO_VERSION: Final = ","


def kind_of(resource_type: ResourceType) -> Kind:
    """Tell which of our kinds a resource type is."""
    return "Group" if resource_type.name == "Group" else "User"


def conditions(*, if_match: str | None, if_none_match: str | None = None) -> Conditions:
    """Return which versions a change is bound to.

    Raises:
        InvalidValueException: One is longer than any list of ours (the library takes seconds for spaces),
            or names any version beside others (RFC 9110 §13.1.1).
    """
    for told in (if_match or "", if_none_match or ""):
        if len(told) > tolerance.TAGS:
            raise InvalidValueException(detail=f"A list of versions takes {tolerance.TAGS} characters")
        if told.strip() != "*" and "*" in _QUOTED.sub("", told):
            raise InvalidValueException(detail="* stands for every version, and alone")
    if if_match is not None and not if_match.strip():
        if_match = _NO_VERSION  # the library would take it for no condition at all
    return Conditions(if_match=if_match, if_none_match=if_none_match)


class Service(ScimService):
    """Reads requests by ``dialect``, and says what a PATCH is answered with."""

    def __init__(self, provider: ScimProvider, *, secret: bytes) -> None:
        super().__init__(provider, secret=secret)
        self.members: tuple[str, ...] | None = None  # whom a Group in the body names; None: it says nothing
        self.unknown: set[str] = set()  # names of attributes that were left out
        self.faults: Mapping[int, SCIMException] = {}  # of a bulk request, by operation

    def read_creation(
        self, resource_type: ResourceType, body: bytes, content_type: str | None
    ) -> Resource[Any]:
        """Read a POST; whom a Group names stands in ``members`` alone."""
        read = dialect.resource(self._json(body, content_type), kind_of(resource_type))
        return self._read(self.get_model(resource_type), read, Context.RESOURCE_CREATION_REQUEST)

    def read_replacement(
        self, resource_type: ResourceType, body: bytes, content_type: str | None
    ) -> Resource[Any]:
        """Read a PUT; likewise."""
        read = dialect.resource(self._json(body, content_type), kind_of(resource_type))
        return self._read(self.get_model(resource_type), read, Context.RESOURCE_REPLACEMENT_REQUEST)

    def mend_patch(self, resource_type: ResourceType, body: bytes, content_type: str | None) -> Read:
        """Read a PATCH as far as it can be without the library."""
        self.ensure_patch_supported()
        return dialect.patch(self._json(body, content_type), kind_of(resource_type))

    def parse_patch(self, resource_type: ResourceType, read: Read) -> "PatchOp[Any]":
        """Have the library read what ``mend_patch`` returned."""
        model: type[PatchOp[Any]] = PatchOp.__class_getitem__(self.get_model(resource_type))
        return self._read(model, read, Context.RESOURCE_PATCH_REQUEST)

    def read_bulk(self, body: bytes, content_type: str | None) -> BulkPlan:
        """Read a bulk request; the library's own limits are asked of what it was before."""
        self.ensure_supported(self.config.bulk, "Bulk")
        self.ensure_bulk_payload_size(len(body))
        self._bulk = dialect.bulk(self._json(body, content_type))
        self.faults = self._bulk.faults
        return super().read_bulk(body, content_type)

    def read_body(
        self, model: type[Model], body: bytes, content_type: str | None, scim_ctx: Context
    ) -> Model:
        """Read a bulk request, which ``read_bulk`` has mended: what else comes is read above."""
        del body, content_type
        if scim_ctx is not Context.BULK_REQUEST:
            raise NotImplementedError
        return self._read(model, self._bulk, scim_ctx)

    def read_search(self, resource_types: list[ResourceType], payload: Any) -> tuple[SearchRequest[Any], Any]:
        """Read a search, by GET or by POST."""
        return super().read_search(resource_types, dialect.search(payload))

    def publish(self, base_url: str, resource: Resource[Any]) -> Resource[Any]:
        """Say where a resource is; the library copies all of it, and looks in each attribute for links."""
        if resource.meta is None or resource.id is None or _has_links(resource):
            return super().publish(base_url, resource)
        location = self.resource_location(base_url, self.get_resource_type_of(resource), resource.id)
        meta = resource.meta.model_copy(update={"location": location})
        return resource.model_copy(update={"meta": meta})

    def search_response(
        self,
        base_url: str,
        resource_types: list[ResourceType],
        page: SearchPage,
        search_request: SearchRequest[Any],
    ) -> ScimResponse:
        """Answer a search; each resource is written down once (the library does it twice)."""
        listed = [
            self.publish(base_url, one).model_dump(
                scim_ctx=Context.RESOURCE_QUERY_RESPONSE, response_parameters=search_request
            )
            for one in page.resources
        ]
        bare = replace(page, resources=[])
        answer = super().search_response(base_url, resource_types, bare, search_request)
        if listed and answer.body is not None:
            answer.body |= {"itemsPerPage": len(listed), "Resources": listed}
        return answer

    def decode_body(self, body: bytes, content_type: str | None) -> Any:
        """Read the body of a search."""
        return self._json(body, content_type)

    def read_response_parameters(
        self, resource_type: ResourceType, query: Mapping[str, str]
    ) -> ResponseParameters[Any]:
        """Read which attributes an answer is to have."""
        told = {key: query[key] for key in ("attributes", "excludedAttributes") if query.get(key)}
        for key, value in told.items():
            dialect.names(value, key)
        return super().read_response_parameters(resource_type, told)

    def bulk_failure(self, outcome: dict[str, Any], exception: Exception) -> dict[str, Any]:
        """Tell what went wrong with one operation; what nobody foresaw ends the request, and is logged."""
        if isinstance(exception, StoreUnavailable):
            error = Error(status=exception.status, detail=exception.public)
            return {**outcome, "status": error.status, "response": error}
        if not isinstance(exception, SCIMException):
            raise exception
        return super().bulk_failure(outcome, exception)

    def created(
        self, base_url: str, resource: Resource[Any], response_parameters: ResponseParameters[Any]
    ) -> ScimResponse:
        """Answer a POST with as much of the resource as is asked for (RFC 7644 §3.9)."""
        published = self.publish(base_url, resource)
        answer = self.resource_response(
            published, Context.RESOURCE_CREATION_RESPONSE, response_parameters, HTTPStatus.CREATED
        )
        answer.headers["Location"] = answer.headers["Content-Location"]
        return answer

    @staticmethod
    def read_conditions(request: ScimRequest) -> Conditions:
        """Read which versions a change is bound to."""
        told = request.header("If-Match"), request.header("If-None-Match")
        return conditions(if_match=told[0], if_none_match=told[1])

    def patch_response(
        self, base_url: str, resource: Resource[Any], response_parameters: ResponseParameters[Any]
    ) -> ScimResponse:
        """Answer a PATCH with the resource: Okta takes an empty answer for a failure."""
        return self.replacement_response(base_url, resource, response_parameters)

    def patched(self, base_url: str, resource: Resource[Any]) -> ScimResponse:
        """Answer a PATCH of a Group that is too large to be sent back each time (RFC 7644 §3.5.2)."""
        published = self.publish(base_url, resource)
        headers = {"ETag": published.meta.version} if published.meta and published.meta.version else {}
        return ScimResponse(HTTPStatus.NO_CONTENT, None, headers)

    def _json(self, body: bytes, content_type: str | None) -> Any:
        self.ensure_json(content_type)
        return documents.read(body)

    def _read(self, model: type[Model], read: Read, context: Context) -> Model:
        self.members = read.members
        self.unknown |= read.unknown
        try:
            return model.model_validate(read.payload, scim_ctx=context)
        except ValidationError as fault:
            raise scim_exception_of(fault) from None


def _has_links(resource: Resource[Any]) -> bool:
    """Tell whether a resource may refer to others by URL: only then are there any to be made whole."""
    if isinstance(resource, models.User):
        enterprise = resource[models.EnterpriseUser]
        return (
            enterprise is not None and enterprise.manager is not None and enterprise.manager.ref is not None
        )
    return not isinstance(resource, models.Group) or bool(resource.members)
