"""Forward-auth with a real nginx, configured by the very text of docs/forward-auth.md."""

import http.client
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest
from drive import Browser
from processes import free_port, running
from providers import PEOPLE, OidcProvider
from service import ROOT, Service, serving

pytestmark = [pytest.mark.proxy, pytest.mark.providers]

SECRET = "the-secret-of-a-test-client-0123456789"
NAMES = tuple(f"X-Auth-Request-{name}" for name in ("User", "Email", "Groups", "Roles", "System-Roles"))
EMPTY = {"X-Auth-Request-System-Roles"}  # nobody here has one, and nginx sends no header without a value
FORGED = dict.fromkeys(NAMES, "forged") | {name.replace("-", "_").lower(): "forged" for name in NAMES}


class Application(BaseHTTPRequestHandler):
    """Any application behind the proxy: answers with the headers that reached it."""

    def do_GET(self) -> None:
        body = json.dumps(self.headers.items()).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class calls it so)
        pass


@pytest.fixture(scope="module")
def application() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Application) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def configuration(directory: Path, *, port: int, service: int, application: int) -> str:
    """Return the guide's snippet with this test's ports, wrapped in what a package ships around it."""
    guide = (ROOT / "docs" / "forward-auth.md").read_text()
    found = re.search(r"^```nginx\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    assert found
    snippet = found[1]
    for theirs, ours in {
        "listen 443 ssl;": f"listen 127.0.0.1:{port};",
        "127.0.0.1:8000": f"127.0.0.1:{service}",
        "127.0.0.1:9000": f"127.0.0.1:{application}",
    }.items():
        assert snippet.count(theirs) >= 1
        snippet = snippet.replace(theirs, ours)
    temporary = "".join(
        f"{kind}_temp_path {directory}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""  # its worker must enter the test's directory
    return f"""{user}
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{}}
http {{
access_log off;
{temporary}
{snippet}
}}
"""


@pytest.fixture(scope="module")
def service(
    oidc_provider_server: OidcProvider, application: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    nginx = shutil.which("nginx")
    if not nginx:
        pytest.skip("nginx is missing: scripts/test installs it")
    directory = tmp_path_factory.mktemp("nginx")
    proxy_port, service_port = free_port(), free_port()
    base_url = f"http://localhost:{proxy_port}"
    settings = {
        "base_url": base_url,
        "trusted_proxies": ["127.0.0.1/32"],
        "organizations": {"acme": {"name": "Acme", "default_roles": ["member"]}},
        "connections": {
            "op": {
                "protocol": "oidc",
                "organization": "acme",
                "domains": ["acme.example"],
                "issuer": oidc_provider_server.issuer,
                "client_id": "behind-nginx",
                "client_secret": SECRET,
                "scopes": ["openid", "profile", "email", "groups"],
                "role_rules": [{"name": "administrators", "groups": ["admins"], "roles": ["admin"]}],
            }
        },
    }
    oidc_provider_server.options()
    oidc_provider_server.register(
        client_id="behind-nginx", client_secret=SECRET, redirect_uris=[f"{base_url}/oidc/op/callback"]
    )
    file = directory / "nginx.conf"
    file.write_text(configuration(directory, port=proxy_port, service=service_port, application=application))
    command = [nginx, "-p", str(directory), "-e", str(directory / "error.log"), "-c", str(file)]
    with (
        serving(directory, settings, port=service_port) as behind,
        running(command, answers=f"{base_url}/healthz", log=directory / "nginx.log"),
    ):
        yield behind


@pytest.fixture
def browser() -> Iterator[Browser]:
    with Browser() as opened:
        yield opened


def sign_in(service: Service, browser: Browser, login: str) -> None:
    page = browser.go(service.url("/login/op?return_to=/app/report"), PEOPLE[login])
    assert (page.status_code, page.url.path) == (200, "/app/report")


def arrived(service: Service, browser: Browser, path: str) -> list[tuple[str, str]]:
    """Return the identity headers, under any spelling, that the application got with a forged request."""
    answer = browser.client.get(service.url(path), headers=FORGED)
    assert answer.status_code == 200, answer.text
    return [
        (name, value)
        for name, value in answer.json()
        if name.lower().replace("_", "-").startswith("x-auth-request-")
    ]


def test_the_application_is_told_who_it_is(service: Service, browser: Browser) -> None:
    sign_in(service, browser, "zoe")
    told = dict(arrived(service, browser, "/app/report"))
    assert told.keys() == set(NAMES) - EMPTY
    assert told["X-Auth-Request-User"] == service.who(browser)["user"]["id"]
    assert unquote(told["X-Auth-Request-Email"]) == PEOPLE["zoe"].email
    groups = [unquote(item) for item in told["X-Auth-Request-Groups"].split(",")]
    assert groups == list(PEOPLE["zoe"].groups)
    assert told["X-Auth-Request-Roles"] == "member"


def test_a_forged_header_does_not_arrive(service: Service, browser: Browser) -> None:
    assert arrived(service, browser, "/app/public/page") == []
    sign_in(service, browser, "bob")
    assert arrived(service, browser, "/app/public/page") == []
    told = arrived(service, browser, "/app/report")
    assert {name for name, _ in told} == set(NAMES) - EMPTY
    assert len(told) == len(NAMES) - len(EMPTY)
    assert "forged" not in dict(told).values()


def test_nobody_is_sent_to_sign_in(service: Service, browser: Browser) -> None:
    for path, goal in (
        ("/app/report", "/app/report"),
        ("/app/report?a=1&b=2", "/app/report"),
        ("/app/r%C3%A9sum%C3%A9", "/"),
        ("/app/a&return_to=//evil.example", "/"),
    ):
        answer = browser.client.get(service.url(path), headers=FORGED)
        assert answer.status_code == 303
        assert answer.headers["location"].endswith(f"/login?return_to={goal}")
    page = browser.go(service.url("/app/report"))
    assert (page.status_code, page.url.path) == (200, "/login")
    assert "op" in page.text


def test_a_role_is_needed_where_one_is_asked_for(service: Service, browser: Browser) -> None:
    assert browser.client.get(service.url("/app/admin/")).status_code == 303
    sign_in(service, browser, "bob")
    assert browser.client.get(service.url("/app/admin/")).status_code == 403
    assert browser.client.get(service.url("/app/admin/?role=member")).status_code == 403
    with Browser() as another:
        sign_in(service, another, "alice")
        told = dict(arrived(service, another, "/app/admin/"))
        assert told["X-Auth-Request-Roles"] == "admin"


@pytest.mark.parametrize(
    "path",
    ["/app/public/../report", "/app/public/%2e%2e/report", "/app//report", "/app/./report", "/_verify"],
)
def test_no_spelling_of_a_path_gets_past(service: Service, path: str) -> None:
    host = service.base_url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("GET", path, headers={"Host": host})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == (404 if path == "/_verify" else 303)


def test_after_sign_out_the_application_is_out_of_reach(service: Service, browser: Browser) -> None:
    sign_in(service, browser, "alice")
    page = browser.request("GET", service.url("/logout"))
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    leaving = browser.request("POST", service.url("/logout"), {"csrf": csrf})
    assert "/session/end?" in leaving.text  # it goes on at the provider
    assert browser.client.get(service.url("/app/report")).status_code == 303
