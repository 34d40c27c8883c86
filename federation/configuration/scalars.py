"""How single values are written in the settings file: durations, domains, URLs, paths, secrets.

Each is a type that says in its refusal what was expected, and never what was given.
"""

import base64
import contextlib
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    SecretStr,
    StringConstraints,
    ValidationInfo,
)

from federation.configuration import suffixes

ID_PATTERN = r"^[a-z][a-z0-9_-]{0,62}$"
MAXIMUM_SKEW = timedelta(seconds=300)
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_NAME_LENGTH = 253  # RFC 1035 §2.3.4, as it is written
_DNS_PORT = 53
_PATH_LENGTH = 200  # a certificate in base64 is longer
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def environment_name(key: str) -> str:
    """Return an id or a key as an environment variable spells it: ``-`` and ``_`` look the same there."""
    return key.replace("-", "_").upper()


def parse_duration(value: object) -> object:
    """Read ``"90s"``, ``"30m"``, ``"8h"`` or ``"7d"``; a bare number is refused: it has no unit."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and (match := re.fullmatch(r"([1-9]\d{0,5})([smhd])", value)):
        return timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    raise ValueError('expected a number with its unit, such as "90s", "30m", "8h" or "7d"')


def _show_duration(value: timedelta) -> str:
    seconds = int(value.total_seconds())
    unit = next(unit for unit in "dhms" if seconds % _UNITS[unit] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


def _skew(value: timedelta) -> timedelta:
    if not timedelta(0) <= value <= MAXIMUM_SKEW:
        raise ValueError(f"expected at most {_show_duration(MAXIMUM_SKEW)}")
    return value


def _domain(value: str) -> str:
    """Accept a domain name as DNS has it; a star in its first place stands for every name below."""
    name = value.removeprefix("*.")
    labels = name.split(".")
    if (
        "." not in name
        or not name.isascii()
        or len(name) > _NAME_LENGTH
        or not all(re.fullmatch(_LABEL, one) for one in labels)
        or labels[-1].isdigit()
    ):
        raise ValueError(
            'expected a domain name such as "acme.example", or "*.acme.example" for every one below it: '
            'lower-case, without "@", other alphabets as xn--…'
        )
    if suffixes.is_registry(name):
        raise ValueError(f"{name} is a public suffix: anybody can have a name below it; expected your own")
    return value


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file's words are read: its directory and environment; the context of validation."""

    directory: Path = Path()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    foreign: bool = False  # written elsewhere: no file and no variable of this machine is read for it


def place_of(info: ValidationInfo) -> Place:
    """Return the context of validation; outside of ``settings.load`` it is empty."""
    return info.context if isinstance(info.context, Place) else Place()


def _from_here(value: Path, info: ValidationInfo) -> Path:
    place = place_of(info)
    if place.foreign:
        raise ValueError("files are for the settings file; paste what it holds")
    return place.directory / value


def _reveal(value: object, info: ValidationInfo) -> object:
    """Turn ``{env: NAME}`` or ``{file: PATH}`` into the secret itself.

    No message repeats a path or a name of another form: a secret may have been pasted there.
    """
    if not isinstance(value, Mapping):
        return value
    place = place_of(info)
    if place.foreign:
        raise ValueError("files and variables are for the settings file; expected the secret itself")
    match [*value.items()]:
        case [("env", str(name))] if re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
            found, where = place.environment.get(name, ""), f"environment variable {name}"
        case [("file", str(name))] if name:
            where = "its file"
            try:
                found = (place.directory / name).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
                raise ValueError(
                    f"its file cannot be read ({why}); paths start at {place.directory}"
                ) from None
        case _:
            raise ValueError("expected one of {env: NAME} (upper-case) or {file: PATH}")
    if not found:
        raise ValueError(f"{where} is not set or empty")
    return found


def _url(value: str) -> str:
    """Accept an absolute http(s) URL as it stands: issuers are compared octet for octet."""
    try:
        parts = urlsplit(value)
        plain = parts.scheme in {"https", "http"} and parts.hostname and (parts.port or 443) > 0
    except ValueError:
        plain = False
    if not plain or not value.isascii() or not value.isprintable() or set(value) & set(' "<>\\^`{|}'):
        raise ValueError("expected a URL such as https://idp.acme.example/path")
    if "@" in parts.netloc or "#" in value:
        raise ValueError("expected a URL without user name, password or fragment")
    return value


def _certificate(value: str, info: ValidationInfo) -> str:
    """Return PEM text or bare base64 as it stands; anything else is the path of such a file."""
    if "-----BEGIN" in value or (value.startswith("MI") and len(value) > _PATH_LENGTH):
        return value
    if place_of(info).foreign:
        raise ValueError("expected a certificate: PEM text, or its base64")
    try:
        content = (place_of(info).directory / value).read_bytes()
    except OSError as error:
        raise ValueError(f"file {value} cannot be read ({error.strerror})") from None
    if content.startswith(b"\x30"):  # DER
        return base64.b64encode(content).decode()
    try:
        return content.decode("ascii")
    except UnicodeDecodeError:
        raise ValueError(f"file {value} is neither PEM nor DER") from None


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def is_loopback(host: str) -> bool:
    """Tell whether a host of a URL is this machine and nothing else."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def parse_origin(value: str, *, development: bool) -> str:
    """Return a public origin as it stands.

    Raises:
        ValueError: It holds more, is http where it may not be, or another spelling of the same.
    """
    try:
        parts = urlsplit(value)
        plain = value == f"{parts.scheme}://{parts.netloc}" and parts.hostname and "@" not in parts.netloc
        port = parts.port
    except ValueError:
        plain, port = False, None
    if (
        not plain
        or parts.netloc != parts.netloc.lower()
        or not value.isascii()
        or not value.isprintable()
        or " " in value
    ):
        raise ValueError("expected https://, a lower-case host and nothing behind it, no slash either")
    if parts.scheme not in {"https", "http"} or port == {"https": 443, "http": 80}[parts.scheme]:
        raise ValueError("expected https://, without the default port")
    require_https(value, development=development)
    return value


def _origin(value: str, info: ValidationInfo) -> str:
    return parse_origin(value, development=info.data.get("development", False))


def require_https(url: str, *, development: bool) -> None:
    """Accept https, and in development http on a loopback host.

    Raises:
        ValueError: Anything else.
    """
    if url.startswith("https://") or (development and is_loopback(urlsplit(url).hostname or "")):
        return
    raise ValueError("expected https://; http:// is for loopback hosts, with development: true")


def _database(value: SecretStr, info: ValidationInfo) -> SecretStr:
    """Let a relative SQLite path start where the settings file is, like every other path."""
    scheme, found, rest = value.get_secret_value().partition("://")
    if not found or scheme not in {"sqlite", "postgresql"} or not rest.strip("/"):
        raise ValueError("expected sqlite:///path or postgresql://user@host/name")
    if scheme == "postgresql" or rest.startswith("//"):
        return value
    if not rest.startswith("/"):
        raise ValueError("expected three slashes before a relative path, four before an absolute one")
    return SecretStr(f"sqlite:///{(place_of(info).directory / rest[1:]).as_posix()}")


def _network(value: object) -> Network:
    try:
        network = ipaddress.ip_network(str(value))
    except ValueError:
        raise ValueError("expected a network such as 10.0.0.0/8 or an address") from None
    if network.prefixlen == 0:
        raise ValueError("expected the networks of your own proxies; this one would trust everybody")
    return network


def address_and_port(server: str) -> tuple[str, int]:
    """Read ``192.0.2.1``, ``192.0.2.1:5353``, ``2001:db8::1`` or ``[2001:db8::1]:5353``.

    Raises:
        ValueError: Anything else; a name would have to be asked for first.
    """
    host, port = server, ""
    if server.startswith("["):
        host, bracket, port = server[1:].partition("]")
        if not bracket or not port.startswith(":"):
            raise ValueError("expected [address]:port")
        port = port[1:]
    elif server.count(":") == 1:
        host, _, port = server.partition(":")
    ipaddress.ip_address(host)
    if host != server and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):  # noqa: PLR2004
        raise ValueError("expected a port")
    return host, int(port) if port else _DNS_PORT


def _dns_server(value: str) -> str:
    """Accept the address of a DNS server as it stands."""
    try:
        address_and_port(value)
    except ValueError:
        raise ValueError(
            "expected an address such as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353"
        ) from None
    return value


def _rate(value: object) -> object:
    if value is False:  # how YAML reads a bare off
        return "off"
    if isinstance(value, str) and re.fullmatch(r"off|[1-9]\d{0,6}/(second|minute|hour|day)", value):
        return value
    raise ValueError('expected a rate such as "300/minute", or "off"')


def _local_path(value: str) -> str:
    """Accept a path of ours as it stands: no host, no query, no dot segment, no escape."""
    segments = value.split("/")
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", value) or {".", ".."} & set(segments):
        raise ValueError("expected a path such as /saml/acs: letters, digits, . _ ~ -, no slash at the end")
    return value


def _alias_path(value: str) -> str:
    """Accept a path that another product had, exactly: where it ended in a slash, this one does."""
    try:
        _local_path(value.removesuffix("/"))
    except ValueError:
        raise ValueError("expected a path such as /v1/oauth/callback/: letters, digits, . _ ~ -") from None
    return value


def _day(value: object) -> object:
    if isinstance(value, date):  # how YAML reads it
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        with contextlib.suppress(ValueError):
            return date.fromisoformat(value)
    raise ValueError("expected a day such as 2027-03-31")


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(_show_duration)]
Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Domain = Annotated[str, AfterValidator(_domain)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Skew = Annotated[Duration, AfterValidator(_skew)]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Day = Annotated[date, BeforeValidator(_day)]
LocalPath = Annotated[str, Field(max_length=255), AfterValidator(_local_path)]
AliasPath = Annotated[str, Field(max_length=255), AfterValidator(_alias_path)]
EntityId = Annotated[Text, Field(max_length=1024)]  # SAML Core §8.3.6
Url = Annotated[str, AfterValidator(_url)]
FilePath = Annotated[Path, AfterValidator(_from_here)]  # relative ones start where the settings file is
Certificate = Annotated[Text, AfterValidator(_certificate)]
Secret = Annotated[SecretStr, Field(min_length=1), BeforeValidator(_reveal)]  # {env: …} or {file: …}
Names = Annotated[tuple[Name, ...], Field(min_length=1), BeforeValidator(_listed)]  # one, or the first sent
Origin = Annotated[str, AfterValidator(_origin)]
SplitGroups = Literal["auto", "never", "commas", "semicolons", "spaces"]  # see ``attributes``
DatabaseUrl = Annotated[Secret, AfterValidator(_database)]
Networks = tuple[Annotated[Network, BeforeValidator(_network)], ...]
DnsServer = Annotated[str, AfterValidator(_dns_server)]
Rate = Annotated[str, BeforeValidator(_rate)]
