"""How we reach providers: the `outbound` part of the settings, and what the environment adds to it."""

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from federation.configuration.part import Model
from federation.configuration.scalars import FilePath, Name, Secret, place_of

DIRECT = "direct"  # no proxy, whatever the environment says


class Outbound(Model):
    """Where we may connect to, and by which way."""

    allow: tuple[str, ...] = ()  # networks and hosts that may be private though the store named them
    proxy: Secret | None = Field(default=None, validate_default=True)  # it may hold a password
    no_proxy: tuple[Name, ...] | None = Field(default=None, validate_default=True)  # asked directly
    ca_bundle: FilePath | None = None  # authorities beside the system's, PEM

    @field_validator("proxy")
    @classmethod
    def _way_out(cls, told: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        """What the settings say wins over the environment, as ``HTTPS_PROXY``."""
        if told is not None and told.get_secret_value() == DIRECT:
            return None
        found = told.get_secret_value() if told is not None else _variable(info, "HTTPS_PROXY")
        if not found:
            return None
        url = found if told is not None or "://" in found else f"http://{found}"
        if not _is_proxy(url):
            where = "" if told is not None else "the environment's HTTPS_PROXY: "
            raise ValueError(f"{where}expected a URL such as http://proxy.acme.example:3128, or {DIRECT}")
        return SecretStr(url)

    @field_validator("no_proxy")
    @classmethod
    def _past_it(cls, told: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...]:
        if told is not None:
            return told
        return tuple(filter(None, map(str.strip, _variable(info, "NO_PROXY").split(","))))


def _variable(info: ValidationInfo, name: str) -> str:
    """Return a variable that other programs read too, in either case; the lower one first, as curl does."""
    variables = place_of(info).environment
    return (variables.get(name.lower()) or variables.get(name, "")).strip()


def _is_proxy(url: str) -> bool:
    try:
        parts = urlsplit(url)
        plain = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or 1) > 0
    except ValueError:
        return False
    printable = url.isascii() and url.isprintable() and not set(url) & set(" ?#\\")
    return bool(plain and printable and parts.path in {"", "/"})
