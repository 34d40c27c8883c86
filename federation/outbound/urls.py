"""Which URLs may be asked at all, before anything is connected to."""

from yarl import URL

from federation.errors import ProviderUnavailable
from federation.outbound.addresses import Allowed, Bypass, Declared, is_loopback, is_number, parse_address


class Judge:
    """Judges a URL by who declared it."""

    def __init__(self, allowed: Allowed, *, proxy: bool, bypass: Bypass, development: bool) -> None:
        """Take where the store's hosts may be.

        Args:
            allowed: That.
            proxy: There is one.
            bypass: Hosts that are asked directly though there is.
            development: http too, to loopback.
        """
        self._allowed, self._proxy, self._bypass, self._development = allowed, proxy, bypass, development

    def check(self, url: str, declared: Declared) -> URL:
        """Judge the URL with the parser that connects; literal addresses never see the resolver.

        Raises:
            ProviderUnavailable: ``fetch.url``, ``fetch.address_forbidden``, ``fetch.address_private``,
                ``fetch.proxy_host``.
        """
        try:
            target = URL(url)
            host, _port = target.host, target.port
        except ValueError:
            raise ProviderUnavailable("fetch.url", "not a URL") from None
        if not host or target.user is not None or target.password is not None:
            raise ProviderUnavailable("fetch.url", "the URL has no host, or a user in it")
        address = parse_address(host)
        if address is None and is_number(host):  # who connects would take it for the address that it spells
            raise ProviderUnavailable("fetch.url", "the host is an address in another spelling than a.b.c.d")
        plain = target.scheme == "http" and self._development and is_loopback(host)
        if target.scheme != "https" and not plain:
            raise ProviderUnavailable("fetch.url", "the URL is not https (http: in development, on loopback)")
        if address is not None and (refusal := self._allowed.refusal(host, address, declared)) is not None:
            raise refusal
        if self.is_proxied(target) and declared is not Declared.FILE and not self._allowed.names(host):
            raise ProviderUnavailable(
                "fetch.proxy_host", "through a proxy, only hosts of the file or of outbound.allow are asked"
            )
        return target

    def is_proxied(self, target: URL) -> bool:
        """Tell whether it is asked through the proxy."""
        return self._proxy and not self._bypass.holds(target.host or "", target.port or 0)
