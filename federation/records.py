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
    texts = [
        _held(check.code) if check.said is None else json.dumps([check.code, check.said[:500]])
        for check in checks
    ]
    encoded = f"[{', '.join(texts)}]".encode()
    return encoded if len(encoded) <= _PLAIN_OCTETS else _cut(texts)


def _cut(texts: list[str]) -> bytes:
    """Return as many of the encoded checks as fit, and say that it is not all of them."""
    kept = [json.dumps(["record.cut", "the record was full"])]
    left = _PLAIN_OCTETS - len(kept[0]) - 2
    for text in texts:  # ASCII: characters are octets
        left -= len(text) + 2
        if left < 0:
            break
        kept.insert(-1, text)
    return f"[{', '.join(kept)}]".encode()


@lru_cache(maxsize=512)
def _held(code: str) -> str:
    """Return a check that held. A sign-in has some sixty of them."""
    return json.dumps([code, None])


def decode_checks(encoded: bytes) -> tuple[Check, ...]:
    """Read what encode_checks wrote."""
    return tuple(Check(code, said) for code, said in json.loads(encoded))
