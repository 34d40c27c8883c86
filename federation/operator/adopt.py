"""Keep an identity provider's registration of another product: read that product's metadata."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from federation.errors import ConfigurationError
from federation.saml.adoption import read_service_provider


def adopt(file: Path, base_url: str) -> dict[str, Any]:
    """Return the keys of a connection that take over a registration, and what they cannot.

    Args:
        file: SP metadata of the product that was registered before.
        base_url: Our public origin.

    Raises:
        ConfigurationError: ``registry.metadata_file``, ``saml.metadata_*``.
    """
    try:
        document = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            "registry.metadata_file", f"{file} cannot be read ({error.strerror})"
        ) from None
    known = read_service_provider(document)
    here: list[str] = []
    elsewhere: list[str] = []
    for url in known.acs_urls:
        parts = urlsplit(url)
        ours = f"{parts.scheme}://{parts.netloc}" == base_url and not parts.query and not parts.fragment
        (here if ours else elsewhere).append(parts.path if ours else url)
    return {"keys": {"sp_entity_id": known.entity_id, "acs_paths": here}, "elsewhere": elsewhere}


def tell(found: dict[str, Any], base_url: str) -> str:
    """Return what to paste, and what to know about it."""
    keys = found["keys"]
    # As JSON, which YAML reads: a name may hold what YAML would take for its own.
    lines = [f"    {key}: {json.dumps(value)}" for key, value in keys.items() if value]
    lines += [
        f"# {url} is not below {base_url}: let this name lead here, or register our own ACS URL"
        for url in found["elsewhere"]
    ]
    return "\n".join(lines)
