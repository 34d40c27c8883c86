"""Development identity providers admit anybody who reads this file: they bind loopback alone."""

import ipaddress


def loopback_only(host: str) -> None:
    """Refuse every host that others could reach.

    Args:
        host: What a server is about to bind, a name or an address.

    Raises:
        ValueError: It is not localhost, 127.0.0.0/8 or ::1.
    """
    if host == "localhost":
        return
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise ValueError(f"development identity providers bind loopback only, not {host!r}")
