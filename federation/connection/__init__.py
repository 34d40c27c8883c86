"""What is configured: connections, organizations and rules, in the shape of the settings file.

The keys are the contract with whoever writes the file: add, never rename. Frozen, an unknown
key is an error, and an empty list never means "anyone". A rule about several keys is asked at
the last of them, so that every fault of a connection is named in one go.
"""

from typing import Annotated

from pydantic import Field

from federation.connection.common import (
    NO_BOUND,
    Configured,
    Organization,
    Required,
    name_fault,
    names_no_bound,
    show,
)
from federation.connection.local import LocalConnection
from federation.connection.oauth2 import OAuth2Connection
from federation.connection.oidc import Algorithm, OidcConnection
from federation.connection.relying import AuthMethod, RelyingConnection
from federation.connection.saml import (
    AlgorithmException,
    Legacy,
    MetadataSource,
    NameIdFormat,
    SamlConnection,
)
from federation.connection.scim import Scim

__all__ = [
    "NO_BOUND", "Algorithm", "AlgorithmException", "AnyConnection", "AuthMethod", "Configured", "Connection",
    "Legacy", "LocalConnection", "MetadataSource", "NameIdFormat", "OAuth2Connection", "OidcConnection",
    "Organization", "RelyingConnection", "Required", "SamlConnection", "Scim",
    "name_fault", "names_no_bound", "show",
]  # fmt: skip

AnyConnection = SamlConnection | OidcConnection | OAuth2Connection | LocalConnection
Connection = Annotated[AnyConnection, Field(discriminator="protocol")]
