"""A development SAML IdP: AuthnRequests by HTTP-Redirect or HTTP-POST, answered by HTTP-POST.

For loopback alone (``loopback.loopback_only``): its people are public. It answers registered
service providers only, to their registered URL. The tests and the demo use this same file.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation import clock
from federation.clock import Clock
from federation.demo import saml_pages, saml_requests
from federation.demo.saml_faults import FAULTS
from federation.demo.saml_requests import Asked, ServiceProvider, Session, Unanswerable
from federation.demo.saml_response import Context, Knobs, build
from federation.demo.saml_signing import make_key
from federation.demo.saml_slo import SingleLogout
from federation.demo.users import USERS, DemoUser
from federation.errors import FederationError
from federation.saml import bindings

COOKIE = "demo_saml_idp"
_WAITING = 1000  # AuthnRequests by POST whose login form is open
_STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
_Form = Mapping[str, str]


class SamlIdp:
    """One identity provider: its key, its people, and whom it answers."""

    def __init__(
        self,
        *,
        entity_id: str,
        base_url: str,
        service_providers: Mapping[str, str | ServiceProvider],
        wants_signed_requests: bool = False,
        clock: Clock = clock.now,
    ) -> None:
        """Make the IdP and its key.

        Args:
            entity_id: Its name.
            base_url: Where ``app`` is served, without a slash at the end.
            service_providers: entityID → who it is, or its one ACS URL.
            wants_signed_requests: Answer signed AuthnRequests only.
            clock: Tells it the time.
        """
        self.entity_id = entity_id
        self.sso_url = f"{base_url}/sso"
        self.wants_signed_requests = wants_signed_requests
        self.service_providers = {
            name: ServiceProvider(acs_urls=(one,)) if isinstance(one, str) else one
            for name, one in service_providers.items()
        }
        self.clock = clock
        self.key = make_key(now=clock())
        self.another_key = make_key(now=clock())
        self.slo = SingleLogout(
            entity_id=entity_id,
            url=f"{base_url}/slo",
            known=self.service_providers,
            key=self.key,
            another_key=self.another_key,
            clock=clock,
        )
        self._waiting: dict[str, Asked] = {}

    def metadata(self) -> bytes:
        """Return our EntityDescriptor; it offers logout where somebody is registered for it."""
        by = (bindings.HTTP_REDIRECT, bindings.HTTP_POST)
        offered = [one.slo_url for one in self.service_providers.values() if one.slo_url]
        out = "".join(
            f'<md:SingleLogoutService Binding="{one}" Location="{self.slo.url}"/>' for one in by if offered
        )
        formats = "".join(f"<md:NameIDFormat>{one}</md:NameIDFormat>" for one in saml_requests.FORMATS)
        into = "".join(f'<md:SingleSignOnService Binding="{one}" Location="{self.sso_url}"/>' for one in by)
        return (
            '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
            f' entityID="{self.entity_id}">'
            f'<md:IDPSSODescriptor WantAuthnRequestsSigned="{str(self.wants_signed_requests).lower()}"'
            ' protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
            '<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
            f"<ds:X509Data><ds:X509Certificate>{self.key.text}</ds:X509Certificate></ds:X509Data>"
            f"</ds:KeyInfo></md:KeyDescriptor>{out}{formats}{into}</md:IDPSSODescriptor></md:EntityDescriptor>"
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
        """Return a message as a form field has it."""
        return bindings.encode_post(document)

    def app(self) -> Starlette:
        """Return the IdP as an application; ``/tile`` leads to a service that asked for nothing."""
        both = ["GET", "POST"]
        return Starlette(
            routes=[
                Route("/", self._home),
                Route("/sso", self._sign_on, methods=both),
                Route("/tile", self._sign_on, methods=both),
                Route("/metadata", self._metadata),
                Route("/slo", self._slo, methods=both),
                Route("/logout", self._logout, methods=["POST"]),
            ]
        )

    async def _home(self, request: Request) -> Response:
        session = self.slo.sessions.get(request.cookies.get(COOKIE, ""))
        return saml_pages.home(session.user if session else None, list(self.service_providers))

    async def _metadata(self, _request: Request) -> Response:
        return Response(self.metadata(), media_type="application/samlmetadata+xml")

    async def _slo(self, request: Request) -> Response:
        return self.slo.receive(request.url.query, await _read_form(request))

    async def _logout(self, request: Request) -> Response:
        form = await _read_form(request)
        response = self.slo.start(
            request.cookies.get(COOKIE, ""), by=form.get("by", ""), fault=form.get("break", "")
        )
        response.delete_cookie(COOKIE)
        return response

    async def _sign_on(self, request: Request) -> Response:
        form = await _read_form(request)
        try:
            asked, action = self._read(request, form)
        except (FederationError, Unanswerable) as error:
            return saml_pages.error(getattr(error, "detail", str(error)))
        session = self.slo.sessions.get(request.cookies.get(COOKIE, ""))
        usable = None if asked.force else session  # what may be reused without a password
        if asked.context_class is None:
            return self._refuse(asked, "NoAuthnContext")
        if asked.passive:
            return self._answer(asked, usable, {}) if usable else self._refuse(asked, "NoPassive")
        if request.method == "GET" or "SAMLRequest" in form:
            return saml_pages.login(action=action, known=usable.user if usable else None, wrong=False)
        return self._log_in(form, asked, action, usable)

    def _log_in(self, form: _Form, asked: Asked, action: str, usable: Session | None) -> Response:
        fault = FAULTS.get(form.get("break", ""))
        knobs = fault.knobs if fault else {}
        if "continue" in form and usable is not None:
            return self._answer(asked, usable, knobs)
        user = USERS.get(form.get("login", ""))
        if user is None or not secrets.compare_digest(user.password, form.get("password", "")):
            return saml_pages.login(action=action, known=usable.user if usable else None, wrong=True)
        cookie, session = self.slo.open(user)
        response = self._answer(asked, session, knobs)
        response.set_cookie(COOKIE, cookie, httponly=True, samesite="lax")
        return response

    def _answer(self, asked: Asked, session: Session, knobs: Mapping[str, Any]) -> Response:
        """Answer as asked, but for what ``knobs`` break."""
        place = session.visit(asked)
        right: dict[str, Any] = {
            "name_id": place.name_id,
            "name_id_format": place.name_id_format,
            "session_index": place.session_index,
            "context_class": asked.context_class,
        }
        return self._send(asked, session.user, right | dict(knobs))

    def _refuse(self, asked: Asked, why: str) -> Response:
        """Report a failure (Core §3.2.2.2), about nobody."""
        nested = f'Responder"><samlp:StatusCode Value="{_STATUS}{why}"/></samlp:StatusCode>'
        knobs = {
            "status": f"{_STATUS}Responder",
            "assertion": False,
            "sign": "response",
            "rewrite": (('Responder"/>', nested),),
        }
        return self._send(asked, USERS["ada"], knobs)

    def _send(self, asked: Asked, user: DemoUser, knobs: Mapping[str, Any]) -> Response:
        unasked = {} if asked.request_id else {"in_response_to": None, "response_in_response_to": None}
        document = self.response(
            user=user,
            acs_url=asked.acs_url,
            sp_entity_id=asked.sp_entity_id,
            request_id=asked.request_id or "",
            now=self.clock(),
            **(unasked | dict(knobs)),
        )
        fields = {"SAMLResponse": self.encode(document), "RelayState": asked.relay_state}
        return saml_pages.post("Signing in", asked.acs_url, fields)

    def _read(self, request: Request, form: _Form) -> tuple[Asked, str]:
        """Read what is asked, and where its login form goes."""
        path, query = request.url.path, request.query_params
        again = f"{path}?{request.url.query}"
        if path == "/tile":
            return self._tile(query), again
        if "SAMLRequest" in form:
            document = bindings.decode_post(form["SAMLRequest"], name="SAMLRequest")
            asked = self._read_authn(document, form.get("RelayState", ""))
            ticket = secrets.token_urlsafe(16)
            self._waiting[ticket] = asked
            if len(self._waiting) > _WAITING:
                self._waiting.pop(next(iter(self._waiting)))
            return asked, f"{path}?ticket={ticket}"
        if "ticket" in query:
            if (waiting := self._waiting.get(query["ticket"])) is None:
                raise Unanswerable("this login form is too old")
            return waiting, again
        sent = bindings.decode_redirect(request.url.query)
        if sent.name != "SAMLRequest":
            raise Unanswerable("this is not an AuthnRequest")
        return self._read_authn(sent, sent.relay_state), again

    def _read_authn(self, sent: bindings.Redirected | bytes, relay_state: str) -> Asked:
        return saml_requests.read_authn(
            sent,
            relay_state,
            self.service_providers,
            sso_url=self.sso_url,
            wants_signed=self.wants_signed_requests,
        )

    def _tile(self, query: _Form) -> Asked:
        partner = self.service_providers.get(name := query.get("sp", ""))
        if partner is None:
            raise Unanswerable("no service provider of this name is registered here")
        return Asked(
            request_id=None,
            sp_entity_id=name,
            acs_url=partner.acs_urls[0],
            relay_state=query.get("RelayState", ""),
        )


async def _read_form(request: Request) -> _Form:
    if request.method != "POST":
        return {}
    form = await request.form(max_files=0, max_fields=8)
    return {name: str(value) for name, value in form.items()}
