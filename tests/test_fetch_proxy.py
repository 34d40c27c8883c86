"""The way out: authorities beside the system's, a real forward proxy, and what goes past it."""

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from test_fetch import FILE, JSON, STORE, Answering, code_of, fetching, ok, serving

from federation.errors import ConfigurationError, ProviderTimedOut, ProviderUnavailable
from federation.fetch import Fetch
from federation.outbound.addresses import Bypass

PASSWORD = "correct+horse:battery"  # the proxy's, URL-encoded below
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Authority:
    """A certificate authority of one's own, as companies have."""

    name: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def certificate(self, *names: str, key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
        """Return PEM: its own certificate, or with names that of a server."""
        own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        subject = key or self.key
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]) if names else own)
            .issuer_name(own)
            .public_key(subject.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(BEGIN)
            .not_valid_after(BEGIN.replace(year=2120))
            .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(subject.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
            .add_extension(_usage(signs=not names), critical=True)
        )
        if names:
            known = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            builder = builder.add_extension(known, critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def server(self, directory: Path, *names: str) -> ssl.SSLContext:
        """Return a server's context with a certificate for these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = directory / f"{names[0]}.pem"
        file.write_bytes(private + self.certificate(*names, key=key))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def bundle(self, directory: Path) -> Path:
        """Return the file that `outbound.ca_bundle` names."""
        file = directory / f"{self.name}.crt"
        file.write_bytes(self.certificate())
        return file


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs, key_cert_sign=signs, crl_sign=signs, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip


@cache
def acme() -> Authority:
    return Authority("acme")


@cache
def other() -> Authority:
    return Authority("other")


@dataclass
class ForwardProxy:
    """A proxy as companies run them: CONNECT, by name or by password, and it does the look-up."""

    port: int = 0
    heads: list[bytes] = field(default_factory=list)
    carried: list[bytes] = field(default_factory=list)  # what it saw of what went through

    @property
    def lines(self) -> list[bytes]:
        return [head.partition(b"\r\n")[0] for head in self.heads]


@contextlib.asynccontextmanager
async def proxying(
    to: int, *, password: str = "", tls: ssl.SSLContext | None = None
) -> AsyncIterator[ForwardProxy]:
    """Run a proxy that leads every name to a port of ours."""
    proxy = ForwardProxy()
    tasks: set[asyncio.Task[None]] = set()
    expected = b"Proxy-Authorization: Basic " + base64.b64encode(f"svc:{password}".encode())

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while octets := await reader.read(65536):
                proxy.carried.append(octets)
                writer.write(octets)
                await writer.drain()
            writer.close()

    async def connect(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if password and expected not in head.split(b"\r\n"):
            writer.write(
                b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
            )
            return
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", to)
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(carry(reader, up_writer), carry(up_reader, writer))
        finally:
            up_writer.transport.abort()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            proxy.heads.append(await reader.readuntil(b"\r\n\r\n"))
            await connect(proxy.heads[-1], reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def through(
    proxy: str, bundle: Path | None, *allow: str, no_proxy: tuple[str, ...] = (), deadline: float = 5
) -> AsyncIterator[Fetch]:
    fetch = Fetch(
        allow=allow, proxy=proxy, no_proxy=no_proxy, ca_bundle=bundle, development=False, deadline=deadline
    )
    try:
        yield fetch
    finally:
        await fetch.close()


@contextlib.asynccontextmanager
async def trusting(bundle: Path | None) -> AsyncIterator[Fetch]:
    fetch = Fetch(allow=(), proxy=None, ca_bundle=bundle, development=False, deadline=5)
    try:
        yield fetch
    finally:
        await fetch.close()


async def test_an_authority_of_ones_own_is_trusted_where_the_settings_name_it(tmp_path: Path) -> None:
    server = acme().server(tmp_path, "localhost")
    async with serving(ok(b"{}", JSON), server) as peer:
        url = f"https://localhost:{peer.port}/"
        async with trusting(acme().bundle(tmp_path)) as fetch:
            assert (await fetch.get(url, declared=FILE, accept="*/*")).body == b"{}"
        for bundle in (None, other().bundle(tmp_path)):
            async with trusting(bundle) as fetch:
                assert await code_of(fetch, url) == "fetch.tls"
    assert len(peer.asked) == 1


async def test_a_trusted_authority_does_not_make_another_name_right(tmp_path: Path) -> None:
    server = acme().server(tmp_path, "op.example")
    async with serving(ok(b"{}"), server) as peer, trusting(acme().bundle(tmp_path)) as fetch:
        assert await code_of(fetch, f"https://localhost:{peer.port}/") == "fetch.tls"
        assert await code_of(fetch, f"https://127.0.0.1:{peer.port}/") == "fetch.tls"
    assert peer.asked == []


@pytest.mark.parametrize(
    "content", [None, b"", b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"]
)
def test_a_bundle_that_holds_no_authority_stops_the_start(tmp_path: Path, content: bytes | None) -> None:
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"^fetch\.ca_bundle: "):
        Fetch(allow=(), proxy=None, ca_bundle=bundle, development=False)


async def test_a_provider_is_asked_through_the_proxy_which_sees_nothing(tmp_path: Path) -> None:
    server = acme().server(tmp_path, "op.example")
    async with serving(ok(b'{"a":1}', JSON), server) as peer, proxying(peer.port) as proxy:
        url, way = "https://op.example/token", f"http://127.0.0.1:{proxy.port}"
        async with through(way, acme().bundle(tmp_path)) as fetch:
            answers = [
                await fetch.post_form(
                    url, {"code": "secret-code"}, {"Authorization": "Basic eA"}, declared=FILE
                )
                for _ in range(3)
            ]
    assert [answer.body for answer in answers] == [b'{"a":1}'] * 3
    assert proxy.lines == [b"CONNECT op.example:443 HTTP/1.1"]  # one connection, used again
    assert peer.connections == 1
    assert peer.asked[0].startswith(b"POST /token HTTP/1.1\r\n")
    assert peer.asked[0].endswith(b"\r\n\r\ncode=secret-code")
    assert b"Authorization: Basic eA\r\n" in peer.asked[0]
    assert not any(b"secret-code" in octets or b"eA" in octets[:5] for octets in proxy.carried)
    assert b"Authorization" not in proxy.heads[0]


async def test_a_proxy_that_wants_a_password_gets_it_and_nobody_else_does(tmp_path: Path) -> None:
    server = acme().server(tmp_path, "op.example")
    bundle = acme().bundle(tmp_path)
    async with serving(ok(b"{}"), server) as peer, proxying(peer.port, password=PASSWORD) as proxy:
        named = f"http://svc:correct%2Bhorse%3Abattery@127.0.0.1:{proxy.port}"
        async with through(named, bundle) as fetch:
            assert (await fetch.get("https://op.example/", declared=FILE, accept="*/*")).body == b"{}"
        assert b"proxy-authorization" not in peer.asked[0].lower()
        for way in (f"http://127.0.0.1:{proxy.port}", f"http://svc:wrong@127.0.0.1:{proxy.port}"):
            async with through(way, bundle) as fetch:
                with pytest.raises(ProviderUnavailable) as caught:
                    await fetch.get("https://op.example/", declared=FILE, accept="*/*")
            assert (caught.value.code, "wrong" in str(caught.value)) == ("fetch.proxy", False)
            assert caught.value.__cause__ is None
    assert len(peer.asked) == 1


async def test_a_proxy_may_itself_be_asked_by_tls(tmp_path: Path) -> None:
    server, mine = acme().server(tmp_path, "op.example"), acme().server(tmp_path, "localhost")
    async with serving(ok(b"{}"), server) as peer, proxying(peer.port, tls=mine) as proxy:
        async with through(f"https://localhost:{proxy.port}", acme().bundle(tmp_path)) as fetch:
            assert (await fetch.get("https://op.example/", declared=FILE, accept="*/*")).body == b"{}"
        async with through(f"https://localhost:{proxy.port}", None) as fetch:
            assert await code_of(fetch, "https://op.example/") in ("fetch.tls", "fetch.proxy")
    assert proxy.lines == [b"CONNECT op.example:443 HTTP/1.1"]


async def test_a_proxy_that_looks_inside_is_not_believed(tmp_path: Path) -> None:
    inside = other().server(tmp_path, "op.example")
    bundle = acme().bundle(tmp_path)
    async with (
        serving(ok(b"{}"), inside) as peer,
        proxying(peer.port) as proxy,
        through(f"http://127.0.0.1:{proxy.port}", bundle) as fetch,
    ):
        assert await code_of(fetch, "https://op.example/") == "fetch.tls"
    assert peer.asked == []


REFUSALS = [
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!",
    b"HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n",
]


@pytest.mark.parametrize("answer", REFUSALS)
async def test_a_proxy_that_refuses_and_it_does_the_look_up(answer: bytes) -> None:
    async with serving(answer) as peer, through(f"http://127.0.0.1:{peer.port}", None) as fetch:
        assert await code_of(fetch, "https://nowhere.invalid/") == "fetch.proxy"
    assert peer.asked[0].startswith(b"CONNECT nowhere.invalid:443 HTTP/1.1\r\n")


async def test_a_proxy_that_is_not_there() -> None:
    async with serving(b"") as gone:
        pass
    for way in (f"http://127.0.0.1:{gone.port}", "http://nowhere.invalid:3128"):
        async with through(way, None) as fetch:
            assert await code_of(fetch, "https://op.example/") == "fetch.proxy"


async def _never(_head: bytes, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def _drip(_head: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("answering", [_never, _drip])
async def test_the_deadline_is_over_the_proxy_too(answering: Answering) -> None:
    async with (
        serving(answering) as peer,
        through(f"http://127.0.0.1:{peer.port}", None, deadline=0.25) as fetch,
    ):
        with pytest.raises(ProviderTimedOut, match=r"^fetch\.timeout: "):
            await fetch.get("https://op.example/", declared=FILE, accept="*/*")


async def test_through_a_proxy_only_hosts_that_the_file_names(tmp_path: Path) -> None:
    server = acme().server(tmp_path, "op.example")
    async with serving(ok(b"{}"), server) as peer, proxying(peer.port) as proxy:
        way = f"http://127.0.0.1:{proxy.port}"
        async with through(way, acme().bundle(tmp_path), "op.example", "10.0.0.0/8") as fetch:
            for declared in (FILE, STORE):
                await fetch.get("https://op.example/", declared=declared, accept="*/*")
            for url in ("https://other.example/", "https://1.1.1.1/"):
                assert await code_of(fetch, url, STORE) == "fetch.proxy_host"
            for declared in (FILE, STORE):
                assert await code_of(fetch, "https://169.254.169.254/", declared) == "fetch.address_forbidden"
            assert await code_of(fetch, "https://172.16.0.1/", STORE) == "fetch.address_private"
    assert proxy.lines == [b"CONNECT op.example:443 HTTP/1.1"]


async def test_this_machine_is_never_asked_through_the_proxy() -> None:
    async with (
        serving(ok(b"{}")) as peer,
        serving(ok(b"proxied")) as proxy,
        fetching(proxy=f"http://127.0.0.1:{proxy.port}") as fetch,
    ):
        for host in ("localhost", "127.0.0.1"):
            answer = await fetch.get(f"http://{host}:{peer.port}/", declared=FILE, accept="*/*")
            assert answer.body == b"{}"
            assert await code_of(fetch, f"http://{host}:{peer.port}/", STORE) == "fetch.address_private"
    assert (proxy.asked, len(peer.asked)) == ([], 2)


async def test_what_goes_past_the_proxy_is_checked_as_without_one() -> None:
    async with serving(ok(b"proxied")) as proxy:
        way = f"http://127.0.0.1:{proxy.port}"
        async with through(way, None, no_proxy=("invalid", "10.0.0.0/8")) as fetch:
            assert await code_of(fetch, "https://nowhere.invalid/") == "fetch.name_unknown"
            assert await code_of(fetch, "https://nowhere.invalid/", STORE) == "fetch.name_unknown"
            assert await code_of(fetch, "https://10.0.0.1/", STORE) == "fetch.address_private"
    assert proxy.asked == []


PASSING: list[tuple[str, str, bool]] = [
    # entry                host                    past the proxy
    ("acme.example",      "acme.example",          True),
    ("acme.example",      "idp.acme.example",      True),
    ("acme.example",      "IDP.ACME.EXAMPLE.",     True),
    ("acme.example",      "evilacme.example",      False),
    ("acme.example",      "acme.example.evil",     False),
    (".acme.example",     "idp.acme.example",      True),
    ("*.acme.example",    "idp.acme.example",      True),
    (" ACME.example ",    "acme.example",          True),
    ("acme.example:443",  "acme.example",          True),
    ("acme.example:8443", "acme.example",          False),
    ("*",                 "op.example",            True),
    ("*",                 "10.0.0.1",              True),
    ("10.0.0.0/8",        "10.1.2.3",              True),
    ("10.0.0.0/8",        "::ffff:10.1.2.3",       True),
    ("10.0.0.0/8",        "11.0.0.1",              False),
    ("10.0.0.1:443",      "10.0.0.1",              True),
    ("10.0.0.1:80",       "10.0.0.1",              False),
    ("10.0.0.1",          "10.0.0.1.example",      False),
    ("fd00::/8",          "fd00::1",               True),
    ("fd00::1",           "fd00::1",               True),
    ("[fd00::1]:443",     "fd00::1",               True),
    ("[fd00::1]:80",      "fd00::1",               False),
    ("",                  "op.example",            False),
    (".",                 "op.example",            False),
    ("example:",          "op.example",            False),
    ("!?",                "op.example",            False),
    ("",                  "localhost",             True),
    ("",                  "127.9.9.9",             True),
    ("",                  "::1",                   True),
    ("",                  "localhost.example",     False),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "host", "past"), PASSING)
def test_what_goes_past_the_proxy(entry: str, host: str, past: bool) -> None:  # noqa: FBT001  a column
    assert Bypass([entry, "other.example"]).holds(host, 443) is past
