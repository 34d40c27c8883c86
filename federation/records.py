"""What is kept of an attempt: a reference to read aloud, and the checks cut to fit a record.

Pure. Encryption is the vault's, keeping the store's; see ``signin`` for when.
"""

import base64
import json
import secrets
from functools import lru_cache

from federation.errors import Check
from federation.store.values import RECORD_OCTETS

_PLAIN_OCTETS = RECORD_OCTETS * 3 // 4 - 256  # the envelope is base64, with a key id, nonce and tag


def mint_reference() -> str:
    """Return ten base32 characters (50 bits): short enough to read over the telephone."""
    return base64.b32encode(secrets.token_bytes(7)).decode()[:10]


def encode_checks(checks: tuple[Check, ...]) -> bytes:
    """Return the checks as JSON that fits a record once encrypted, cut to whole checks."""
    kept: list[str] = []
    left = _PLAIN_OCTETS
    for check in checks:
        said = check.said
        text = _held(check.code) if said is None else json.dumps([check.code, said[:500]])
        left -= len(text) + 2
        if left < 0:
            kept.append(json.dumps(["record.cut", "the record was full"]))
            break
        kept.append(text)
    return f"[{', '.join(kept)}]".encode()


@lru_cache(maxsize=512)
def _held(code: str) -> str:
    """Return a check that held, as ASCII: characters are octets. A sign-in has some sixty of them."""
    return json.dumps([code, None])


def decode_checks(encoded: bytes) -> tuple[Check, ...]:
    """Read what encode_checks wrote."""
    return tuple(Check(code, said) for code, said in json.loads(encoded))
