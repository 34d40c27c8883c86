"""Names of groups without their case."""

from collections.abc import Sequence


def fold(name: str) -> str:
    """Return a group's name without its case, one character for one.

    Not Unicode's case folding: that makes "platform-adminſ" equal "platform-admins", and a
    Kelvin sign equal "k", to whoever may name groups at the identity provider.
    """
    if name.isascii():
        return name.lower()
    return "".join(
        low if len(low := one.lower()) == 1 and low.isascii() == one.isascii() else one for one in name
    )


def fold_all(names: Sequence[str]) -> tuple[str, ...]:
    """Return ``fold`` of each; 500 at once cost a fifth of 500 calls."""
    return tuple(map(str.lower if "".join(names).isascii() else fold, names))
