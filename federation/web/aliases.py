"""The further paths of connections, and which of ours each stands for. Exact, to the last slash.

A provider knows the paths of the product that was registered there before. A directory knows a base
URL, and everything below it.
"""

from collections import Counter
from collections.abc import Mapping

from federation.connection import AnyConnection

INITIATE = "/oidc/initiate"
SCIM = "/scim/v2"
_LONGEST = 255  # characters of a further path: nobody has us look for one in a long row of slashes
SHARED_CALLBACK = "/oidc/callback"  # stands for nobody's own: an answer's ``state`` says whose it is


def further_paths(connections: Mapping[str, AnyConnection]) -> Mapping[str, str]:
    """Return path → the path of ours that it stands for."""
    found: dict[str, str] = {}
    callbacks = Counter(
        path for one in connections.values() for path in set(getattr(one, "callback_paths", ()))
    )
    for name, one in connections.items():
        found |= dict.fromkeys(getattr(one, "acs_paths", ()), f"/saml/{name}/acs")
        found |= {
            path: SHARED_CALLBACK if callbacks[path] > 1 else f"/oidc/{name}/callback"
            for path in getattr(one, "callback_paths", ())
        }
        found |= dict.fromkeys(getattr(one, "initiate_paths", ()), INITIATE)
        found |= dict.fromkeys(getattr(one, "post_logout_paths", ()), "/logout")
    return found


def further_bases(connections: Mapping[str, AnyConnection]) -> Mapping[str, str]:
    """Return each further base path of SCIM, without a slash behind it → ours that it stands for."""
    return {
        path.removesuffix("/"): f"{SCIM}/{name}"
        for name, one in connections.items()
        for path in (one.scim.paths if one.scim is not None else ())
    }


def stands_for(path: str, exact: Mapping[str, str], bases: Mapping[str, str]) -> str | None:
    """Return the path of ours that another stands for; None where it is nobody's."""
    if (found := exact.get(path)) is not None or not bases:
        return found
    base = path if len(path) <= _LONGEST else path[: _LONGEST + 1].rpartition("/")[0]
    while base:
        if (ours := bases.get(base)) is not None:
            return ours + path[len(base) :]
        base = base.rpartition("/")[0]
    return None
