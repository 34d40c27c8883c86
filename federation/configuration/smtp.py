"""How invitations are mailed: the `smtp` part of the settings."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from federation.configuration import faults
from federation.configuration.part import Model
from federation.configuration.scalars import Name, Secret, is_loopback

IMPLICIT_TLS = 465  # RFC 8314 §3.3: TLS from the first octet

Address = Annotated[str, StringConstraints(pattern=r"^[!-?A-~]+@[!-?A-~]+$", max_length=254)]


class Smtp(Model):
    """The mail server that takes what we send."""

    host: Name
    port: int = Field(default=587, ge=1, le=65535)
    starttls: bool = True  # false: to this machine alone, or at port 465
    user: Name | None = None
    password: Secret | None = None
    from_: Address = Field(alias="from")

    @model_validator(mode="after")
    def _protected(self) -> Self:
        """What is mailed lets its bearer in: it leaves this machine under TLS."""
        if not (self.starttls or self.port == IMPLICIT_TLS or is_loopback(self.host)):
            why = "false is for a loopback host, or port: 465"
            raise faults.as_error([(("starttls",), why)])
        if (self.user is None) is not (self.password is None):
            raise faults.as_error([(("user",), "user and password go together")])
        return self
