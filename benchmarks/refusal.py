"""What it costs to refuse a message of up to 256 KiB, and whether anything of it stays in memory.

    .venv/bin/python benchmarks/refusal.py [--rounds 5] [--repeats 1000] [--worst 15]

The messages are those of ``tests/hostile.py``: bare ones and ones that borrow a genuine signature,
refused by ``service_provider.accept``; and redirects whose DEFLATE data swells without end. CPU
milliseconds (user + system), the least of the rounds; the worst messages are listed.
"""

import argparse
import sys
import time
import zlib
from base64 import b64encode
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote_plus

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from hostile import corpus  # type: ignore[import-not-found]
from saml_peer import expected  # type: ignore[import-not-found]

from federation.errors import FederationError
from federation.saml import bindings, service_provider

AIM = 50  # ms


def swelling(octets: bytes) -> str:
    """Return a query whose message is 64 MiB when it is inflated."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = squeeze.compress(octets * (64 * 1024 * 1024 // len(octets))) + squeeze.flush()
    return f"SAMLRequest={quote_plus(b64encode(packed))}"


def refuse(work: Callable[[], object]) -> None:
    """Do what must end in a refusal."""
    try:
        work()
    except FederationError:
        return
    raise SystemExit("ACCEPTED: a message that must be refused")


def messages() -> dict[str, Callable[[], object]]:
    """Return what must be refused, by name."""
    want = expected()
    works: dict[str, Callable[[], object]] = {
        one.name: partial(service_provider.accept, one.document, want, decryption_keys=())
        for one in corpus()
        if "encrypted" not in one.name
    }
    for name, octets in (("zeros", b"\0"), ("tags", b"<a>")):
        works[f"a redirect that swells: {name}"] = partial(bindings.decode_redirect, swelling(octets))
    return works


def resident() -> int:
    """Return this process's resident memory in kB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--repeats", type=int, default=1000, help="refusals between two looks at memory")
    arguments.add_argument("--worst", type=int, default=15)
    options = arguments.parse_args()
    works = messages()
    figures: dict[str, float] = dict.fromkeys(works, float("inf"))
    for _ in range(options.rounds):
        for name, work in works.items():
            start = time.process_time()
            refuse(work)
            figures[name] = min(figures[name], (time.process_time() - start) * 1000)
    for name, used in sorted(figures.items(), key=lambda item: -item[1])[: options.worst]:
        print(f"{used:7.1f} ms  {name}")
    over = sum(used > AIM for used in figures.values())
    print(f"{len(figures)} messages, {over} of them over {AIM} ms")

    each = list(works.values())
    before = resident()
    for number in range(options.repeats):
        refuse(each[number % len(each)])
    print(f"memory: {before} kB before {options.repeats} refusals, {resident()} kB behind them")


if __name__ == "__main__":
    main()
