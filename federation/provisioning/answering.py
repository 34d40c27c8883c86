"""What requests are answered with: made once, and loaded where a connection provisions.

The library builds its models as they are first asked for; that is done here, before anybody asks.
"""

import hmac
from typing import Final

from scim2_models import SCIMException
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse

from federation.provisioning import written
from federation.provisioning.handler import Handler
from federation.provisioning.request import Answered, Asked, Concerned, Place
from federation.provisioning.service import Service
from federation.provisioning.storage import Storage
from federation.scim import provider
from federation.scim.identity import describe

_BULK: Final = b'{"Operations": [{"method": "DELETE", "path": "/Users/a"}]}'
_WARMING: Final = (
    ("User", b'{"userName": "a"}', b'{"Operations": [{"op": "add", "path": "title", "value": "a"}]}'),
    ("Group", b'{"displayName": "a"}', b'{"Operations": [{"op": "remove", "path": "externalId"}]}'),
)


class Answering:
    """One for a worker."""

    describe = staticmethod(describe)

    def __init__(self, *, secret: bytes) -> None:
        """Build what every request needs.

        Args:
            secret: Seals cursors; the same on every node.
        """
        self._provider = provider.build()
        self._secret = secret
        self._warm()

    async def answer(self, asked: Asked, place: Place) -> tuple[Answered, Concerned]:
        """Answer one request, and tell whom it concerned.

        Raises:
            StoreUnavailable: Nothing is changed.
        """
        service, storage = self._service(place.connection), Storage(place, aside=True)
        request = ScimRequest(
            method=asked.method,
            base_url=asked.base_url,
            path=asked.path,
            query=asked.query,
            headers=asked.headers,
            body=asked.body,
        )
        try:
            response = await Handler(service, storage).handle(request)
            error = ""
        except SCIMException as refusal:
            response = service.error_response(refusal)
            error = refusal.scim_type or ""
        return await _answered(response, error, frozenset(service.unknown)), storage.concerned

    def _service(self, connection: str) -> Service:
        """Return what serves one request; a cursor of another connection opens nothing."""
        secret = hmac.digest(self._secret, connection.encode(), "sha256")
        return Service(self._provider, secret=secret)

    def _warm(self) -> None:
        service = self._service("")
        with service.provider:
            for name, resource, patch in _WARMING:
                resource_type = service.get_resource_type(name)
                service.read_creation(resource_type, resource, None)
                service.read_replacement(resource_type, resource, None)
                service.parse_patch(resource_type, service.mend_patch(resource_type, patch, None))
                service.read_search_query([resource_type], {"filter": 'externalId eq "a"', "count": "1"})
                service.read_response_parameters(resource_type, {"attributes": "externalId"})
            service.read_bulk(_BULK, None)


async def _answered(response: ScimResponse, error: str, unknown: frozenset[str]) -> Answered:
    return Answered(
        status=int(response.status),
        body=b"" if response.body is None else await written.write(response.body),
        headers=response.headers,
        error=error,
        unknown=unknown,
    )
