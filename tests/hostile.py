"""Responses of up to 256 KiB that nobody should have to work for: one corpus for tests and benchmarks.

Each is refused, by one of the codes that stand with it or by ``saml.limits``. Those of ``_borrowed``
are a genuine message of the IdP (any member of it has one) with something hostile put into it:
the key speaks for SignedInfo alone, so all of it is canonicalized before the digest says no.
"""
# ruff: noqa: E501 (one shape, one line)

from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from typing import NamedTuple

from saml_peer import encryption_key, response

from federation.saml.xml import MESSAGE_OCTETS

DS = "http://www.w3.org/2000/09/xmldsig#"
XS = ' xmlns:xs="http://www.w3.org/2001/XMLSchema"'
RESPONSE = '<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_a"'
END = "</samlp:Response>"
HERE = "HERE"


class Hostile(NamedTuple):
    """A message, and the codes that may refuse it."""

    name: str
    document: bytes
    codes: frozenset[str]


def fill(unit: str | Callable[[int], str], room: int, *, most: int = 1_000_000) -> str:
    """Repeat a unit (or what it says for each number) as often as it fits."""
    parts: list[str] = []
    for number in range(most):
        part = unit(number) if callable(unit) else unit
        room -= len(part.encode())
        if room < 0:
            break
        parts.append(part)
    return "".join(parts)


def nested(opening: Callable[[int], str], closing: str, depth: int, inner: str = "") -> str:
    return "".join(map(opening, range(depth))) + inner + closing * depth


def _bare() -> Iterator[tuple[str, str, str]]:
    room = MESSAGE_OCTETS - 400

    def whole(inner: str, attributes: str = "") -> str:
        return f"{RESPONSE}{attributes}>{inner}{END}"

    yield "deep", "saml.not_xml", whole(nested(lambda _: f"<a b='{'x' * 12}'>", "</a>", 9_900))
    yield (
        "deep, each level declares",
        "saml.limits",
        whole(nested(lambda n: f'<a xmlns:a{n}="u:{n}">', "</a>", 9_000)),
    )
    yield (
        "deep, as deep as is read",
        "saml.one_assertion",
        whole(nested(lambda n: f'<a xmlns:a{n}="u:{n}" a{n}:b="">', "</a>", 250)),
    )
    yield "wide", "saml.limits", whole(fill("<a/>", room))
    yield "wide, as wide as is read", "saml.one_assertion", whole(fill("<a b=''/>", room, most=19_990))
    yield "wide, four attributes each", "saml.one_assertion", whole(fill("<a b='' c='' d='' e=''/>", room))
    yield "identifiers", "saml.one_assertion", whole(fill(lambda n: f'<a ID="_{n}"/>', room))
    yield "one identifier", "saml.id", whole(fill("<a ID='_x'/>", room, most=19_000))
    yield "prefixed identifiers", "saml.id", whole(fill("<a samlp:id='_x'/>", room))
    yield "attributes", "saml.limits", whole("", fill(lambda n: f" a{n}=''", room))
    yield (
        "attributes, 64 each",
        "saml.one_assertion",
        whole(fill("<a" + "".join(f" a{n}=''" for n in range(64)) + "/>", room)),
    )
    yield "attributes, one name", "saml.not_xml", whole("", fill(" a=''", room))
    yield (
        "attributes of namespaces",
        "saml.limits",
        whole("", fill(lambda n: f" xmlns:a{n}='u:{n}' a{n}:b=''", room)),
    )
    yield "long attribute", "saml.one_assertion", whole("", f" a='{'&quot;' * (room // 6 - 8)}'")
    yield "long name", "saml.one_assertion", whole(f"<{'a' * 49_000}/>" * 5)
    yield "namespaces", "saml.one_assertion saml.limits", whole("", fill(lambda n: f" xmlns:a{n}='u:'", room))
    yield "namespaces, one each", "saml.limits", whole(fill(lambda n: f"<a xmlns:a{n}='u:{n}'/>", room))
    yield "namespaces, default", "saml.limits", whole(fill(lambda n: f"<a xmlns='u:{n}'/>", room))
    yield "long namespace", "saml.limits", whole(f"<a xmlns='u:{'a' * 100_000}'>" + "<b/>" * 19_000 + "</a>")
    yield (
        "signatures",
        "saml.signature_place",
        whole(fill("<s:Signature/>", room, most=19_990), f" xmlns:s='{DS}'"),
    )
    yield (
        "nested signatures",
        "saml.signature_place",
        whole(nested(lambda _: "<s:Signature>", "</s:Signature>", 250), f" xmlns:s='{DS}'"),
    )
    yield (
        "assertions",
        "saml.one_assertion",
        whole(fill("<s:Assertion/>", room, most=19_990), " xmlns:s='urn:oasis:names:tc:SAML:2.0:assertion'"),
    )
    yield (
        "encrypted assertions",
        "saml.one_assertion",
        whole(fill("<s:EncryptedAssertion/>", room), " xmlns:s='urn:oasis:names:tc:SAML:2.0:assertion'"),
    )
    yield (
        "encrypted names",
        "saml.one_assertion",
        whole(fill("<s:EncryptedID/>", room), " xmlns:s='urn:oasis:names:tc:SAML:2.0:assertion'"),
    )
    yield (
        "status codes",
        "saml.status",
        whole(
            nested(lambda _: "<samlp:StatusCode Value='x'>", "</samlp:StatusCode>", 200)
            + fill("<samlp:StatusCode Value='x'/>", room - 20_000)
        ),
    )
    yield "text", "saml.one_assertion", whole("x" * room)
    yield "references to characters", "saml.one_assertion", whole(fill("&#x9;", room))
    yield "references to entities", "saml.one_assertion", whole(fill("&amp;", room))
    yield "unknown entities", "saml.not_xml", whole(fill("&a;", room))
    yield (
        "entities that grow",
        "saml.doctype",
        "<!DOCTYPE r [" + fill(lambda n: f'<!ENTITY a{n} "&a{n - 1};&a{n - 1};">', room) + "]><r>&a99;</r>",
    )
    yield "comments", "saml.limits", whole(fill("<!---->", room))
    yield "long comment", "saml.one_assertion", whole(f"<!--{' -' * (room // 2 - 8)} -->")
    yield "CDATA", "saml.limits", whole(fill("<![CDATA[]]>", room, most=30_000))
    yield "instructions", "saml.processing_instruction", whole(fill("<?a?>", room))
    yield "question marks", "saml.one_assertion", whole("?" * room)
    yield "exclamation marks", "saml.one_assertion", whole("!" * room)
    yield "equals signs", "saml.one_assertion", whole("=" * room)
    yield "spaces, then equals signs", "saml.one_assertion", whole(" " * (room // 2) + "=" * (room // 2))
    yield "spaces and equals signs", "saml.one_assertion", whole(" =" * (room // 2))
    yield "words of declarations", "saml.one_assertion", whole(fill("xmlns:", room, most=39_000))
    yield "a word and spaces", "saml.one_assertion", whole("xmlns" + " " * (room - 8))
    yield "words and equals signs", "saml.one_assertion", whole(fill("xmlns = ", room, most=39_000))
    yield "words and a quote", "saml.one_assertion", whole(fill("xmlns=&quot;", room, most=39_000))
    yield "spaces in a declaration", "saml.encoding", f'<?xml version="1.0"{" " * room}standalone="x"?><r/>'
    yield "cut short", "saml.not_xml", whole(fill("<a b='c'>", room, most=200) + "x" * 200_000)[:-1]
    yield "not UTF-8 at its end", "saml.encoding", whole("é" * (room // 2)) + "\udcff"


_BORROWED: list[tuple[str, str, str | Callable[[int], str]]] = [
    # what                        declared on the Response, or ""
    ("wide", "", "<a/>"),
    ("wide, an attribute each", "", "<a b=''/>"),
    ("sixty names that sort", "", "<a " + " ".join(f"a{99 - n}=''" for n in range(60)) + "/>"),
    ("twenty names that sort", "", "<a " + " ".join(f"a{99 - n}=''" for n in range(20)) + "/>"),
    ("one namespace each", "", lambda n: f"<a xmlns:p{n}='u:{n}' p{n}:c='2'/>"),
    ("two namespaces each", "", lambda n: f"<x a{n}='{n}'><y b='1' xmlns:p{n}='u:{n}' p{n}:c='2'/></x>"),
    ("default namespace each", "", lambda n: f"<a xmlns='u:{n}'/>"),
    ("sixty attributes in one namespace", " xmlns:q='u:q'", "<a " + " ".join(f"q:a{n}=''" for n in range(60)) + "/>"),
    *((f"{count} attributes in as many{kind} namespaces", "".join(f" xmlns:q{n}='u:{n}{'q' * length}'" for n in range(count)),
       "<a " + " ".join(f"q{n}:a=''" for n in range(count)) + "/>") for count in (28, 20) for kind, length in (("", 0), (" long", 250), (" rather long", 120))),
    ("characters that grow", "", "&#xD;"),
    ("quotes that grow", "", "<a b='" + "&quot;" * 5_000 + "'/>"),
    ("brackets that grow", "", ">"),
    ("text", "", "x" * 1_000),
    ("white space", "", " \n"),
    ("long names", "", f"<{'a' * 5_000}/>"),
    ("long namespace", "", f"<a xmlns='u:{'a' * 250}'/>"),
    ("prefix of a long namespace", f" xmlns:q='u:{'a' * 240}'", "<q:a/>"),
]  # fmt: skip
_PLACES = {  # where it is put: what is signed, and the text before which it stands
    "in a signed Response": ("response", "</samlp:Response>"),
    "in a signed Assertion": ("assertion", "</saml:AttributeStatement>"),
}


def _borrowed() -> Iterator[tuple[str, str, str]]:
    for place, (sign, before) in _PLACES.items():
        for name, declared, unit in _BORROWED:
            genuine = response(sign=sign, namespaces=XS + declared, prefixes="xs").decode()
            assert before in genuine
            inner = fill(unit, MESSAGE_OCTETS - len(genuine.encode()), most=19_800)
            yield f"{name}, {place}", "saml.digest saml.limits", genuine.replace(before, inner + before)
        genuine = response(sign=sign, namespaces=XS, prefixes="xs").decode()
        room = MESSAGE_OCTETS - len(genuine.encode()) - 8_000
        for (depth, each), use in product(_DEPTHS, (False, True)):
            levels = _levels(depth, each, use=use)
            for leaf in ("<a/>", "<a xs:b=''/>", "<xs:a/>"):
                inner = levels.replace(
                    HERE, fill(leaf, room - len(levels), most=19_000 if depth < 33 else 3_200)
                )
                name = (
                    f"{each} {'used' if use else 'declared'} at each of {depth} levels, then {leaf}, {place}"
                )
                yield name, "saml.digest saml.limits", genuine.replace(before, inner + before)


_DEPTHS = (
    (20, 2),
    (20, 30),
    (60, 60),
    (100, 30),
    (230, 1),
    (230, 4),
    (230, 16),
)  # levels, namespaces of each


def _levels(depth: int, each: int, *, use: bool) -> str:
    """Declare that many namespaces at each level; where ``use`` is, a name of each stands there too."""

    def opening(level: int) -> str:
        numbers = range(level * each, (level + 1) * each)
        return "<a" + "".join(f" xmlns:d{n}='u:{n}'" + f" d{n}:b=''" * use for n in numbers) + ">"

    return nested(opening, "</a>", depth, HERE)


def _encrypted() -> Iterator[tuple[str, str, str]]:
    """Anybody can encrypt to us: what comes out is read again, and may borrow a signature."""
    for name, unit in (
        ("wide", "<a/>"),
        ("wide, an attribute each", "<a b=''/>"),
        ("deep", nested(lambda n: f"<a xmlns:d{n}='u:{n}' d{n}:b=''>", "</a>", 200, "<a/>" * 8_000)),
        ("text", "x" * 100),
    ):
        before = "</saml:AttributeStatement>"
        inner = fill(unit, 180_000, most=18_000)
        yield (
            f"{name}, encrypted",
            "saml.digest saml.plaintext",
            response(
                encrypt=("assertion",),
                encrypt_to=encryption_key().public_key(),
                plaintext_rewrite=((before, inner + before),),
            ).decode(),
        )


def _signatures() -> Iterator[tuple[str, str, str]]:
    """A Signature that is large itself."""
    genuine = response(prefixes="xs", namespaces=XS).decode()
    room = MESSAGE_OCTETS - len(genuine.encode()) - 100
    for what, code, before, unit in (
        ("a long value", "saml.signature saml.signed_info", "</ds:SignatureValue>", "QUJD"),
        ("a long value with line ends", "saml.signature saml.signed_info", "</ds:SignatureValue>", "QUJD\n"),
        ("a long value that is none", "saml.signed_info", "</ds:SignatureValue>", "="),
        ("a long digest", "saml.signature saml.signed_info", "</ds:DigestValue>", "QUJD"),
        ("a long certificate", "saml.digest", "</ds:X509Certificate>", "QUJD"),
        ("certificates", "saml.digest", "</ds:X509Data>", "<ds:X509Certificate>QUJD</ds:X509Certificate>"),
        ("references", "saml.signed_info", "</ds:SignedInfo>", "<ds:Reference/>"),
        (
            "transforms",
            "saml.signed_info saml.transforms",
            "</ds:Transforms>",
            "<ds:Transform Algorithm=''/>",
        ),
        ("prefixes", "saml.transforms", 'xs"/>', "p "),
        ("objects", "saml.signed_info", "</ds:Signature>", "<ds:Object/>"),
    ):
        assert before in genuine, before
        document = genuine.replace(
            before, fill(unit, room, most=60_000 if "<" not in unit else 9_000) + before
        )
        yield f"{what} in the Signature", code, document.replace("</saml:NameID>", "x</saml:NameID>")


def _around() -> Iterator[tuple[str, str, str]]:
    """An unsigned Response around a genuine Assertion: its parts are read, and only ever refuse."""
    genuine = response().decode()
    room = MESSAGE_OCTETS - len(genuine.encode())
    place = "<samlp:Status>"
    for name, unit in (
        ("children", "<a/>"),
        ("children of each name", lambda n: f"<a{n // 2}/>"),
        ("statuses", "<samlp:Status/>"),
        ("issuers", "<saml:Issuer xmlns:saml='urn:oasis:names:tc:SAML:2.0:assertion'/>"),
    ):
        yield (
            f"many {name} around a genuine Assertion",
            "saml.malformed saml.limits",
            genuine.replace(place, fill(unit, room, most=19_000) + place),
        )


@cache
def corpus() -> tuple[Hostile, ...]:
    """Return every message of at most 256 KiB that must be refused at little cost."""
    made = (*_bare(), *_borrowed(), *_signatures(), *_around(), *_encrypted())
    return tuple(
        Hostile(name, text.encode("utf-8", "surrogateescape"), frozenset({*codes.split(), "saml.limits"}))
        for name, codes, text in made
    )
