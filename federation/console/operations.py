"""What an operation of the API is: its place, who may, what it takes and answers. Data alone.

A room lists its own in ``OPERATIONS`` (``<room>_api.py``); ``api`` serves them all, ``openapi`` tells
programs about them. Who may is asked again by the deed that runs, about the very thing.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, Literal, TypeVar

from pydantic import Field

from federation.administration.actor import Scope
from federation.administration.desk import Desk
from federation.administration.paging import LONGEST_CURSOR, LONGEST_PAGE, PAGE
from federation.configuration.part import Model
from federation.errors import FederationError, FieldsRefused

BASE: Final = "/admin/api"

Item = TypeVar("Item", bound=Model)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a request says, each part held to its model."""

    path: Mapping[str, str]  # names in braces → as they were sent
    query: Any  # of ``Operation.query``; None where there is none
    body: Any  # of ``Operation.body``; likewise


Run = Callable[[Desk, Asked], Awaitable[Model | None]]


@dataclass(frozen=True)
class Operation:
    """One method of one path; its ``operationId`` is the name of ``run``.

    What changes nothing is a GET, or has a scope that ends in ``:read``. Everything else asks a session
    for the same origin and a fresh proof; a token for neither.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str  # below ``BASE``, as "/connections/{id}"
    summary: str  # one line, without a full stop
    scope: Scope
    run: Run  # returns None where the answer is 204
    query: type[Model] | None = None
    body: type[Model] | None = None
    answer: type[Model] | None = None
    status: int = 200  # of the answer, where there is one
    # the answer to what cannot be used, of what is asked since before there was one for all; None: that one
    malformed: Callable[[FieldsRefused], FederationError] | None = None

    @property
    def name(self) -> str:
        """Its ``operationId``."""
        return self.run.__name__

    @property
    def only_reads(self) -> bool:
        """Whether nothing is changed by it."""
        return self.method == "GET" or self.scope.endswith(":read")


class PageAsked(Model):
    """Which page of a list."""

    limit: Annotated[int, Field(ge=1, le=LONGEST_PAGE, description="Items of a page at most")] = PAGE
    cursor: Annotated[
        str | None, Field(max_length=LONGEST_CURSOR, description="`next` of the page before")
    ] = None


class Narrowed(PageAsked):
    """Which page of whose list."""

    organization: Annotated[
        str | None, Field(max_length=63, description="Of this organization alone; needed by nobody else's")
    ] = None


class Searched(Narrowed):
    """Which page of what is searched."""

    search: Annotated[str, Field(max_length=320, description="Part of a name, a key or an address")] = ""


class Paged(Model, Generic[Item]):
    """A page of a list."""

    items: tuple[Item, ...]
    next: str | None = Field(description="`cursor` of the next page; null where there is none")


class FieldFault(Model):
    """A field that cannot be used."""

    field: str = Field(description="Dotted, as `rules.0.name`; empty for the whole body")
    message: str = Field(description="What was expected; never what was sent")


class Error(Model):
    """What went wrong."""

    code: str | None = Field(None, description="Which rule, as docs/refusals.md explains it")
    status: int
    message: str = Field(description="A sentence for people")
    reference: str = Field(description="Under which the operator finds why; may be empty")
    fields: tuple[FieldFault, ...] | None = None


class ErrorAnswer(Model):
    """Every answer that is not what was asked for."""

    error: Error
