"""A metadata document as one connection wants it read: which entity, signed by whom.

The settings' own documents are found here too: a file, or what was pasted or typed in.
"""

import asyncio
import hashlib
from datetime import datetime

from federation.connection import SamlConnection
from federation.errors import ConfigurationError
from federation.saml import certificates, metadata
from federation.saml.metadata import IdentityProvider

_THREAD_ABOVE = 32 * 1024  # octets, as in the connectors


class Reader:
    """Reads the documents of one connection; its signers' certificates are parsed once."""

    def __init__(self, connection: SamlConnection, *, development: bool) -> None:
        """Take what the settings say of the document.

        Args:
            connection: Validated.
            development: Let the document name http on loopback.

        Raises:
            ConfigurationError: ``saml.metadata_no_key``, ``saml.certificate``, ``saml.weak_key``:
                of ``metadata.certificates``.
        """
        signers = connection.metadata.certificates if connection.metadata else ()
        self._signers = certificates.read_signers(signers)
        self._entity_id = connection.entity_id
        self._development = development

    def read_now(self, document: bytes, now: datetime) -> IdentityProvider:
        """Read a document.

        Raises:
            ConfigurationError: ``saml.*`` as ``metadata.read_metadata`` says.
        """
        return metadata.read_metadata(
            document,
            entity_id=self._entity_id,
            development=self._development,
            now=now,
            signers=self._signers,
        )

    async def read(self, document: bytes, now: datetime) -> IdentityProvider:
        """Read a document, a large one in a thread. Raises as ``read_now`` does."""
        if len(document) <= _THREAD_ABOVE:
            return self.read_now(document, now)
        return await asyncio.to_thread(self.read_now, document, now)


def digest(document: bytes) -> str:
    """Return by what a document is known: SHA-256, hex."""
    return hashlib.sha256(document).hexdigest()


def document_of(connection: SamlConnection) -> bytes | None:
    """Return the document that the settings hold or name as a file; None where there is no such.

    Blocking: it may read a file.

    Raises:
        ConfigurationError: ``registry.metadata_file``.
    """
    source = connection.metadata
    if source is None or source.url is not None:
        return None
    if source.file is None:
        return (source.xml or "").encode()
    try:
        return source.file.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            "registry.metadata_file", f"metadata.file: {source.file} cannot be read ({error.strerror})"
        ) from None


def is_slow(connection: SamlConnection) -> bool:
    """Tell whether ``at_hand`` reads a file, or a document over 32 KiB."""
    source = connection.metadata
    return source is not None and (source.file is not None or len(source.xml or "") > _THREAD_ABOVE)


def from_fields(connection: SamlConnection, *, development: bool) -> IdentityProvider:
    """Read the trust material that was typed in, field by field.

    Raises:
        ConfigurationError: ``saml.*`` as ``metadata.from_fields`` says.
    """
    return metadata.from_fields(
        entity_id=connection.entity_id or "",
        sso_url=connection.sso_url or "",
        slo_url=connection.slo_url or "",
        certificates=connection.certificates,
        development=development,
    )


def at_hand(connection: SamlConnection, *, development: bool, now: datetime) -> IdentityProvider | None:
    """Read the trust material that needs no network; None where a URL holds it. Blocking.

    Raises:
        ConfigurationError: ``registry.metadata_file``; ``saml.*`` as ``saml.metadata`` says.
    """
    if connection.metadata is None:
        return from_fields(connection, development=development)
    reader = Reader(connection, development=development)
    document = document_of(connection)
    return None if document is None else reader.read_now(document, now)
