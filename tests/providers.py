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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
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


@dataclass(frozen=True)
class SimpleSamlPhp:
    """A running SimpleSAMLphp identity provider."""

    origin: str
    work: Path

    @property
    def entity_id(self) -> str:
        """Also the address of its metadata."""
        return f"{self.origin}/simplesaml/saml2/idp/metadata.php"

    def metadata(self) -> bytes:
        """Return its EntityDescriptor, as it serves it."""
        return httpx2.get(self.entity_id, trust_env=False).raise_for_status().content

    def register(self, sp_metadata: bytes) -> None:
        """Make a service provider known; acts at once."""
        name = hashlib.sha256(sp_metadata).hexdigest()[:12]
        (self.work / "sp" / f"{name}.xml").write_bytes(sp_metadata)

    def variant(self, *names: str) -> None:
        """Shape what it sends from now on; no name is its default (response and assertion signed).

        Args:
            names: Of sign-assertion-only, sign-response-only, sha512, oid, encrypt-assertion,
                encrypt-name-id.
        """
        (self.work / "variant").write_text(",".join(names))


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
    (work / "variant").write_text("")
    _make_certificate(work / "cert")
    address = f"127.0.0.1:{free_port()}"
    provider = SimpleSamlPhp(f"http://{address}", work)
    command = ["php", "-d", "opcache.enable_cli=0", "-d", "display_errors=0", "-d", "log_errors=1"]
    command += ["-S", address, str(IDPS / "simplesamlphp" / "router.php")]
    env = {
        "SIMPLESAMLPHP_CONFIG_DIR": str(IDPS / "simplesamlphp"),
        "PHP_CLI_SERVER_WORKERS": "4",  # a page that fetches another of its own would wait for itself
        "RIG_WORK": str(work),
        "RIG_ORIGIN": provider.origin,
        "RIG_SECRET": secrets.token_hex(16),
    }
    with running(command, answers=provider.entity_id, log=work / "php.log", env=env):
        yield provider


@pytest.fixture
def simplesamlphp(simplesamlphp_server: SimpleSamlPhp) -> SimpleSamlPhp:
    """SimpleSAMLphp without any variant."""
    simplesamlphp_server.variant()
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


def _make_certificate(directory: Path) -> None:
    """RSA 2048, self-signed: a throw-away key for this run."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-sha256", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=simplesamlphp.test", "-keyout", "idp.key", "-out", "idp.crt"]
    subprocess.run(command, cwd=directory, check=True, capture_output=True)
