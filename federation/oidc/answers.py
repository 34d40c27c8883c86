"""What an endpoint answers to a POST of ours, read as JSON: tokens, a pushed request.

A failing endpoint may say why in JSON; where it does not, its status is the answer. What the
JSON then means is its reader's affair. Pure.

Source: RFC 6749 §5.1, §5.2; RFC 9126 §2.2, §2.3.
"""

from dataclasses import dataclass
from typing import Any, Final

from federation.errors import ProviderUnavailable
from federation.oidc import documents

_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One kind of endpoint, and the code of each way in which its answer cannot be read."""

    title: str  # for the operator
    success: int  # HTTP status
    status: str  # code of another status, and nothing said
    content_type: str  # of a success that is not JSON
    malformed: str  # of a success that is no object of strict JSON

    def read(self, status: int, content_type: str, body: bytes) -> dict[str, Any]:
        """Return the object; where the status is a failure, it says why.

        Args:
            status: HTTP's.
            content_type: Its header.
            body: As received, bounded.

        Raises:
            ProviderUnavailable: ``status``, ``content_type``, ``malformed`` of this endpoint.
        """
        if documents.media_type(content_type) != _JSON:
            if status != self.success:
                raise self.failed(status)
            raise ProviderUnavailable(self.content_type, f"the answer of {self.title} is not {_JSON}")
        try:
            return documents.read_object(body)
        except ValueError as fault:
            if status != self.success:
                raise self.failed(status) from None
            raise ProviderUnavailable(self.malformed, f"the answer of {self.title}: {fault}") from None

    def failed(self, status: int) -> ProviderUnavailable:
        """Return the refusal of an answer that has another status than success."""
        return ProviderUnavailable(self.status, f"{self.title} answered {status}, not {self.success}")
