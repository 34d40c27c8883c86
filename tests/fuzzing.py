"""A seeded fuzzer for whatever reads foreign octets: tests run it for a moment, ``scripts/fuzz`` for long.

Each target has a corpus of genuine messages, made at start, and says what may come of a changed
one: a FederationError, or exactly what one of the genuine ones said. A failing input is kept with
the keys of its run, so that it can be tried again.
"""

import base64
import hashlib
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree
from saml_peer import ACS, IDP, NOW, REQUEST, SP, USER, expected
from test_saml_logout import REQUEST as LOGOUT_REQUEST
from test_saml_logout import SLO, ZOE, ours, peer
from test_saml_logout import want as logout_wants

from federation.demo.saml_signing import SignatureKnobs, sign
from federation.errors import FederationError
from federation.saml import bindings, logout, metadata, service_provider
from federation.saml.certificates import read_key
from federation.saml.encryption import DecryptionKey, read_decryption_key
from federation.saml.metadata import IdentityProvider
from federation.saml.xml import ASSERTION, SIGNATURE, Element

SLOW = 1.0  # seconds of CPU that no input may take
Random = random.Random

TOKENS = [
    b"", b"<", b">", b"&", b'"', b"'", b"\0", b"\xff", b"\xc3\xa9", b"=", b"%", b"+", b"&#x9;", b"&#0;",
    b"&amp;",
    b"<!---->", b"<a/>", b"<?x y?>", b"<![CDATA[x]]>", b"]]>", b"<!DOCTYPE r []>", b'<?xml version="1.1"?>',
    b' ID="_x"', b' Id="_x"', b' xml:id="_x"', b' xmlns="urn:x"', b' xmlns:saml="urn:x"',
    b' xmlns:x="relative"',
    b"<saml:Assertion>", b"</saml:Assertion>", b"<ds:Signature/>", b"<saml:EncryptedID/>", b"<saml:Advice/>",
    b"eve@acme.example", b"2026-11-21T12:00:00Z", b"9999-12-31T23:59:59Z", b"-0001-01-01T00:00:00Z", b"2.0",
    b"A" * 300, b"&SAMLResponse=", b"&SigAlg=", b"#", b"\xef\xbb\xbf", b"\r\n", b"\xe2\x80\xae",
]  # fmt: skip


@dataclass(frozen=True)
class World:
    """The keys of one run: the identity provider's certificate, and what is encrypted to us."""

    certificate: bytes  # DER
    private_key: bytes  # PEM

    @cached_property
    def idp(self) -> IdentityProvider:
        return metadata.from_fields(
            entity_id=IDP,
            sso_url="https://idp.example/sso",
            slo_url="https://idp.example/slo",
            certificates=[base64.b64encode(self.certificate).decode()],
            development=False,
        )

    @cached_property
    def keys(self) -> tuple[DecryptionKey, ...]:
        key = serialization.load_pem_private_key(self.private_key, password=None)
        assert isinstance(key, rsa.RSAPrivateKey)
        return (read_decryption_key(key),)


@cache
def this_world() -> World:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    pem = ours().private.private_bytes(encoding, form, serialization.NoEncryption())
    return World(peer().key.certificate, pem)


@dataclass(frozen=True)
class Target:
    """What reads, what it is given, and whether it may make something new of a changed message."""

    corpus: Callable[[], Sequence[bytes]]
    read: Callable[[bytes, World], object]  # what it makes of it, comparable
    mutate: Callable[[Random, Sequence[bytes]], bytes]
    free: bool = False  # nothing in it is signed, or whoever signs it may say what they like


class Failed(AssertionError):
    """An input did what none may."""


def octets(dice: Random, corpus: Sequence[bytes]) -> bytes:
    """Cut, double, swap and replace pieces; put words in; splice two messages."""
    document = bytearray(dice.choice(corpus))
    for _ in range(dice.choice([1, 1, 2, 4, 8])):
        at, length = dice.randrange(len(document) + 1), dice.choice([0, 1, 1, 4, 40, 400])
        piece = bytes(document[at : at + length])
        other = dice.choice(corpus)
        start = dice.randrange(len(other))
        document[at : at + length] = dice.choice(
            [
                dice.choice(TOKENS),
                piece * dice.choice([2, 2, 50]),
                piece[::-1],
                piece.swapcase(),
                bytes([dice.randrange(256)]),
                other[start : start + dice.choice([1, 20, 200, 2000])],
            ]
        )
    return bytes(document)


def trees(dice: Random, corpus: Sequence[bytes]) -> bytes:
    """Delete, double, move, wrap and rename elements; change attributes and text. Well-formed."""
    root = etree.fromstring(dice.choice(corpus))
    for _ in range(dice.choice([1, 1, 2, 3])):
        change_tree(dice, root, other=etree.fromstring(dice.choice(corpus)))
    return etree.tostring(root)


def change_tree(dice: Random, root: Element, other: Element) -> None:
    elements = list(root.iter("*"))
    element, place = dice.choice(elements), dice.choice(elements)
    parent = element.getparent()
    match dice.randrange(9):
        case 0 if parent is not None:
            parent.remove(element)
        case 1:
            place.insert(dice.randrange(len(place) + 1), deepcopy(element))
        case 2:
            place.insert(dice.randrange(len(place) + 1), deepcopy(dice.choice(list(other.iter("*")))))
        case 3 if parent is not None and place not in element.iter():
            place.append(element)
        case 4:
            element.tag = place.tag
        case 5 if place.keys():
            name = dice.choice(place.keys())
            element.set(
                name, dice.choice([place.get(name, ""), "", "x", "_x", "urn:x", "9999-12-31T23:59:59Z"])
            )
        case 6 if element.keys():
            del element.attrib[dice.choice(element.keys())]
        case 7:
            element.text = dice.choice(["", " ", "x", "eve@acme.example", "\u202e", place.text])
        case _:
            element.insert(0, etree.Comment("x"))


def signed_trees(dice: Random, corpus: Sequence[bytes]) -> bytes:
    """Change a message as its own identity provider would: then sign whatever it has become."""
    root = etree.fromstring(trees(dice, corpus))
    for element in (root.find(ASSERTION), root):
        signature = None if element is None else element.find(SIGNATURE)
        if element is not None and signature is not None:
            sign(element, peer().key, SignatureKnobs())
    return etree.tostring(root)


def accept(document: bytes, world: World) -> object:
    verified = service_provider.accept(document, expected(idp=world.idp), decryption_keys=world.keys)
    who = verified.id, verified.subject, verified.stable_id, verified.not_on_or_after, verified.authentication
    return who, verified.provider_session, tuple(sorted(verified.attributes.items()))


def accept_field(field: bytes, world: World) -> object:
    return accept(bindings.decode_post(field.decode("utf-8", "surrogateescape")), world)


def read_logout(sent: bindings.Redirected | bytes, world: World) -> object:
    want = logout_wants(idp=world.idp)
    asks = sent.name == "SAMLRequest" if isinstance(sent, bindings.Redirected) else b"LogoutRequest" in sent
    if asks:
        return logout.read_request(sent, want, decryption_keys=world.keys)
    return logout.read_response(sent, want, request_id=LOGOUT_REQUEST)


def read_query(query: bytes, world: World) -> object:
    return read_logout(bindings.decode_redirect(query.decode("utf-8", "surrogateescape")), world)


def read_metadata(document: bytes, _world: World) -> object:
    return metadata.read_metadata(document, entity_id=None, development=False, now=NOW, signers=())


def read_signed_metadata(document: bytes, world: World) -> object:
    signers = (read_key(world.certificate),)
    read = metadata.read_metadata(document, entity_id=None, development=False, now=NOW, signers=signers)
    return read.entity_id, tuple(key.fingerprint for key in read.keys), read.sso_url, read.slo_redirect_url


def response(**knobs: Any) -> bytes:
    return peer().response(user=USER, acs_url=ACS, sp_entity_id=SP, request_id=REQUEST, now=NOW, **knobs)


def encrypted(**knobs: Any) -> bytes:
    return response(**{"encrypt": ("assertion",), "encrypt_to": ours().private.public_key()} | knobs)


def _responses() -> Iterator[bytes]:
    yield from (response(), response(sign="both"), response(sign="response", prefix="default", pretty=True))
    yield response(prefixes="xs", namespaces=' xmlns:xs="http://www.w3.org/2001/XMLSchema"')
    for parts in (("assertion",), ("name_id",), ("attributes",)):
        yield encrypted(encrypt=parts)
    yield encrypted(sign="response")


def _queries() -> Iterator[bytes]:
    documents = {
        "SAMLRequest": peer().slo.request(ZOE, SLO, post=False),
        "SAMLResponse": peer().slo.response(LOGOUT_REQUEST, SLO, post=False),
    }
    for name, document in documents.items():
        url = peer().slo.redirect_url(SLO, name=name, document=document, relay_state="r")
        yield url.partition("?")[2].encode()


def _logouts() -> Iterator[bytes]:
    yield peer().slo.request(ZOE, SLO, post=True)
    yield peer().slo.response(LOGOUT_REQUEST, SLO, post=True)


def _signed_metadata() -> Iterator[bytes]:
    root = etree.fromstring(peer().metadata())
    root.set("ID", "_metadata")
    root.insert(0, etree.Element(SIGNATURE))
    sign(root, peer().key, SignatureKnobs())
    yield etree.tostring(root)


def _fields() -> Iterator[bytes]:
    yield from (base64.b64encode(document) for document in _responses())
    yield base64.encodebytes(response())


RESPONSES = cache(lambda: tuple(_responses()))
LOGOUTS = cache(lambda: tuple(_logouts()))
METADATA = cache(lambda: (peer().metadata(),))
SIGNED_METADATA = cache(lambda: tuple(_signed_metadata()))
TARGETS: dict[str, Target] = {
    "response": Target(RESPONSES, accept, octets),
    "response-elements": Target(RESPONSES, accept, trees),
    "response-signed": Target(lambda: RESPONSES()[:4], accept, signed_trees, free=True),
    "field": Target(cache(lambda: tuple(_fields())), accept_field, octets),
    "query": Target(cache(lambda: tuple(_queries())), read_query, octets),
    "logout": Target(LOGOUTS, read_logout, octets),
    "logout-elements": Target(LOGOUTS, read_logout, trees),
    "metadata": Target(METADATA, read_metadata, octets, free=True),
    "metadata-elements": Target(METADATA, read_metadata, trees, free=True),
    "signed-metadata": Target(SIGNED_METADATA, read_signed_metadata, octets),
    "signed-metadata-elements": Target(SIGNED_METADATA, read_signed_metadata, trees),
}


@cache
def genuine(name: str) -> tuple[object, ...]:
    """Return what the untouched messages of a target say; each of them must be accepted."""
    target = TARGETS[name]
    return tuple(target.read(document, this_world()) for document in target.corpus())


def judge(name: str, document: bytes, world: World) -> object:
    """Give an input to its target; return what was read, None where it was refused.

    Raises:
        Failed: Another exception than a refusal, or too slow.
    """
    start = time.process_time()
    try:
        read = TARGETS[name].read(document, world)
    except FederationError:
        read = None
    except Exception as error:
        raise Failed(f"{type(error).__name__}: {error}") from error
    if (took := time.process_time() - start) > SLOW:
        raise Failed(f"it took {took:.2f} s of CPU")
    return read


def attempt(name: str, seed: int) -> bool:
    """Make one input from a seed and try it; return whether it was accepted.

    Raises:
        Failed: As ``judge``; or what was read is not what a genuine message says. The input is kept.
    """
    target, world = TARGETS[name], this_world()
    document = target.mutate(Random(f"{name} {seed}"), target.corpus())
    try:
        read = judge(name, document, world)
    except Failed as failed:
        failed.add_note(f"kept in {keep(name, document, world)}")
        raise
    if read is not None and not target.free and read not in genuine(name):
        raise Failed(f"accepted as {read!r}; kept in {keep(name, document, world)}")
    return read is not None


def keep(name: str, document: bytes, world: World) -> Path:
    """Write a failing input, with the keys of this run, where git does not look."""
    place = Path(__file__).parent.parent / "var" / "fuzz"
    place.mkdir(parents=True, exist_ok=True)
    file = place / f"{name}-{hashlib.sha256(document).hexdigest()[:16]}.json"
    parts = {"input": document, "certificate": world.certificate, "private_key": world.private_key}
    told = {part: base64.b64encode(value).decode() for part, value in parts.items()}
    file.write_text(json.dumps({"target": name, **told}))
    return file


def replay(file: Path) -> object:
    """Try a kept input again, with the keys of its run; return what was read of it."""
    kept = json.loads(file.read_text())
    world = World(*(base64.b64decode(kept[part]) for part in ("certificate", "private_key")))
    return judge(kept["target"], base64.b64decode(kept["input"]), world)
