"""What one running process must know: federation.yaml, secret files, environment, command line.

The later of these wins. Every fault is named at once, with its place and what was expected,
and never the value of a secret. Relative paths start where the settings file is. Nothing but
this file reads the environment.
"""

import os
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Self

from pydantic import (
    Field,
    PrivateAttr,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from federation import presets
from federation.configuration import about, faults
from federation.configuration.branding import Branding, ContactText
from federation.configuration.faults import Fault
from federation.configuration.outbound import Outbound
from federation.configuration.part import Model
from federation.configuration.scalars import (
    DatabaseUrl,
    DnsServer,
    Duration,
    FilePath,
    Id,
    Networks,
    Origin,
    Place,
    Rate,
    place_of,
)
from federation.configuration.smtp import Smtp
from federation.configuration.sources import (
    SECRETS_DIRECTORY,
    Places,
    Source,
    Written,
    read_yaml,
    secret_files,
    source_of,
)
from federation.connection import (
    NO_BOUND,
    AnyConnection,
    Connection,
    LocalConnection,
    OAuth2Connection,
    OidcConnection,
    Organization,
    SamlConnection,
    between,
    name_fault,
    names_no_bound,
)
from federation.errors import ConfigurationError
from federation.rules.rule import SystemRole

DEFAULT_FILE: Final = Path("federation.yaml")
FILE_VARIABLE: Final = "FEDERATION_CONFIG"
_TEXTS: Final = Path(__file__).parent / "web" / "texts"  # a file per language


class RateLimits(Model):
    """How often one client address may try, per connection."""

    sign_in: Rate = "300/minute"
    failures: Rate = "30/minute"


class SessionLimits(Model):
    """How long a session lives."""

    idle: Duration = Field(default=timedelta(hours=8), ge=timedelta(minutes=2))  # use is noted by the minute
    absolute: Duration = Field(default=timedelta(hours=24), validate_default=True)
    break_glass: Duration = Field(default=timedelta(hours=1), ge=timedelta(minutes=5), le=timedelta(hours=1))

    @field_validator("absolute")
    @classmethod
    def _longer(cls, absolute: timedelta, info: ValidationInfo) -> timedelta:
        if absolute < info.data.get("idle", absolute):
            raise ValueError("expected at least session.idle")
        return absolute


class Records(Model):
    """How long decision records stand."""

    keep: Duration = Field(default=timedelta(days=30), ge=timedelta(days=1), le=timedelta(days=400))


class AuditLog(Model):
    """How long the audit log stands."""

    keep: Duration = Field(default=timedelta(days=400), ge=timedelta(days=30), le=timedelta(days=3660))


class KeyFile(Model):
    """A file with 32 random octets in base64."""

    file: FilePath


class Settings(Model):
    """What one running process must know; see ``load``."""

    development: bool = False
    base_url: Origin  # every URL of ours is derived from it, never from Host
    database_url: DatabaseUrl
    branding: Branding = Branding()
    contact: ContactText | None = None  # whom people who cannot get in may ask
    language: Id = "en"  # of every page: a file of web/texts
    rate_limits: RateLimits = RateLimits()
    trusted_proxies: Networks = ()
    session: SessionLimits = SessionLimits()
    records: Records = Records()
    audit: AuditLog = AuditLog()
    encryption_keys: tuple[KeyFile, ...] = Field(default=(), validate_default=True)
    sp_key: FilePath = Field(default=Path("certs/sp.key"), validate_default=True)
    sp_certificate: FilePath = Field(default=Path("certs/sp.crt"), validate_default=True)
    dns_servers: tuple[DnsServer, ...] = ()  # none: the system's
    outbound: Outbound = Field(default_factory=dict, validate_default=True)
    saml: about.About = about.About()
    smtp: Smtp | None = None  # none: invitations are not mailed
    organizations: dict[str, Organization] = Field(default_factory=dict)
    connections: dict[str, AnyConnection] = Field(default_factory=dict)
    system_roles: dict[str, tuple[SystemRole, ...]] = Field(default_factory=dict)  # by connection id
    _file: Path = PrivateAttr(default=DEFAULT_FILE)
    _inline_secrets: tuple[str, ...] = PrivateAttr(default=())
    _places: Places = PrivateAttr(default_factory=dict)

    @property
    def file(self) -> Path:
        """Where these settings were read from."""
        return self._file

    def source_of(self, key: str) -> Source:
        """Return where the value of a dotted key came from."""
        return source_of(self._places, key)

    @property
    def inline_secrets(self) -> tuple[str, ...]:
        """Places in the settings file that hold a secret themselves; ``doctor`` warns about them."""
        return self._inline_secrets

    @field_validator("encryption_keys")
    @classmethod
    def _keyed(cls, files: tuple[KeyFile, ...], info: ValidationInfo) -> tuple[KeyFile, ...]:
        if files:
            return files
        if info.data.get("development") is False:
            raise ValueError("expected [{file: certs/secrets.key}]; `federation init` makes the file")
        return (KeyFile(file=place_of(info).directory / "certs/secrets.key"),)

    @field_validator("language")
    @classmethod
    def _spoken(cls, language: str) -> str:
        known = sorted(file.stem for file in _TEXTS.glob("*.toml"))
        if language not in known:
            raise ValueError(f"expected one of {', '.join(known)}: there is no file of texts in it")
        return language

    @field_validator("organizations", "system_roles", mode="before")
    @classmethod
    def _commented_out(cls, told: object) -> object:
        return {} if told is None else told  # a key whose lines are all comments

    @field_validator("organizations")
    @classmethod
    def _named(cls, organizations: dict[str, Organization]) -> dict[str, Organization]:
        ids = tuple(organizations)
        faults.refuse(((one,), fault) for one in ids if (fault := name_fault(one, ids)))
        return organizations

    @field_validator("connections", mode="before")
    @classmethod
    def _connected(cls, told: object, info: ValidationInfo) -> dict[str, AnyConnection]:
        """Read every connection, and hold them against each other even where one is broken."""
        told = {} if told is None else told
        if not isinstance(told, Mapping):
            raise ValueError("expected ids with a connection under each")  # noqa: TRY004  pydantic's way
        found: list[Fault] = []
        read: dict[str, AnyConnection] = {}
        for name in told:
            if fault := name_fault(str(name), tuple(map(str, told))):
                found.append(((str(name),), fault))
            try:
                one = read_connection(str(name), told[name], info.context)
                read[str(name)] = named(one, info.data.get("saml"))
            except ValidationError as error:
                said = faults.read_errors(error, known_keys())
                found += [((str(name), *steps), why) for steps, why in said]
        known = info.data.get("organizations")
        found += between.find_faults(read, known, development=info.data.get("development"))
        faults.refuse(found)
        return read

    @model_validator(mode="after")
    def _teams_bound(self) -> Self:
        faults.refuse(between.find_unbound(self.connections, self.organizations))
        return self

    @field_validator("system_roles")
    @classmethod
    def _declared(
        cls, told: dict[str, tuple[SystemRole, ...]], info: ValidationInfo
    ) -> dict[str, tuple[SystemRole, ...]]:
        """From connections of this file alone: who may run the installation is its operator's word."""
        known = info.data.get("connections")
        if known is not None:
            said = f"expected one of connections (known: {', '.join(known) or 'none'})"
            faults.refuse(((one,), said) for one in told if one not in known)
        return told


def known_keys() -> set[str]:
    """Return every key of the file, to guess what a mistyped one was meant to be."""
    ours = (
        Settings,
        SamlConnection,
        OidcConnection,
        OAuth2Connection,
        LocalConnection,
        Branding,
        RateLimits,
        SessionLimits,
        AuditLog,
        Records,
        Outbound,
        Organization,
        Smtp,
        SystemRole,
    )
    models = (*ours, about.About, about.PublicOrganization, about.Contact, about.Presentation, about.Logo)
    return {key for model in models for key in model.model_fields}


_CONNECTION: TypeAdapter[AnyConnection] = TypeAdapter(Connection)


def read_connection(name: str, told: object, place: object) -> AnyConnection:
    """Read one connection as it is written.

    Args:
        name: Its id.
        told: Its keys.
        place: Where they are written: a ``scalars.Place``.

    Raises:
        ValidationError: With every fault of it alone.
    """
    if isinstance(told, AnyConnection):
        return told.model_copy(update={"id": name})
    if not isinstance(told, Mapping):
        raise faults.as_error([((), "expected keys with values, such as protocol: saml")])
    protocol = _protocol(told)
    found: list[Fault] = [(("id",), "unknown key: the id is the key above")] if "id" in told else []
    if protocol != told.get("protocol"):
        found.append((("protocol",), f"expected {faults.EXPECTED['protocol']}"))
    if fault := presets.fault(str(told.get("preset", "generic")), protocol):
        found.append((("preset",), fault))
    filled = {key: value for key, value in presets.fill_in(told).items() if key != "id"}
    try:
        read = _CONNECTION.validate_python({**filled, "protocol": protocol}, context=place)
    except ValidationError as error:
        # The first step is the union's tag, not a key of the file.
        found += [(steps[1:], why) for steps, why in faults.read_errors(error, known_keys())]
        if names_no_bound(filled) and not any(steps[:1] == ("domains",) for steps, _ in found):
            found.append((("domains",), NO_BOUND.format("")))
    faults.refuse(found)
    return read.model_copy(update={"id": name})


def named(read: AnyConnection, ours: about.About | None) -> AnyConnection:
    """Give a SAML connection the entity ID that all share, unless it has its own."""
    if isinstance(read, SamlConnection) and read.sp_entity_id is None and ours and ours.entity_id:
        return read.model_copy(update={"sp_entity_id": ours.entity_id})
    return read


def _protocol(told: Mapping[str, object]) -> str:
    """Return the protocol, or the likelier one where none is said, so that the rest can be named too."""
    said = told.get("protocol")
    if said in (*presets.PROTOCOLS, "local"):
        return str(said)
    return (
        "saml" if told.keys() & (SamlConnection.model_fields.keys() - OidcConnection.model_fields) else "oidc"
    )


def load(
    config: Path = DEFAULT_FILE,
    *,
    overrides: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    document: Mapping[str, Any] | None = None,
) -> Settings:
    """Read the settings from everywhere: overrides > environment > secret files > file > defaults.

    Args:
        config: The YAML file; relative paths in any source start at its directory.
        overrides: What the command line says, in the file's shape.
        environment: Stands in for the process's own.
        document: Stands in for what the file holds: an edited one that is not saved yet.

    Raises:
        ConfigurationError: ``settings.missing``, ``settings.syntax``, ``settings.secrets``;
            ``settings.invalid`` with every fault.
    """
    environment = os.environ if environment is None else environment
    document = read_yaml(config) if document is None else document
    written = Written(document)
    if directory := environment.get(SECRETS_DIRECTORY):
        written.lay(dict(secret_files(directory)), "secret file")
    written.lay(environment, "environment variable")
    written.lay_tree(overrides or {})
    # Not resolved: a mounted ConfigMap is a link into a directory whose name changes.
    place = Place(directory=config.absolute().parent, environment=environment)
    found = list(written.faults)
    try:
        settings = Settings.model_validate(written.tree, context=place)
    except ValidationError as error:
        found += faults.read_errors(error, known_keys())
    if found:
        raise ConfigurationError("settings.invalid", faults.tell(config, found, written.said_by))
    settings._file = config  # noqa: SLF001  our own
    settings._places = dict(written.places)  # noqa: SLF001
    settings._inline_secrets = tuple(_inline(document))  # noqa: SLF001
    return settings


def file_of_worker() -> Path:
    """Return the settings file of this process: FEDERATION_CONFIG, else federation.yaml here."""
    return Path(os.environ.get(FILE_VARIABLE) or DEFAULT_FILE)


def tell_workers(config: Path) -> None:
    """Leave the settings file's path where processes started from here find it."""
    os.environ[FILE_VARIABLE] = str(config.absolute())


def _inline(document: Mapping[str, Any]) -> Iterator[str]:
    connections = document.get("connections")
    for name, told in connections.items() if isinstance(connections, Mapping) else ():
        if isinstance(told, Mapping) and isinstance(told.get("client_secret"), str):
            yield f"connections.{name}.client_secret"
        directory = told.get("google_directory") if isinstance(told, Mapping) else None
        if isinstance(directory, Mapping) and isinstance(directory.get("service_account"), str):
            yield f"connections.{name}.google_directory.service_account"
    outbound = document.get("outbound")
    proxy = outbound.get("proxy") if isinstance(outbound, Mapping) else None
    for key, url in (("database_url", document.get("database_url")), ("outbound.proxy", proxy)):
        if isinstance(url, str) and re.search(r"://[^/@]*:[^/@]+@|password=", url):
            yield key
