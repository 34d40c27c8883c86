"""Restricted XML-Enc: every way to be wrong, each with its code, and what nobody may learn from one."""

# ruff: noqa: E501 (one message, one line)

from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree
from saml_peer import USER, accept, encrypted, encryption_key, refusal, response

from federation.demo.saml_encryption import ENC11, ENCRYPTED_KEY
from federation.demo.saml_wrapping import FORGED
from federation.errors import AssertionRefused
from federation.saml import xml

XENC = xml.XENC[1:-1]
DS = xml.DS[1:-1]
SAML = xml.SAML[1:-1]
MAIL = USER.email
CBC_NAMED = frozenset({"cbc"})
EVERYTHING = frozenset({"sha1", "cbc", "rsa1_5", "tripledes"})
PARTS = [
    ("assertion",),
    ("name_id",),
    ("attributes",),
    ("name_id", "attributes"),
    ("assertion", "name_id", "attributes"),
]
EXPLAINED = "an encrypted part cannot be decrypted with our keys"  # the one text of every decryption failure


@cache
def another(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


ASSERTION = f'<saml:Assertion xmlns:saml="{SAML}" ID="_x" Version="2.0"/>'
INSIDE = f'<saml:EncryptedID xmlns:saml="{SAML}"/>'


def algorithm(old: str, new: str) -> dict[str, Any]:
    return {"encrypted_rewrite": ((f'"{old}"', f'"{new}"'),)}


def turned(old: str, new: str, **knobs: Any) -> dict[str, Any]:
    return {"encrypted_rewrite": ((old, new),), **knobs}


_OAEP = f"{XENC}rsa-oaep-mgf1p"
_GCM = f"{ENC11}aes256-gcm"
_EMPTY_METHOD = f'<xenc:EncryptionMethod Algorithm="{_OAEP}"></xenc:EncryptionMethod>'
# Each is tried under a signed Response, where we look inside only once its signature held, and under none.
FAULTS: list[tuple[str, str, dict[str, Any]]] = [
    # what                              code                         knobs
    # --- nothing comes out: one code
    ("initialization vector changed",    "saml.decryption",           {"spoil": "iv"}),
    ("ciphertext changed",               "saml.decryption",           {"spoil": "ciphertext"}),
    ("tag changed",                      "saml.decryption",           {"spoil": "tag"}),
    ("tag cut to 12 octets",             "saml.decryption",           {"spoil": "short tag"}),
    ("no tag",                           "saml.decryption",           {"spoil": "no tag"}),
    ("encrypted key changed",            "saml.decryption",           {"spoil": "key"}),
    ("encrypted key cut",                "saml.decryption",           {"spoil": "cut key"}),
    ("for somebody else",                "saml.decryption",           {"encrypt_to": "another"}),
    ("for somebody else's longer key",   "saml.decryption",           {"encrypt_to": "longer"}),
    ("content key too short",            "saml.decryption",           {"cipher": "aes128-gcm", **turned("aes128-gcm", "aes256-gcm")}),
    ("content key too long",             "saml.decryption",           turned("aes256-gcm", "aes128-gcm")),
    ("another digest than was used",     "saml.decryption",           {"transport": "rsa-oaep", "oaep_digest": "sha256", **turned("xmlenc#sha256", "xmlenc#sha512")}),
    ("another mask than was used",       "saml.decryption",           {"transport": "rsa-oaep", "oaep_mask": "sha256", **turned("mgf1sha256", "mgf1sha512")}),
    ("the mask of the other method",     "saml.decryption",           {"transport": "rsa-oaep", "oaep_mask": "sha256", "encrypted_rewrite": ((f'<xenc11:MGF xmlns:xenc11="{ENC11}" Algorithm="{ENC11}mgf1sha256"/>', ""),)}),
    ("empty CipherValue of the data",    "saml.decryption",           {"encrypted_sub": (r"<xenc:CipherValue>[^<]+</xenc:CipherValue>(</xenc:CipherData></xenc:EncryptedData>)", r"<xenc:CipherValue/>\1")}),
    ("empty CipherValue of the key",     "saml.decryption",           {"encrypted_sub": (r"<xenc:CipherValue>[^<]+</xenc:CipherValue>(</xenc:CipherData><xenc:ReferenceList>)", r"<xenc:CipherValue/>\1")}),
    # --- algorithms
    ("unknown cipher",                   "saml.encryption_algorithm", algorithm(_GCM, f"{XENC}aes256-ctr")),
    ("no cipher's name",                 "saml.encryption_algorithm", algorithm(_GCM, "")),
    ("ChaCha20",                         "saml.encryption_algorithm", algorithm(_GCM, "http://www.w3.org/2021/04/xmldsig-more#chacha20poly1305")),
    ("3DES",                             "saml.encryption_algorithm", {"cipher": "tripledes-cbc"}),
    ("RSA 1.5",                          "saml.encryption_algorithm", {"transport": "rsa-1_5"}),
    ("AES key wrap",                     "saml.encryption_algorithm", algorithm(_OAEP, f"{XENC}kw-aes256")),
    ("unknown key transport",            "saml.encryption_algorithm", algorithm(_OAEP, f"{XENC}rsa")),
    ("OAEP with MD5",                    "saml.encryption_algorithm", {"oaep_digest": "sha256", **turned(f"{XENC}sha256", "http://www.w3.org/2001/04/xmldsig-more#md5")}),
    ("mask of an unknown name",          "saml.encryption_algorithm", {"transport": "rsa-oaep", "oaep_mask": "sha256", **turned("mgf1sha256", "mgf1md5")}),
    ("a mask where it has no place",     "saml.encryption_algorithm", {"oaep_mask": "sha1"}),
    ("OAEP parameters",                  "saml.encryption_algorithm", turned(_EMPTY_METHOD, f'<xenc:EncryptionMethod Algorithm="{_OAEP}"><xenc:OAEPparams Algorithm="x"/></xenc:EncryptionMethod>')),
    # --- shape
    ("OAEP parameters of one's own",     "saml.encryption_algorithm", turned(_EMPTY_METHOD, f'<xenc:EncryptionMethod Algorithm="{_OAEP}"><xenc:OAEPparams>AA==</xenc:OAEPparams></xenc:EncryptionMethod>')),
    ("two digests",                      "saml.encrypted",            {"oaep_digest": "sha1", **turned("</xenc:EncryptionMethod>", f'<ds:DigestMethod Algorithm="{DS}sha1"/></xenc:EncryptionMethod>')}),
    ("child of the digest",              "saml.encrypted",            {"oaep_digest": "sha1", **turned(f'<ds:DigestMethod Algorithm="{DS}sha1"/>', f'<ds:DigestMethod Algorithm="{DS}sha1"><x/></ds:DigestMethod>')}),
    ("two EncryptedKeys",                "saml.encrypted",            {"encrypted_keys": 2, "key_place": "inside"}),
    ("two EncryptedKeys beside",         "saml.encrypted",            {"encrypted_keys": 2, "key_place": "beside"}),
    ("no EncryptedKey",                  "saml.encrypted",            {"encrypted_keys": 0}),
    ("no EncryptedKey beside",           "saml.encrypted",            {"encrypted_keys": 0, "key_place": "beside"}),
    ("a pointer and no key",             "saml.encrypted",            {"encrypted_keys": 0, "key_place": "pointed"}),
    ("inside and beside",                "saml.encrypted",            turned("</saml:Encrypted", f"<xenc:EncryptedKey>{_EMPTY_METHOD}</xenc:EncryptedKey></saml:Encrypted")),
    ("remote RetrievalMethod",           "saml.encrypted",            {"key_place": "pointed", "encrypted_sub": (r'URI="#_\w+"/></ds:KeyInfo>', 'URI="https://evil.example/key"/></ds:KeyInfo>')}),
    ("RetrievalMethod into a file",      "saml.encrypted",            {"key_place": "pointed", "encrypted_sub": (r'URI="#_\w+"/></ds:KeyInfo>', 'URI="file:///dev/random"/></ds:KeyInfo>')}),
    ("RetrievalMethod to another ID",    "saml.encrypted",            {"key_place": "pointed", "encrypted_sub": (r'URI="#_\w+"/></ds:KeyInfo>', 'URI="#_other"/></ds:KeyInfo>')}),
    ("RetrievalMethod to nothing",       "saml.encrypted",            {"key_place": "pointed", "encrypted_sub": (r'URI="#_\w+"/></ds:KeyInfo>', "/></ds:KeyInfo>")}),
    ("RetrievalMethod, no Id",           "saml.encrypted",            {"key_place": "pointed", "encrypted_sub": (r'<xenc:EncryptedKey Id="\w+"', "<xenc:EncryptedKey")}),
    ("RetrievalMethod of another type",  "saml.encrypted",            {"key_place": "pointed", **turned(f'Type="{ENCRYPTED_KEY}"', 'Type="http://www.w3.org/2000/09/xmldsig#X509Data"')}),
    ("RetrievalMethod with transforms",  "saml.encrypted",            {"key_place": "pointed", "encrypted_sub": (r'(URI="#_\w+")/></ds:KeyInfo>', r"\1><ds:Transforms/></ds:RetrievalMethod></ds:KeyInfo>")}),
    ("two RetrievalMethods",             "saml.encrypted",            {"key_place": "pointed", "encrypted_sub": (r"(<ds:RetrievalMethod [^>]+>)", r"\1\1")}),
    ("RetrievalMethod to the key inside", "saml.encrypted",           {"encrypted_sub": (r'(<xenc:EncryptedKey Id="(\w+)")', r'<ds:RetrievalMethod URI="#\2"/>\1')}),
    ("key agreement",                    "saml.encrypted",            {"encrypted_sub": (r"<xenc:EncryptedKey.*</xenc:EncryptedKey>", "<xenc:AgreementMethod/>")}),
    ("something else in KeyInfo",        "saml.encrypted",            turned("<ds:KeyInfo><xenc:EncryptedKey", "<ds:KeyInfo><ds:SPKIData/><xenc:EncryptedKey")),
    ("something else in the key's KeyInfo", "saml.encrypted",         turned("<ds:KeyName>ours</ds:KeyName>", '<ds:RetrievalMethod URI="https://evil.example"/>')),
    ("key in the key",                   "saml.encrypted",            turned("<ds:KeyName>ours</ds:KeyName>", "<xenc:EncryptedKey/>")),
    ("CipherReference for the data",     "saml.encrypted",            {"encrypted_sub": (r"<xenc:CipherValue>[^<]+</xenc:CipherValue>(</xenc:CipherData></xenc:EncryptedData>)", r'<xenc:CipherReference URI="file:///dev/random"/>\1')}),
    ("CipherReference for the key",      "saml.encrypted",            {"encrypted_sub": (r"<xenc:CipherValue>[^<]+</xenc:CipherValue>(</xenc:CipherData><xenc:ReferenceList>)", r'<xenc:CipherReference URI="https://evil.example"/>\1')}),
    ("value and reference",              "saml.encrypted",            turned("</xenc:CipherValue>", '</xenc:CipherValue><xenc:CipherReference URI="#x"/>')),
    ("two values",                       "saml.encrypted",            turned("</xenc:CipherValue>", "</xenc:CipherValue><xenc:CipherValue>AAAA</xenc:CipherValue>")),
    ("element in a value",               "saml.encrypted",            turned("</xenc:CipherValue>", "<x/></xenc:CipherValue>")),
    ("value that is not base64",         "saml.encrypted",            turned("<xenc:CipherValue>", "<xenc:CipherValue>!")),
    ("Type Content",                     "saml.encrypted",            {"encrypted_type": f"{XENC}Content"}),
    ("Type of something else",           "saml.encrypted",            {"encrypted_type": "http://www.isi.edu/in-notes/iana/assignments/media-types/text/xml"}),
    ("empty Type",                       "saml.encrypted",            {"encrypted_type": ""}),
    ("no EncryptionMethod",              "saml.encrypted",            {"encrypted_sub": (r"(<xenc:EncryptedData[^>]*>)<xenc:EncryptionMethod [^>]*>", r"\1")}),
    ("no EncryptionMethod of the key",   "saml.encrypted",            turned(_EMPTY_METHOD, "")),
    ("two EncryptionMethods",            "saml.encrypted",            turned(_EMPTY_METHOD, _EMPTY_METHOD * 2)),
    ("EncryptionMethod without a name",  "saml.encrypted",            turned(f'<xenc:EncryptionMethod Algorithm="{_GCM}"/>', "<xenc:EncryptionMethod/>")),
    ("child of the data's method",       "saml.encrypted",            turned(f'Algorithm="{_GCM}"/>', f'Algorithm="{_GCM}"><xenc:KeySize>256</xenc:KeySize></xenc:EncryptionMethod>')),
    ("properties of the data",           "saml.encrypted",            turned("</xenc:EncryptedData>", "<xenc:EncryptionProperties/></xenc:EncryptedData>")),
    ("properties of the key",            "saml.encrypted",            turned("<xenc:ReferenceList>", "<xenc:EncryptionProperties/><xenc:ReferenceList>")),
    ("key for other data",               "saml.encrypted",            {"encrypted_sub": (r'DataReference URI="#_\w+"', 'DataReference URI="#_other"')}),
    ("key for several data",             "saml.encrypted",            {"encrypted_sub": (r"(<xenc:DataReference [^>]+>)", r"\1\1")}),
    ("key for a key",                    "saml.encrypted",            turned("xenc:DataReference", "xenc:KeyReference")),
    ("no data",                          "saml.encrypted",            {"encrypted_sub": (r"<xenc:EncryptedData.*</xenc:EncryptedData>", "")}),
    ("data of another name",             "saml.encrypted",            turned("xenc:EncryptedData", "xenc:Data")),
    ("key of another name beside",       "saml.encrypted",            {"key_place": "beside", **turned("xenc:EncryptedKey", "xenc:Key")}),
    ("two data",                         "saml.encrypted",            turned("</xenc:EncryptedData>", "</xenc:EncryptedData><xenc:EncryptedData/>")),
    ("data behind its key",              "saml.encrypted",            {"key_place": "beside", "encrypted_sub": (r"(<xenc:EncryptedData.*</xenc:EncryptedData>)(<xenc:EncryptedKey.*</xenc:EncryptedKey>)", r"\2\1")}),
    ("something beside the data",        "saml.encrypted",            turned("</xenc:EncryptedData>", "</xenc:EncryptedData><x/>")),
    ("data in another namespace",        "saml.id",                   {"encrypted_rewrite": ((f'xmlns:xenc="{XENC}"', f'xmlns:xenc="{XENC}x"'),)}),
    # --- what comes out
    ("a Response comes out",             "saml.encrypted",            {"plaintext": f'<samlp:Response xmlns:samlp="{xml.SAMLP[1:-1]}"/>'}),
    ("ciphertext comes out",             "saml.encrypted",            {"plaintext": f'<saml:EncryptedAssertion xmlns:saml="{SAML}"/>'}),
    ("data comes out",                   "saml.encrypted",            {"plaintext": f'<xenc:EncryptedData xmlns:xenc="{XENC}"/>'}),
    ("the Assertion in something",       "saml.encrypted",            {"plaintext": f"<x>{ASSERTION}</x>"}),
    ("another namespace's Assertion",    "saml.encrypted",            {"plaintext": '<Assertion ID="_x"/>'}),
    ("something comes out twice",        "saml.plaintext",            {"plaintext": ASSERTION * 2}),
    ("text comes out",                   "saml.plaintext",            {"plaintext": "text"}),
    ("nothing comes out",                "saml.decryption",           {"plaintext": ""}),
    ("an Assertion and text",            "saml.plaintext",            {"plaintext": f"{ASSERTION}text"}),
    ("a DTD comes out",                  "saml.plaintext",            {"plaintext": f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>{ASSERTION}'}),
    ("an instruction comes out",         "saml.plaintext",            {"plaintext": f"<?xml-stylesheet href='x'?>{ASSERTION}"}),
    ("another encoding comes out",       "saml.plaintext",            {"plaintext": f'<?xml version="1.0" encoding="UTF-7"?>{ASSERTION}'}),
    ("a prefix without declaration",     "saml.plaintext",            {"plaintext": '<saml:Assertion ID="_x"/>'}),
    ("an identifier twice",              "saml.plaintext",            {"plaintext": ASSERTION.replace("/>", '><x ID="_x"/></saml:Assertion>')}),
    ("xml:id comes out",                 "saml.plaintext",            {"plaintext": ASSERTION.replace("/>", ' xml:id="_y"/>')}),
    ("more than 20,000 tags",            "saml.plaintext",            {"plaintext": ASSERTION.replace("/>", f">{'<x/>' * 20_001}</saml:Assertion>")}),
    ("deep",                             "saml.plaintext",            {"plaintext": ASSERTION.replace("/>", f">{'<x>' * 300}{'</x>' * 300}</saml:Assertion>")}),
]  # fmt: skip


OURS: dict[str, Any] = {"another": another, "longer": lambda: another(3072)}


def faulty(knobs: dict[str, Any], **other: Any) -> bytes:
    """Build a message, with the keys of others made once."""
    told = dict(knobs)
    if told.get("encrypt_to") in OURS:
        told["encrypt_to"] = OURS[told["encrypt_to"]]().public_key()
    return encrypted(**other | told)


ROWS = pytest.mark.parametrize(("code", "knobs"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])


@ROWS
@pytest.mark.parametrize("sign", ["response", "assertion"])
def test_a_fault_is_refused_for_its_reason(code: str, knobs: dict[str, Any], sign: str) -> None:
    error = refusal(faulty(knobs, sign=sign))
    assert isinstance(error, AssertionRefused)
    assert error.code == code
    assert (error.checks, error.person) == ((), "")  # nothing of the message is kept


@pytest.mark.parametrize("encrypt", ["name_id", "attributes"])
@pytest.mark.parametrize(
    ("code", "knobs"),
    [row[1:] for row in FAULTS if "plaintext" not in row[2]],
    ids=[row[0] for row in FAULTS if "plaintext" not in row[2]],
)
def test_a_fault_of_a_part_is_refused_for_its_reason(code: str, knobs: dict[str, Any], encrypt: str) -> None:
    error = refusal(faulty(knobs, encrypt=(encrypt,)))
    assert (error.code, error.checks) == (code, ())


NAME_ID = f'<saml:NameID xmlns:saml="{SAML}">{FORGED}</saml:NameID>'
PART_FAULTS: list[tuple[str, str, str]] = [
    # what comes out of an EncryptedID    code               XML
    ("an Attribute",                     "saml.encrypted",  f'<saml:Attribute xmlns:saml="{SAML}" Name="x"/>'),
    ("a BaseID",                         "saml.encrypted",  f'<saml:BaseID xmlns:saml="{SAML}"/>'),
    ("an Assertion",                     "saml.encrypted",  ASSERTION),
    ("an EncryptedID",                   "saml.encrypted",  INSIDE),
    ("a NameID of no namespace",         "saml.encrypted",  f"<NameID>{FORGED}</NameID>"),
    ("an Assertion inside",              "saml.encrypted",  NAME_ID.replace(FORGED, ASSERTION)),
    ("a Signature inside",               "saml.encrypted",  NAME_ID.replace(FORGED, f'<ds:Signature xmlns:ds="{DS}"/>')),
    ("an EncryptedID inside",            "saml.encrypted",  NAME_ID.replace(FORGED, INSIDE)),
    ("an element inside",                "saml.malformed",  NAME_ID.replace(FORGED, f"<x/>{FORGED}")),
    ("two NameIDs",                      "saml.plaintext",  NAME_ID * 2),
    ("no declaration",                   "saml.plaintext",  f"<saml:NameID>{FORGED}</saml:NameID>"),
    ("a DTD",                            "saml.plaintext",  f"<!DOCTYPE x>{NAME_ID}"),
    ("text",                             "saml.plaintext",  FORGED),
    ("an empty one",                     "saml.subject",    NAME_ID.replace(FORGED, "")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "plaintext"), [row[1:] for row in PART_FAULTS], ids=[row[0] for row in PART_FAULTS]
)
def test_what_comes_out_of_a_part_is_held_to_its_place(code: str, plaintext: str) -> None:
    assert refusal(encrypted(encrypt=("name_id",), plaintext=plaintext)).code == code


@pytest.mark.parametrize(
    ("code", "plaintext"),
    [
        ("saml.encrypted", NAME_ID),
        ("saml.encrypted", f'<saml:EncryptedAttribute xmlns:saml="{SAML}"/>'),
        ("saml.encrypted", f'<saml:AttributeStatement xmlns:saml="{SAML}"/>'),
        (
            "saml.encrypted",
            f'<saml:Attribute xmlns:saml="{SAML}" Name="x"><saml:AttributeValue>{ASSERTION}</saml:AttributeValue></saml:Attribute>',
        ),
        ("saml.malformed", f'<saml:Attribute xmlns:saml="{SAML}"/>'),
    ],
)
def test_what_comes_out_of_an_attribute_is_an_attribute(code: str, plaintext: str) -> None:
    assert refusal(encrypted(encrypt=("attributes",), plaintext=plaintext)).code == code


# Where an encrypted part may not stand, inside a signed message.
PLACES: list[tuple[str, dict[str, Any]]] = [
    ("saml.encrypted", {"insert": {"assertion_end": INSIDE}}),
    ("saml.encrypted", {"insert": {"confirmation_data": INSIDE}}),
    ("saml.encrypted", {"insert": {"conditions": INSIDE}}),
    ("saml.encrypted", {"insert": {"attributes": INSIDE}}),
    ("saml.encrypted", {"insert": {"subject": f'<saml:EncryptedAttribute xmlns:saml="{SAML}"/>'}}),
    ("saml.encrypted", {"insert": {"attributes": f'<saml:Attribute Name="x">{INSIDE}</saml:Attribute>'}}),
    ("saml.encrypted", {"sign": "response", "insert": {"extensions": f"<samlp:Extensions>{INSIDE}</samlp:Extensions>"}}),
    ("saml.encrypted", {"sign": "response", "insert": {"status": INSIDE}}),
    ("saml.one_assertion", {"insert": {"assertion_end": f"<saml:Advice>{INSIDE.replace('EncryptedID', 'EncryptedAssertion')}</saml:Advice>"}}),
    ("saml.malformed", {"encrypt": ("name_id",), "encrypt_to": "ours", "insert": {"subject": "<saml:BaseID/>"}, "rewrite": (("<saml:BaseID/>", "<saml:NameID>x@y.example</saml:NameID>"),)}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "knobs"), PLACES)
def test_an_encrypted_part_stands_in_its_place(code: str, knobs: dict[str, Any]) -> None:
    told = knobs | ({"encrypt_to": encryption_key().public_key()} if "encrypt_to" in knobs else {})
    assert refusal(response(**told)).code == code


@pytest.mark.parametrize("wrong", ["EncryptedAssertion", "Assertion"])
@pytest.mark.parametrize("place", ["response_end", "extensions", "status"])
def test_an_encrypted_assertion_stands_alone(wrong: str, place: str) -> None:
    """One Assertion, encrypted or not: two of which one is read are what wrapping is made of."""
    beside = f'<x><saml:{wrong} xmlns:saml="{SAML}" ID="_other"/></x>'
    for sign in ("response", "assertion"):
        assert refusal(encrypted(sign=sign, insert={place: beside})).code == "saml.one_assertion"


def test_an_encrypted_assertion_is_looked_for_where_assertions_stand() -> None:
    inner = etree.fromstring(encrypted()).find(f"{xml.SAML}EncryptedAssertion")
    assert inner is not None
    hidden = etree.tostring(inner, encoding="unicode")
    for place in ("extensions", "status"):
        document = response(sign="response", assertion=False, insert={place: f"<x>{hidden}</x>"})
        assert refusal(document).code == "saml.one_assertion"


@pytest.mark.parametrize("what", [ASSERTION, INSIDE, f'<ds:Signature xmlns:ds="{DS}"/>'])
def test_nothing_of_saml_stands_in_the_clear_inside(what: str) -> None:
    codes = {ASSERTION: "saml.one_assertion", INSIDE: "saml.encrypted"}
    for sign in ("response", "assertion"):
        document = encrypted(sign=sign, encrypted_rewrite=(("<ds:KeyName>ours</ds:KeyName>", what),))
        assert refusal(document).code == codes.get(what, "saml.signature_place")


@pytest.mark.parametrize("place", ["extensions", "status", "response_end"])
def test_beside_an_encrypted_assertion_nothing_else_is_encrypted(place: str) -> None:
    for sign in ("response", "assertion"):
        assert refusal(encrypted(sign=sign, insert={place: f"<x>{INSIDE}</x>"})).code == "saml.encrypted"


def test_a_signature_directly_under_what_is_encrypted_is_none() -> None:
    inside = f'<ds:Signature xmlns:ds="{DS}"/></saml:EncryptedAssertion>'
    document = encrypted(sign="response", encrypted_rewrite=(("</saml:EncryptedAssertion>", inside),))
    assert refusal(document).code == "saml.signature_place"


def test_more_parts_than_anybody_needs_are_refused() -> None:
    attributes = {f"a{number}": ("x",) for number in range(33)}
    assert refusal(encrypted(encrypt=("attributes",), attributes=attributes)).code == "saml.limits"
    attributes.pop("a0")
    assert len(accept(encrypted(encrypt=("attributes",), attributes=attributes)).attributes) == 32
    assert (
        refusal(encrypted(encrypt=("assertion", "attributes"), attributes=attributes | {"a0": ("x",)})).code
        == "saml.limits"
    )


def test_every_decryption_failure_reads_the_same() -> None:
    told = set()
    for _, code, knobs in FAULTS:
        for sign in ("response", "assertion"):
            error = refusal(faulty(knobs, sign=sign))
            if code == "saml.decryption":
                told.add((error.code, error.detail, error.public, error.checks, error.status))
    assert told == {("saml.decryption", EXPLAINED, AssertionRefused.public, (), 403)}


def test_without_keys_nothing_is_read() -> None:
    for encrypt in PARTS:
        error = refusal(encrypted(encrypt=encrypt), decryption_keys=())
        assert (error.code, error.detail) == ("saml.decryption", EXPLAINED)


@pytest.mark.parametrize("transport", ["rsa-1_5", "rsa-oaep-mgf1p"])
@pytest.mark.parametrize("cipher", ["aes128-gcm", "aes128-cbc", "tripledes-cbc"])
def test_a_key_that_does_not_unwrap_reads_as_one_that_does(transport: str, cipher: str) -> None:
    """Bleichenbacher's question, and Manger's: was that a key? One text answers both."""
    told = set()
    for knobs in (
        {"spoil": "key"},
        {"spoil": "ciphertext", "plaintext": "x" * 500},
        {"encrypt_to": another().public_key()},
    ):
        for _ in range(8):
            document = encrypted(sign="none", transport=transport, cipher=cipher, **knobs)
            told.add(str(refusal(document, legacy=EVERYTHING)))
    assert told == {f"saml.decryption: {EXPLAINED}"}


def test_a_chained_cipher_answers_no_questions_about_its_plaintext() -> None:
    """Jager and Somorovsky 2011: whether it parses tells the plaintext, octet by octet."""
    told = set()
    for plaintext in ("text", "<open>", "<a/><b/>", "\ufffe<x/>", "<!DOCTYPE x><x/>", f"{ASSERTION}x"):
        document = encrypted(sign="none", cipher="aes128-cbc", plaintext=plaintext)
        told.add(str(refusal(document, legacy=CBC_NAMED)))
    for spoil in ("iv", "ciphertext", "tag", "no tag", "short tag"):
        told.add(str(refusal(encrypted(cipher="aes128-cbc", spoil=spoil), legacy=CBC_NAMED)))
    assert told == {f"saml.decryption: {EXPLAINED}"}


def test_a_signature_is_asked_before_anything_is_decrypted() -> None:
    """Under a signed Response no key of ours is touched for a stranger's ciphertext."""
    for spoil in ("", "key", "tag"):
        assert refusal(encrypted(sign="response", key="another", spoil=spoil)).code == "saml.signature"
        changed = encrypted(
            sign="response", spoil=spoil, tamper=(("<xenc:CipherValue>", "<xenc:CipherValue>AAAA"),)
        )
        assert refusal(changed).code == "saml.digest"


def test_details_hold_no_value() -> None:
    for _, _, knobs in FAULTS:
        for sign in ("response", "assertion"):
            error = refusal(faulty(knobs, sign=sign))
            assert any(error.detail.startswith(text) for text in xml.STEPS.values())
            assert "example" not in error.detail
            assert MAIL not in error.detail


def test_every_code_of_this_room_has_a_fault() -> None:
    assert {code for _, code, _ in FAULTS} >= {*xml.DECRYPTED, "saml.encrypted"}
