"""A browser in a few lines: follows redirects, refreshes and form posts, fills in logins. No JavaScript.

    with Browser() as browser:
        page = browser.go(f"{service}/login/acme?return_to=/session", PEOPLE["alice"])

Every hop is in ``browser.hops`` and every SAML message in ``browser.messages``. SameSite is not
emulated (test_browser.py has the real thing), and cookies ignore ports.
"""

import base64
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx2
import lxml.html
from loopback import NO_TLS

MAXIMUM_HOPS = 30
_REDIRECTS = {301, 302, 303, 307, 308}
_MESSAGE_FIELDS = {"SAMLRequest", "SAMLResponse", "code", "id_token", "error"}


class Who(Protocol):
    """Somebody with a login and a password."""

    @property
    def login(self) -> str: ...
    @property
    def password(self) -> str: ...


class LoginRefused(Exception):
    """The identity provider showed its login form again."""


@dataclass(frozen=True)
class Hop:
    """One request and how it was answered."""

    method: str
    url: str
    data: Mapping[str, str]
    status: int


@dataclass(frozen=True)
class Message:
    """One SAML message on its way through the browser."""

    kind: str  # SAMLRequest or SAMLResponse
    binding: str  # redirect or post
    url: str
    encoded: str
    xml: bytes
    relay_state: str


class Browser:
    """Holds cookies between calls of go()."""

    def __init__(self) -> None:
        self.client = httpx2.Client(follow_redirects=False, timeout=20, trust_env=False, verify=NO_TLS)
        self.client.headers["Accept"] = "text/html,application/xhtml+xml,*/*;q=0.8"
        self.hops: list[Hop] = []
        self.messages: list[Message] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.client.close()

    def request(self, method: str, url: str, data: Mapping[str, str] | None = None) -> httpx2.Response:
        """Make one request, recorded, redirects not followed."""
        query = dict(parse_qsl(urlsplit(url).query))
        self._note(query, url, deflated=True)
        self._note(data or {}, url, deflated=False)
        response = self.client.request(method, url, data=data)
        self.hops.append(Hop(method, url, data or {}, response.status_code))
        return response

    def go(
        self,
        url: str,
        person: Who | None = None,
        *,
        data: Mapping[str, str] | None = None,
        stop: Callable[[str], bool] = lambda _: False,
    ) -> httpx2.Response:
        """Browse from ``url`` to a page that asks for nothing more.

        Args:
            url: Where to start.
            person: Who signs in where a login form is shown; None stops there.
            data: Fields to start with by a POST.
            stop: Asked before each further request: True leaves it unsent, and the message that
                it would have carried is in ``messages`` and ``hops`` (status 0).

        Raises:
            LoginRefused: The login form came back after it was filled in.
        """
        filled = False
        method = "GET" if data is None else "POST"
        for _ in range(MAXIMUM_HOPS):
            response = self.request(method, url, data)
            if response.status_code in _REDIRECTS:
                method, url, data = "GET", urljoin(str(response.url), response.headers["location"]), None
            elif (form := _form(response)) is not None:
                if _is_login(form):
                    if person is None:
                        return response
                    if filled:
                        raise LoginRefused(_text(response))
                    filled = True
                method, url, data = _submit(form, str(response.url), person)
            elif (refreshed := _refresh(response)) is not None:
                method, url, data = "GET", refreshed, None
            else:
                return response
            if stop(url):
                self._note(dict(parse_qsl(urlsplit(url).query)), url, deflated=True)
                self._note(data or {}, url, deflated=False)
                self.hops.append(Hop(method, url, data or {}, 0))
                return response
        raise RuntimeError(
            "too many hops:\n" + "\n".join(f"{hop.status} {hop.url:.150}" for hop in self.hops)
        )

    def last_response(self) -> Message:
        """Return the SAML response that was seen last."""
        return [message for message in self.messages if message.kind == "SAMLResponse"][-1]

    def _note(self, fields: Mapping[str, str], url: str, *, deflated: bool) -> None:
        for kind in ("SAMLRequest", "SAMLResponse"):
            if kind in fields:
                raw = base64.b64decode(fields[kind])
                xml = zlib.decompress(raw, -15) if deflated else raw
                binding = "redirect" if deflated else "post"
                self.messages.append(
                    Message(kind, binding, url, fields[kind], xml, fields.get("RelayState", ""))
                )


def _form(response: httpx2.Response) -> Any | None:
    """Return the form that a person would fill in, or that the page sends on by script."""
    page = _page(response)
    forms = [] if page is None else list(page.iter("form"))
    sent_on = [
        form for form in forms if _MESSAGE_FIELDS & {field.get("name") for field in form.iter("input")}
    ]
    return next((form for form in [*filter(_is_login, forms), *sent_on]), None)


def _refresh(response: httpx2.Response) -> str | None:
    """Return where the page leads by itself at once."""
    page = _page(response)
    found = [] if page is None else page.xpath("//meta[@http-equiv='refresh']/@content")
    after, _, where = found[0].partition(";") if found else ("", "", "")
    _, named, url = where.strip().partition("=")
    return urljoin(str(response.url), url) if named and after.strip() == "0" else None


def _page(response: httpx2.Response) -> Any | None:
    if "html" not in response.headers.get("content-type", "") or not response.content:
        return None
    parser = lxml.html.HTMLParser(encoding=response.encoding or "utf-8")
    return lxml.html.document_fromstring(response.content, parser=parser)


def _is_login(form: Any) -> bool:
    return bool(form.xpath(".//input[@type='password']"))


def _submit(form: Any, base: str, person: Who | None) -> tuple[str, str, dict[str, str]]:
    fields = {
        field.get("name"): field.get("value") or ""
        for field in form.iter("input")
        if field.get("name")
        and (field.get("type") or "text") not in {"submit", "button", "checkbox", "radio"}
    }
    if _is_login(form) and person is not None:
        password = form.xpath(".//input[@type='password']/@name")[0]
        user = next(name for name in fields if name in {"username", "login", "user", "email"})
        fields |= {user: person.login, password: person.password}
    return (form.get("method") or "GET").upper(), urljoin(base, form.get("action") or base), fields


def _text(response: httpx2.Response) -> str:
    page: Any = lxml.html.fromstring(response.content)
    return " ".join(page.text_content().split())[:300]
