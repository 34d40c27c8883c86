"""A development SAML IdP: answers AuthnRequests by HTTP-Redirect with a response by HTTP-POST.

For loopback alone (``loopback.loopback_only``): its people are public. It answers registered
service providers only, to their registered URL. The tests and the demo use this same file.
"""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from federation import clock
from federation.demo import saml_pages
from federation.demo.saml_faults import FAULTS
from federation.demo.saml_response import Context, Knobs, build
from federation.demo.saml_signing import make_key
from federation.demo.users import USERS, DemoUser
from federation.errors import FederationError
from federation.saml import bindings, xml
from federation.saml.xml import SAML, SAMLP

COOKIE = "demo_saml_idp"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One AuthnRequest of a registered service provider."""

    request_id: str
    sp_entity_id: str
    acs_url: str
    relay_state: str
    force: bool  # ForceAuthn


class _Unanswerable(Exception):
    """The request is nobody's whom we know, or is none."""


class SamlIdp:
    """One identity provider: its key, its people, and whom it answers."""

    def __init__(self, *, entity_id: str, base_url: str, service_providers: Mapping[str, str]) -> None:
        """Make the IdP and its key.

        Args:
            entity_id: Its name.
            base_url: Where ``app`` is served, without a slash at the end.
            service_providers: entityID → ACS URL, compared exactly.
        """
        self.entity_id = entity_id
        self.sso_url = f"{base_url}/sso"
        self.service_providers = service_providers
        self.key = make_key(now=clock.now())
        self.another_key = make_key(now=clock.now())
        self._sessions: dict[str, DemoUser] = {}

    def metadata(self) -> bytes:
        """Return our EntityDescriptor."""
        return (
            '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
            f' entityID="{self.entity_id}"><md:IDPSSODescriptor WantAuthnRequestsSigned="false"'
            ' protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
            '<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
            f"<ds:X509Data><ds:X509Certificate>{self.key.text}</ds:X509Certificate></ds:X509Data>"
            "</ds:KeyInfo></md:KeyDescriptor>"
            "<md:NameIDFormat>urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress</md:NameIDFormat>"
            f'<md:SingleSignOnService Binding="{bindings.HTTP_REDIRECT}" Location="{self.sso_url}"/>'
            "</md:IDPSSODescriptor></md:EntityDescriptor>"
        ).encode()

    def response(
        self,
        *,
        user: DemoUser,
        acs_url: str,
        sp_entity_id: str,
        request_id: str,
        now: datetime,
        **knobs: Any,
    ) -> bytes:
        """Return a signed response; ``knobs`` are the fields of ``Knobs``.

        Args:
            user: About whom.
            acs_url: To where.
            sp_entity_id: For whom.
            request_id: Which AuthnRequest it answers.
            now: UTC, aware; a knob given as timedelta counts from here.
            **knobs: What to break.
        """
        set_knobs: dict[str, Any] = {
            name: now + one if isinstance(one, timedelta) else one for name, one in knobs.items()
        }
        if set_knobs.get("key") == "another":
            set_knobs["key"] = self.another_key
        context = Context(
            user=user,
            entity_id=self.entity_id,
            acs_url=acs_url,
            sp_entity_id=sp_entity_id,
            request_id=request_id,
            now=now,
            key=self.key,
        )
        return build(context, Knobs(**set_knobs))

    @staticmethod
    def encode(document: bytes) -> str:
        """Return a response as the form field ``SAMLResponse``."""
        return base64.b64encode(document).decode()

    def app(self) -> Starlette:
        """Return the IdP as an application: ``/``, ``/sso``, ``/metadata``, ``/logout``."""
        return Starlette(
            routes=[
                Route("/", self._home),
                Route("/sso", self._ask, methods=["GET"]),
                Route("/sso", self._answer, methods=["POST"]),
                Route("/metadata", self._metadata),
                Route("/logout", self._logout, methods=["POST"]),
            ]
        )

    async def _home(self, request: Request) -> Response:
        return saml_pages.home(self._known(request))

    async def _metadata(self, _request: Request) -> Response:
        return Response(self.metadata(), media_type="application/samlmetadata+xml")

    async def _logout(self, request: Request) -> Response:
        self._sessions.pop(request.cookies.get(COOKIE, ""), None)
        response = RedirectResponse("/", status_code=303)
        response.delete_cookie(COOKIE)
        return response

    async def _ask(self, request: Request) -> Response:
        try:
            asked = self._read(request)
        except _Unanswerable as error:
            return saml_pages.error(str(error))
        return saml_pages.login(action=_again(request), known=self._reusable(request, asked), wrong=False)

    async def _answer(self, request: Request) -> Response:
        try:
            asked = self._read(request)
        except _Unanswerable as error:
            return saml_pages.error(str(error))
        form = await request.form(max_files=0, max_fields=8)
        fault = FAULTS.get(str(form.get("break", "")))
        known = self._reusable(request, asked)
        if "continue" in form and known is not None:
            return self._send(asked, known, fault.knobs if fault else {})
        user = USERS.get(str(form.get("login", "")))
        if user is None or not secrets.compare_digest(user.password, str(form.get("password", ""))):
            return saml_pages.login(action=_again(request), known=known, wrong=True)
        session = secrets.token_urlsafe(32)
        self._sessions[session] = user
        response = self._send(asked, user, fault.knobs if fault else {})
        response.set_cookie(COOKIE, session, httponly=True, samesite="lax")
        return response

    def _send(self, asked: Asked, user: DemoUser, knobs: Mapping[str, Any]) -> Response:
        document = self.response(
            user=user,
            acs_url=asked.acs_url,
            sp_entity_id=asked.sp_entity_id,
            request_id=asked.request_id,
            now=clock.now(),
            **knobs,
        )
        return saml_pages.answer(
            acs_url=asked.acs_url, encoded=self.encode(document), relay_state=asked.relay_state
        )

    def _read(self, request: Request) -> Asked:
        """Read the AuthnRequest in the query (Core §3.4.1)."""
        try:
            sent = bindings.decode_redirect(request.url.query)
            root = xml.parse(sent.message, octets=xml.MESSAGE_OCTETS, elements=1000)
        except FederationError as refusal:
            raise _Unanswerable(refusal.detail) from None
        issuer = root.findtext(SAML + "Issuer") or ""
        acs_url = self.service_providers.get(issuer)
        if sent.name != "SAMLRequest" or root.tag != SAMLP + "AuthnRequest" or not root.get("ID"):
            raise _Unanswerable("this is not an AuthnRequest")
        if acs_url is None:
            raise _Unanswerable("no service provider of this name is registered here")
        if root.get("AssertionConsumerServiceURL", acs_url) != acs_url:
            raise _Unanswerable("the service provider asks for an answer to a URL that is not registered")
        if root.get("Destination", self.sso_url) != self.sso_url:
            raise _Unanswerable("the request was meant for another URL")
        return Asked(
            request_id=root.get("ID", ""),
            sp_entity_id=issuer,
            acs_url=acs_url,
            relay_state=sent.relay_state,
            force=root.get("ForceAuthn") in ("true", "1"),
        )

    def _known(self, request: Request) -> DemoUser | None:
        return self._sessions.get(request.cookies.get(COOKIE, ""))

    def _reusable(self, request: Request, asked: Asked) -> DemoUser | None:
        return None if asked.force else self._known(request)


def _again(request: Request) -> str:
    return f"{request.url.path}?{request.url.query}"
