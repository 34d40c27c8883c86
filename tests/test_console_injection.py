"""What an identity provider or a setup link's holder says is text on every page, whatever it says.

Each value is planted by real means, every page that could show it is asked for and parsed back: nothing in
it is an element or an attribute of a page. test_browser_console.py does so once in a real browser.
"""

import base64
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import lxml.html
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from stair import BASE, Stair, listening, saml_answer, standing
from test_trial import started

PAYLOADS = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1) class='hurt'>",
    "javascript:alert(1)",
    "</textarea></title></pre><b class=hurt>",
    "{{7*7}}",
    "\u202egnp.exe\u2066",
)
EVIL = " ".join(PAYLOADS)
MARK = "gnp.exe"  # of what is shown
SHORT = "<b class=hurt>gnp.exe"  # where there is little room


@dataclass
class Planted:
    """The world of a plant, and the pages that it got itself."""

    stair: Stair
    admin: httpx2.AsyncClient
    pages: list[httpx2.Response] = field(default_factory=list)
    connection: str = ""

    async def form(self, path: str, told: Mapping[str, str], at: str = "") -> httpx2.Response:
        page = await self.admin.get(at or "/account")
        csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
        number = re.search(r'name="number" value="([^"]+)"', page.text)
        assert csrf, page.text
        beside = {"csrf": csrf[1]} | ({"number": number[1]} if number else {})
        answer = await self.admin.post(path, data={**beside, **told}, headers={"origin": BASE})
        self.pages.append(answer)
        return answer

    async def made(self, **settings: Any) -> None:
        """Keep a connection of the store, by the API."""
        self.connection = f"evil-{len(self.stair.house.roster.kept)}"
        body = {"id": self.connection, "organization": "acme", "settings": settings}
        answer = await self.admin.post("/admin/api/connections", json=body, headers={"origin": BASE})
        self.pages.append(answer)
        assert answer.status_code in {200, 201, 422}, answer.text

    async def signed_in(self, **knobs: Any) -> None:
        browser = self.stair.browser(accept="text/html")
        form = await self.stair.saml(browser, "bob", **knobs)
        self.pages.append(await browser.post("/saml/acme-saml/acs", data=form))
        self.pages.append(await browser.get("/account"))

    async def tried(self, **knobs: Any) -> None:
        asked = await started(self.admin)
        form = saml_answer(dict(asked), "bob", now=self.stair.clock(), **knobs)
        answer = await self.admin.post("/saml/acme-saml/acs", data=form)
        assert answer.status_code == 303, answer.text
        self.pages.append(await self.admin.get(answer.headers["location"]))

    async def both(self, **knobs: Any) -> None:
        await self.signed_in(**knobs)
        await self.tried(**knobs)


def metadata(entity_id: str = "https://evil.example", name: str = "", subject: str = "idp") -> str:
    """Return an EntityDescriptor that names these."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder().subject_name(called).issuer_name(called).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(begins).not_valid_after(begins + timedelta(days=900))
    der = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    escaped = _escape
    body = base64.b64encode(der).decode()
    organization = "".join(
        f'<md:Organization{one} xml:lang="en">{escaped(name)}</md:Organization{one}>'
        for one in ("Name", "DisplayName", "URL")
    )
    return (
        '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" '
        f'entityID="{escaped(entity_id)}"><md:IDPSSODescriptor '
        'protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing">'
        '<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>'
        f"{body}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        '<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" '
        'Location="https://evil.example/sso"/></md:IDPSSODescriptor>'
        f"<md:Organization>{organization}</md:Organization></md:EntityDescriptor>"
    )


def _escape(text: str) -> str:
    for one, other in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(one, other)
    return text


SAML = {"protocol": "saml", "domains": ["evil.example"]}
OIDC = {"protocol": "oidc", "client_id": "x", "domains": ["evil.example"]}
ACS = "/saml/acme-saml/acs"
NEW = {"preset": "generic", "protocol": "saml"}
QUOTED = f'"{SHORT}"@acme.example'
STATUS = f"<samlp:StatusMessage>{_escape(EVIL)}</samlp:StatusMessage>"
REFUSED = "urn:oasis:names:tc:SAML:2.0:status:Responder"

Plant = Callable[[Planted], Awaitable[object]]
VALUES: Mapping[str, Plant] = {
    # SAML: what a message says
    "attribute value": lambda p: p.both(attributes={"displayName": (EVIL,), "department": (EVIL,)}),
    "attribute name": lambda p: p.both(attributes={EVIL: ("x",), "department": ("x",)}),
    "group": lambda p: p.both(groups=(EVIL, "platform-admins")),
    "NameID": lambda p: p.both(name_id=EVIL),
    "issuer": lambda p: p.both(issuer=EVIL),
    "audience": lambda p: p.both(audiences=((EVIL,),)),
    "StatusMessage": lambda p: p.both(status=REFUSED, insert={"status": STATUS}, assertion=False),
    "status code": lambda p: p.both(status=EVIL),
    "InResponseTo": lambda p: p.both(in_response_to=EVIL),
    "session index": lambda p: p.both(session_index=EVIL),
    "AuthnContextClassRef": lambda p: p.both(context_class=EVIL),
    "RelayState": lambda p: of_the_browser(p, ACS, {"SAMLResponse": EVIL, "RelayState": EVIL}),
    # OpenID Connect
    "error": lambda p: of_oidc(p, error=EVIL, error_description=EVIL, error_uri="javascript:alert(1)"),
    "state": lambda p: of_the_browser(p, "/oidc/acme-oidc/callback", None, state=EVIL, code=EVIL, iss=EVIL),
    "issuer of a connection": lambda p: p.made(**OIDC, issuer=f"https://evil.example/{SHORT}"),
    # metadata and discovery
    "entity ID": lambda p: p.made(**SAML, metadata={"xml": metadata(entity_id=f"urn:x:{EVIL}")}),
    "organization's names": lambda p: p.made(**SAML, metadata={"xml": metadata(name=EVIL)}),
    "certificate's subject": lambda p: p.made(**SAML, metadata={"xml": metadata(subject=SHORT)}),
    "metadata that is none": lambda p: p.made(**SAML, metadata={"xml": f"<a>{EVIL}</a>"}),
    "endpoint": lambda p: p.made(**OIDC, issuer="https://evil.example", token_endpoint=f"javascript:{SHORT}"),
    # what the holder of a setup link, or an administrator, types
    "display name": lambda p: p.made(**SAML, display_name=EVIL),
    "domain": lambda p: p.made(protocol="saml", domains=[EVIL]),
    "client ID": lambda p: p.made(**{**OIDC, "client_id": EVIL}, issuer="https://evil.example"),
    "rule": lambda p: p.made(**SAML, role_rules=[{"name": EVIL, "groups": [EVIL], "roles": ["admin"]}]),
    "role": lambda p: p.made(**SAML, role_rules=[{"name": "x", "groups": ["x"], "roles": [EVIL]}]),
    "expression": lambda p: p.made(**SAML, role_rules=[{"name": "x", "when": EVIL, "roles": ["x"]}]),
    "connection's id": lambda p: p.form(AT_NEW, {**NEW, "id": EVIL, "display_name": EVIL}, AT_NEW),
    "team": lambda p: p.form("/admin/teams", {"key": "evil", "name": EVIL}),
    "invitation": lambda p: p.form("/admin/people/invitations", {"email": QUOTED, "roles": EVIL}),
    "token's name": lambda p: p.form("/admin/tokens", {"name": SHORT, "days": "7", "people:read": "on"}),
    # anybody
    "user agent": lambda p: of_user_agent(p),  # noqa: PLW0108  it stands below
    "typed address": lambda p: of_the_browser(p, "/login", None, email=EVIL),
    "return_to": lambda p: of_the_browser(p, "/login", None, return_to=f"/{EVIL}"),
    "path": lambda p: of_the_browser(p, f"/login/{SHORT}", None),
    "search": lambda p: of_search(p),  # noqa: PLW0108  likewise
}  # fmt: skip
AT_NEW = "/admin/connections/new?preset=generic&protocol=saml"


async def of_the_browser(p: Planted, path: str, form: Mapping[str, str] | None, **query: str) -> None:
    browser = p.stair.browser(accept="text/html")
    if form is None:
        p.pages.append(await browser.get(path, params=query))
    else:
        await p.stair.begin(browser, "acme-saml")
        p.pages.append(await browser.post(path, data=dict(form)))


async def of_oidc(p: Planted, **answer: str) -> None:
    browser = p.stair.browser(accept="text/html")
    asked = await p.stair.begin(browser, "acme-oidc")
    p.pages.append(await browser.get("/oidc/acme-oidc/callback", params={"state": asked["state"], **answer}))


async def of_user_agent(p: Planted) -> None:
    browser = p.stair.browser(accept="text/html", user_agent=EVIL.encode("ascii", "replace").decode())
    await browser.post("/saml/acme-saml/acs", data=await p.stair.saml(browser, "bob"))
    p.pages.append(await browser.get("/account"))


async def of_search(p: Planted) -> None:
    for path in ("people", "connections", "teams", "decisions", "audit", "organizations"):
        names = (
            "search",
            "role",
            "team",
            "person",
            "code",
            "connection",
            "action",
            "actor",
            "name",
            "cursor",
        )
        p.pages += [await p.admin.get(f"/admin/{path}", params={name: EVIL}) for name in names]


@pytest.fixture(scope="module")
async def planted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Planted]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEDERATION__ORGANIZATIONS__ACME__ADMINISTRATORS", '["admin"]')
        patch.setenv("FEDERATION__RATE_LIMITS__SIGN_IN", "off")
        patch.setenv("FEDERATION__RATE_LIMITS__FAILURES", "off")
        async with (
            listening(),
            standing(tmp_path_factory.mktemp("injection"), acme_saml={"record": "full"}) as stair,
        ):
            admin = stair.browser()
            answer = await admin.post("/saml/acme-saml/acs", data=await stair.saml(admin, "ada"))
            assert answer.status_code == 303, answer.text
            admin.headers["accept"] = "text/html"
            yield Planted(stair, admin)


async def every_page(p: Planted) -> list[httpx2.Response]:
    """Ask for each page of the administration, and those that they name of this plant."""
    lists = [
        "",
        "/connections",
        "/people",
        "/people/invitations",
        "/teams",
        "/organizations/acme",
        "/domains",
    ]
    lists += ["/decisions", "/audit?personal=1", "/tokens", "/settings"]
    found = [await p.admin.get(f"/admin{path}") for path in lists]
    links = set(
        re.findall(r'href="(/admin/(?:decisions|people|teams)/[^"?#]+)', "".join(one.text for one in found))
    )
    newest = re.findall(r'href="(/admin/decisions/[A-Z2-7]{10})"', found[7].text)[:2]
    links = {one for one in links if "/decisions/" not in one and "invitations" not in one} | set(newest)
    if p.connection:
        here = f"/admin/connections/{p.connection}"
        rest = ("", "/rules", "/links", "/delete", "/test", *(f"/setup/{one}" for one in STEPS))
        links |= {f"{here}{one}" for one in rest}
    found += [await p.admin.get(path) for path in sorted(links)]
    for path in newest:
        await p.form(path, {})
    return found


STEPS = ("provider", "answer", "people", "mapping", "test", "enable")
ACTIVE = {"href", "src", "action", "formaction", "content", "data", "srcdoc"}


def hurts(page: httpx2.Response) -> list[str]:
    """Return what a page is made of that no template of ours writes."""
    if "html" not in page.headers.get("content-type", ""):
        assert page.headers.get("x-content-type-options") == "nosniff" or page.status_code in {204, 303}
        return []
    assert "{{" not in re.sub(r"\{\{7\*7\}\}", "", page.text)
    found = []
    for one in lxml.html.document_fromstring(page.content).iter(lxml.html.etree.Element):
        told = {str(name): str(value) for name, value in one.attrib.items()}
        if "hurt" in told.get("class", "") or any(name.startswith("on") for name in told):
            found.append(lxml.html.tostring(one, encoding="unicode")[:200])
        if one.tag == "script" and (one.text or not str(told.get("src", "")).startswith("/static/")):
            found.append(lxml.html.tostring(one, encoding="unicode")[:200])
        if one.tag == "img" and not told["src"].startswith("/static/"):
            found.append(told["src"])
        found += [
            f"{name}={value[:80]}"
            for name, value in told.items()
            if name in ACTIVE and re.match(r"\s*(javascript|data|vbscript):", value, re.IGNORECASE)
        ]
    return found


# What no page shows: nothing of it reaches one.
UNSEEN = frozenset(
    {"certificate's subject", "organization's names", "session index", "user agent", "path", "return_to"}
    | {"state", "RelayState", "issuer of a connection", "endpoint"}
)


@pytest.mark.parametrize("value", VALUES)
async def test_it_is_text_wherever_it_is_shown(planted: Planted, value: str) -> None:
    planted.pages, planted.connection = [], ""
    await VALUES[value](planted)
    found = await every_page(planted) + planted.pages
    for page in found:
        assert page.status_code < 500, f"{page.url}: {page.status_code}"
        assert hurts(page) == [], page.url
    if value not in UNSEEN:
        assert any(MARK in page.text for page in found), "nothing shows it: what does this prove?"


def test_what_would_hurt_is_seen() -> None:
    for payload in (
        PAYLOADS[0],
        f'<a title="{PAYLOADS[1]}',
        f'<a href="{PAYLOADS[2]}">',
        f"<textarea>{PAYLOADS[3]}",
    ):
        page = httpx2.Response(200, html=f"<main>{payload}</main>", request=httpx2.Request("GET", BASE))
        assert hurts(page), payload
