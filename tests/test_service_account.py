"""Google's service accounts: which key files are taken, what they sign, and what is no token."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import google_account
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google_account import EMAIL, SUBJECT, key, key_file
from joserfc import jwt
from joserfc.jwk import ECKey
from test_settings import faults, load, with_values
from test_settings_oidc import PEER

from federation import presets, registry
from federation.connection import OidcConnection
from federation.errors import ConfigurationError, ProviderUnavailable
from federation.oidc import service_account
from federation.oidc.service_account import Access, Endpoints, Granted

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
JSON = "application/json"
TOKEN = "https://oauth2.googleapis.com/token"


def access() -> Access:
    return Access(
        endpoints=service_account.ENDPOINTS["accounts.google.com"],
        account=service_account.read_service_account(key_file()),
        subject=SUBJECT,
    )


def test_google_is_asked_where_google_says() -> None:
    assert {
        "accounts.google.com": Endpoints(
            token=TOKEN, groups="https://admin.googleapis.com/admin/directory/v1/groups"
        )
    } == service_account.ENDPOINTS


# ── the key file ──────────────────────────────────────────────────────────────────────────


def test_a_key_file_is_read() -> None:
    account = service_account.read_service_account(key_file())
    assert (account.client_email, account.key_id) == (EMAIL, "k-7")


def test_no_repr_tells_a_secret() -> None:
    shown = repr(access()) + repr(service_account.token_request(access(), NOW)) + repr(granted())
    for secret in ("PRIVATE", EMAIL, SUBJECT, "ya29", "eyJ"):
        assert secret not in shown


PKCS8 = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
SMALL = rsa.generate_private_key(65537, 1024).private_bytes(*PKCS8).decode()  # noqa: S505  refused
PUBLIC = google_account.key().as_pem(private=False).decode()
CURVE = ECKey.generate_key("P-256").as_pem(private=True).decode()
UNUSABLE: list[tuple[str, str]] = [
    ("not one JSON object", "certs/google.json"),
    ("not one JSON object", ""),
    ("not one JSON object", f"[{key_file()}]"),
    ("not one JSON object", '{"type":"service_account","type":"service_account"}'),
    ("not one JSON object", "\ud800"),
    ("not service_account", key_file(type=None)),
    ("not service_account", key_file(type="authorized_user")),
    ("not service_account", key_file(type="external_account")),
    ("not service_account", json.dumps({"web": {"client_secret": "s"}})),
    ("lacks", key_file(client_email=None)),
    ("lacks", key_file(client_email="")),
    ("lacks", key_file(private_key_id=None)),
    ("lacks", key_file(private_key_id=7)),
    ("lacks", key_file(private_key=None)),
    ("no RSA key", key_file(private_key="-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n")),
    ("no RSA key", key_file(private_key="hunter2")),
    ("no RSA key", key_file(private_key=SMALL)),
    ("no RSA key", key_file(private_key=PUBLIC)),
    ("no RSA key", key_file(private_key=CURVE)),
]


@pytest.mark.filterwarnings("ignore:Key size should be")  # joserfc warns, and takes it
@pytest.mark.parametrize(("why", "text"), UNUSABLE, ids=range(len(UNUSABLE)))
def test_what_is_no_key_file_of_a_service_account(why: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^registry\.service_account: ") as refused:
        service_account.read_service_account(text)
    assert why in refused.value.detail
    assert not any(word in refused.value.detail for word in ("hunter2", "MII", EMAIL))


# ── what it signs ─────────────────────────────────────────────────────────────────────────


def test_the_assertion_asks_to_read_groups_in_the_administrators_name() -> None:
    request = service_account.token_request(access(), NOW)
    assert request.url == TOKEN
    assert request.form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    token = jwt.decode(request.form["assertion"], key(), algorithms=["RS256"])
    assert token.header == {"alg": "RS256", "typ": "JWT", "kid": "k-7"}
    issued = int(NOW.timestamp())
    assert token.claims == {
        "iss": EMAIL,
        "sub": SUBJECT,
        "scope": "https://www.googleapis.com/auth/admin.directory.group.readonly",
        "aud": TOKEN,  # never the key file's token_uri
        "iat": issued,
        "exp": issued + 600,
    }
    assert "evil.example" not in f"{request.url}{request.form}"


# ── what comes back ───────────────────────────────────────────────────────────────────────

GOOD: dict[str, Any] = {"access_token": "ya29.abc", "token_type": "Bearer", "expires_in": 3599}


def granted(answer: Any = GOOD, status: int = 200, content_type: str = JSON) -> Granted:
    text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return service_account.read_granted(status, content_type, text, now=NOW)


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != name}


def test_a_token_is_renewed_before_its_end() -> None:
    found = granted()
    assert (found.token, found.since) == ("ya29.abc", NOW)
    assert found.until == NOW + timedelta(seconds=3599)
    assert found.renew_at == found.until - timedelta(minutes=5)
    short = granted({**GOOD, "expires_in": 60})
    assert (short.renew_at, short.until) == (NOW + timedelta(seconds=30), NOW + timedelta(seconds=60))


def refused(error: str, described: str = "") -> dict[str, Any]:
    return {"answer": {"error": error, "error_description": described}, "status": 400}


NO_TOKEN: list[tuple[str, dict[str, Any]]] = [
    ("oidc.directory_delegation", refused("unauthorized_client", "Client is unauthorized to retrieve …")),
    ("oidc.directory_delegation", refused("access_denied", "Requested client not authorized.")),
    ("oidc.directory_delegation", refused("invalid_scope")),
    ("oidc.directory_delegation", {**refused("unauthorized_client"), "status": 401}),
    ("oidc.directory_subject", refused("invalid_grant", "Invalid email or User ID")),
    ("oidc.directory_subject", refused("invalid_grant", "Not a valid email or user ID.")),
    ("oidc.directory_grant", refused("invalid_grant", "Invalid JWT Signature.")),
    ("oidc.directory_grant", refused("invalid_grant", "Invalid grant: account not found")),
    ("oidc.directory_grant", refused("invalid_grant")),
    ("oidc.directory_grant", refused("invalid_client", "Invalid email or User ID")),
    ("oidc.directory_grant", refused("evil words")),
    ("oidc.directory_grant", {"answer": {**GOOD, "error": "invalid_grant"}}),
    ("oidc.directory_grant", {"answer": {**GOOD, "error": None}}),
    ("oidc.directory_status", {"status": 503, "answer": b"<html>", "content_type": "text/html"}),
    ("oidc.directory_status", {"status": 500, "answer": GOOD}),
    ("oidc.directory_status", {"status": 201}),
    ("oidc.directory_token", {"answer": b"<html>", "content_type": "text/html"}),
    ("oidc.directory_token", {"content_type": "text/plain"}),
    ("oidc.directory_token", {"answer": b'{"access_token":"a","access_token":"b"}'}),
    ("oidc.directory_token", {"answer": without("access_token")}),
    ("oidc.directory_token", {"answer": {**GOOD, "access_token": ""}}),
    ("oidc.directory_token", {"answer": {**GOOD, "access_token": 7}}),
    ("oidc.directory_token", {"answer": {**GOOD, "access_token": "a\r\nX: y"}}),
    ("oidc.directory_token", {"answer": {**GOOD, "access_token": "x" * (16 * 1024 + 1)}}),
    ("oidc.directory_token", {"answer": without("token_type")}),
    ("oidc.directory_token", {"answer": {**GOOD, "token_type": "MAC"}}),
    ("oidc.directory_token", {"answer": without("expires_in")}),
    ("oidc.directory_token", {"answer": {**GOOD, "expires_in": 0}}),
    ("oidc.directory_token", {"answer": {**GOOD, "expires_in": -1}}),
    ("oidc.directory_token", {"answer": {**GOOD, "expires_in": "soon"}}),
]


@pytest.mark.parametrize(("code", "fault"), NO_TOKEN, ids=range(len(NO_TOKEN)))
def test_what_is_no_token(code: str, fault: dict[str, Any]) -> None:
    with pytest.raises(ProviderUnavailable, match=f"^{code}: ") as why:
        granted(**fault)
    assert "evil" not in why.value.detail
    assert "ya29" not in why.value.detail


# ── in the settings ───────────────────────────────────────────────────────────────────────

GOOGLE = PEER | {
    "preset": "google",
    "issuer": "https://accounts.google.com",
    "google_directory": {"service_account": key_file(), "subject": SUBJECT},
}


def compiled(**other: Any) -> registry.Oidc:
    connection = OidcConnection(**presets.fill_in({"id": "google", **GOOGLE, **other}))
    entry = registry.compile_one(connection, "https://sp.example", development=False, own=None, now=NOW)
    assert isinstance(entry, registry.Oidc)
    return entry


def test_a_connection_names_who_asks() -> None:
    told = compiled().google_directory
    assert told is not None
    assert (told.endpoints.token, told.account.client_email, told.subject) == (TOKEN, EMAIL, SUBJECT)
    assert compiled(google_directory=None).google_directory is None
    discovered = {"issuer": None, "discovery_url": "https://accounts.google.com"}
    assert compiled(**discovered).google_directory is not None
    assert compiled(attributes={"groups": ["groups", "roles"]}).google_directory is not None


MISPLACED: list[tuple[str, dict[str, Any]]] = [
    ("registry.google_directory", {"preset": "generic"}),
    ("registry.google_directory", {"preset": "entra"}),
    ("registry.google_directory", {"issuer": "https://op.example"}),
    ("registry.google_directory", {"issuer": "https://accounts.google.com.evil.example"}),
    ("registry.google_directory", {"issuer": "https://op.example/accounts.google.com"}),
    ("registry.google_directory", {"attributes": {"groups": "department"}}),
    ("registry.google_directory", {"attributes": {"groups": ["roles", "groups"]}}),
    ("registry.service_account", {"google_directory": {"service_account": "secret", "subject": SUBJECT}}),
]


@pytest.mark.parametrize(("code", "other"), MISPLACED, ids=range(len(MISPLACED)))
def test_a_directory_is_asked_about_its_own_people_alone(code: str, other: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"^{code}: "):
        compiled(**other)


def told(**other: Any) -> dict[str, Any]:
    return {"google_directory": {"service_account": "k", "subject": SUBJECT, **other}}


BAD: list[tuple[str, dict[str, Any]]] = [
    ("google_directory.subject", {"google_directory": {"service_account": "k"}}),
    ("google_directory.service_account", {"google_directory": {"subject": SUBJECT}}),
    ("google_directory.subject", told(subject="admin")),
    ("google_directory.subject", told(subject="a b@acme.example")),
    ("google_directory.subject", told(subject="a@b@c.example")),
    ("google_directory.domain", told(domain="acme.example")),
    ("google_directory.service_account", told(service_account={"file": "none.json"})),
    ("google_directory", {"fetch_groups": "never"}),
]


@pytest.mark.parametrize(("place", "other"), BAD, ids=range(len(BAD)))
def test_a_fault_is_named_by_its_place(tmp_path: Path, place: str, other: dict[str, Any]) -> None:
    found = str(faults(tmp_path, with_values({"connections.peer": GOOGLE | other})))
    assert f"connections.peer.{place}" in found
    assert "PRIVATE" not in found


def test_a_key_file_comes_as_a_file_or_by_the_environment_and_not_in_the_settings(tmp_path: Path) -> None:
    (tmp_path / "google.json").write_text(key_file())
    tree = {**GOOGLE, "google_directory": {"service_account": {"file": "google.json"}, "subject": SUBJECT}}
    read = load(tmp_path, with_values({"connections.peer": tree}))
    assert read.inline_secrets == ()
    assert "PRIVATE" not in repr(read)
    name = "FEDERATION__CONNECTIONS__PEER__GOOGLE_DIRECTORY__SERVICE_ACCOUNT"
    tree = {**GOOGLE, "google_directory": {"subject": SUBJECT}}
    read = load(tmp_path, with_values({"connections.peer": tree}), **{name: key_file()})
    connection = read.connections["peer"]
    assert isinstance(connection, OidcConnection)
    assert connection.google_directory is not None
    assert connection.google_directory.service_account.get_secret_value() == key_file()
    read = load(tmp_path, with_values({"connections.peer": GOOGLE}))
    assert read.inline_secrets == ("connections.peer.google_directory.service_account",)
