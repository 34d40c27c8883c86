"""What the development GitHub can do wrong, one knob per rule that forbids it.

Each row of FAULTS names the code that must refuse it; of GROUP_FAULTS the one that must stand in
the record of a sign-in whose groups cannot be had.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from federation.demo import openid_failures
from federation.demo.openid_faults import GONE, TWICE

_INSTEAD: Mapping[str, tuple[int, str, bytes]] = {
    "form": (200, "application/x-www-form-urlencoded", b"error=bad_verification_code"),
    "object": (200, "application/json", b'{"message":"not what was asked for"}'),
    "limited": (403, "application/json", b'{"message":"API rate limit exceeded for user ID 4711."}'),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    """How the server deviates; the default is one that keeps every rule."""

    person: str = "ada"  # who is signed in there
    answer: Mapping[str, Any] = field(default_factory=dict)  # authorization answer; GONE, TWICE
    token_members: Mapping[str, Any] = field(default_factory=dict)  # GONE
    codes_last: bool = False  # a code is redeemed again and again
    unbound: bool = False  # by whoever has it
    expires: bool = False  # tokens last eight hours, with a refresh token that is good once: a GitHub App's
    versions: bool = True  # the version of the API must be asked for
    profile: Mapping[str, Any] = field(default_factory=dict)  # GONE
    listings: Mapping[str, Sequence[Any]] = field(default_factory=dict)  # emails, orgs, teams
    endless: str = ""  # a listing whose last page leads to one more
    links: Mapping[str, str] = field(default_factory=dict)  # a listing → its Link header
    endpoints: Mapping[str, str] = field(default_factory=dict)  # access_token, user, emails … → how it fails


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to break one rule."""

    code: str  # of the refusal that must follow
    knobs: Mapping[str, Any]


async def deliver(request: Request, right: Response, how: str) -> Response:
    """Answer rightly (""), or fail: by a status, or in a way of GitHub's or of any endpoint's."""
    if not how:
        return right
    if how.isdigit():
        return JSONResponse({"message": "no"}, status_code=int(how))
    if how in _INSTEAD:
        status, kind, body = _INSTEAD[how]
        return Response(body, status_code=status, media_type=kind)
    return await openid_failures.deliver(request, bytes(right.body), "application/json", how)


def _answer(code: str, /, **answer: Any) -> Fault:
    return Fault(code=code, knobs={"answer": answer})


def _token(code: str, /, **members: Any) -> Fault:
    return Fault(code=code, knobs={"token_members": members})


def _profile(code: str, /, **members: Any) -> Fault:
    return Fault(code=code, knobs={"profile": members})


def _at(endpoint: str, code: str, how: str) -> Fault:
    return Fault(code=code, knobs={"endpoints": {endpoint: how}})


def _emails(code: str, *entries: Any) -> Fault:
    return _listing("emails", code, *entries)


def _listing(name: str, code: str, *entries: Any) -> Fault:
    return Fault(code=code, knobs={"listings": {name: entries}})


def _link(code: str, link: str) -> Fault:
    return Fault(code=code, knobs={"links": {"orgs": link}})


_MALFORMED = "oauth2.api_malformed"
_ADA = {"email": "ada@acme.example", "primary": True, "verified": True}
FAULTS: Mapping[str, Fault] = {
    "iss": _answer("oauth2.answer_iss", iss="https://github.example/login/oauth"),
    "iss-empty": _answer("oauth2.answer_iss", iss=""),
    "iss-twice": _answer("form.repeated", iss=TWICE),
    "error": _answer("oauth2.error_answer", error="access_denied"),
    "error-unknown": _answer("oauth2.error_answer", error="<script>"),
    "code-missing": _answer("oauth2.code_missing", code=GONE),
    "code-malformed": _answer("oauth2.code_malformed", code="a code"),
    "code-twice": _answer("form.repeated", code=TWICE),
    "code-other": _answer("oauth2.code_refused", code="another"),
    "state": _answer("signin.unknown", state="another"),
    "state-missing": _answer("signin.unknown", state=GONE),
    # errors that come with status 200
    "token-code": _token("oauth2.code_refused", error="bad_verification_code"),
    "token-client": _token("oauth2.token_client_refused", error="incorrect_client_credentials"),
    "token-redirect-uri": _token("oauth2.token_redirect_uri", error="redirect_uri_mismatch"),
    "token-unverified": _token("oauth2.email_unverified", error="unverified_user_email"),
    "token-error": _token("oauth2.token_error", error="server_error"),
    "token-error-odd": _token("oauth2.token_error", error=["bad_verification_code"]),
    "token-error-null": _token("oauth2.token_error", error=None),
    "token-type": _token("oauth2.token_type", token_type="dpop"),
    "token-type-missing": _token("oauth2.token_type", token_type=GONE),
    "token-none": _token("oauth2.token_malformed", access_token=GONE),
    "token-empty": _token("oauth2.token_malformed", access_token=""),
    "token-lines": _token("oauth2.token_malformed", access_token="a\r\nb: c"),
    "token-scope": _token("oauth2.token_malformed", scope=["user:email"]),
    "token-500": _at("access_token", "oauth2.token_status", "500"),
    "token-404": _at("access_token", "oauth2.token_status", "404"),
    "token-html": _at("access_token", "oauth2.token_content_type", "text"),
    "token-form": _at("access_token", "oauth2.token_content_type", "form"),
    "token-half": _at("access_token", "oauth2.token_malformed", "malformed"),
    "token-huge": _at("access_token", "fetch.too_large", "huge"),
    "token-moved": _at("access_token", "fetch.redirect", "redirect"),
    "scope": _token("oauth2.scope", scope="read:org,read:user"),
    # the API
    "user-401": _at("user", "oauth2.api_unauthorized", "401"),
    "user-403": _at("user", "oauth2.api_forbidden", "403"),
    "user-limited": _at("user", "oauth2.api_rate_limited", "limited"),
    "user-429": _at("user", "oauth2.api_rate_limited", "429"),
    "user-404": _at("user", "oauth2.api_not_found", "404"),
    "user-500": _at("user", "oauth2.api_status", "500"),
    "user-204": _at("user", "oauth2.api_status", "202"),
    "user-html": _at("user", "oauth2.api_content_type", "html"),
    "user-half": _at("user", "oauth2.api_malformed", "malformed"),
    "user-list": _at("user", "oauth2.api_malformed", "array"),
    "user-huge": _at("user", "fetch.too_large", "huge"),
    "user-moved": _at("user", "fetch.redirect", "redirect"),
    "id-missing": _profile("oauth2.subject", id=GONE),
    "id-bool": _profile("oauth2.subject", id=True),
    "id-float": _profile("oauth2.subject", id=4711.0),
    "id-null": _profile("oauth2.subject", id=None),
    "id-zero": _profile("oauth2.subject", id=0),
    "id-empty": _profile("oauth2.subject", id=" "),
    "id-list": _profile("oauth2.subject", id=[4711]),
    "emails-401": _at("emails", "oauth2.api_unauthorized", "401"),
    "emails-403": _at("emails", "oauth2.api_forbidden", "403"),
    "emails-500": _at("emails", "oauth2.api_status", "500"),
    "emails-object": _at("emails", "oauth2.api_malformed", "object"),
    "emails-none": _emails("oauth2.email_primary"),
    "emails-two-primaries": _emails("oauth2.email_primary", _ADA, {**_ADA, "email": "bob@acme.example"}),
    "emails-primary-text": _emails("oauth2.email_primary", {**_ADA, "primary": "true"}),
    "emails-number": _emails("oauth2.email_primary", {**_ADA, "email": 1}),
    "emails-strings": _emails("oauth2.api_malformed", "ada@acme.example"),
    "emails-unverified": _emails("oauth2.email_unverified", {**_ADA, "verified": False},
                                 {**_ADA, "primary": False, "email": "ada@other.example"}),
    "emails-verified-text": _emails("oauth2.email_unverified", {**_ADA, "verified": "true"}),
    "emails-verified-missing": _emails("oauth2.email_unverified", {**_ADA, "verified": None}),
    "emails-other-domain": _emails("policy.domain", {**_ADA, "email": "ada@evil.example"}),
}  # fmt: skip
SLOW_FAULTS: Mapping[str, Fault] = {
    f"{endpoint}-{how}": _at(endpoint, "fetch.timeout", how)
    for endpoint in ("access_token", "user", "emails")
    for how in ("slow", "drip")
}
GROUP_FAULTS: Mapping[str, Fault] = {
    "scope": _token("oauth2.scope", scope="user:email"),
    "orgs-403": _at("orgs", "oauth2.api_forbidden", "403"),
    "orgs-limited": _at("orgs", "oauth2.api_rate_limited", "limited"),
    "orgs-html": _at("orgs", "oauth2.api_content_type", "html"),
    "teams-404": _at("teams", "oauth2.api_not_found", "404"),
    "teams-500": _at("teams", "oauth2.api_status", "500"),
    "teams-huge": _at("teams", "fetch.too_large", "huge"),
    "teams-object": _at("teams", "oauth2.api_malformed", "object"),
    "orgs-slash": _listing("orgs", _MALFORMED, {"login": "acme/platform-admins", "id": 1}),
    "orgs-nameless": _listing("orgs", _MALFORMED, {"id": 1}),
    "orgs-id": _listing("orgs", _MALFORMED, {"login": "acme", "id": "1"}),
    "teams-ownerless": _listing("teams", _MALFORMED, {"slug": "x", "id": 1}),
    "teams-slugless": _listing("teams", _MALFORMED, {"organization": {"login": "acme"}, "id": 1}),
    "orgs-endless": Fault(code="oauth2.api_pages", knobs={"endless": "orgs"}),
    "orgs-elsewhere": _link("oauth2.api_link", '<https://evil.example/user/orgs?page=2>; rel="next"'),
    "orgs-unreadable": _link("oauth2.api_link", "page 2"),
    "orgs-blanks": _link("oauth2.api_link", f'<https://a.example>{";a= " * 1000}"'),
    "orgs-no-url": _link("oauth2.api_link", '<https://[>; rel="next"'),
}  # fmt: skip
