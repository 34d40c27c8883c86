"""The one parser and gate: only small, plain, unambiguous XML goes further.

Order: octets first (size, encoding, no DTD, no processing instruction), then one parse
without entities, network or comments, then one walk over the tree. STEPS is the list of what
is asked here and behind it. Pure: nothing is fetched, nothing external is resolved.
"""

import re
import threading
from collections.abc import Callable
from operator import itemgetter
from typing import NoReturn, TypeAlias

from lxml import etree

from federation.errors import AssertionRefused

Element: TypeAlias = etree._Element  # noqa: SLF001 (lxml has no public name for it)

# All of them, comments too, in order: lxml makes a slice in a third of the time that iterating takes.
children: Callable[[Element], list[Element]] = itemgetter(slice(None))

SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
SAMLP = "{urn:oasis:names:tc:SAML:2.0:protocol}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
XENC = "{http://www.w3.org/2001/04/xmlenc#}"
RESPONSE = SAMLP + "Response"
ASSERTION = SAML + "Assertion"
SIGNATURE = DS + "Signature"
EMAIL_ADDRESS = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"

MESSAGE_OCTETS = 256 * 1024  # a response with 500 groups has 50-110 kB
_ATTRIBUTES = 64  # on one element: canonicalization sorts them, at quadratic cost
_FEW_ATTRIBUTES = 512  # in all: too few to cost anything wherever they stand
_NAMESPACES = 32  # in scope at a signed element: canonicalization copies them, at quadratic cost
_SMALL = 16 * 1024  # octets in which namespaces cannot cost much
_DECLARATIONS = 800  # times the tags allowed: canonicalization looks through what is in scope at every tag
_FEW_DECLARATIONS = 100  # times the tags allowed: below it they may stand wherever they like
_NESTED = 64  # declarations in scope, where there are more
_MANY = 4_000  # tags: from there on they stand at few levels, because every tag is looked up through all
_TOO_DEEP = etree.XPath(f"boolean({'/*' * 25})")
# Canonicalization writes a name again at every element that uses it: 100 kB of it become gigabytes. Also
# read from the octets, where a declaration has one spelling.
_LONG_NAMESPACE = re.compile(rb"""xmlns(?::[^\s:="'<>]*)?\s*=\s*(?:"[^"]{257}|'[^']{257})""")
_ID_ENDINGS = frozenset({"ID", "Id", "id", "iD"})
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,255}")
_DECLARATION = re.compile(
    rb"""<\?xml[ \t\r\n]+version[ ]?=[ ]?["']1\.0["']"""
    rb"""(?:[ \t\r\n]+encoding[ ]?=[ ]?["'](?i:utf-8)["'])?"""
    rb"""(?:[ \t\r\n]+standalone[ ]?=[ ]?["'](?:yes|no)["'])?[ \t\r\n]*\?>"""
)
_DECLARATION_STARTS = (b"<?xml ", b"<?xml\t", b"<?xml\r", b"<?xml\n")
_NOT_COMMENT_OR_CDATA = re.compile(rb"<!(?!--|\[CDATA\[)")
# What ends an attribute's name that could be an identifier's, in whatever spelling. Also read from the
# octets: it may find more than there are, never fewer.
_MAYBE_ID = re.compile(rb"=(?<=[dD\s]=)(?:(?<=[iI][dD]=)|(?<=\s=))")

# Every step on the way to a verified message, in the order in which it is asked. Decryption comes
# behind the signature where that covers the ciphertext, and before it where it stands inside.
GATE: dict[str, str] = {
    "saml.too_large": "the message is larger than we read",
    "saml.encoding": "the message is not UTF-8, or declares another encoding",
    "saml.doctype": "the message holds a DTD",
    "saml.processing_instruction": "the message holds a processing instruction",
    "saml.not_xml": "the message is not well-formed XML",
    "saml.limits": "the message has too many elements, attributes, levels, namespaces or encrypted parts",
    "saml.id": "an identifier is malformed, repeated, or given in another attribute than ID",
    "saml.response": "the message is not one samlp:Response",
    "saml.encrypted": "an encrypted part is not shaped as SAML asks, or stands where none may",
    "saml.signature_place": "a signature stands elsewhere than once under the Response or the Assertion",
    "saml.status": "the identity provider reports that the sign-in failed",
    "saml.one_assertion": "the message does not hold exactly one Assertion, directly under the Response",
    "saml.unsigned": "neither the Response nor the Assertion is signed",
}  # fmt: skip
SIGNED: dict[str, str] = {
    "saml.signed_info": "the signature is not shaped as SAML asks",
    "saml.canonicalization": "the signature asks for another canonicalization than exclusive C14N",
    "saml.algorithm": "the signature uses an algorithm that is not allowed",
    "saml.transforms": "the transforms are not exactly enveloped-signature and exclusive C14N",
    "saml.reference": "the signature does not refer to exactly the element that it stands in",
    "saml.namespace": "a namespace name is not an absolute URI",
    "saml.signature": "no key of this identity provider made the signature",
    "saml.digest": "the signed element was changed after it was signed",
}  # fmt: skip
DECRYPTED: dict[str, str] = {
    "saml.encryption_algorithm": "an encrypted part uses an algorithm that is not allowed",
    "saml.decryption": "an encrypted part cannot be decrypted with our keys",
    "saml.plaintext": "what was encrypted is not plain XML that stands on its own",
}  # fmt: skip
STEPS: dict[str, str] = GATE | SIGNED | DECRYPTED


class _Parsers(threading.local):
    """One parser a thread: lxml serializes the users of a shared one."""

    def __init__(self) -> None:
        self.parser = etree.XMLParser(
            encoding="utf-8",  # whatever the document may declare
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            dtd_validation=False,
            attribute_defaults=False,
            huge_tree=False,
            collect_ids=False,  # nothing is ever looked up by its identifier
            remove_comments=True,  # exclusive C14N leaves them out as well
            remove_pis=False,
            strip_cdata=True,
        )


_PARSERS = _Parsers()


def refuse(step: str, detail: str = "") -> NoReturn:
    """Raise the refusal of a step, in its own words or in ``detail``, which is ours too."""
    raise AssertionRefused(step, detail or STEPS[step])


def parse(document: bytes, *, octets: int, elements: int) -> Element:
    """Parse foreign octets into a tree that has one reading only.

    Args:
        document: As received.
        octets: The most that we read.
        elements: The most tags (``<``) that we read.

    Raises:
        AssertionRefused: STEPS from ``saml.too_large`` to ``saml.id``.
    """
    if len(document) > octets:
        refuse("saml.too_large")
    tags, declarations = _read_octets(document, elements)
    root = reparse(document)
    if tags > _MANY and _TOO_DEEP(root):
        refuse("saml.limits")
    if tags * declarations > _FEW_DECLARATIONS * elements:
        _require_flat_namespaces(root)
    _require_plain_ids(root, document)
    return root


def reparse(document: bytes) -> Element:
    """Parse octets that passed ``parse`` or that we canonicalized ourselves.

    Raises:
        AssertionRefused: ``saml.not_xml``.
    """
    try:
        return etree.fromstring(document, _PARSERS.parser)
    except etree.LxmlError:
        refuse("saml.not_xml")


def _read_octets(document: bytes, elements: int) -> tuple[int, int]:
    """Return how many tags and declarations there are; of a small document, which is not counted, 0."""
    body = document.removeprefix(b"\xef\xbb\xbf")
    declaration = _DECLARATION.match(body)
    try:
        document.decode("utf-8")
    except UnicodeDecodeError:
        refuse("saml.encoding")
    if (declaration is None and body.startswith(_DECLARATION_STARTS)) or b"\0" in body:
        refuse("saml.encoding")
    # A single octet is looked for ten times faster than two, and is mostly absent.
    if b"!" in body and _NOT_COMMENT_OR_CDATA.search(body):
        refuse("saml.doctype")
    start = declaration.end() if declaration else 0
    if body.find(b"?", start) != -1 and body.find(b"<?", start) != -1:
        refuse("saml.processing_instruction")
    if len(body) > 4 * elements and body.count(b"<") > elements:  # the shortest one has four octets
        refuse("saml.limits")
    return _count(body, elements) if len(body) > _SMALL else (0, 0)


def _count(body: bytes, elements: int) -> tuple[int, int]:
    """Bound what canonicalization would cost before a digest tells that the content is not theirs.

    A signature that holds proves nothing here: it may be taken from any message of theirs, even
    from signed metadata, and stand over content of an attacker's.
    """
    tags, declarations = body.count(b"<"), body.count(b"xmlns")
    if tags * declarations > _DECLARATIONS * elements or _LONG_NAMESPACE.search(body):
        refuse("saml.limits")
    return tags, declarations


def _require_flat_namespaces(root: Element) -> None:
    """Declarations may be many side by side, as at each AttributeValue, but not inside each other."""
    scope = 0
    for event, _ in etree.iterwalk(root, events=("start-ns", "end-ns")):
        scope += 1 if event == "start-ns" else -1
        if scope > _NESTED:
            refuse("saml.limits")


def _require_plain_ids(root: Element, document: bytes) -> None:
    """Identifiers stand in unprefixed ID attributes, each once, so that nobody reads another one."""
    top = [one for element in (root, *children(root)) if (one := element.get("ID")) is not None]
    few = document.count(b"=") <= _FEW_ATTRIBUTES
    if not few or len(_MAYBE_ID.findall(document)) != len(top):
        top = _walk(root)
    if len(set(top)) != len(top) or not all(map(_ID.fullmatch, top)):
        refuse("saml.id")


def _walk(root: Element) -> list[str]:
    """Return every identifier, from every element."""
    found = []
    for element in root.iter():
        names = element.keys()
        if len(names) > _ATTRIBUTES:
            refuse("saml.limits")
        for name in names:
            if name[-2:] not in _ID_ENDINGS:
                continue
            # XML-DSig's and XML-Enc's own elements spell it Id; everywhere else only SAML's ID is one.
            if name == "ID" or (name == "Id" and str(element.tag).startswith((DS, XENC))):
                found.append(element.get(name, ""))
            elif str(name).rpartition("}")[2].lower() == "id":
                refuse("saml.id")
    return found


def require_plain_namespaces(element: Element) -> None:
    """Look at the namespaces in scope at an element that is to be canonicalized.

    What is declared further inside is libxml2's to refuse, when it canonicalizes that.

    Raises:
        AssertionRefused: ``saml.limits``, ``saml.namespace``.
    """
    scope = element.nsmap
    if len(scope) > _NAMESPACES:
        refuse("saml.limits")
    if not all(":" in name for name in scope.values()):
        refuse("saml.namespace")


def library_fault() -> str | None:
    """Say why lxml and xmlsec cannot share a tree, or None.

    Both carry their own libxml2; where the two disagree, passing a tree from one to the other
    corrupts memory. Nothing on the way of a sign-in does that, but signing does.
    """
    ours = ".".join(map(str, etree.LIBXML_VERSION))
    try:
        import xmlsec  # noqa: PLC0415 (half a sign-in's time to import, and only asked at start)
    except ImportError as error:
        return f"xmlsec cannot be imported ({type(error).__name__}); install the pair of the lock file"
    except Exception as error:  # noqa: BLE001 (xmlsec.Error exists only once the import worked)
        return f"xmlsec refuses lxml's libxml2 {ours}: {error}; install the pair of the lock file"
    theirs = ".".join(map(str, xmlsec.get_libxml_version()))
    if theirs == ours:
        return None
    return f"lxml carries libxml2 {ours} and xmlsec {theirs}; install the pair of the lock file"
