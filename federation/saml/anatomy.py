"""A response taken apart for an administrator's eyes: nothing here is verified, and nothing is decided by it.

What the message says of itself, held beside what was expected; and its XML, indented, with what a
signature covers marked. Whoever made the message may have lied in every word. Pure.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from federation.errors import AssertionRefused, ConfigurationError
from federation.saml import parts, xml
from federation.saml.certificates import read_base64
from federation.saml.expected import Expected, Unsolicited
from federation.saml.xml import ASSERTION, DS, RESPONSE, SAML, SAMLP, SIGNATURE, SUCCESS, XENC, Element

_LONGEST: Final = 200_000  # characters shown of a document
_ELEMENTS: Final = 20_000
_NAMES: Final = {
    "urn:oasis:names:tc:SAML:2.0:assertion": "saml",
    "urn:oasis:names:tc:SAML:2.0:protocol": "samlp",
    "http://www.w3.org/2000/09/xmldsig#": "ds",
    "http://www.w3.org/2001/04/xmlenc#": "xenc",
}  # prefixes where a document uses none


@dataclass(frozen=True, slots=True)
class Segment:
    """Some lines of a document."""

    text: str
    signed: bool  # a signature says that it covers them; whether it holds, the checks tell


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """What a message says of itself."""

    segments: tuple[Segment, ...] = field(repr=False)
    issued_at: datetime | None = None  # of the Response
    pairs: Mapping[str, tuple[str, str]] = field(
        default_factory=dict, repr=False
    )  # code → expected, received
    algorithms: tuple[str, ...] = ()  # URIs, of signatures, digests and encryption
    certificates: tuple[bytes, ...] = field(default=(), repr=False)  # DER, as the message carries them
    status: tuple[str, ...] = ()  # codes, the outermost first
    status_message: str = ""


def read(document: bytes, want: Expected, *, plain: Element | None) -> Anatomy:
    """Take a message apart.

    Args:
        document: As received.
        want: What it was held against.
        plain: Its Assertion in the clear, where that was encrypted and could be opened; else None.
    """
    try:
        root = xml.parse(document, octets=xml.MESSAGE_OCTETS, elements=_ELEMENTS)
    except AssertionRefused:
        text = document[:_LONGEST].decode("utf-8", "replace")
        return Anatomy(segments=(Segment(text, signed=False),))
    assertion = root.find(ASSERTION)
    if assertion is None:
        assertion = plain
    segments = _indented(root)
    if plain is not None and root.find(ASSERTION) is None:
        segments += (Segment("\n", signed=False), *_indented(plain))
    return Anatomy(
        segments=segments,
        issued_at=parts.read_time(root, "IssueInstant", []),
        pairs=_pairs(root, assertion, want),
        algorithms=_algorithms(root),
        certificates=tuple(_certificates(root)),
        status=tuple(one.get("Value", "") for one in root.iter(SAMLP + "StatusCode")),
        status_message=_text(root.find(f"{SAMLP}Status/{SAMLP}StatusMessage")),
    )


def _pairs(root: Element, assertion: Element | None, want: Expected) -> dict[str, tuple[str, str]]:
    asked = "" if want.request_id is Unsolicited.UNSOLICITED else want.request_id
    said = {
        "saml.status": (
            SUCCESS, " / ".join(one.get("Value", "") for one in root.iter(SAMLP + "StatusCode"))
        ),
        "saml.destination": (want.acs_url, root.get("Destination", "")),
        "saml.response_issuer": (want.idp.entity_id, _text(root.find(SAML + "Issuer"))),
        "saml.response_in_response_to": (asked, root.get("InResponseTo", "")),
        "saml.signature": (
            ", ".join(key.fingerprint for key in want.idp.keys),
            ", ".join(one.hex() for one in _fingerprints(root)),
        ),
    }  # fmt: skip
    return said if assertion is None else said | _of_assertion(root, assertion, want, asked)


def _of_assertion(
    root: Element, assertion: Element, want: Expected, asked: str
) -> dict[str, tuple[str, str]]:
    now, terms = _iso(want.now), want.terms
    conditions = assertion.find(SAML + "Conditions")
    data = list(assertion.iter(SAML + "SubjectConfirmationData"))
    name = assertion.find(f"{SAML}Subject/{SAML}NameID")
    classes = [_text(one) for one in assertion.iter(SAML + "AuthnContextClassRef")]

    def both(attribute: str) -> str:
        return ", ".join(one.get(attribute, "") for one in data)

    def bound(attribute: str) -> str:
        return "" if conditions is None else conditions.get(attribute, "")

    return {
        "saml.version": ("2.0, 2.0", f"{root.get('Version', '')}, {assertion.get('Version', '')}"),
        "saml.issuer": (want.idp.entity_id, _text(assertion.find(SAML + "Issuer"))),
        "saml.issue_instant": (
            f"≤ {now}", f"{root.get('IssueInstant', '')}, {assertion.get('IssueInstant', '')}"
        ),
        "saml.audience": (
            terms.sp_entity_id, ", ".join(_text(one) for one in assertion.iter(SAML + "Audience"))
        ),
        "saml.recipient": (want.acs_url, both("Recipient")),
        "saml.in_response_to": (asked, both("InResponseTo")),
        "saml.confirmation_expired": (f"> {now}", both("NotOnOrAfter")),
        "saml.expired": (f"> {now}", bound("NotOnOrAfter")),
        "saml.not_yet_valid": (f"≤ {now}", bound("NotBefore")),
        "saml.name_id_format": (terms.name_id_format, "" if name is None else name.get("Format", "")),
        "saml.authn_context": (", ".join(sorted(terms.acrs)), ", ".join(classes)),
        "saml.signed": (terms.signed, ", ".join(_signed(root, assertion))),
    }  # fmt: skip


def _signed(root: Element, assertion: Element) -> Iterator[str]:
    for name, element in (("response", root), ("assertion", assertion)):
        if element.find(SIGNATURE) is not None:
            yield name


def _algorithms(root: Element) -> tuple[str, ...]:
    tags = (DS + "SignatureMethod", DS + "DigestMethod", XENC + "EncryptionMethod")
    return tuple(dict.fromkeys(one.get("Algorithm", "") for one in root.iter(*tags)))


def _certificates(root: Element) -> Iterator[bytes]:
    for signature in root.iter(SIGNATURE):
        for one in signature.iter(DS + "X509Certificate"):
            try:
                yield read_base64(one.text or "")
            except ConfigurationError:
                continue  # shown where it can be read, and no more


def _fingerprints(root: Element) -> Iterator[bytes]:
    for one in dict.fromkeys(_certificates(root)):
        yield hashlib.sha256(one).digest()


def _text(element: Element | None) -> str:
    return "" if element is None else "".join(map(str, element.itertext())).strip()


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


# The document, indented


def _indented(root: Element) -> tuple[Segment, ...]:
    """Return a document's lines, those that a signature covers apart from the others."""
    segments: list[Segment] = []
    left = _LONGEST
    for line, signed in _lines(root, 0, {}, signed=False):
        left -= len(line)
        if left < 0:
            segments.append(Segment("…\n", signed=False))
            break
        if segments and segments[-1].signed == signed:
            segments[-1] = Segment(segments[-1].text + line, signed)
        else:
            segments.append(Segment(line, signed))
    return tuple(segments)


def _lines(
    element: Element, depth: int, around: Mapping[str | None, str], *, signed: bool
) -> Iterator[tuple[str, bool]]:
    """Yield each line of an element, and whether it is signed: the gate lets no tree be deep."""
    signature = element.find(SIGNATURE)
    signed = signed or (signature is not None and element.tag in (RESPONSE, ASSERTION))
    here = element.nsmap
    fresh = {prefix: uri for prefix, uri in here.items() if around.get(prefix) != uri}
    told = [f'xmlns{":" + prefix if prefix else ""}="{_quoted(uri)}"' for prefix, uri in _in_order(fresh)]
    told += [f'{_name(str(name), here)}="{_quoted(str(value))}"' for name, value in element.attrib.items()]
    start = " ".join([f"{'  ' * depth}<{_name(str(element.tag), here)}", *told])
    end = f"</{_name(str(element.tag), here)}>\n"
    children = [one for one in element if isinstance(one.tag, str)]
    text = "" if children else _escaped("".join((element.text or "").split("\r")))
    if not children:
        yield (f"{start}>{text}{end}" if text else f"{start}/>\n"), signed
        return
    yield f"{start}>\n", signed
    for one in children:
        # An enveloped signature does not cover itself.
        yield from _lines(one, depth + 1, here, signed=signed and one is not signature)
    yield f"{'  ' * depth}{end}", signed


def _in_order(fresh: Mapping[str | None, str]) -> list[tuple[str, str]]:
    return sorted((prefix or "", uri) for prefix, uri in fresh.items())


def _name(name: str, prefixes: Mapping[str | None, str]) -> str:
    uri, found, local = name[1:].partition("}")
    if not name.startswith("{") or not found:
        return name
    prefix = next((one for one, its in prefixes.items() if its == uri and one is not None), None)
    if prefix is None and None in prefixes and prefixes[None] == uri:
        return local
    return f"{prefix or _NAMES.get(uri, 'xml')}:{local}"


def _escaped(text: str) -> str:
    return text.strip().replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', "&quot;")
