"""The wizard's second step: what the identity provider told us, looked at before it is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from federation import presets
from federation.administration import connections, provider_look
from federation.administration.connection_views import ConnectionView
from federation.administration.provider_look import OidcFound, SamlFound
from federation.console import vendors, wizard_forms
from federation.console.seat import Seat
from federation.errors import FieldsRefused
from federation.web.callbacks import rate_key
from federation.web.house import House

_OIDC: Final = ("issuer", "client_id")
_OAUTH2: Final = (
    "issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "client_id",
)  # fmt: skip
_SERVER: Final = ("server", "client_id")


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What was kept, and what was found before."""

    view: ConnectionView
    found: SamlFound | OidcFound | None  # None: nobody was asked


def answer(view: ConnectionView) -> dict[str, Any]:
    """Return what the step's page shows of a connection."""
    source = view.settings.get("metadata")
    filled = presets.fill_in(view.settings)
    return {
        "vendor": vendors.of(view.preset, view.protocol),
        "source": wizard_forms.Blank(source if isinstance(source, Mapping) else {}),
        "secret": bool(view.settings.get("client_secret")),
        "filled": {name: filled.get(name) or "" for name in {*_OIDC, *_OAUTH2, *_SERVER}},
        "names": _names(view),
        "found": None,
    }


def _names(view: ConnectionView) -> tuple[str, ...]:
    if view.protocol == "oidc":
        return _OIDC
    return _OAUTH2 if view.preset == "generic" else _SERVER


async def take_answer(seat: Seat, view: ConnectionView, form: Mapping[str, str]) -> Taken:
    """Look at what a form tells, and keep it.

    Raises:
        FieldsRefused: ``admin.invalid``, each fault at its field.
        ChangeConflicts: ``admin.changed_meanwhile``.
        NotAllowed: ``admin.setup_link``.
    """
    house: House = seat.request.app.state.house
    house.rates.sign_in.hit(("look", *rate_key(seat.request, "")), house.clock())  # others are asked
    if view.protocol == "saml":
        return await _saml(seat, view, form)
    return await _client(seat, view, form)


async def _saml(seat: Seat, view: ConnectionView, form: Mapping[str, str]) -> Taken:
    way, entity_id = form.get("way", ""), form.get("entity_id", "").strip()
    found: SamlFound | None = None
    if way == "url":
        url = form.get("url", "").strip()
        found = await provider_look.saml_by_url(seat.desk, view.id, url, entity_id)
        changes = wizard_forms.by_url(url, found.entity_id)
    elif way in {"file", "paste"}:
        document = form.get(way, "")
        if not document.strip():
            raise FieldsRefused("admin.invalid", "no document", faults=[((way,), "expected the document")])
        found = await provider_look.saml_by_document(
            seat.desk, view.id, document.encode(), entity_id, field=way
        )
        changes = wizard_forms.by_document(document, found.entity_id)
    else:
        changes = wizard_forms.by_hand(form)
    return Taken(view=await _update(seat, view, changes, form), found=found)


async def _client(seat: Seat, view: ConnectionView, form: Mapping[str, str]) -> Taken:
    changes = wizard_forms.client(form, _names(view))
    found: OidcFound | None = None
    if view.protocol == "oidc":
        templated = bool(view.settings.get("tenants"))
        found = await provider_look.oidc(
            seat.desk, view.id, str(changes["issuer"] or ""), templated=templated
        )
        if form.get("client_secret") or view.settings.get("client_secret"):
            changes["token_endpoint_auth_method"] = wizard_forms.authentication(found.authentication)
    view = await _update(seat, view, changes, form)
    if secret := form.get("client_secret", ""):
        view = await connections.set_secret(seat.desk, view.id, "client_secret", secret)
    return Taken(view=view, found=found)


async def _update(
    seat: Seat, view: ConnectionView, changes: Mapping[str, Any], form: Mapping[str, str]
) -> ConnectionView:
    """Keep what differs: the same form sent twice changes nothing, and a test stays good."""
    if all(view.settings.get(key) == told for key, told in changes.items()):
        return view
    return await connections.update(seat.desk, view.id, changes, number=wizard_forms.number(form))
