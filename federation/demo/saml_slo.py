"""The SingleLogoutService of the development SAML IdP: sessions here, and how they end.

SAML Profiles §4.4. A service asks, and is answered by the binding that it asked by; or the
person signs out here, and every service that they visited is asked, one after the other.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from starlette.responses import RedirectResponse, Response

from federation.clock import Clock
from federation.demo import saml_logout, saml_pages, saml_requests
from federation.demo.saml_logout import LOGOUT_FAULTS, PARTIAL, Leaving, LogoutKnobs
from federation.demo.saml_requests import Participation, ServiceProvider, Session, Unanswerable
from federation.demo.saml_signing import SigningKey
from federation.demo.users import DemoUser
from federation.errors import FederationError
from federation.saml import bindings
from federation.saml.bindings import Redirected
from federation.saml.xml import SUCCESS


@dataclass
class _Round:
    """A logout that was started here, and the services that are still to be asked."""

    by: str  # redirect or post
    left: list[tuple[str, Participation]]
    said: dict[str, str] = field(default_factory=dict)  # entityID → status
    asked: str = ""  # entityID of whom we wait for


class SingleLogout:
    """Sessions at this IdP, by cookie, and the endpoint that ends them."""

    def __init__(
        self,
        *,
        entity_id: str,
        url: str,
        known: Mapping[str, ServiceProvider],
        key: SigningKey,
        another_key: SigningKey,
        clock: Clock,
    ) -> None:
        self.url = url
        self.sessions: dict[str, Session] = {}
        self.answers: dict[str, Any] = {}  # knobs of every LogoutResponse; a test sets them
        self._entity_id = entity_id
        self._known = known
        self._key = key
        self._another_key = another_key
        self._clock = clock
        self._rounds: dict[str, _Round] = {}

    def open(self, user: DemoUser) -> tuple[str, Session]:
        """Sign somebody in here; return the cookie's value and the session."""
        cookie = secrets.token_urlsafe(32)
        self.sessions[cookie] = Session(user)
        return cookie, self.sessions[cookie]

    def request(self, place: Participation, destination: str, /, *, post: bool, **knobs: Any) -> bytes:
        """Return a LogoutRequest; ``knobs`` are the fields of ``LogoutKnobs``."""
        leaving = Leaving(
            entity_id=self._entity_id,
            destination=destination,
            now=self._clock(),
            key=self._key,
            name_id=place.name_id,
            name_id_format=place.name_id_format,
            session_indexes=(place.session_index,),
        )
        return saml_logout.build_request(leaving, self._knobs(knobs), post=post)

    def response(self, in_response_to: str, destination: str, /, *, post: bool, **knobs: Any) -> bytes:
        """Return a LogoutResponse; ``knobs`` are the fields of ``LogoutKnobs``."""
        leaving = Leaving(
            entity_id=self._entity_id,
            destination=destination,
            now=self._clock(),
            key=self._key,
            in_response_to=in_response_to,
        )
        return saml_logout.build_response(leaving, self._knobs(knobs), post=post)

    def redirect_url(
        self, destination: str, /, *, name: str, document: bytes, relay_state: str, **knobs: Any
    ) -> str:
        """Return the URL that carries a message by HTTP-Redirect."""
        return saml_logout.redirect_url(
            destination,
            name=name,
            document=document,
            relay_state=relay_state,
            key=self._key,
            knobs=self._knobs(knobs),
        )

    def receive(self, query: str, form: Mapping[str, str]) -> Response:
        """Answer what came to the endpoint: a request is granted, an answer goes on with its round."""
        try:
            sent, relay_state, asks = _message(query, form)
            if asks:
                return self._grant(sent, relay_state)
            status = saml_requests.read_logout_answer(sent, self._known, slo_url=self.url)
        except (FederationError, Unanswerable) as error:
            return saml_pages.error(getattr(error, "detail", str(error)))
        round_ = self._rounds.pop(relay_state, None)
        if round_ is None:
            return saml_pages.error("nobody here waits for this answer")
        round_.said[round_.asked] = status
        return self._go_on(round_, {})

    def start(self, cookie: str, *, by: str, fault: str) -> Response:
        """End a session here; with ``by`` (redirect or post) also at the services that were visited."""
        session = self.sessions.pop(cookie, None)
        if session is None or by not in ("redirect", "post"):
            return RedirectResponse("/", 303)
        left = [(name, place) for name, place in session.places.items() if self._known[name].slo_url]
        broken = LOGOUT_FAULTS.get(fault)
        return self._go_on(_Round(by, left), broken.knobs if broken else {})

    def _grant(self, sent: Redirected | bytes, relay_state: str) -> Response:
        """End the sessions that a service names; other services of theirs are not asked: PartialLogout."""
        asked = saml_requests.read_logout(sent, relay_state, self._known, slo_url=self.url)
        partial = False
        for cookie, session in list(self.sessions.items()):
            place = session.places.get(asked.sp_entity_id)
            if place is None or place.name_id != asked.name_id:
                continue
            if asked.session_indexes and place.session_index not in asked.session_indexes:
                continue
            partial = partial or len(session.places) > 1
            del self.sessions[cookie]
        knobs: dict[str, Any] = {"second_status": PARTIAL if partial else ""} | self.answers
        return self._send(
            self._known[asked.sp_entity_id].slo_url,
            "SAMLResponse",
            self.response(
                asked.request_id,
                self._known[asked.sp_entity_id].slo_url,
                post=isinstance(sent, bytes),
                **knobs,
            ),
            relay_state,
            post=isinstance(sent, bytes),
            knobs=knobs,
        )

    def _go_on(self, round_: _Round, knobs: Mapping[str, Any]) -> Response:
        """Ask the next service, or tell how it went."""
        if not round_.left:
            return saml_pages.signed_out({name: said == SUCCESS for name, said in round_.said.items()})
        round_.asked, place = round_.left.pop()
        ticket = secrets.token_urlsafe(16)
        self._rounds[ticket] = round_
        goal, post = self._known[round_.asked].slo_url, round_.by == "post"
        document = self.request(place, goal, post=post, **knobs)
        return self._send(goal, "SAMLRequest", document, ticket, post=post, knobs=knobs)

    def _send(
        self,
        goal: str,
        name: str,
        document: bytes,
        relay_state: str,
        *,
        post: bool,
        knobs: Mapping[str, Any],
    ) -> Response:
        if post:
            fields = {name: bindings.encode_post(document), "RelayState": relay_state}
            return saml_pages.post("Signing out", goal, fields)
        url = self.redirect_url(goal, name=name, document=document, relay_state=relay_state, **knobs)
        return saml_pages.go("Signing out", url)

    def _knobs(self, knobs: Mapping[str, Any]) -> LogoutKnobs:
        """Make the knobs; a timedelta counts from now, and "another" is the other key."""
        now = self._clock()
        values: dict[str, Any] = {
            name: now + one if isinstance(one, timedelta) else one for name, one in knobs.items()
        }
        if values.get("key") == "another":
            values["key"] = self._another_key
        return LogoutKnobs(**values)


def _message(query: str, form: Mapping[str, str]) -> tuple[Redirected | bytes, str, bool]:
    """Return what a form, else a query, carried; its RelayState; and whether it asks or answers."""
    for name in ("SAMLRequest", "SAMLResponse"):
        if name in form:
            sent = bindings.decode_post(form[name], name=name)
            return sent, form.get("RelayState", ""), name == "SAMLRequest"
    redirected = bindings.decode_redirect(query)
    return redirected, redirected.relay_state, redirected.name == "SAMLRequest"
