"""A provider's web server with its metadata, and the metadata that the tests of trust exchange."""

import asyncio
from typing import Any

from saml_peer import peer

from federation.saml.certificates import read_key

GOOD = peer().metadata().decode()
ROLLED = GOOD.replace(peer().key.text, peer().another_key.text)
MOVED = GOOD.replace("https://idp.example/sso", "https://idp.example/moved")
KEY, ANOTHER = (read_key(one.certificate).fingerprint for one in (peer().key, peer().another_key))
KEY_ROLLED = (f"key removed: SHA-256 {KEY}", f"key added: SHA-256 {ANOTHER}")


class Publisher:
    """What the provider's web server does, and what it was asked."""

    def __init__(self) -> None:
        self.document = GOOD.encode()
        self.etag = ""
        self.modified = ""
        self.status = 200
        self.wait: asyncio.Event | None = None
        self.reached = asyncio.Event()  # somebody waits
        self.asked: list[dict[bytes, bytes]] = []

    def publish(self, document: str, etag: str = "") -> None:
        self.document, self.etag = document.encode(), etag

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        asked = dict(scope["headers"])
        self.asked.append(asked)
        if self.wait:
            self.reached.set()
            await self.wait.wait()
        same = self.etag and asked.get(b"if-none-match") == self.etag.encode()
        same = same or (self.modified and asked.get(b"if-modified-since") == self.modified.encode())
        told = {b"etag": self.etag.encode(), b"last-modified": self.modified.encode()}
        headers = [(name, value) for name, value in told.items() if value]
        await send(
            {"type": "http.response.start", "status": 304 if same else self.status, "headers": headers}
        )
        await send({"type": "http.response.body", "body": b"" if same else self.document})
