"""Restricted XML-DSig: what is allowed verifies, in every shape that identity providers send."""

import base64
import hashlib
import re
from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from saml_keys import key
from saml_peer import NOW, USER, accept, expected, peer, refusal, response

from federation.demo.saml_signing import SignatureKnobs, SigningKey, canonicalize, sign
from federation.errors import AssertionRefused, ConfigurationError
from federation.saml import algorithms, certificates, enveloped, layout, metadata, signature, xml
from federation.saml.layout import Layout
from federation.saml.metadata import IdentityProvider
from federation.saml.signature import SignedXml

XS = ' xmlns:xs="http://www.w3.org/2001/XMLSchema"'


def trusting(*keys: SigningKey) -> IdentityProvider:
    return metadata.from_fields(
        entity_id=peer().entity_id,
        sso_url="https://idp.example/sso",
        certificates=[one.text for one in keys],
        development=False,
    )


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"prefix": "default"},
        {"pretty": True},
        {"pretty": True, "response_issuer": None},  # the Signature stands first, with text behind it
        {"prefixes": "xs", "namespaces": XS},
        {"prefixes": "xs saml #default", "namespaces": XS},
        {"prefixes": "unknown"},
        {"key_info": None},
        {"groups": tuple(f"group-{n}" for n in range(500))},
        {"attributes": {}},
        {"prolog": '<?xml version="1.0" encoding="UTF-8"?>\n'},
        {"prolog": '<?xml version="1.0" encoding="utf-8" standalone="no"?>'},
        {"prolog": "\ufeff"},
        {"insert": {"extensions": '<samlp:Extensions><x xmlns="urn:x" ID="_ext"/></samlp:Extensions>'}},
        {"insert": {"assertion_end": '<saml:Advice><x xmlns=""/></saml:Advice>'}},
    ],
)
def test_every_shape_is_accepted(sign: str, shape: dict[str, Any]) -> None:
    verified = accept(response(sign=sign, **shape))
    assert verified.subject.value == USER.email
    if not shape:
        assert verified.attributes["groups"] == USER.groups
        assert verified.attributes["lastName"] == (USER.family_name,)


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        *(("rsa2048", f"rsa-sha{bits}") for bits in (256, 384, 512)),
        *(("rsa2048", f"sha{bits}-rsa-MGF1") for bits in (256, 384, 512)),
        *((kind, f"ecdsa-sha{bits}") for kind in ("p256", "p384", "p521") for bits in (256, 384, 512)),
    ],
)
def test_every_allowed_method_verifies(kind: str, method: str) -> None:
    document = response(key=key(kind), method=method)
    assert accept(document, idp=trusting(key(kind))).subject.value == USER.email
    assert refusal(document).code == "saml.signature"


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_every_allowed_digest_verifies(digest: str) -> None:
    assert accept(response(digest=digest)).subject.value == USER.email


def test_the_allow_list_is_the_whole_list() -> None:
    methods = {uri.rpartition("#")[2] for uri in algorithms.METHODS}
    assert methods == {
        f"{before}{bits}{after}"
        for bits in (256, 384, 512)
        for before, after in (("rsa-sha", ""), ("sha", "-rsa-MGF1"), ("ecdsa-sha", ""))
    }


def test_several_keys_of_one_idp_are_tried() -> None:
    both = trusting(key("p256"), key("rsa2048"), peer().key)
    assert accept(response(), idp=both).id
    assert accept(response(key=key("p256")), idp=both).id
    assert refusal(response(key=key("p384")), idp=both).code == "saml.signature"


def test_a_der_signature_is_not_one() -> None:
    """XML-DSig puts r and s side by side; accepting DER too would accept two spellings."""
    document = response(key=key("p256"))
    raw = re.search(rb"<ds:SignatureValue>([^<]+)<", document)
    assert raw
    value = certificates.read_base64(raw[1].decode())
    der = encode_dss_signature(int.from_bytes(value[:32]), int.from_bytes(value[32:]))
    changed = document.replace(raw[1], base64.b64encode(der))
    assert refusal(changed, idp=trusting(key("p256"))).code == "saml.signature"


def test_response_and_assertion_signed_by_different_keys_of_the_idp() -> None:
    """Both signatures must hold: a good one beside a bad one is refused."""
    document = response(sign="both")
    values = re.findall(rb"<ds:SignatureValue>([^<]+)<", document)
    assert len(values) == 2
    for value in values:
        broken = document.replace(value, value[:-8] + b"AAAAAA==")
        assert refusal(broken).code == "saml.signature"


@pytest.mark.parametrize("which", [0, 1])
def test_each_of_two_digests_must_hold(which: int) -> None:
    document = response(sign="both")
    digest = re.findall(rb"<ds:DigestValue>([^<]+)<", document)[which]
    other = re.findall(rb"<ds:DigestValue>([^<]+)<", document)[1 - which]
    assert refusal(document.replace(digest, other)).code == "saml.signature"


def test_white_space_in_base64_is_allowed() -> None:
    document = re.sub(rb"(<ds:SignatureValue>)([^<]{40})", rb"\1\n\2\r\n", response())
    assert accept(document).id


@pytest.mark.parametrize("place", ["ds:Signature xmlns", "ds:KeyInfo>", "ds:SignatureValue>"])
def test_xml_dsigs_own_id_is_allowed(place: str) -> None:
    """Some identity providers write Id there, as XML-DSig's schema has it."""
    name = re.match(r"[\w:]+", place)
    assert name
    rest = place.removeprefix(name[0])
    assert accept(response(tamper=((f"<{place}", f'<{name[0]} Id="_sig"{rest}'),))).id
    twice = response(response_id="_twice", tamper=((f"<{place}", f'<{name[0]} Id="_twice"{rest}'),))
    assert refusal(twice).code == "saml.id"


def laid_out(document: bytes) -> Layout:
    found = layout.read(xml.parse(document, octets=xml.MESSAGE_OCTETS, elements=20_000))
    assert isinstance(found, Layout)
    return found


def test_only_what_was_digested_is_read() -> None:
    found = laid_out(response())
    signed = signature.verify(found, expected().idp.keys, legacy=frozenset())
    assert signed.response is None
    assert signed.assertion.root.getparent() is None
    assert signed.assertion.root.find(xml.SIGNATURE) is None
    assert signed.assertion.root is not found.assertion


def test_without_keys_nothing_verifies() -> None:
    with pytest.raises(AssertionRefused, match=r"^saml\.signature: "):
        signature.verify(laid_out(response()), (), legacy=frozenset())


def test_without_signatures_nothing_verifies() -> None:
    """The gate refuses it, and so does the verifier by itself."""
    root = xml.parse(response(sign="none"), octets=xml.MESSAGE_OCTETS, elements=20_000)
    with pytest.raises(AssertionRefused, match=r"^saml\.unsigned: "):
        layout.read(root)
    assertion = root.find(xml.ASSERTION)
    assert assertion is not None
    unsigned = Layout(
        response=root,
        assertion=assertion,
        response_signature=None,
        assertion_signature=None,
        encrypted_parts=False,
    )
    with pytest.raises(AssertionRefused, match=r"^saml\.unsigned: "):
        signature.verify(unsigned, expected().idp.keys, legacy=frozenset())


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
def test_each_signature_names_its_certificate(sign: str) -> None:
    signed = signature.verify(laid_out(response(sign=sign)), expected().idp.keys, legacy=frozenset())
    fingerprint = hashlib.sha256(peer().key.certificate).hexdigest()
    assert signed.response_key == ("" if sign == "assertion" else fingerprint)
    assert signed.assertion_key == ("" if sign == "response" else fingerprint)
    assert signed.assertion.fingerprint == fingerprint
    assert (signed.response is None) is (sign == "assertion")
    assert signed.both is (sign == "both")
    named = {one.code for one in accept(response(sign=sign)).checks if "_key:" in one.code}
    assert named == {
        f"saml.{part}_key:{fingerprint}" for part in ("response", "assertion") if sign in (part, "both")
    }


def test_the_certificate_that_verified_is_named_among_several() -> None:
    both = trusting(key("p256"), peer().key)
    for one in (key("p256"), peer().key):
        checks = accept(response(key=one), idp=both).checks
        fingerprint = hashlib.sha256(one.certificate).hexdigest()
        assert [check.code for check in checks if "_key:" in check.code] == [
            f"saml.assertion_key:{fingerprint}"
        ]


# What a connection that excepts SHA-1 takes, and nobody else does.
SHA1 = [
    ("rsa2048", {"method": "rsa-sha1"}),
    ("rsa2048", {"digest": "sha1"}),
    ("rsa2048", {"method": "rsa-sha1", "digest": "sha1"}),
    ("p256", {"method": "ecdsa-sha1"}),
    ("p521", {"method": "ecdsa-sha1", "digest": "sha1"}),
]


@pytest.mark.parametrize(("kind", "knobs"), SHA1)
@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
def test_sha1_is_an_exception_by_name(kind: str, knobs: dict[str, Any], sign: str) -> None:
    document = response(key=key(kind), sign=sign, **knobs)
    idp = trusting(key(kind))
    assert accept(document, idp=idp, legacy=frozenset({"sha1"})).subject.value == USER.email
    for legacy in (frozenset[str](), frozenset({"cbc", "rsa1_5", "tripledes"})):
        assert refusal(document, idp=idp, legacy=legacy).code == "saml.algorithm"


@pytest.mark.parametrize(
    "knobs",
    [{"digest": "md5"}, {"tamper": (("rsa-sha256", "rsa-md5"),)}, {"tamper": (("rsa-sha256", "hmac-sha1"),)}],
)
def test_the_exception_lets_nothing_else_in(knobs: dict[str, Any]) -> None:
    everything = frozenset({"sha1", "cbc", "rsa1_5", "tripledes"})
    assert refusal(response(**knobs), legacy=everything).code == "saml.algorithm"


def test_sha1_still_needs_the_key_and_the_digest() -> None:
    sha1 = frozenset({"sha1"})
    forged = response(method="rsa-sha1", key="another")
    assert refusal(forged, legacy=sha1).code == "saml.signature"
    changed = response(digest="sha1", tamper=((f"{USER.email}</saml:NameID>", "x@y.example</saml:NameID>"),))
    assert refusal(changed, legacy=sha1).code == "saml.digest"


def logout(**knobs: Any) -> Any:
    """A signed element that is no Response."""
    root = etree.fromstring(
        f'<samlp:LogoutRequest xmlns:samlp="{xml.SAMLP[1:-1]}" ID="_1" Version="2.0">'
        f'<saml:Issuer xmlns:saml="{xml.SAML[1:-1]}">x</saml:Issuer><ds:Signature xmlns:ds="{xml.DS[1:-1]}"/>'
        "<samlp:SessionIndex>1</samlp:SessionIndex></samlp:LogoutRequest>"
    )
    sign(root, knobs.pop("key", peer().key), SignatureKnobs(**knobs))
    return root


def test_one_element_is_verified_and_read_from_what_was_digested() -> None:
    root = logout()
    signed = signature.verify_element(root, keys=expected().idp.keys, legacy=frozenset())
    assert signed.root is not root
    assert signed.root.find(xml.SIGNATURE) is None
    assert signed.root.findtext(xml.SAMLP + "SessionIndex") == "1"
    assert signed.fingerprint == hashlib.sha256(peer().key.certificate).hexdigest()


def without(tag: str) -> Any:
    root = logout()
    found = root.find(tag)
    assert found is not None
    root.remove(found)
    return root


def twice() -> Any:
    root = logout()
    found = root.find(xml.SIGNATURE)
    assert found is not None
    root.append(deepcopy(found))
    return root


def elsewhere() -> Any:
    root = logout()
    found = root.find(xml.SIGNATURE)
    assert found is not None
    root[-1].append(found)
    return root


def changed(attribute: str, value: str | None) -> Any:
    root = logout()
    root.set(attribute, value) if value is not None else root.attrib.pop(attribute)
    return root


ELEMENTS = [
    ("unsigned", "saml.unsigned", lambda: without(xml.SIGNATURE)),
    ("signature elsewhere", "saml.unsigned", elsewhere),
    ("two signatures", "saml.signature_place", twice),
    ("no ID", "saml.id", lambda: changed("ID", None)),
    ("empty ID", "saml.id", lambda: changed("ID", "")),
    ("another ID", "saml.reference", lambda: changed("ID", "_2")),
    ("changed", "saml.digest", lambda: changed("Version", "2.1")),
    ("another key", "saml.signature", lambda: logout(key=peer().another_key)),
    ("whole document", "saml.reference", lambda: logout(reference="")),
    ("SHA-1", "saml.algorithm", lambda: logout(method="rsa-sha1")),
    ("a part cut out", "saml.digest", lambda: without(xml.SAMLP + "SessionIndex")),
]


@pytest.mark.parametrize(("code", "build"), [one[1:] for one in ELEMENTS], ids=[one[0] for one in ELEMENTS])
def test_one_element_is_refused_for_its_reason(code: str, build: Callable[[], Any]) -> None:
    with pytest.raises(AssertionRefused) as caught:
        signature.verify_element(build(), keys=expected().idp.keys, legacy=frozenset())
    assert caught.value.code == code


def test_one_element_without_keys_is_refused() -> None:
    with pytest.raises(AssertionRefused, match=r"^saml\.signature: "):
        signature.verify_element(logout(), keys=(), legacy=frozenset({"sha1"}))


def test_one_element_by_sha1_for_who_excepts_it() -> None:
    root = logout(method="rsa-sha1", digest="sha1")
    assert signature.verify_element(root, keys=expected().idp.keys, legacy=frozenset({"sha1"})).root.tag


def test_the_scope_at_a_signature_is_looked_at_before_libxml2_is() -> None:
    with pytest.raises(AssertionRefused, match=r"^saml\.namespace: "):
        xml.require_plain_namespaces(etree.fromstring('<r xmlns:x="relative"><a/></r>')[0])


@pytest.mark.parametrize("octets", [b"<x/>", b'<x ID="_1"/>'])
def test_what_is_read_again_is_what_was_signed(octets: bytes) -> None:
    root = logout()
    found = root.find(xml.SIGNATURE)
    assert found is not None
    claim = enveloped.read(root, found, frozenset())
    assert enveloped.reparse(etree.tostring(root), claim).tag == root.tag
    for other in (octets, etree.tostring(root).replace(b'ID="_1"', b'ID="_2"')):
        with pytest.raises(AssertionRefused, match=r"^saml\.digest: "):
            enveloped.reparse(other, claim)


def test_signed_xml_is_made_by_verify_only() -> None:
    with pytest.raises(TypeError):
        SignedXml(etree.fromstring(b"<x/>"), "", object())  # type: ignore[arg-type]


def test_canonicalization_agrees_with_the_peers() -> None:
    root = etree.fromstring(b'<r xmlns="urn:r" xmlns:xs="urn:xs"><a b="2" a="1">x&#13;<b/></a></r>')
    for prefixes in ([], ["xs"], ["#default"]):
        assert enveloped.canonicalize(root[0], prefixes) == canonicalize(root[0], prefixes)
    assert enveloped.canonicalize(root[0], ["xs"]).startswith(b'<a xmlns="urn:r" xmlns:xs="urn:xs"')


@pytest.mark.parametrize("uri", ["relative", "../up", "#fragment", "http//no-scheme"])
def test_void_canonicalization_is_no_content(uri: str) -> None:
    """CVE-2025-66568: libxml2 does not canonicalize a relative namespace; that is no empty content."""
    for inside in (f'<a xmlns="{uri}"/>', f'<a><b xmlns:x="{uri}"/></a>'):
        with pytest.raises(AssertionRefused, match=r"^saml\.namespace: "):
            enveloped.canonicalize(etree.fromstring(inside), [])


def test_many_namespaces_in_scope_are_refused() -> None:
    many = "".join(f' xmlns:n{n}="urn:n:{n}"' for n in range(40))
    assert refusal(response(namespaces=many)).code == "saml.limits"


@pytest.mark.parametrize("kind", ["rsa1024", "k256"])
def test_weak_keys_are_refused(kind: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^saml\.weak_key: "):
        certificates.read_key(key(kind).certificate)


def test_a_key_of_a_kind_that_nobody_knows_is_refused() -> None:
    rsa_encryption = bytes.fromhex("06092a864886f70d010101")  # its identifier, within the certificate
    unknown = peer().key.certificate.replace(rsa_encryption, rsa_encryption[:-1] + b"\x63")
    with pytest.raises(ConfigurationError, match=r"^saml\.weak_key: "):
        certificates.read_key(unknown)


def test_dsa_keys_are_refused() -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    private = dsa.generate_private_key(2048)
    name = x509.Name([])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(private, hashes.SHA256())
    )
    with pytest.raises(ConfigurationError, match=r"^saml\.weak_key: "):
        certificates.read_key(certificate.public_bytes(Encoding.DER))


@pytest.mark.parametrize("octets", [b"", b"x", b"0" * 500])
def test_what_is_no_certificate_is_refused(octets: bytes) -> None:
    with pytest.raises(ConfigurationError, match=r"^saml\.certificate: "):
        certificates.read_key(octets)


def test_a_key_knows_its_certificate() -> None:
    read = certificates.read_key(peer().key.certificate)
    assert len(read.fingerprint) == 64
    assert read.not_after.tzinfo is not None
