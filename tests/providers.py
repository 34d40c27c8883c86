"""Identity providers that others wrote: SimpleSAMLphp (Debian) and oidc-provider (npm).

Each runs on a free port of 127.0.0.1, keeps all it writes in a temporary directory, and knows
the people of ``idps/users.json``. Both are started once per test run.
"""

import hashlib
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import lxml.etree
import pytest
from processes import free_port, running

IDPS = Path(__file__).parent / "idps"
SIMPLESAMLPHP = Path("/usr/share/simplesamlphp/www")
NODE_DIR = Path(os.environ.get("FEDERATION_NODE_DIR", Path(__file__).parent.parent / ".venv" / "node"))


@dataclass(frozen=True)
class Person:
    """One entry of ``idps/users.json``."""

    login: str
    password: str
    sub: str
    email: str
    given_name: str
    family_name: str
    department: str
    groups: tuple[str, ...]


PEOPLE = {
    login: Person(login=login, **{**user, "groups": tuple(user["groups"])})
    for login, user in json.loads((IDPS / "users.json").read_text()).items()
}


_SAML = "urn:oasis:names:tc:SAML:"
_ENTITY = f"{{{_SAML}2.0:metadata}}EntityDescriptor"
NAME_IDS = {
    "emailAddress": _SAML + "1.1:nameid-format:emailAddress",
    "persistent": _SAML + "2.0:nameid-format:persistent",
    "transient": _SAML + "2.0:nameid-format:transient",
    "unspecified": _SAML + "1.1:nameid-format:unspecified",
}
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "sign-assertion-only": {"saml20.sign.response": False},
    "sign-response-only": {"saml20.sign.assertion": False},
    "sha512": {"signature.algorithm": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"},
    "oid": {
        "attributes.NameFormat": _SAML + "2.0:attrname-format:uri",
        "authproc": {"100": {"class": "core:AttributeMap", "0": "name2oid"}},
    },
    "encrypted": {"assertion.encryption": True},  # 1.19: AES-128-CBC and RSA-OAEP, nothing else
    "encrypted-name-id": {"nameid.encryption": True},
    "no-attributes": {"simplesaml.attributes": False},
    "unsigned-logout": {"sign.logout": False},
    "logout-by-post": {"rig.logout": _SAML + "2.0:bindings:HTTP-POST"},
    "no-logout": {"rig.logout": ""},
}
"""What it can be told to send otherwise, as options of a service provider's entry."""


@dataclass(frozen=True)
class SimpleSamlPhp:
    """A running SimpleSAMLphp identity provider."""

    origin: str
    work: Path
    secret: str  # its administrator's password

    @property
    def entity_id(self) -> str:
        """Also the address of its metadata."""
        return f"{self.origin}/simplesaml/saml2/idp/metadata.php"

    @property
    def sso_url(self) -> str:
        return f"{self.origin}/simplesaml/saml2/idp/SSOService.php"

    @property
    def slo_url(self) -> str:
        return f"{self.origin}/simplesaml/saml2/idp/SingleLogoutService.php"

    def unsolicited_url(self, sp_entity_id: str, relay_state: str) -> str:
        """Return where a portal's tile would lead: sign in there, end at the service."""
        return f"{self.sso_url}?{urlencode({'spentityid': sp_entity_id, 'RelayState': relay_state})}"

    def sign_out_url(self, return_to: str) -> str:
        """Return where people sign out there, and of everything they use through it."""
        return f"{self.slo_url}?{urlencode({'ReturnTo': return_to})}"

    def metadata(self) -> bytes:
        """Return its EntityDescriptor, as it serves it."""
        return httpx2.get(self.entity_id, trust_env=False).raise_for_status().content

    def register(self, sp_metadata: bytes) -> None:
        """Make a service provider known, or all of a document, in place of what that said before."""
        entities = lxml.etree.fromstring(sp_metadata).iter(_ENTITY)
        named = " ".join(sorted(one.get("entityID", "") for one in entities))
        (self.work / "sp" / f"{hashlib.sha256(named.encode()).hexdigest()[:12]}.xml").write_bytes(sp_metadata)

    def variant(self, *names: str, sp: str = "*", **options: Any) -> None:
        """Shape what it sends from now on; no name is its default (response and assertion signed).

        Args:
            names: Of VARIANTS; they add up.
            sp: The entityID that this is for, beside what is for all; ``*`` forgets everything else.
            options: Further ones, as SimpleSAMLphp calls them.
        """
        file = self.work / "entries.json"
        entries = {} if sp == "*" else json.loads(file.read_text())
        told = {key: value for name in names for key, value in VARIANTS[name].items()}
        _replace(file, json.dumps({**entries, sp: told | options}))

    def hosted(self, **options: Any) -> None:
        """Set options of the identity provider itself, in place of those set before."""
        _replace(self.work / "hosted.json", json.dumps(options))

    def make_certificate(self, name: str) -> None:
        """Make a key pair for its use: ``NAME.key`` and ``NAME.crt``, RSA 2048, self-signed."""
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-sha256", "-nodes", "-days", "2"]
        command += [
            "-subj",
            f"/CN={name}.simplesamlphp.test",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.crt",
        ]
        subprocess.run(command, cwd=self.work / "cert", check=True, capture_output=True)


def _replace(file: Path, content: str) -> None:
    """Write a file whole: PHP may be reading it."""
    new = file.with_suffix(".new")
    new.write_text(content)
    new.replace(file)


@dataclass(frozen=True)
class OidcProvider:
    """A running oidc-provider."""

    issuer: str
    work: Path

    def register(self, **client: Any) -> None:
        """Make a client known (RFC 7591 names), in place of one with the same ``client_id``."""
        file = self.work / "clients.json"
        known = json.loads(file.read_text()) if file.exists() else []
        kept = [one for one in known if one["client_id"] != client["client_id"]]
        file.write_text(json.dumps([*kept, client]))
        self._post("/test/reload")

    def options(self, **options: Any) -> None:
        """Set what ``oidc_provider.mjs`` reads of options.json; the rest is its default."""
        (self.work / "options.json").write_text(json.dumps(options))
        self._post("/test/reload")

    def rotate_keys(self, *, keep: bool) -> None:
        """Sign with new keys; ``keep`` leaves the old ones in the JWKS."""
        self._post("/test/rotate?keep=1" if keep else "/test/rotate")

    def _post(self, path: str) -> None:
        httpx2.post(self.issuer + path, trust_env=False).raise_for_status()


@pytest.fixture(scope="session")
def simplesamlphp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleSamlPhp]:
    if not SIMPLESAMLPHP.is_dir() or not shutil.which("php") or not shutil.which("openssl"):
        pytest.skip("SimpleSAMLphp, php-cli or openssl is missing: scripts/test installs them")
    work = tmp_path_factory.mktemp("simplesamlphp")
    for name in ("cert", "log", "data", "temp", "sp", "sessions"):
        (work / name).mkdir()
    address = f"127.0.0.1:{free_port()}"
    provider = SimpleSamlPhp(f"http://{address}", work, secrets.token_hex(16))
    provider.make_certificate("idp")
    provider.variant()
    provider.hosted()
    command = ["php", "-d", "opcache.enable_cli=1", "-d", "opcache.revalidate_freq=0"]
    command += ["-d", "display_errors=0", "-d", "log_errors=1"]
    command += ["-S", address, str(IDPS / "simplesamlphp" / "router.php")]
    env = {
        "SIMPLESAMLPHP_CONFIG_DIR": str(IDPS / "simplesamlphp"),
        "PHP_CLI_SERVER_WORKERS": "4",  # a page that fetches another of its own would wait for itself
        "RIG_WORK": str(work),
        "RIG_ORIGIN": provider.origin,
        "RIG_SECRET": provider.secret,
    }
    with running(command, answers=provider.entity_id, log=work / "php.log", env=env):
        yield provider


@pytest.fixture
def simplesamlphp(simplesamlphp_server: SimpleSamlPhp) -> SimpleSamlPhp:
    """SimpleSAMLphp without any variant."""
    simplesamlphp_server.variant()
    simplesamlphp_server.hosted()
    return simplesamlphp_server


@pytest.fixture(scope="session")
def oidc_provider_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    if not shutil.which("node") or not (NODE_DIR / "node_modules" / "oidc-provider").is_dir():
        pytest.skip("node or npm's oidc-provider is missing: scripts/test installs them")
    work = tmp_path_factory.mktemp("oidc-provider")
    port = free_port()
    provider = OidcProvider(f"http://127.0.0.1:{port}", work)
    with running(
        ["node", str(IDPS / "oidc_provider.mjs"), str(work), str(port)],
        answers=f"{provider.issuer}/.well-known/openid-configuration",
        log=work / "node.log",
        env={"NODE_DIR": str(NODE_DIR), "NODE_NO_WARNINGS": "1"},
    ):
        yield provider


@pytest.fixture
def openid_provider_npm(oidc_provider_server: OidcProvider) -> OidcProvider:
    """Give oidc-provider without any option."""
    oidc_provider_server.options()
    return oidc_provider_server
