"""The account page, the session as JSON, and ending sessions."""

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from federation.administration.actor import OPERATOR
from federation.identity import Session
from federation.store.people_values import InTeam
from federation.web import fields, pages, signed_in, texts, ways_in
from federation.web.house import House


async def show(request: Request, token: str, session: Session) -> Response:
    """Show who is signed in, why they may do what, and from where."""
    house: House = request.app.state.house
    connection = house.connections.get(session.connection)
    organization = house.roster.organizations.get(session.organization)
    place = session.organization, session.user.id
    ways = await house.store.ways_of(*place)
    return pages.page(
        house,
        "account.html",
        session=session,
        connection=connection.title if connection else session.connection,
        organization=organization.name if organization else session.organization,
        administers=_administers(house, session),
        ways=ways_in.shown(house, session, ways),
        others=ways_in.others(house, session, ways),
        grants=sources(session),
        teams=_teams(house, session, await house.store.teams_of(*place)),
        sessions=await house.store.live_sessions(*place, house.clock()),
        csrf=signed_in.csrf_token(token),
    )


def _administers(house: House, session: Session) -> bool:
    organization = house.roster.organizations.get(session.organization)
    roles = organization.administrators_roles if organization else frozenset()
    return OPERATOR in session.system_roles or not roles.isdisjoint(session.roles)


def sources(session: Session) -> Mapping[str, list[str]]:
    """Return each role and what gave it, in words; those of the whole installation last, and called so."""
    given: dict[str, dict[str, None]] = {role: {} for role in session.roles}
    for grant in sorted(session.grants, key=lambda one: one.is_system):
        name = texts.say("my_account.system_role", role=grant.role) if grant.is_system else grant.role
        given.setdefault(name, {})[_reason(grant.source, grant.why)] = None
    return {role: list(why) for role, why in given.items()}


def _teams(house: House, session: Session, found: Sequence[InTeam]) -> Mapping[str, list[str]]:
    """Return each team that the session is in, by its name, and what put the person there."""
    organization = house.roster.organizations.get(session.organization)
    declared = organization.teams if organization else {}
    names = {one.key: one.name for one in found} | {key: team.name for key, team in declared.items()}
    given: dict[str, list[str]] = {names.get(key) or key: [] for key in session.teams}
    for one in found:
        if one.key in session.teams:
            given[names.get(one.key) or one.key].append(_reason(one.source, one.why))
    return given


def _reason(source: str, why: str) -> str:
    kind, _, name = source.partition(":")
    if kind == "team":
        return texts.say("my_account.by_team", name=name)
    if kind == "connection":
        return texts.say(_DEFAULTS[why]) if why in _DEFAULTS else texts.say("my_account.by_rule", rule=why)
    if kind in _GIVEN_BY:
        return texts.say(_GIVEN_BY[kind])
    return texts.say("my_account.by_kind", kind=kind)


_GIVEN_BY = {
    "manual": "my_account.by_manual",
    "scim": "my_account.by_scim",
    "system": "my_account.by_system",
    "invitation": "my_account.by_invitation",
    "bootstrap": "my_account.by_bootstrap",
    "break-glass": "my_account.by_break_glass",
}
_DEFAULTS = {
    "default (connection)": "my_account.default_connection",
    "default (organization)": "my_account.default_organization",
}


async def account(request: Request) -> Response:
    """GET /account: who is signed in; nobody is sent to sign in."""
    token, session = await signed_in.current(request)
    if session is None:
        return RedirectResponse("/login?return_to=/account", 303)
    return await show(request, token, session)


async def session_json(request: Request) -> Response:
    """GET /session: the signed-in user as JSON."""
    _, session = await signed_in.current(request)
    if session is None:
        return pages.as_json_error(401, "Nobody is signed in.")
    user = session.user
    return pages.as_json(
        {
            "user": {
                "id": user.id,
                "email": user.email,
                "given_name": user.given_name,
                "family_name": user.family_name,
                "display_name": user.display_name,
            },
            "connection": session.connection,
            "organization": session.organization,
            "groups": list(session.groups),
            "roles": list(session.roles),
            "system_roles": list(session.system_roles),
            "teams": list(session.teams),
            "attributes": {name: list(values) for name, values in session.attributes.items()},
            "authenticated_at": session.authenticated_at.isoformat(),
            "expires_at": session.expires_at.isoformat(),
        }
    )


async def end_one(request: Request) -> Response:
    """POST /sessions/{id}/end: end one of one's own sessions."""
    house: House = request.app.state.house
    token, session = await signed_in.current(request)
    if session is None:
        return RedirectResponse("/login?return_to=/account", 303)
    signed_in.prove_own(request, await fields.read_form(request), token)
    await house.store.end_session_by_id(session.user.id, request.path_params["id"], house.clock())
    return RedirectResponse("/account", 303)


async def end_others(request: Request) -> Response:
    """POST /sessions/end-others: end every session of one's own but this one."""
    house: House = request.app.state.house
    token, session = await signed_in.current(request)
    if session is None:
        return RedirectResponse("/login?return_to=/account", 303)
    signed_in.prove_own(request, await fields.read_form(request), token)
    await house.store.end_other_sessions(session.organization, session.user.id, session.id, house.clock())
    return RedirectResponse("/account", 303)
