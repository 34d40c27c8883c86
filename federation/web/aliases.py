"""The further paths of connections, and which of ours each stands for. Exact, to the last slash.

A provider knows the paths of the product that was registered there before.
"""

from collections import Counter
from collections.abc import Mapping

from federation.connection import AnyConnection

INITIATE = "/oidc/initiate"
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
