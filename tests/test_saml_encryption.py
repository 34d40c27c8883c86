"""Restricted XML-Enc: every algorithm and every shape that we read.

The peer encrypts with its own code; xmlsec says that both sides mean the same by it.
"""

from functools import cache
from itertools import product
from typing import Any

import pytest
import xmlsec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lxml import etree
from saml_peer import USER, accept, encrypted, encryption_key, our_keys, refusal, response

from federation.demo import saml_encryption
from federation.demo.saml_encryption import EncryptionKnobs
from federation.errors import AssertionRefused, ConfigurationError
from federation.saml import encryption, xml
from federation.saml.encryption import DecryptionKey

XENC = xml.XENC[1:-1]
DS = xml.DS[1:-1]
SAML = xml.SAML[1:-1]
MAIL = USER.email
EVERYTHING = frozenset({"sha1", "cbc", "rsa1_5", "tripledes"})
PARTS = [
    ("assertion",),
    ("name_id",),
    ("attributes",),
    ("name_id", "attributes"),
    ("assertion", "name_id", "attributes"),
]


@cache
def another(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def pem(key: Any) -> bytes:
    return bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
@pytest.mark.parametrize("encrypt", PARTS, ids="+".join)
@pytest.mark.parametrize("key_place", ["inside", "beside", "pointed"])
@pytest.mark.parametrize("prefix", ["both", "default"])
def test_every_part_is_read_wherever_its_key_stands(
    sign: str, encrypt: tuple[str, ...], key_place: str, prefix: str
) -> None:
    verified = accept(encrypted(sign=sign, encrypt=encrypt, key_place=key_place, prefix=prefix))
    assert verified.subject.value == MAIL
    assert verified.attributes["groups"] == USER.groups
    assert verified.attributes["lastName"] == (USER.family_name,)


GCM = ("aes128-gcm", "aes192-gcm", "aes256-gcm")
CBC = ("aes128-cbc", "aes192-cbc", "aes256-cbc")
HASHES = ("sha1", "sha256", "sha384", "sha512")
TRANSPORTS: list[dict[str, Any]] = [
    *({"transport": "rsa-oaep-mgf1p", "oaep_digest": digest} for digest in ("", *HASHES)),
    *(
        {"transport": "rsa-oaep", "oaep_digest": digest, "oaep_mask": mask}
        for digest, mask in product(("", *HASHES), repeat=2)
    ),
]


@pytest.mark.parametrize("cipher", GCM)
@pytest.mark.parametrize("transport", TRANSPORTS, ids=lambda one: "-".join(one.values()))
def test_every_allowed_combination_is_read(cipher: str, transport: dict[str, Any]) -> None:
    assert accept(encrypted(cipher=cipher, **transport)).subject.value == MAIL


def test_what_our_metadata_advertises_is_what_is_read() -> None:
    assert {uri.rpartition("#")[2] for uri in encryption.GCM_METHODS} == set(GCM)
    assert {uri.rpartition("#")[2] for uri in encryption.OAEP_METHODS} == {"rsa-oaep-mgf1p", "rsa-oaep"}
    assert set(encryption._CIPHERS) == set(saml_encryption.CIPHERS.values())


# cipher and key transport, by what it is excepted, is it accepted: under a signed Response, under none
CBC_NAMED = frozenset({"cbc"})
WEAK: list[tuple[dict[str, str], frozenset[str], bool, bool]] = [
    *(({"cipher": one}, frozenset[str](), True, False) for one in CBC),
    *(({"cipher": one}, CBC_NAMED, True, True) for one in CBC),
    *(({"cipher": one}, EVERYTHING - CBC_NAMED, True, False) for one in CBC),
    ({"cipher": "tripledes-cbc"}, frozenset(), False, False),
    ({"cipher": "tripledes-cbc"}, CBC_NAMED, False, False),
    ({"cipher": "tripledes-cbc"}, frozenset({"tripledes"}), True, False),
    ({"cipher": "tripledes-cbc"}, frozenset({"tripledes", "cbc"}), True, True),
    ({"transport": "rsa-1_5"}, frozenset(), False, False),
    ({"transport": "rsa-1_5"}, EVERYTHING - {"rsa1_5"}, False, False),
    ({"transport": "rsa-1_5"}, frozenset({"rsa1_5"}), True, True),
    ({"transport": "rsa-1_5", "cipher": "aes128-cbc"}, frozenset({"rsa1_5"}), True, False),
    ({"transport": "rsa-1_5", "cipher": "tripledes-cbc"}, EVERYTHING, True, True),
]


@pytest.mark.parametrize(("knobs", "legacy", "covered", "bare"), WEAK)
def test_weak_algorithms_are_exceptions_by_name(
    knobs: dict[str, str], legacy: frozenset[str], *, covered: bool, bare: bool
) -> None:
    for sign, accepted in (("response", covered), ("both", covered), ("assertion", bare)):
        document = encrypted(sign=sign, **knobs)
        if accepted:
            assert accept(document, legacy=legacy).subject.value == MAIL
        else:
            assert refusal(document, legacy=legacy).code == "saml.encryption_algorithm"


@pytest.mark.parametrize("encrypt", ["name_id", "attributes"])
@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
def test_a_part_inside_a_signed_assertion_is_covered(encrypt: str, sign: str) -> None:
    assert accept(encrypted(encrypt=(encrypt,), sign=sign, cipher="aes256-cbc")).subject.value == MAIL


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize(
    "knobs",
    [
        {},
        {"sign": "response", "cipher": "aes128-cbc"},
        {"transport": "rsa-1_5"},
        {"transport": "rsa-1_5", "cipher": "aes128-cbc", "sign": "response"},
    ],
)
def test_the_current_the_next_and_the_previous_key_are_tried(position: int, knobs: dict[str, Any]) -> None:
    keys = [DecryptionKey(another()), DecryptionKey(another(3072))]
    keys.insert(position, our_keys()[0])
    for _ in range(5):  # RSA 1.5 opens under every key: what comes out must not be taken for content
        verified = accept(encrypted(**knobs), decryption_keys=tuple(keys), legacy=EVERYTHING)
        assert verified.subject.value == MAIL


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_every_size_of_key_reads(bits: int) -> None:
    document = response(encrypt=("assertion",), encrypt_to=another(bits).public_key())
    assert accept(document, decryption_keys=(DecryptionKey(another(bits)),)).subject.value == MAIL


SHAPES: list[dict[str, Any]] = [
    {"encrypted_type": None},  # Core §2.2.4: the Type should be there
    {"pretty": True},
    {"encrypted_rewrite": (("<xenc:CipherValue>", "<xenc:CipherValue>\n  \r\n\t"),)},
    {"encrypted_rewrite": (("<ds:KeyName>ours</ds:KeyName>", ""),)},
    {
        "encrypted_rewrite": (
            (
                "<ds:KeyName>ours</ds:KeyName>",
                "<ds:X509Data><ds:X509Certificate>AA==</ds:X509Certificate></ds:X509Data>",
            ),
        )
    },
    {"encrypted_rewrite": (('Recipient="https://sp.example"', 'Recipient="https://somebody.else.example"'),)},
    {
        "encrypted_rewrite": (
            ("</xenc:ReferenceList>", "</xenc:ReferenceList><xenc:CarriedKeyName>x</xenc:CarriedKeyName>"),
        )
    },
    {"encrypted_rewrite": (("<ds:KeyInfo><ds:KeyName>ours</ds:KeyName></ds:KeyInfo>", ""),)},
    {
        "encrypted_rewrite": (
            ("<ds:KeyInfo><xenc:EncryptedKey", "<ds:KeyInfo><ds:KeyName>hint</ds:KeyName><xenc:EncryptedKey"),
        )
    },
    {
        "plaintext_rewrite": (
            ("<saml:Assertion ", '<?xml version="1.0" encoding="UTF-8"?>\n<saml:Assertion '),
        )
    },
    {"plaintext_rewrite": (("<saml:Assertion ", "\n <saml:Assertion "),)},
    {"prefixes": "xs", "namespaces": ' xmlns:xs="http://www.w3.org/2001/XMLSchema"'},
    {"groups": tuple(f"group-{number}" for number in range(500))},
]


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
@pytest.mark.parametrize("knobs", SHAPES)
def test_every_shape_is_accepted(sign: str, knobs: dict[str, Any]) -> None:
    assert accept(encrypted(sign=sign, **knobs)).subject.value == MAIL


def test_what_was_encrypted_is_what_is_seen() -> None:
    """Plain and encrypted are told as the same person, with the same attributes, in the same Assertion."""
    plain = accept(response(assertion_id="_a", session_index="_s"))
    for encrypt in PARTS:
        for sign in ("assertion", "response", "both"):
            opened = accept(encrypted(assertion_id="_a", session_index="_s", encrypt=encrypt, sign=sign))
            assert (opened.id, opened.subject, opened.attributes) == (
                plain.id,
                plain.subject,
                plain.attributes,
            )
            assert (opened.authentication, opened.not_on_or_after) == (
                plain.authentication,
                plain.not_on_or_after,
            )


@cache
def xmlsec_key() -> Any:
    return xmlsec.Key.from_memory(pem(encryption_key()), xmlsec.constants.KeyDataFormatPem)


def xmlsec_opens(encrypted_element: Any) -> Any:
    """Return what xmlsec decrypts, of a tree of its own."""
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec_key())
    data = encrypted_element.find(f"{xml.XENC}EncryptedData")
    return xmlsec.EncryptionContext(manager).decrypt(data)


@pytest.mark.parametrize("cipher", [*GCM, *CBC, "tripledes-cbc"])
@pytest.mark.parametrize(
    "knobs",
    [
        {},
        {"oaep_digest": "sha256"},
        {"transport": "rsa-oaep", "oaep_digest": "sha256", "oaep_mask": "sha256"},
        {"transport": "rsa-oaep", "oaep_digest": "sha512", "oaep_mask": "sha1"},
        {"transport": "rsa-1_5"},
    ],
)
def test_xmlsec_reads_what_the_peer_encrypts(cipher: str, knobs: dict[str, Any]) -> None:
    document = encrypted(cipher=cipher, sign="response", **knobs)
    assert accept(document, legacy=EVERYTHING).subject.value == MAIL
    found = etree.fromstring(document).find(f"{xml.SAML}EncryptedAssertion")
    opened = xmlsec_opens(found)
    assert opened.tag == xml.ASSERTION
    assert opened.findtext(f"{xml.SAML}Subject/{xml.SAML}NameID") == MAIL


@pytest.mark.parametrize(
    "cipher", ["Aes128Gcm", "Aes192Gcm", "Aes256Gcm", "Aes128Cbc", "Aes256Cbc", "Des3Cbc"]
)
@pytest.mark.parametrize("transport", ["RsaOaep", "RsaPkcs1"])
def test_we_read_what_xmlsec_encrypts(cipher: str, transport: str) -> None:
    """Its ciphertext in the peer's message, signed as the peer signs."""
    assertion = etree.fromstring(response()).find(xml.ASSERTION)
    assert assertion is not None
    constants, template = xmlsec.constants, xmlsec.template
    data = template.encrypted_data_create(
        assertion, getattr(constants, f"Transform{cipher}"), type=constants.TypeEncElement, ns="xenc"
    )
    template.encrypted_data_ensure_cipher_value(data)
    info = template.encrypted_data_ensure_key_info(data, ns="ds")
    key = template.add_encrypted_key(info, getattr(constants, f"Transform{transport}"))
    template.encrypted_data_ensure_cipher_value(key)
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec_key())
    context = xmlsec.EncryptionContext(manager)
    kind = constants.KeyDataDes if "Des" in cipher else constants.KeyDataAes
    bits = 192 if "Des" in cipher else int(cipher[3:6])
    context.key = xmlsec.Key.generate(kind, bits, constants.KeyDataTypeSession)
    wrapper = etree.fromstring(f'<saml:EncryptedAssertion xmlns:saml="{SAML}"/>')
    wrapper.append(context.encrypt_xml(data, assertion))
    opened = encryption.decrypt_element(
        wrapper, our_keys(), tag=xml.ASSERTION, covered=True, legacy=EVERYTHING
    )
    assert opened.findtext(f"{xml.SAML}Subject/{xml.SAML}NameID") == MAIL


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        rsa.generate_private_key(public_exponent=65537, key_size=1024),  # noqa: S505
    ],
)
def test_what_is_no_decryption_key_is_refused(key: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^keys\.private_key: "):
        encryption.read_decryption_key(key)


def test_a_decryption_key_is_read_and_not_shown() -> None:
    read = encryption.read_decryption_key(encryption_key())
    assert accept(encrypted(), decryption_keys=(read,)).id
    assert repr(read) == "DecryptionKey()"


def test_octets_come_out_as_they_went_in() -> None:
    """``decrypt`` alone, as logout uses it."""
    told = saml_encryption.build(
        "EncryptedID", b"\x00any \xff octets", EncryptionKnobs(encrypt_to=encryption_key().public_key())
    )
    element = etree.fromstring(told)
    opened = encryption.decrypt(element, our_keys(), covered=False, legacy=frozenset())
    assert opened == b"\x00any \xff octets"
    with pytest.raises(AssertionRefused, match=r"^saml\.encrypted: "):
        encryption.decrypt(etree.fromstring("<x/>"), our_keys(), covered=True, legacy=EVERYTHING)
