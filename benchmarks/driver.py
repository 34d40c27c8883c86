"""A load driver on raw sockets: kept connections, one request after another on each."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """What came back for one request."""

    status: int
    head: bytes
    seconds: float

    def header(self, name: str) -> list[str]:
        """Return the values of a header."""
        start = f"{name.lower()}:"
        lines = self.head.decode("latin-1").split("\r\n")
        return [line[len(start) :].strip() for line in lines if line.lower().startswith(start)]

    def cookies(self) -> dict[str, str]:
        """Return the cookies that were set, without their attributes."""
        pairs = (line.partition(";")[0].partition("=") for line in self.header("set-cookie"))
        return {name.strip(): value for name, _, value in pairs}


def request(
    method: str, host: str, path: str, *, body: bytes = b"", cookie: str = "", accept: str = ""
) -> bytes:
    """Build a request; a body is a form."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    if accept:
        lines.append(f"Accept: {accept}")
    if cookie:
        lines.append(f"Cookie: {cookie}")
    if body:
        lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def send(port: int, requests: Sequence[bytes], *, concurrency: int) -> list[Answer]:
    """Send every request over that many connections; return the answers in the requests' order."""
    return asyncio.run(_send(port, requests, concurrency))


async def _send(port: int, requests: Sequence[bytes], concurrency: int) -> list[Answer]:
    answers: list[Answer | None] = [None] * len(requests)
    numbered = iter(enumerate(requests))

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number, octets in numbered:
            before = time.perf_counter()
            writer.write(octets)
            head = await reader.readuntil(b"\r\n\r\n")
            answer = Answer(int(head[9:12]), head, time.perf_counter() - before)
            answers[number] = answer
            await _skip_body(reader, answer)
            if "close" in answer.header("connection"):
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()

    await asyncio.gather(*(client() for _ in range(concurrency)))
    return [one for one in answers if one is not None]


async def _skip_body(reader: asyncio.StreamReader, answer: Answer) -> None:
    if length := answer.header("content-length"):
        await reader.readexactly(int(length[0]))
    elif "chunked" in answer.header("transfer-encoding"):
        while size := int((await reader.readline()).split(b";")[0], 16):
            await reader.readexactly(size + 2)
        await reader.readline()
