"""The command line: what it prints, its exit codes, and what it must not import or say."""

import asyncio
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stair
import yaml
from databases import lay_sqlite
from processes import free_port, running
from service import FEDERATION, demonstrating
from typer.testing import CliRunner, Result

from federation import keys, settings
from federation.__main__ import app
from federation.demo.saml_idp import SamlIdp
from federation.demo.users import USERS
from federation.errors import Check
from federation.fetch import Answer
from federation.identity import Subject
from federation.operator import doctor, doctor_connections
from federation.operator.finding import Finding
from federation.records import records
from federation.settings import Settings
from federation.store.store import open_store
from federation.store.values import Record, Sealing

NOW = stair.NOW
AT = f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
ROOT = Path(__file__).parent.parent
REFERENCE = "7QK2M4XW3A"
PERSON = Subject(issuer="https://idp.acme.example", value="ada").person
COMMANDS = [
    "serve",
    "demo",
    "init",
    "doctor",
    "explain",
    "metadata",
    "metadata show",
    "person release",
    "config",
    "config check",
]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)


def read_json(result: Result) -> Any:
    return json.loads(result.stdout)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(settings.FILE_VARIABLE, raising=False)
    monkeypatch.delenv("FEDERATION_SECRETS_DIR", raising=False)


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """``serve`` configures the process's logging: give pytest its own back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = stair.write_settings(tmp_path)
    read = settings.load(file)
    keys.generate_key_pair(read.sp_key, read.sp_certificate, name="sp", now=NOW)
    keys.generate_secret_key(read.encryption_keys[0].file)
    return file


# ── help ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_helps(command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    if command not in {"metadata", "config"}:
        assert "Example" in result.stdout


def test_help_is_light() -> None:
    heavy = {
        "sqlmodel",
        "sqlalchemy",
        "starlette",
        "lxml",
        "cryptography",
        "aiohttp",
        "pydantic",
        "uvicorn",
        "yaml",
    }
    script = (
        "import sys; sys.argv = ['federation', '--help']\n"
        "from federation.__main__ import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "serve" in told.stdout
    assert heavy.isdisjoint(told.stderr.split())


def test_the_module_runs() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "federation", "--help"], capture_output=True, check=True, cwd=ROOT
    )
    assert b"doctor" in told.stdout


# ── errors ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "command",
    ["serve", "doctor", f"explain {REFERENCE}", "metadata show adfs", "config check", "doctor --json"],
)
def test_a_missing_file_is_one_sentence_with_the_mend(tmp_path: Path, command: str) -> None:
    result = run(*command.split(), "--config", tmp_path / "none.yaml")
    assert result.exit_code == 2
    assert result.stderr.startswith("federation: ")
    assert "federation init" in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_faults_are_named_on_standard_error(tmp_path: Path) -> None:
    file = tmp_path / "federation.yaml"
    file.write_text("base_url: nowhere\ntypo: 1\n")
    result = run("config", "check", "--config", file)
    assert result.exit_code == 2
    for place in ("base_url", "typo", "database_url", "encryption_keys"):
        assert f"  {place}: " in result.stderr


def test_serve_refuses_what_cannot_be_compiled_before_it_starts(config: Path) -> None:
    (config.parent / "acme-saml.xml").write_text("<not-metadata/>")
    result = run("serve", "--config", config)
    assert result.exit_code == 2
    assert "connections.acme-saml" in result.stderr


def test_serve_refuses_a_database_that_it_cannot_reach(config: Path) -> None:
    text = config.read_text()
    sqlite = next(line for line in text.splitlines() if line.startswith("database_url: "))
    config.write_text(text.replace(sqlite, f"database_url: postgresql://me:{stair.SECRET[:8]}@127.0.0.1:1/x"))
    result = run("serve", "--config", config, "--workers", "2")
    assert result.exit_code == 2
    assert "PostgreSQL" in result.stderr
    assert stair.SECRET[:8] not in result.stderr


def test_serve_stops_on_sigterm_with_all_its_workers(config: Path) -> None:
    port = free_port()
    command = [*FEDERATION, "serve", "--config", str(config), "--port", str(port), "--workers", "2"]
    log = config.parent / "service.log"
    lay_sqlite(config.parent / "federation.db")
    with running(command, answers=f"http://localhost:{port}/readyz", log=log, cwd=ROOT) as process:
        process.terminate()
        assert process.wait(60) == 0
    told = [json.loads(line) for line in log.read_text().splitlines()]  # every line is JSON
    events = [line["event"] for line in told]
    started = events.count("Application startup complete.")
    assert started  # the second worker may still have been on its way
    assert events.count("Application shutdown complete.") == started


# ── init, config check ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("base_url", "development"), [("http://localhost:8000", True), ("https://sso.acme.example", False)]
)
def test_init_leaves_settings_that_load_and_keys_that_open(
    tmp_path: Path, base_url: str, *, development: bool
) -> None:
    file = tmp_path / "federation.yaml"
    result = run("init", "--config", file, "--base-url", base_url)
    assert result.exit_code == 0
    assert result.stdout.count("made  ") == 4
    read = settings.load(file, environment={})
    assert (read.base_url, read.development) == (base_url, development)
    keys.load_key_pair(read.sp_key, read.sp_certificate)
    keys.open_vault([one.file for one in read.encryption_keys])
    assert file.stat().st_mode & 0o077 == 0


def test_init_never_overwrites(tmp_path: Path) -> None:
    file = tmp_path / "federation.yaml"
    run("init", "--config", file)
    file.write_text("# mine\n")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    result = run("init", "--config", file)
    assert (result.exit_code, result.stdout.count("kept  ")) == (0, 4)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "base_url", ["sso.acme.example", "https://sso.acme.example/", "https://", "ftp://x", "https://a b"]
)
def test_init_wants_an_origin(tmp_path: Path, base_url: str) -> None:
    result = run("init", "--config", tmp_path / "federation.yaml", "--base-url", base_url)
    assert result.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def uncommented(text: str) -> str:
    """Turn the template's commented connections into real ones."""
    head, _, body = text.partition("connections:\n")
    lines = [line.replace("  # ", "  ", 1) for line in body.splitlines() if "#" in line]
    return f"{head}connections:\n" + "\n".join(
        line for line in lines if ": " in line or line.rstrip().endswith(":") or "- {" in line
    )


def test_the_commented_connections_load_as_they_stand(tmp_path: Path) -> None:
    file = tmp_path / "federation.yaml"
    run("init", "--config", file)
    text = uncommented(file.read_text())
    kept = [
        line
        for line in text.splitlines()
        if not line.lstrip().startswith(("One entry", "SAML: ", "OpenID Connect: ", "OAuth 2.0: "))
    ]
    file.write_text("\n".join(kept))
    read = settings.load(file, environment={"OKTA_CLIENT_SECRET": "x", "GITHUB_CLIENT_SECRET": "x"})
    assert list(read.connections) == ["adfs", "okta", "github"]


@pytest.mark.parametrize("name", ["saml", "oidc"])
def test_the_example_files_load_as_they_stand(tmp_path: Path, name: str) -> None:
    for file in ("metadata/idp/partner.pem", "secrets/entra"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
    copied = tmp_path / "federation.yaml"
    copied.write_bytes((ROOT / f"docs/examples/{name}.yaml").read_bytes())
    environment = {"OKTA_CLIENT_SECRET": "x", "DATABASE_URL": "postgresql://federation@db/federation"}
    read = settings.load(copied, environment=environment)
    assert {one.protocol for one in read.connections.values()} == {name}
    assert read.inline_secrets == ()


def test_config_check_shows_no_secret(config: Path) -> None:
    result = run("config", "check", "--config", config)
    assert (result.exit_code, "acme-saml" in result.stdout) == (0, True)
    told = run("config", "check", "--config", config, "--json")
    assert stair.SECRET not in told.stdout
    assert read_json(told)["connections"]["acme-oidc"]["client_secret"] == "**********"


# ── metadata show ─────────────────────────────────────────────────────────────────────────


def test_metadata_show_prints_what_the_provider_imports(config: Path) -> None:
    result = run("metadata", "show", "acme-saml", "--config", config)
    assert result.exit_code == 0
    assert result.stdout.lstrip().startswith("<")
    assert "http://localhost:8000/saml/acme-saml/acs" in result.stdout
    told = read_json(run("metadata", "show", "acme-saml", "--config", config, "--json"))
    assert told["entity_id"] == "http://localhost:8000/saml/acme-saml/metadata"
    assert told["metadata"].strip() == result.stdout.strip()


@pytest.mark.parametrize("name", ["none", "acme-oidc"])
def test_metadata_show_wants_a_saml_connection(config: Path, name: str) -> None:
    result = run("metadata", "show", name, "--config", config)
    assert (result.exit_code, "no SAML connection" in result.stderr) == (2, True)


# ── explain REFERENCE ─────────────────────────────────────────────────────────────────────

CHECKS = (
    Check("saml.signature"),
    Check("policy.domain", "'evil.example' is not one of acme.example"),
    Check("policy.rule:staff", "no"),
    Check("policy.link.address", "acme-saml is not trusted for this address: it finds nobody"),
)


async def keep(config: Path, **differs: Any) -> None:
    """Keep one record as a sign-in does, its checks sealed under the person's key."""
    read = settings.load(config)
    vault = keys.open_vault([one.file for one in read.encryption_keys])
    store = await open_store(read.database_url.get_secret_value())
    told: dict[str, Any] = {
        "reference": REFERENCE, "at": NOW, "code": "policy.domain", "detail": "outside the domains",
        "connection": "acme-saml", "organization": "acme", "size": 1234, "digest": "ab" * 32,
    }  # fmt: skip
    place, sealing = f"person:{PERSON}", None
    if differs.pop("sealed", False):
        encoded = records.encode(CHECKS, None, None)
        sealing = Sealing(
            ring_key=vault.first,
            fresh=lambda: vault.new_key(place),
            seal=lambda wrapped, _: vault.seal_under(wrapped, place, encoded, f"record:{REFERENCE}"),
        )
        told |= {"person": PERSON}
    await store.keep_record(Record(**told | differs), claim=None, sealing=sealing)
    await store.close()


def test_explain_opens_what_was_sealed(config: Path) -> None:
    asyncio.run(keep(config, sealed=True))
    result = run("explain", REFERENCE, "--config", config)
    assert result.exit_code == 0
    assert result.stdout.startswith("REFUSED  policy.domain\n")
    assert "to be mended by the administrator" in result.stdout
    assert "BROKEN    policy.domain" in result.stdout
    assert "evil" not in result.stdout
    assert "'evil.example'" in run("explain", REFERENCE, "--config", config, "--show-values").stdout
    assert "held      saml.signature" in result.stdout
    assert "no match  policy.rule:staff" in result.stdout


def test_explain_as_json(config: Path) -> None:
    asyncio.run(keep(config, sealed=True))
    told = read_json(run("explain", REFERENCE.lower(), "--config", config, "--json"))
    assert (told["code"], told["connection"], told["reference"]) == ("policy.domain", "acme-saml", REFERENCE)
    assert [one["outcome"] for one in told["checks"]] == ["held", "broken", "no match", "remark"]


def test_nothing_is_broken_for_whoever_was_admitted(config: Path) -> None:
    asyncio.run(keep(config, sealed=True, code="", detail=""))
    result = run("explain", REFERENCE, "--config", config)
    assert result.stdout.startswith("ACCEPTED\n")
    assert "BROKEN" not in result.stdout
    assert "  policy.link.address: " not in result.stdout
    assert "remark    policy.link.address" in result.stdout


def test_explain_says_why_there_are_no_checks(config: Path) -> None:
    asyncio.run(keep(config, code="saml.signature", detail="the signature does not hold"))
    told = read_json(run("explain", REFERENCE, "--config", config, "--json"))
    assert told["checks"] == []
    assert "before a signature was verified" in told["note"]


def test_explain_of_an_admitted_sign_in(config: Path) -> None:
    asyncio.run(keep(config, code="", detail="admitted", sealed=True))
    result = run("explain", REFERENCE, "--config", config)
    assert result.stdout.startswith("ACCEPTED\nadmitted\n")


def test_explain_when_the_key_is_lost(config: Path) -> None:
    asyncio.run(keep(config, sealed=True))
    secret = settings.load(config).encryption_keys[0].file
    secret.unlink()
    keys.generate_secret_key(secret)
    result = run("explain", REFERENCE, "--config", config)
    assert result.exit_code == 0
    assert "the checks cannot be opened: its encryption key is not in encryption_keys" in result.stdout


def test_explain_of_what_is_not_recorded(config: Path) -> None:
    result = run("explain", "AAAAAAAAAA", "--config", config)
    assert (result.exit_code, "nothing is recorded" in result.stderr) == (2, True)


# ── explain FILE ──────────────────────────────────────────────────────────────────────────


def response(**knobs: Any) -> bytes:
    """Return a response of the development IdP, as a file would hold it."""
    idp = stair._providers()[0]["acme-saml"]
    return idp.response(
        user=USERS["ada"],
        acs_url=f"{stair.BASE}/saml/acme-saml/acs",
        sp_entity_id=f"{stair.BASE}/saml/acme-saml/metadata",
        request_id="_1",
        now=NOW,
        **knobs,
    )


def explain_file(config: Path, content: object, *options: str) -> Result:
    file = config.parent / "message"
    file.write_bytes(content if isinstance(content, bytes) else str(content).encode())
    return run("explain", file, "--config", config, "--at", AT, *options)


SAML = ("--connection", "acme-saml")


@pytest.mark.parametrize("form", ["xml", "base64", "wrapped", "field"])
def test_explain_reads_a_response_in_any_of_its_forms(config: Path, form: str) -> None:
    document = response()
    encoded = SamlIdp.encode(document)
    lines = "\n".join(encoded[at : at + 76] for at in range(0, len(encoded), 76))
    field = "RelayState=x&SAMLResponse=" + encoded.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    content = {"xml": document, "base64": encoded, "wrapped": lines + "\n", "field": field}[form]
    result = explain_file(config, content, *SAML)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "ACCEPTED")
    assert "BROKEN" not in result.stdout
    assert "open" in result.stdout  # what it answers: a file does not tell


def test_explain_names_the_broken_rule(config: Path) -> None:
    result = explain_file(config, response().replace(b"ada@acme.example", b"eve@acme.example"), *SAML)
    assert result.exit_code == 1
    assert result.stdout.startswith("REFUSED  saml.")
    assert "to be mended by the owner of the identity provider" in result.stdout


def test_explain_judges_at_the_moment_it_is_told(config: Path) -> None:
    (config.parent / "message").write_bytes(response())
    later = f"{NOW + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    result = run("explain", config.parent / "message", "--config", config, "--at", later, *SAML, "--json")
    assert result.exit_code == 1
    assert "expired" in read_json(result)["code"]


def test_explain_decodes_only_when_asked(config: Path) -> None:
    encoded = SamlIdp.encode(response())
    assert "Lovelace" not in explain_file(config, encoded, *SAML).stdout
    assert "Lovelace" in explain_file(config, encoded, *SAML, "--decode").stdout


def test_explain_wants_to_know_whose_message_it_is(config: Path) -> None:
    for options in ((), ("--connection", "none"), ("--connection", "acme-oidc")):
        result = explain_file(config, response(), *options)
        assert (result.exit_code, "acme-saml, other-saml" in result.stderr) == (2, True)


@pytest.mark.parametrize("content", ["", "nonsense", "<a/>", "<!DOCTYPE x []><a/>", "%%%", b"\xff\xfe"])
def test_explain_of_what_is_no_message_is_no_traceback(config: Path, content: bytes | str) -> None:
    result = explain_file(config, content, *SAML)
    assert result.exit_code in {1, 2}
    assert "Traceback" not in result.stdout + result.stderr
    assert run("explain", config.parent / "absent.xml", "--config", config).exit_code == 2


@pytest.mark.parametrize("mistyped", ["7QK2M4XW3", "7QK2M4XW3A0", "7QK2M4XW31", "7QK2-M4XW3A"])
def test_explain_says_that_a_reference_was_mistyped(config: Path, mistyped: str) -> None:
    result = run("explain", mistyped, "--config", config)
    assert result.exit_code == 2
    assert f"{mistyped} is neither a reference (ten letters A-Z and digits 2-7) nor a file" in result.stderr


def token(nonce: str = "n") -> str:
    provider = stair._providers()[1]
    return provider.signer.id_token(
        USERS["ada"], client_id="federation", nonce=nonce, now=int(NOW.timestamp())
    )


def test_explain_of_a_token_without_its_provider_leaves_the_signature_open(config: Path) -> None:
    told = read_json(explain_file(config, token(), "--json"))
    outcomes = {one["code"]: one["outcome"] for one in told["checks"]}
    assert outcomes["oidc.signature"] == "open"
    assert outcomes["oidc.nonce"] == "open"
    assert outcomes["oidc.audience"] == "held"


# ── doctor ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Seen:
    findings: list[Finding]

    def of(self, topic: str) -> list[tuple[str, str]]:
        return [(one.state.value, one.said) for one in self.findings if one.topic == topic]

    def states(self, topic: str) -> set[str]:
        return {state for state, _ in self.of(topic)}


async def examined(config: Path, now: datetime = NOW) -> Seen:
    return Seen(await doctor.examine(settings.load(config), now=now))


async def test_doctor_of_a_provider_that_answers(config: Path) -> None:
    async with stair.listening():
        seen = await examined(config)
    told = seen.of("connection acme-oidc")
    assert {state for state, _ in told} == {"ok", "note"}
    redirect_uri = "http://localhost:8000/oidc/acme-oidc/callback"
    assert ("note", f"register with the provider: redirect URI {redirect_uri}") in told
    assert any(said.endswith("answers with keys") for _, said in told)
    registered = [said.partition("provider: ")[2] for _, said in told if said.startswith("register with")]
    assert registered[1:] == [
        "initiate login URI (portal tiles) http://localhost:8000/oidc/initiate?provider=acme-oidc",
        "post-logout redirect URI http://localhost:8000/logout",
        "back-channel logout URI http://localhost:8000/oidc/acme-oidc/backchannel-logout",
    ]


CLOCKS = [
    # the provider's Date                  finding
    ("Sat, 21 Nov 2026 12:00:00 GMT",    "ok"),
    ("Sat, 21 Nov 2026 11:59:55 GMT",    "ok"),
    ("Sat, 21 Nov 2026 12:00:06 GMT",    "warning"),
    ("Sat, 21 Nov 2026 11:59:00 GMT",    "warning"),
    ("Sat, 21 Nov 2026 12:01:01 GMT",    "failed"),
    ("Fri, 21 Nov 2025 12:00:00 GMT",    "failed"),
    ("",                                 "note"),
    ("yesterday",                        "note"),
    ("Sat, 21 Nov 2026 12:00:00",        "note"),  # without a zone
]  # fmt: skip


@pytest.mark.parametrize(("date", "state"), CLOCKS)
def test_doctor_compares_clocks(date: str, state: str) -> None:
    answer = Answer(status=200, content_type="", body=b"", date=date)
    assert doctor_connections.clock("x", answer, timedelta(seconds=60), NOW).state.value == state


def move(config: Path, port: int) -> None:
    config.write_text(re.sub(r"(base_url: http://localhost):\d+", rf"\1:{port}", config.read_text()))


async def test_doctor_of_a_provider_that_is_away(config: Path) -> None:
    move(config, free_port())  # where nobody is
    seen = await examined(config)
    assert "failed" in seen.states("connection acme-oidc")
    assert seen.states("connection acme-saml") <= {"ok", "note", "warning"}  # browsers go there, not we
    assert seen.states("service") == {"warning"}


async def test_doctor_of_keys(config: Path) -> None:
    seen = await examined(config)
    assert seen.states("our certificate") == {"ok"}
    assert seen.states("encryption keys") == {"ok"}
    read = settings.load(config)
    soon = keys.load_key_pair(read.sp_key, read.sp_certificate).not_after
    assert (await examined(config, now=soon - timedelta(days=10))).states("our certificate") == {"warning"}
    assert (await examined(config, now=soon)).of("our certificate")[0][1].startswith("expired")
    read.encryption_keys[0].file.unlink()
    assert (await examined(config)).states("encryption keys") == {"failed"}


def name_authorities(config: Path, content: str | None) -> None:
    tree = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump(tree | {"outbound": {"ca_bundle": "company.pem"}}))
    if content is not None:
        (config.parent / "company.pem").write_text(content)


def add_impostor(config: Path) -> None:
    tree = yaml.safe_load(config.read_text())
    other = tree["connections"]["acme-oidc"] | {"jwks_uri": "https://evil.example/keys"}
    tree["connections"]["second"] = other
    config.write_text(yaml.safe_dump(tree))


@pytest.mark.parametrize("content", [None, "", "no certificate"])
async def test_doctor_of_authorities_that_cannot_be_read(config: Path, content: str | None) -> None:
    name_authorities(config, content)
    seen = await examined(config)
    assert seen.states("outbound") == {"failed"}
    assert "(fetch.ca_bundle); no provider was asked" in seen.of("outbound")[0][1]
    assert seen.states("encryption keys") == {"ok"}  # the rest is told all the same
    assert seen.of("connection acme-oidc") == []


async def test_doctor_names_who_could_speak_for_anothers_people(config: Path) -> None:
    add_impostor(config)
    seen = await examined(config)
    assert any("(registry.issuer_keys)" in said for _, said in seen.of("connection second"))


def write_secret_into(config: Path) -> None:
    tree = yaml.safe_load(config.read_text())
    tree["connections"]["acme-oidc"]["client_secret"] = stair.SECRET
    config.write_text(yaml.safe_dump(tree))


async def test_doctor_of_secrets(config: Path) -> None:
    read = settings.load(config)
    read.encryption_keys[0].file.chmod(0o644)
    write_secret_into(config)
    told = await examined(config)
    assert [said for _, said in told.of("secrets")] == [
        f"connections.acme-oidc.client_secret is written into {config}",
        f"{read.encryption_keys[0].file} can be read by others",
    ]
    assert stair.SECRET not in str(told)


def spoil(directory: Path) -> None:
    for file in directory.glob("federation.db*"):
        file.unlink()
    (directory / "federation.db").write_bytes(b"not a database at all, but some text" * 100)


async def test_doctor_of_the_database(config: Path) -> None:
    assert (await examined(config)).states("database") == {"note"}
    url = settings.load(config).database_url.get_secret_value()
    store = await open_store(url)
    await store.close()
    assert (await examined(config)).of("database") == [("ok", "reachable, migrations at head")]
    spoil(config.parent)
    assert (await examined(config)).states("database") == {"failed"}


def plain(**changes: Any) -> Settings:
    return Settings.model_validate(
        {
            "base_url": "https://sso.acme.example",
            "database_url": "sqlite:////nowhere/x.db",
            "encryption_keys": [{"file": "k"}],
        }
        | changes
    )


async def test_doctor_tells_cookies_and_proxies() -> None:
    seen = Seen(await doctor.examine(plain(), now=NOW))
    assert [said for _, said in seen.of("cookies")] == [
        "__Host-session; Path=/; HttpOnly; Secure; SameSite=Lax",
        "__Host-signin; Path=/; HttpOnly; Secure; SameSite=Lax",
        "__Host-signin-post; Path=/; HttpOnly; Secure; SameSite=None",
    ]
    assert seen.states("proxies") == {"warning"}
    trusted = Seen(await doctor.examine(plain(trusted_proxies=["10.0.0.0/8"]), now=NOW))
    assert trusted.states("proxies") == {"ok"}


def test_doctor_exits_with_one_if_anything_is_red(config: Path) -> None:
    result = run("doctor", "--config", config)
    assert result.exit_code == 1
    assert "FAILED   connection acme-oidc" in result.stdout
    told = run("doctor", "--config", config, "--json")
    assert (told.exit_code, read_json(told)["healthy"]) == (1, False)


def test_doctor_is_content_with_the_demo(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    with demonstrating(tmp_path / "demo"):
        result = run("doctor", "--config", tmp_path / "demo/federation.yaml", "--json")
    told = read_json(result)
    assert (result.exit_code, told["healthy"]) == (0, True), told
    assert {one["topic"] for one in told["findings"] if one["state"] == "ok"} >= {
        "settings", "base URL", "libraries", "our certificate", "encryption keys", "database", "service",
        "connection acme-saml", "connection acme-oidc",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "trusted", "state"),
    [
        ([], False, "ok"),
        (["x-forwarded-for"], False, "warning"),
        (["x-forwarded-for", "x-forwarded-proto"], True, "ok"),
        (["x-forwarded-proto"], True, "warning"),
    ],
)
def test_doctor_holds_the_headers_seen_to_trusted_proxies(
    headers: list[str], *, trusted: bool, state: str
) -> None:
    finding = doctor._seen(headers, trusted=trusted)
    assert (finding.topic, finding.state.value) == ("proxies", state)
    assert (", ".join(headers) or "none") in finding.said
