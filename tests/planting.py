"""Values that an identity provider, a setup link's holder or anybody says, planted by real means.

One world for each kind of what would hurt: every value is planted in it, each with a mark of its own, and
every page that may show one is kept, by a label that is the same in every world.
"""

import base64
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from stair import BASE, Stair, saml_answer, standing
from test_trial import started
from wizard_world import PAGE, begun, draft, link, send

VALUES = (
    # SAML: what a message says
    "attribute value", "attribute name", "group", "NameID", "issuer", "audience", "StatusMessage",
    "status code", "InResponseTo", "session index", "AuthnContextClassRef", "RelayState",
    # OpenID Connect
    "error", "error_description", "state", "code", "iss",
    # metadata and discovery, by the API and uploaded in the wizard
    "entity ID", "organization's names", "certificate's subject", "metadata that is none",
    "endpoint", "endpoint's path", "uploaded entity ID", "uploaded organization's names",
    "uploaded certificate's subject", "uploaded endpoint", "uploaded endpoint's path", "issuer's path",
    # what the holder of a setup link, or an administrator, types
    "display name", "domain", "client ID", "rule", "group of a rule", "role", "expression", "connection's id",
    "wizard's name", "wizard's domain", "wizard's attribute", "wizard's role",
    "team", "team's group", "invited role", "invited address", "token's name",
    # anybody
    "user agent", "typed address", "return_to", "path", "search",
)  # fmt: skip
LISTS = (
    "", "/connections", "/people", "/people/invitations", "/teams", "/organizations/acme", "/domains",
    "/decisions", "/audit?personal=1", "/tokens", "/settings",
)  # fmt: skip
SEARCHED = {
    "people": ("search", "role", "team"),
    "connections": ("search",),
    "organizations": ("search",),
    "teams": ("search", "cursor"),
    "decisions": ("person", "code", "connection"),
    "audit": ("action", "actor", "name"),
}
STEPS = ("provider", "answer", "people", "mapping", "test", "enable")
REFUSED = "urn:oasis:names:tc:SAML:2.0:status:Responder"
AT_NEW = f"{PAGE}/new?preset=generic&protocol=saml"


def mark(value: str) -> str:
    """Return the letters by which a value is found."""
    return f"q-{VALUES.index(value):02d}-q"  # as no Base64 has it


@dataclass
class Planted:
    """A world with everything planted; ``pages`` are what may show it, by label."""

    stair: Stair
    admin: httpx2.AsyncClient
    hurtful: str
    pages: dict[str, list[httpx2.Response]] = field(default_factory=dict)
    drafts: list[str] = field(default_factory=list)

    def __getitem__(self, value: str) -> str:
        """Return what would hurt, with the mark of a value."""
        return self.hurtful + mark(value)

    def keep(self, label: str, page: httpx2.Response) -> httpx2.Response:
        self.pages.setdefault(label, []).append(page)
        return page

    async def read(self, path: str, label: str = "") -> httpx2.Response:
        return self.keep(label or path, await self.admin.get(path))

    async def sent(self, path: str, at: str = "/account", **form: str | bytes) -> httpx2.Response:
        return self.keep(f"POST {path}", await send(self.admin, path, at, **form))

    async def made(self, name: str, **settings: Any) -> None:
        """Keep a connection of the store, by the API."""
        body = {"id": name, "organization": "acme", "settings": settings}
        answer = await self.admin.post("/admin/api/connections", json=body, headers={"origin": BASE})
        assert answer.status_code in {200, 201, 422}, answer.text
        if answer.status_code != 422:
            self.drafts.append(name)

    async def signed_in(self, label: str, *, agent: str = "Firefox", **knobs: Any) -> None:
        browser = self.stair.browser(accept="text/html", user_agent=agent)
        form = await self.stair.saml(browser, "bob", **knobs)
        self.keep(f"sign-in: {label}", await browser.post("/saml/acme-saml/acs", data=form))
        self.keep(f"account: {label}", await browser.get("/account"))
        self.stair.clock.at += timedelta(seconds=1)

    async def tried(self, label: str, **knobs: Any) -> None:
        asked = await started(self.admin)
        form = saml_answer(dict(asked), "bob", now=self.stair.clock(), **knobs)
        answer = await self.admin.post("/saml/acme-saml/acs", data=form)
        assert answer.status_code == 303, answer.text
        await self.read(answer.headers["location"], f"trial: {label}")
        self.stair.clock.at += timedelta(seconds=1)

    async def anybody(self, path: str, *, form: Mapping[str, str] | None = None, **query: str) -> None:
        browser = self.stair.browser(accept="text/html")
        label = f"anybody at {path.partition('/login/')[1] or path}"
        if form is None:
            self.keep(label, await browser.get(path, params=query))
        else:
            await self.stair.begin(browser, "acme-saml")
            self.keep(label, await browser.post(path, data=dict(form)))


@cache
def _certificate(subject: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder().subject_name(called).issuer_name(called).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(begins).not_valid_after(begins + timedelta(days=400))
    return base64.b64encode(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)).decode()


def metadata(
    entity_id: str, name: str = "Evil", subject: str = "idp", sso: str = "https://evil.example/sso"
) -> str:
    """Return an EntityDescriptor that names these."""
    called = "".join(
        f'<md:Organization{one} xml:lang="en">{escape(name)}</md:Organization{one}>'
        for one in ("Name", "DisplayName", "URL")
    )
    return (
        '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" '
        f'entityID="{escape(entity_id)}"><md:IDPSSODescriptor '
        'protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing">'
        '<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>'
        f"{_certificate(subject)}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        '<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" '
        f'Location="{escape(sso)}"/></md:IDPSSODescriptor>'
        f"<md:Organization>{called}</md:Organization></md:EntityDescriptor>"
    )


async def _of_saml(p: Planted) -> None:
    held = {
        "attributes": {
            "displayName": (p["attribute value"],),
            "department": (p["attribute value"],),
            p["attribute name"]: ("x",),
        },
    }
    agent = p["user agent"].encode("ascii", "replace").decode()
    await p.signed_in("held", agent=agent, **held)
    await p.tried("held", **held)
    message = f"<samlp:StatusMessage>{escape(p['StatusMessage'])}</samlp:StatusMessage>"
    broken: Mapping[str, dict[str, Any]] = {
        "NameID": {"name_id": p["NameID"]},
        "issuer": {"issuer": p["issuer"]},
        "audience": {"audiences": ((p["audience"],),)},
        "StatusMessage": {"status": REFUSED, "insert": {"status": message}, "assertion": False},
        "status code": {"status": p["status code"]},
        "InResponseTo": {"in_response_to": p["InResponseTo"]},
        "session index": {"session_index": p["session index"], "groups": (p["group"], "platform-admins")},
        "AuthnContextClassRef": {"context_class": p["AuthnContextClassRef"]},
    }
    for label, knobs in broken.items():
        await p.signed_in(label, **knobs)
        await p.tried(label, **knobs)
    form = {"SAMLResponse": p["RelayState"], "RelayState": p["RelayState"]}
    await p.anybody("/saml/acme-saml/acs", form=form)


async def _of_oidc(p: Planted) -> None:
    callback = "/oidc/acme-oidc/callback"
    browser = p.stair.browser(accept="text/html")
    asked = await p.stair.begin(browser, "acme-oidc")
    told = {"error": p["error"], "error_description": p["error_description"], "error_uri": p["error"]}
    told["iss"] = p.stair.provider.issuer
    p.keep("error", await browser.get(callback, params={"state": asked["state"], **told}))
    await p.anybody(callback, state=p["state"], code=p["code"], iss=p["iss"])


async def _of_metadata(p: Planted) -> None:
    saml = {"protocol": "saml", "domains": ["evil.example"]}
    oidc = {"protocol": "oidc", "client_id": p["client ID"], "domains": ["evil.example"]}
    at = "https://evil.example"
    for name, told in _descriptors(p, "").items():
        await p.made(f"api-{name}", **saml, metadata={"xml": told})
    await p.made("api-none", **saml, metadata={"xml": f"<a>{p['metadata that is none']}</a>"})
    await p.made("api-issuer", **oidc, issuer=f"{at}/" + p["issuer's path"])
    await p.made("api-client", **oidc, issuer=at)
    for name, told in _descriptors(p, "uploaded ").items():
        path = await draft(p.admin, preset="generic", name=f"wizard-{name}")
        p.drafts.append(f"wizard-{name}")
        await p.sent(f"{path}/answer", f"{path}/answer", way="file", file=told.encode())
        await p.sent(f"{path}/test", f"{path}/test")  # leads to the endpoint, by a link


def _descriptors(p: Planted, how: str) -> Mapping[str, str]:
    at = f"https://{how.strip() or 'api'}.evil.example"
    return {
        "names": metadata(
            at,
            name=p[f"{how}organization's names"],
            subject=p[f"{how}certificate's subject"],
            sso=f"{at}/sso?x=" + p[f"{how}endpoint's path"],
        ),
        "plain": metadata(at, name=p[f"{how}organization's names"], subject=p[f"{how}certificate's subject"]),
        "entity": metadata(f"urn:x:{p[f'{how}entity ID']}"),
        "endpoint": metadata(at, sso=p[f"{how}endpoint"]),
    }


async def _of_who_types(p: Planted) -> None:
    rule = {"name": p["rule"], "groups": [p["group of a rule"]], "roles": [p["role"]]}
    written = {"name": "x", "when": p["expression"], "roles": ["x"]}
    typed = {"protocol": "saml", "domains": ["evil.example"]}
    await p.made("typed", **typed, display_name=p["display name"], role_rules=[rule])
    await p.made("rule", **typed, role_rules=[rule | {"roles": ["x"]}])
    await p.made("expression", **typed, role_rules=[written])
    await p.made("domain", protocol="saml", domains=[p["domain"]])
    new = {"preset": "generic", "protocol": "saml", "display_name": p["wizard's name"]}
    await p.sent(f"{PAGE}/new", AT_NEW, **new, id=p["connection's id"])
    await p.sent(f"{PAGE}/new", AT_NEW, **new, id="wizard")
    p.drafts.append("wizard")
    path = f"{PAGE}/wizard/setup"
    await p.sent(f"{path}/people", f"{path}/people", domains=p["wizard's domain"], do="stay")
    mapped = {"attribute_email": p["wizard's attribute"], "group_0": "staff", "role_0": p["wizard's role"]}
    await p.sent(f"{path}/mapping", f"{path}/mapping", **mapped)
    holder = await begun(p.stair, await link(p.admin, "wizard"))
    for step in STEPS:
        p.keep(f"holder's {step}", await holder.get(f"/setup/{step}"))
    rules = f"{PAGE}/typed/rules"
    shown = {"rules.0.name": p["rule"], "rules.0.groups": p["group of a rule"], "rules.0.roles": p["role"]}
    await p.sent(rules, rules, act="preview", **shown, **{"rules.0.when": p["expression"]})
    await p.sent("/admin/teams", key="evil", name=p["team"])
    await p.sent("/admin/teams/evil/link", group=p["team's group"], connection="acme-saml")
    at = "/admin/people/invitations"
    await p.sent(at, at, email="eve@acme.example", roles=p["invited role"])
    await p.sent(at, at, email=p["invited address"], roles="x")
    name = p["token's name"]
    await p.sent("/admin/tokens", "/admin/tokens", name=name, days="7", **{"people:read": "on"})


async def _of_anybody(p: Planted) -> None:
    await p.anybody("/login", email=p["typed address"])
    await p.anybody("/login", email=f"x@{p['typed address']}")
    await p.anybody("/login", return_to=f"/{p['return_to']}")
    await p.anybody("/login", return_to=p["return_to"])
    await p.anybody("/login/" + p["path"].replace("/", "%2F").replace("?", "%3F").replace("#", "%23"))
    for path, names in SEARCHED.items():
        for name in names:
            found = await p.admin.get(f"/admin/{path}", params={name: p["search"]})
            p.keep(f"search {path} {name}", found)


async def _everywhere(p: Planted) -> None:
    """Ask for each page of the administration, and those that they name."""
    found = "".join([(await p.read(f"/admin{path}")).text for path in LISTS])
    for kind in ("people", "teams", "decisions"):
        links = dict.fromkeys(re.findall(rf'href="(/admin/{kind}/[^"?#]+)', found))
        for path in [one for one in links if not one.endswith("/invitations")]:
            await p.read(path, f"one of {kind}")
            if kind == "decisions":
                p.keep("one of decisions, revealed", await send(p.admin, path))
    for name in p.drafts:
        described = name.startswith(("api-", "wizard-"))  # by metadata, which few pages show
        steps = ("answer", "test") if described else STEPS
        for rest in ("", *(() if described else ("/rules", "/links", "/delete"))):
            await p.read(f"{PAGE}/{name}{rest}")
        for step in steps:
            await p.read(f"{PAGE}/{name}/setup/{step}")


@asynccontextmanager
async def planted(directory: Path, hurtful: str) -> AsyncIterator[Planted]:
    """Open a world, plant everything, and look at every page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEDERATION__ORGANIZATIONS__ACME__ADMINISTRATORS", '["admin"]')
        patch.setenv("FEDERATION__RATE_LIMITS__SIGN_IN", "off")
        patch.setenv("FEDERATION__RATE_LIMITS__FAILURES", "off")
        async with standing(directory, acme_saml={"record": "full"}) as stair:
            admin = stair.browser(accept="text/html")
            answer = await admin.post("/saml/acme-saml/acs", data=await stair.saml(admin, "ada"))
            assert answer.status_code == 303, answer.text
            world = Planted(stair, admin, hurtful)
            for plant in (_of_who_types, _of_metadata, _of_saml, _of_oidc, _of_anybody, _everywhere):
                await plant(world)
            yield world
