"""The outbound door: what it refuses to ask, and what it refuses to hear."""

import asyncio
import contextlib
import gzip
import ipaddress
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from federation.errors import ConfigurationError, FederationError, ProviderTimedOut, ProviderUnavailable
from federation.fetch import (
    BODY_LIMIT,
    CONNECTIONS,
    CONNECTIONS_TO_ONE,
    KEPT,
    Answer,
    Declared,
    Fetch,
    conditional,
)
from federation.outbound.addresses import Allowed, unmap

FILE, STORE = Declared.FILE, Declared.STORE
Answering = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


class Peer:
    """A loopback server of raw octets; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.connections = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/x"


@contextlib.asynccontextmanager
async def serving(answer: bytes | Answering, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    peer = Peer()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        peer.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: (\d+)", head)
                peer.asked.append(head + await reader.readexactly(int(length[1]) if length else 0))
                if isinstance(answer, bytes):
                    writer.write(answer)
                    await writer.drain()
                else:
                    await answer(head, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def fetching(
    *allow: str, proxy: str | None = None, development: bool = True, deadline: float = 5
) -> AsyncIterator[Fetch]:
    fetch = Fetch(allow=allow, proxy=proxy, development=development, deadline=deadline)
    try:
        yield fetch
    finally:
        await fetch.close()


def ok(body: bytes, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join([*lines, b"", body])


JSON = b"Content-Type: application/json"


async def code_of(fetch: Fetch, url: str, declared: Declared = FILE) -> str:
    with pytest.raises(ProviderUnavailable) as caught:
        await fetch.get(url, declared=declared, accept="*/*")
    assert not url or url not in caught.value.detail
    return caught.value.code


async def test_a_document_is_fetched_and_the_connection_is_kept() -> None:
    async with serving(ok(b"{}", JSON)) as peer, fetching() as fetch:
        for _ in range(2):
            answer = await fetch.get(
                peer.url, declared=FILE, accept="application/json", headers={"Authorization": "Bearer t"}
            )
            assert answer == Answer(status=200, content_type="application/json", body=b"{}")
    assert peer.connections == 1
    for line in (b"Accept-Encoding: identity", b"Accept: application/json", b"Authorization: Bearer t"):
        assert line + b"\r\n" in peer.asked[0]


async def test_a_form_is_posted_encoded() -> None:
    async with serving(ok(b"{}", JSON)) as peer, fetching() as fetch:
        await fetch.post_form(peer.url, {"code": "a&b=ä"}, {"Accept": "application/json"}, declared=FILE)
    assert peer.asked[0].startswith(b"POST /x HTTP/1.1\r\n")
    assert peer.asked[0].endswith(b"\r\n\r\ncode=a%26b%3D%C3%A4")
    assert b"Content-Type: application/x-www-form-urlencoded\r\n" in peer.asked[0]


async def test_a_failing_status_is_an_answer_too() -> None:
    refused = b"HTTP/1.1 400 Bad\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    async with serving(refused) as peer, fetching() as fetch:
        answer = await fetch.get(peer.url, declared=FILE, accept="*/*")
    assert (answer.status, answer.body) == (400, b"{}")


async def test_cookies_are_not_kept() -> None:
    async with serving(ok(b"", b"Set-Cookie: a=b")) as peer, fetching() as fetch:
        for _ in range(2):
            await fetch.get(peer.url, declared=FILE, accept="*/*")
    assert not any(b"cookie" in asked.lower() for asked in peer.asked)


async def test_the_environments_proxy_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(ok(b"proxied")) as other, serving(ok(b"{}")) as peer, fetching() as fetch:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{other.port}")
        answer = await fetch.get(peer.url, declared=FILE, accept="*/*")
    assert (answer.body, other.asked) == (b"{}", [])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 300, 304])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with serving(ok(b"{}")) as private:
        moved = f"HTTP/1.1 {status} Go\r\nLocation: {private.url}\r\nContent-Length: 0\r\n\r\n".encode()
        async with serving(moved) as peer, fetching() as fetch:
            assert await code_of(fetch, peer.url) == "fetch.redirect"
            with pytest.raises(ProviderUnavailable, match=r"^fetch\.redirect: "):
                await fetch.post_form(peer.url, {"client_secret": "s"}, {}, declared=FILE)
    assert private.asked == []


async def test_not_modified_is_an_answer_to_those_who_asked_for_it() -> None:
    same = b'HTTP/1.1 304 Not Modified\r\nETag: "one"\r\n\r\n'
    async with serving(same) as peer, fetching() as fetch:
        asking = conditional(etag='"one"', last_modified="Sat, 21 Nov 2026 12:00:00 GMT")
        answer = await fetch.get(peer.url, declared=FILE, accept="*/*", headers=asking)
        assert (answer.status, answer.body, answer.etag) == (304, b"", '"one"')
        assert b'If-None-Match: "one"' in peer.asked[0]
        assert b"If-Modified-Since: Sat, 21 Nov 2026 12:00:00 GMT" in peer.asked[0]
        assert await code_of(fetch, peer.url) == "fetch.redirect"
    assert conditional(etag="", last_modified="") == {}


@pytest.mark.parametrize("value", ["x" * 513, "\u00e9", "a\tb"])
async def test_a_header_that_could_not_be_sent_back_is_not_kept(value: str) -> None:
    told = f"HTTP/1.1 200 OK\r\nETag: {value}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")
    async with serving(told) as peer, fetching() as fetch:
        assert (await fetch.get(peer.url, declared=FILE, accept="*/*")).etag == ""


async def _drip(_head: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:  # never silent for long: a deadline per read would wait for days
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _drip_head(_head: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _silence(_head: bytes, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("answering", [_drip, _drip_head, _silence])
async def test_the_deadline_is_over_everything(answering: Answering) -> None:
    async with serving(answering) as peer, fetching(deadline=0.25) as fetch:
        with pytest.raises(ProviderTimedOut, match=r"^fetch\.timeout: "):
            await fetch.get(peer.url, declared=FILE, accept="*/*")


async def test_a_provider_that_hangs_leaves_room_for_the_others() -> None:
    taken = asyncio.Semaphore(0)

    async def hang(head: bytes, writer: asyncio.StreamWriter) -> None:
        taken.release()
        await _silence(head, writer)

    async with serving(hang) as hanging, serving(ok(b"{}")) as healthy, fetching(deadline=10) as fetch:
        waiting = [
            asyncio.create_task(fetch.get(hanging.url, declared=FILE, accept="*/*"))
            for _ in range(CONNECTIONS + 1)
        ]
        async with asyncio.timeout(5):
            for _ in range(CONNECTIONS_TO_ONE):
                await taken.acquire()
            assert (await fetch.get(healthy.url, declared=FILE, accept="*/*")).body == b"{}"
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    assert len(hanging.asked) == CONNECTIONS_TO_ONE


async def _endless(_head: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        await writer.drain()


BOMB = gzip.compress(b"\0" * 10_000_000)
TOO_MUCH: list[tuple[str, bytes | Answering]] = [
    ("fetch.too_large", ok(b"x" * (BODY_LIMIT + 1))),
    ("fetch.too_large", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
    ("fetch.too_large", _endless),
    ("fetch.encoded", ok(BOMB, b"Content-Encoding: gzip")),
    ("fetch.encoded", ok(b"{}", b"Content-Encoding: identity, br")),
    ("fetch.connection", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 10_000 + b"\r\n"),
    ("fetch.connection", b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000 + b"\r\n\r\n"),
    ("fetch.connection", b"SSH-2.0-OpenSSH\r\n\r\n"),
    ("fetch.connection", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
    ("fetch.connection", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"),
    ("fetch.connection", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "answer"), TOO_MUCH)
async def test_an_answer_that_is_too_much(code: str, answer: bytes | Answering) -> None:
    async with serving(answer) as peer, fetching() as fetch:
        assert await code_of(fetch, peer.url) == code


async def test_exactly_the_limit_is_heard() -> None:
    async with serving(ok(b"x" * BODY_LIMIT)) as peer, fetching() as fetch:
        assert len((await fetch.get(peer.url, declared=FILE, accept="*/*")).body) == BODY_LIMIT


async def _hang_up(_head: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    raise ConnectionError


async def test_a_broken_connection() -> None:
    async with serving(_hang_up) as peer, fetching() as fetch:
        assert await code_of(fetch, peer.url) == "fetch.connection"
    async with fetching() as fetch:  # nobody listens any more
        assert await code_of(fetch, peer.url) == "fetch.connection"


async def test_a_connection_that_was_closed_while_it_idled_fails_nobody() -> None:
    """RFC 9112 §9.5: a server may close at any time, and Node, Apache httpd and uvicorn do after 5 s."""
    answered = 0

    async def once_each(_head: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        answered += 1
        if answered == 2:  # the first connection's second request: closed, and nothing was said
            raise ConnectionError
        writer.write(ok(b"{}"))
        await writer.drain()

    for ask in ("post", "get"):
        answered = 0
        async with serving(once_each) as peer, fetching() as fetch:
            for _ in range(2):
                if ask == "get":
                    answer = await fetch.get(peer.url, declared=FILE, accept="*/*")
                else:
                    answer = await fetch.post_form(peer.url, {"code": "c"}, {}, declared=FILE)
                assert answer.body == b"{}"
        assert (peer.connections, answered) == (2, 3)
        assert {one.rpartition(b"\r\n")[2] for one in peer.asked} == {b"code=c" if ask == "post" else b""}


async def test_who_closes_every_connection_is_asked_twice_and_no_more() -> None:
    async def close(_head: bytes, _writer: asyncio.StreamWriter) -> None:
        raise ConnectionError

    async with serving(close) as peer, fetching() as fetch:
        with pytest.raises(ProviderUnavailable) as refused:
            await fetch.post_form(peer.url, {"code": "c"}, {}, declared=FILE)
    assert (refused.value.code, peer.connections) == ("fetch.connection", 2)


async def test_a_kept_connection_is_given_up_before_the_provider_closes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert KEPT < 5
    monkeypatch.setattr("federation.fetch.KEPT", 0.2)
    async with serving(ok(b"{}")) as peer, fetching() as fetch:
        for wait in (0.5, 0):
            await fetch.get(peer.url, declared=FILE, accept="*/*")
            await asyncio.sleep(wait)
    assert peer.connections == 2


async def test_a_name_without_address() -> None:
    async with fetching() as fetch:
        assert await code_of(fetch, "https://nowhere.invalid/") == "fetch.name_unknown"


URLS: list[tuple[str, str]] = [
    ("fetch.url", "http://op.example/"),  # https, but for loopback in development
    ("fetch.url", "http://127.0.0.1.evil.example/"),
    ("fetch.url", "http://10.0.0.1/"),
    ("fetch.url", "ftp://localhost/"),
    ("fetch.url", "file:///etc/passwd"),
    ("fetch.url", "//localhost/"),
    ("fetch.url", "localhost"),
    ("fetch.url", ""),
    ("fetch.url", "https:///x"),
    ("fetch.url", "https://user:secret@localhost/"),
    ("fetch.url", "https://user@localhost/"),
    ("fetch.url", "https://:secret@localhost/"),
    ("fetch.url", "https://localhost:99999/"),
    ("fetch.url", "https://[::1/"),
    ("fetch.url", "https://2852039166/"),  # 169.254.169.254 to who connects
    ("fetch.url", "https://127.1/"),
    ("fetch.url", "https://0xa9fea9fe/"),
    ("fetch.url", "https://169.254.0xa9.254./"),
    ("fetch.address_forbidden", "https://169.254.169.254/latest/meta-data/"),
    ("fetch.address_forbidden", "https://[fd00:ec2::254]/"),
    ("fetch.address_forbidden", "https://[::ffff:169.254.169.254]/"),
    ("fetch.address_forbidden", "https://[64:ff9b::a9fe:a9fe]/"),
    ("fetch.address_forbidden", "https://[2002:a9fe:a9fe::1]/"),
    ("fetch.address_forbidden", "https://[fe80::1%25lo]/"),
    ("fetch.address_forbidden", "https://0.0.0.0/"),
    ("fetch.address_forbidden", "https://[::]/"),
    ("fetch.address_forbidden", "https://224.0.0.1/"),
]


@pytest.mark.parametrize(("code", "url"), URLS)
@pytest.mark.parametrize("declared", [FILE, STORE])
async def test_what_nobody_may_ask(code: str, url: str, declared: Declared) -> None:
    async with fetching("0.0.0.0/0", "::/0") as fetch:
        assert await code_of(fetch, url, declared) == code


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost.", "LOCALHOST"]
)
async def test_however_loopback_is_spelled_the_store_may_not_ask_it(host: str) -> None:
    async with serving(ok(b"{}")) as peer, fetching() as fetch:
        code = await code_of(fetch, f"https://{host}:{peer.port}/", STORE)
    assert code in ("fetch.address_private", "fetch.connection", "fetch.name_unknown", "fetch.url")
    assert peer.connections == 0


async def test_http_is_for_development() -> None:
    async with serving(ok(b"{}")) as peer, fetching(development=False) as fetch:
        assert await code_of(fetch, peer.url) == "fetch.url"
    assert peer.connections == 0


async def test_the_store_may_not_ask_private_hosts_not_even_over_a_kept_connection() -> None:
    async with serving(ok(b"{}")) as peer, fetching() as fetch:
        await fetch.get(peer.url, declared=FILE, accept="*/*")
        assert await code_of(fetch, peer.url, STORE) == "fetch.address_private"
        assert await code_of(fetch, f"http://127.0.0.1:{peer.port}/", STORE) == "fetch.address_private"
    assert len(peer.asked) == 1


@pytest.mark.parametrize("allow", [("localhost",), ("LocalHost.",), ("127.0.0.0/8", "::1")])
async def test_what_outbound_allow_names_the_store_may_ask(allow: tuple[str, ...]) -> None:
    async with serving(ok(b"{}")) as peer, fetching(*allow) as fetch:
        assert (await fetch.get(peer.url, declared=STORE, accept="*/*")).status == 200


@pytest.mark.parametrize("entry", ["", "10.0.0.0/33", "*.example", "https://op.example", "a/b"])
def test_an_allow_list_that_says_nothing_is_refused(entry: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^fetch\.allow: "):
        Fetch(allow=[entry], proxy=None, development=False)


ADDRESSES: list[tuple[str, str, str]] = [
    # address                    the file may    the store may
    ("93.184.215.14",            "",             ""),
    ("2606:2800:21f:cb07::1",    "",             ""),
    ("10.0.0.1",                 "",             "private"),
    ("172.16.0.1",               "",             "private"),
    ("192.168.1.1",              "",             "private"),
    ("100.64.0.1",               "",             "private"),    # carrier's NAT
    ("127.0.0.1",                "",             "private"),
    ("::1",                      "",             "private"),
    ("fc00::1",                  "",             "private"),
    ("192.0.2.1",                "",             "private"),    # documentation
    ("198.18.0.1",               "",             "private"),    # benchmarks
    ("::ffff:10.0.0.1",          "",             "private"),    # RFC 4291 §2.5.5.2
    ("::10.0.0.1",               "",             "private"),    # RFC 4291 §2.5.5.1
    ("::ffff:0:10.0.0.1",        "",             "private"),    # RFC 2765
    ("64:ff9b::10.0.0.1",        "",             "private"),    # RFC 6052
    ("64:ff9b::93.184.215.14",   "",             ""),
    ("2002:a00:1::",             "",             "private"),    # RFC 3056
    ("169.254.169.254",          "forbidden",    "forbidden"),
    ("169.254.0.1",              "forbidden",    "forbidden"),
    ("100.100.100.200",          "forbidden",    "forbidden"),  # Alibaba
    ("168.63.129.16",            "forbidden",    "forbidden"),  # Azure
    ("192.0.0.192",              "forbidden",    "forbidden"),  # Oracle
    ("fd00:ec2::254",            "forbidden",    "forbidden"),  # AWS
    ("fd20:ce::254",             "forbidden",    "forbidden"),  # Google
    ("fe80::1",                  "forbidden",    "forbidden"),
    ("::ffff:169.254.169.254",   "forbidden",    "forbidden"),
    ("64:ff9b::169.254.169.254", "forbidden",    "forbidden"),
    ("2002:a9fe:a9fe::",         "forbidden",    "forbidden"),
    ("64:ff9b:1::1",             "forbidden",    "forbidden"),  # RFC 8215: hides where it leads
    ("2001::1",                  "forbidden",    "forbidden"),  # Teredo: hides where it leads
    ("0.0.0.0",                  "forbidden",    "forbidden"),  # noqa: S104  nothing is bound
    ("0.1.2.3",                  "forbidden",    "forbidden"),
    ("::",                       "forbidden",    "forbidden"),
    ("224.0.0.1",                "forbidden",    "forbidden"),
    ("ff02::1",                  "forbidden",    "forbidden"),
    ("255.255.255.255",          "forbidden",    "forbidden"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "file", "store"), ADDRESSES)
def test_where_a_host_may_be(text: str, file: str, store: str) -> None:
    address = ipaddress.ip_address(text)

    def code(allowed: Allowed, declared: Declared) -> str:
        refusal = allowed.refusal("op.example", address, declared)
        return refusal.code.removeprefix("fetch.address_") if refusal else ""

    assert (code(Allowed([]), FILE), code(Allowed([]), STORE)) == (file, store)
    for everything in (["0.0.0.0/0", "::/0"], ["op.example"]):  # opens what is private, nothing else
        assert code(Allowed(everything), STORE) == ("" if store == "private" else store)
    assert code(Allowed(["203.0.113.0/24", "other.example"]), STORE) == store


def test_an_address_within_an_address() -> None:
    assert str(unmap(ipaddress.ip_address("64:ff9b::10.0.0.1"))) == "10.0.0.1"
    assert str(unmap(ipaddress.ip_address("2606:4700::1111"))) == "2606:4700::1111"


def self_signed(directory: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin.replace(year=2120))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, encoding = directory / "tls.pem", serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem.write_bytes(private + certificate.public_bytes(encoding))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


async def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    async with serving(ok(b"{}"), self_signed(tmp_path)) as peer, fetching() as fetch:
        assert await code_of(fetch, f"https://localhost:{peer.port}/") == "fetch.tls"
    assert peer.asked == []


async def test_a_header_cannot_be_smuggled() -> None:
    async with serving(ok(b"{}")) as peer, fetching() as fetch:
        with pytest.raises(FederationError):
            await fetch.get(peer.url, declared=FILE, accept="*/*", headers={"Authorization": "a\r\nX: y"})
    assert peer.asked == []
