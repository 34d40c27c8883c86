"""What it costs to refuse: no message of 256 KiB takes long, and none of it stays in memory.

Counted in parses of an ordinary large message, measured in the same process a moment before, so
that the bound holds on a slow machine too. ``benchmarks/refusal.py`` has the milliseconds.
"""

import gc
import time
import tracemalloc
import zlib
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import quote_plus

import pytest
from hostile import Hostile, corpus
from lxml import etree
from saml_peer import refusal, response

from federation.errors import FederationError
from federation.saml import bindings, xml

# Refusing costs at most that many parses of 500 groups (some 45 kB); 50 ms were 265 of them.
MOST = 265
ORDINARY = response(groups=tuple(f"cn=app-group-{n:04d},ou=groups,dc=example" for n in range(500)))
TRIES = 4  # what disturbs the machine only ever adds: the least counts


def least(work: Callable[[], object], tries: int) -> float:
    """Return the least CPU time, in seconds, of several tries."""
    times = []
    for _ in range(tries):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


@pytest.mark.parametrize("hostile", corpus(), ids=lambda hostile: hostile.name)
def test_refusing_costs_little(hostile: Hostile) -> None:
    assert len(hostile.document) <= xml.MESSAGE_OCTETS
    assert refusal(hostile.document).code in hostile.codes
    for _ in range(TRIES):
        parse = least(lambda: etree.fromstring(ORDINARY), 10)
        times = least(lambda: refusal(hostile.document), 1) / parse
        if times <= MOST:
            return
    pytest.fail(f"{times:.0f} times an ordinary parse, more than {MOST}")


def test_refusing_keeps_nothing() -> None:
    few = [one.document for one in corpus()][::7]

    def refuse_all() -> None:
        for document in few:
            refusal(document)

    refuse_all()  # caches fill
    gc.collect()
    tracemalloc.start()
    try:
        refuse_all()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(2):
            refuse_all()
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 64 * 1024


@pytest.mark.parametrize("octets", [b"\0", b"<a>", b"A" * 1000], ids=["zeros", "tags", "text"])
def test_what_inflates_without_end_is_refused_early(octets: bytes) -> None:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = squeeze.compress(octets * (64 * 1024 * 1024 // len(octets))) + squeeze.flush()
    query = f"SAMLRequest={quote_plus(b64encode(packed))}"
    assert len(query) < 512 * 1024

    def refuse() -> None:
        with pytest.raises(FederationError, match=r"^saml\.too_large: "):
            bindings.decode_redirect(query)

    refuse()
    parse = least(lambda: etree.fromstring(ORDINARY), 10)
    assert least(refuse, TRIES) < MOST * parse
