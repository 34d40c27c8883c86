"""A DNS server on loopback, UDP and TCP, that says what a test wants; the wire is real."""

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


@dataclass
class Zone:
    """What is answered: records by name, each a list of lines as a zone file has them."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    rcode: dns.rcode.Rcode = dns.rcode.NOERROR  # of everything
    silent: bool = False
    truncated: bool = False  # by UDP
    chases: bool = True  # the end of an alias is in the same answer
    other_id: bool = False  # of an answer that is not ours
    asked: list[str] = field(default_factory=list)
    server: str = ""

    def answer(self, wire: bytes, *, tcp: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        name = query.question[0].name.to_text(omit_final_dot=True)
        self.asked.append(f"{'tcp' if tcp else 'udp'} {name}")
        if self.silent:
            return None
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if self.truncated and not tcp:
            answer.flags |= dns.flags.TC
            return answer.to_wire()
        answer.set_rcode(self.rcode)
        while self.rcode == dns.rcode.NOERROR and name in self.aliases:
            goal = self.aliases[name]
            answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "CNAME", f"{goal}."))
            name = goal
            if not self.chases:
                break
        else:
            if name in self.texts:
                answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "TXT", *self.texts[name]))
            elif self.rcode == dns.rcode.NOERROR and not answer.answer:
                answer.set_rcode(dns.rcode.NXDOMAIN)
        if self.other_id:
            answer.id ^= 1
        return answer.to_wire(max_size=65535)


@contextmanager
def serving(zone: Zone) -> Iterator[Zone]:
    """Answer on a free port of loopback; ``zone.server`` is how settings name it."""

    class Udp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            if (said := zone.answer(self.request[0], tcp=False)) is not None:
                self.request[1].sendto(said, self.client_address)

    class Tcp(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            (length,) = struct.unpack("!H", self.rfile.read(2))
            if (said := zone.answer(self.rfile.read(length), tcp=True)) is not None:
                self.wfile.write(struct.pack("!H", len(said)) + said)

    with socketserver.TCPServer(("127.0.0.1", 0), Tcp) as tcp:
        port = tcp.server_address[1]
        with socketserver.UDPServer(("127.0.0.1", port), Udp) as udp:
            zone.server = f"127.0.0.1:{port}"
            threads = [threading.Thread(target=one.serve_forever, args=(0.01,)) for one in (tcp, udp)]
            for thread in threads:
                thread.start()
            try:
                yield zone
            finally:
                for one in (tcp, udp):
                    one.shutdown()
                for thread in threads:
                    thread.join()


def nobody() -> str:
    """Return an address at which nothing answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"
