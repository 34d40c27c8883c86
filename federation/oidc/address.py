"""Is this e-mail address the person's, by the provider's word? Yes, no, or nothing was said.

Three ways to say it, one per vendor's documentation. Whatever is said holds for the claim
``email`` of the same document alone (OIDC Core §5.1). Pure.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

VerifiedBy = Literal["email_verified", "xms_edov", "hd"]
# As Cognito and some brokers write it in UserInfo, and Entra in xms_edov.
_SAID: Final[Mapping[str, bool]] = {"true": True, "false": False}
_NUMBERED: Final[Mapping[str, bool]] = {**_SAID, "1": True, "0": False}
_GMAIL: Final = "@gmail.com"


def email_verified(said: Mapping[str, Any], userinfo: Mapping[str, Any], *, by: VerifiedBy) -> bool | None:
    """Tell whether the address that is taken is verified; None where nobody said, or not clearly.

    Args:
        said: The ID Token's claims; its address is taken before UserInfo's.
        userinfo: UserInfo's, {} where it was not asked.
        by: The claim that says so at this vendor.
    """
    for claims in (said, userinfo):
        address = claims.get("email")
        # What is read as a list (``claims``) is another text than the one that was verified.
        plain = isinstance(address, str) and not address.lstrip().startswith(("[", "{"))
        taken = plain and said.get("email") in (None, address)
        if taken and any(claims.get(name) is not None for name in ("email_verified", by)):
            return _WAYS[by](claims)  # the first that speaks decides, even where it cannot be understood
    return None


def _claimed(claims: Mapping[str, Any]) -> bool | None:
    """Core §5.1: a boolean, or its name as a string."""
    return _truth(claims.get("email_verified"), _SAID)


def _owned(claims: Mapping[str, Any]) -> bool | None:
    """Entra sends no email_verified; xms_edov says that the tenant owns the address's domain.

    A no by either is a no.
    """
    if _claimed(claims) is False:
        return False
    value = claims.get("xms_edov")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return _truth(value, _NUMBERED)


def _authoritative(claims: Mapping[str, Any]) -> bool | None:
    """Google knows the owners of Gmail and Workspace addresses; of another, who had it once."""
    verified = _claimed(claims)
    hosted = isinstance(claims.get("hd"), str) and claims["hd"].strip()
    return None if verified and not (hosted or str(claims["email"]).lower().endswith(_GMAIL)) else verified


def _truth(value: Any, spelled: Mapping[str, bool]) -> bool | None:
    return value if isinstance(value, bool) else spelled.get(value) if isinstance(value, str) else None


_WAYS: Final[Mapping[VerifiedBy, Callable[[Mapping[str, Any]], bool | None]]] = {
    "email_verified": _claimed,
    "xms_edov": _owned,
    "hd": _authoritative,
}
