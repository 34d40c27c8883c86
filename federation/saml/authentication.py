"""How the person proved themselves at the identity provider, and whether that is what was asked.

SAML Core §2.7.2. Where there are several statements, each of them must hold: none of them says
which one the session stands on. Pure.
"""

from datetime import datetime

from federation.identity import Authentication
from federation.saml.expected import Expected
from federation.saml.messages import AuthnStatement, Message


def statement(message: Message, _want: Expected) -> str | None:
    """Profiles §4.1.4.2: at least one AuthnStatement, each saying when."""
    found = message.assertion.authn_statements
    if not found:
        return "there is no AuthnStatement"
    return "an AuthnStatement has no AuthnInstant" if None in [one.instant for one in found] else None


def instant(message: Message, want: Expected) -> str | None:
    """Core §2.7.2, §3.4.1: not in the future, after our request under ForceAuthn, and within max_age."""
    for one in message.assertion.authn_statements:
        if one.instant is not None and (said := _instant(one.instant, want)):
            return said
    return None


def _instant(found: datetime, want: Expected) -> str | None:
    terms = want.terms
    # Differences, because a sum may lie behind the calendar.
    if found - want.now > terms.skew:
        return f"the person signed in at {found.isoformat()}, in the future; {want.received}"
    if terms.force_authn:
        if want.asked_at is None:
            return "nothing was asked, so that nothing tells whether the person signed in anew"
        if want.asked_at - found > terms.skew:
            return (
                f"the person signed in at {found.isoformat()}, before they were asked to sign in anew "
                f"at {want.asked_at.isoformat()}; {want.received}"
            )
    if terms.max_age is not None and want.now - found > terms.max_age + terms.skew:
        return f"the person signed in at {found.isoformat()}, more than {terms.max_age} ago; {want.received}"
    return None


def context(message: Message, want: Expected) -> str | None:
    """Core §3.3.2.2.1: the class is one of those that were asked for; absent is none of them."""
    wanted = want.terms.acrs
    if not wanted:
        return None
    classes = [one.context_class for one in message.assertion.authn_statements]
    if classes and wanted.issuperset(classes):
        return None
    return f"AuthnContextClassRef is {classes}, not one of {sorted(wanted)}"


def session_not_on_or_after(message: Message, want: Expected) -> str | None:
    """Core §2.7.2: the IdP's own session still stands."""
    found = _session_until(message.assertion.authn_statements)
    if found is None or want.now - want.terms.skew < found:
        return None
    return want.outside("the IdP's session", None, found)


def _session_until(statements: tuple[AuthnStatement, ...]) -> datetime | None:
    if len(statements) == 1:  # nearly always
        return statements[0].session_not_on_or_after
    ends = [one.session_not_on_or_after for one in statements]
    return min([end for end in ends if end is not None], default=None)


def read(message: Message) -> Authentication:
    """Return the first statement, which ends when the earliest of all does."""
    statements = message.assertion.authn_statements
    first = statements[0]
    return Authentication(
        instant=first.instant,
        acr=first.context_class,
        session_index=first.session_index,
        session_until=_session_until(statements),
    )
