"""How a connection's directory provisions people here (SCIM 2.0), in the keys of the settings file."""

from typing import Literal

from pydantic import SecretStr, field_validator

from federation.configuration.part import Model
from federation.configuration.scalars import AliasPath, Names, Secret

_SECRET_LENGTH = 16  # characters: whoever guesses one empties an organization


class Scim(Model):
    """There where a directory may; a connection without it answers no SCIM request.

    What clients prove themselves by stands here, or is minted (``federation scim token create``).
    """

    basic: Secret | None = None  # user:password
    bearer: Secret | None = None
    paths: tuple[AliasPath, ...] = ()  # further base URLs, of products that people come from
    group_name: Literal["displayName", "externalId"] = "displayName"  # what rules and teams call a group
    # what of a sign-in holds the directory's externalId, beside the subject; None: as the preset knows it
    external_id: Names | None = None

    @field_validator("basic")
    @classmethod
    def _pair(cls, basic: SecretStr | None) -> SecretStr | None:
        if basic is not None:
            name, colon, password = basic.get_secret_value().partition(":")
            if not (name and colon) or len(password) < _SECRET_LENGTH:
                raise ValueError(
                    f"expected user:password, the password of {_SECRET_LENGTH} characters or more"
                )
        return basic

    @field_validator("bearer")
    @classmethod
    def _long(cls, bearer: SecretStr | None) -> SecretStr | None:
        if bearer is not None and len(bearer.get_secret_value()) < _SECRET_LENGTH:
            raise ValueError(f"expected {_SECRET_LENGTH} characters or more")
        return bearer
