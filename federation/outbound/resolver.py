"""The one door to DNS: which texts a name has. Asked by the proof of domains alone.

An answer is taken whole or not at all; that there is no such record is an answer, that nobody
answered is none.
"""

import asyncio
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
import dns.rrset

from federation.configuration.scalars import address_and_port
from federation.errors import ProviderUnavailable

LIFETIME: Final = 10.0  # seconds for one question, however many servers are asked
CHAIN: Final = 8  # aliases that are followed
RECORDS: Final = 100  # of one name; who has more, has put them there to be slow


class Resolver:
    """Asks the servers of the settings, else those of this machine."""

    def __init__(self, servers: tuple[str, ...]) -> None:
        """Take addresses (``192.0.2.1``, ``192.0.2.1:5353``, ``[2001:db8::1]:53``); none: the system's.

        Raises:
            ProviderUnavailable: ``domain.dns_setup``: this machine names no server.
        """
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=not servers)
        except (dns.resolver.NoResolverConfiguration, OSError):
            raise ProviderUnavailable(
                "domain.dns_setup", "this machine names no DNS server; name some in dns_servers"
            ) from None
        if servers:
            self._resolver.nameservers = [
                dns.nameserver.Do53Nameserver(host, port) for host, port in map(address_and_port, servers)
            ]
        self._resolver.lifetime = LIFETIME
        self._resolver.timeout = LIFETIME / 3  # a server that does not answer leaves time for the next
        self._resolver.use_edns(0, 0, 1232)
        self._resolver.search = []

    async def texts(self, name: str) -> tuple[str, ...]:
        """Return every TXT record of a name, its strings joined (RFC 1035 §3.3.14).

        Args:
            name: Absolute, in ASCII, without a dot at its end.

        Returns:
            None of them where there is no such name, or no such record.

        Raises:
            ProviderUnavailable: ``domain.dns``: no server answered, or not as it should.
        """
        try:
            asked = dns.name.from_text(name)
            async with asyncio.timeout(LIFETIME + 1):
                for _ in range(CHAIN):
                    answer = await self._resolver.resolve(
                        asked, dns.rdatatype.TXT, raise_on_no_answer=False, search=False
                    )
                    if answer.rrset is not None:
                        return _texts(answer.rrset)
                    if answer.canonical_name == asked:
                        return ()
                    asked = answer.canonical_name  # an alias whose end this server does not know
        except dns.resolver.NXDOMAIN:
            return ()
        except (dns.exception.DNSException, OSError, TimeoutError) as failure:
            raise ProviderUnavailable(
                "domain.dns", f"DNS did not answer properly ({type(failure).__name__})"
            ) from None
        raise ProviderUnavailable("domain.dns", f"more than {CHAIN} aliases lead on from this name")


def _texts(records: dns.rrset.RRset) -> tuple[str, ...]:
    if len(records) > RECORDS:
        raise ProviderUnavailable("domain.dns", f"the name has more than {RECORDS} records")
    return tuple(b"".join(one.strings).decode("ascii", "replace") for one in records)
