"""HTTP-POST and HTTP-Redirect: strict base64, bounded inflate, nothing twice."""

import base64
import contextlib
import zlib
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st
from saml_keys import key

from federation.demo.saml_signing import algorithm, make_value
from federation.errors import AssertionRefused, FederationError, RequestRefused
from federation.saml import bindings, certificates, signature
from federation.saml.xml import MESSAGE_OCTETS


def deflated(message: bytes) -> str:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return base64.b64encode(squeeze.compress(message) + squeeze.flush()).decode()


def asked(message: str, more: str = "") -> str:
    return f"SAMLRequest={quote(message, safe='')}{more}"


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("", "saml.missing"),
        (" \r\n", "saml.missing"),
        ("PHI+", None),
        ("PHIvPg==", None),
        ("PHIv\r\nPg ==\t\n", None),
        ("PHIvPg=", "saml.not_base64"),
        ("PHIvPg", "saml.not_base64"),
        ("PHIvPg==PHIvPg==", "saml.not_base64"),
        ("=PHIvPg=", "saml.not_base64"),
        ("PHIvPg==x", "saml.not_base64"),
        ("PHI_Pg==", "saml.not_base64"),
        ("PHIvPg%3D%3D", "saml.not_base64"),
        ("<r/>", "saml.not_base64"),
        ("ＰＨＩ＋", "saml.not_base64"),
        ("PHI\u00a0vPg==", "saml.not_base64"),
        ("\ud800", "saml.not_base64"),
        ("A" * 600_000, "saml.too_large"),
        ("PHI+" + " " * 600_000, "saml.too_large"),
        (base64.b64encode(b"x" * (MESSAGE_OCTETS + 1)).decode(), "saml.too_large"),
        (base64.b64encode(b"x" * MESSAGE_OCTETS).decode(), None),
        (base64.encodebytes(b"x" * MESSAGE_OCTETS).decode(), None),
    ],
)
def test_post(field: str, code: str | None) -> None:
    if code is None:
        assert bindings.decode_post(field)
        return
    with pytest.raises(FederationError) as caught:
        bindings.decode_post(field)
    assert caught.value.code == code


def test_a_missing_field_is_the_requests_fault() -> None:
    with pytest.raises(RequestRefused):
        bindings.decode_post("")


@given(st.text())
def test_post_never_raises_anything_else(field: str) -> None:
    with contextlib.suppress(FederationError):
        assert isinstance(bindings.decode_post(field), bytes)


@given(st.binary(min_size=1, max_size=2000))
def test_post_reads_what_was_encoded(message: bytes) -> None:
    assert bindings.decode_post(base64.encodebytes(message).decode()) == message


@given(st.binary(max_size=2000), st.text(max_size=80))
def test_redirect_there_and_back(message: bytes, relay_state: str) -> None:
    relay_state = relay_state.encode("utf-8", "replace").decode()
    url = bindings.encode_redirect(
        "https://idp.example/sso", name="SAMLRequest", message=message, relay_state=relay_state, sign=None
    )
    assert url.isascii()
    sent = bindings.decode_redirect(url.partition("?")[2])
    assert (sent.name, sent.message, sent.relay_state) == ("SAMLRequest", message, relay_state)


def test_a_query_of_its_own_stays() -> None:
    url = bindings.encode_redirect(
        "https://idp.example/sso?a=1", name="SAMLRequest", message=b"x", relay_state="", sign=None
    )
    assert url.startswith("https://idp.example/sso?a=1&SAMLRequest=")
    assert "RelayState" not in url


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "saml.missing"),
        ("RelayState=x", "saml.missing"),
        ("SAMLRequest=", "saml.missing"),
        (asked(deflated(b"x"), "&SAMLResponse=x"), "saml.missing"),
        (asked(deflated(b"x"), "&SAMLRequest=x"), "saml.repeated"),
        (asked(deflated(b"x"), "&RelayState=a&RelayState=b"), "saml.repeated"),
        (asked(deflated(b"x"), "&RelayState=a&RelayState=a"), "saml.repeated"),
        (asked(deflated(b"x"), "&SigAlg=a&SigAlg=b"), "saml.repeated"),
        (asked(deflated(b"x"), "&Signature=&Signature=AAAA"), "saml.repeated"),
        (asked(deflated(b"x"), "&Signature=!"), "saml.not_base64"),
        ("\ud800", "saml.missing"),
        ("SAMLRequest=\ud800", "saml.not_base64"),
        (asked("!"), "saml.not_base64"),
        (asked("PHIvPg=="), "saml.not_deflate"),
        (asked("////"), "saml.not_deflate"),
        (asked(deflated(b"x" * 1000)[:-4]), "saml.not_deflate"),
        (asked(base64.b64encode(base64.b64decode(deflated(b"x")) + b"x").decode()), "saml.not_deflate"),
        (asked(deflated(b"x"), "&SAMLEncoding=urn%3Ax"), "saml.not_deflate"),
        (asked(deflated(b"x" * (MESSAGE_OCTETS + 1))), "saml.too_large"),
        (asked(deflated(b"x" * 50_000_000)), "saml.too_large"),  # 49 kB that swell to 50 MB
    ],
)
def test_redirect_refuses(query: str, code: str) -> None:
    with pytest.raises(FederationError) as caught:
        bindings.decode_redirect(query)
    assert caught.value.code == code


@given(st.text())
def test_redirect_never_raises_anything_else(query: str) -> None:
    for text in (query, f"SAMLRequest={query}"):
        with contextlib.suppress(FederationError):
            assert bindings.decode_redirect(text).name


def test_the_octets_that_were_signed_stay_as_they_came() -> None:
    message = quote(deflated(b"x"), safe="").replace("%2F", "%2f").replace("%3D", "%3d")
    query = f"b=2&Signature=AAAA&SigAlg=urn%3aalg&RelayState=a+b%2f&c&SAMLResponse={message}"
    sent = bindings.decode_redirect(query)
    assert sent.signed_octets.decode() == f"SAMLResponse={message}&RelayState=a+b%2f&SigAlg=urn%3aalg"
    assert (sent.name, sent.relay_state, sent.sig_alg) == ("SAMLResponse", "a b/", "urn:alg")
    assert sent.signature == b"\0\0\0"


@pytest.mark.parametrize(
    ("more", "signed"),
    [
        ("", ""),
        ("&RelayState=", "&RelayState="),  # what was signed is what was sent
        ("&SAMLEncoding=urn%3Aoasis%3Anames%3Atc%3ASAML%3A2.0%3Abindings%3AURL-Encoding%3ADEFLATE", ""),
        ("&Sig%41lg=x&signature=AAAA", ""),  # other names: not ours, and not read
    ],
)
def test_what_is_left_out_of_the_signed_octets(more: str, signed: str) -> None:
    sent = bindings.decode_redirect(asked(deflated(b"x"), more))
    assert sent.signed_octets.decode() == asked(deflated(b"x")) + signed
    assert (sent.sig_alg, sent.signature) == ("", b"")


def test_what_is_signed_and_what_stands_beside_it() -> None:
    seen = []

    def sign(query: str) -> str:
        seen.append(query)
        return f"{query}&SigAlg=urn%3Aalg&Signature=AAAA"

    url = bindings.encode_redirect(
        "https://idp.example/sso",
        name="SAMLRequest",
        message=b"<r/>",
        relay_state="handle",
        sign=sign,
        parameters={"hint": "a b&c"},
    )
    sent = bindings.decode_redirect(url.partition("?")[2])
    assert seen == [asked(deflated(b"<r/>"), "&RelayState=handle")]
    assert sent.signed_octets.decode() == f"{seen[0]}&SigAlg=urn%3Aalg"
    assert url.startswith("https://idp.example/sso?hint=a+b%26c&SAMLRequest=")


@given(st.binary(min_size=1, max_size=2000))
def test_post_there_and_back(message: bytes) -> None:
    assert bindings.decode_post(bindings.encode_post(message), name="SAMLRequest") == message


def judge(query: str, *kinds: str, legacy: frozenset[str] = frozenset()) -> str:
    """Return "" where one of these keys made the query's signature, else the refusal's code."""
    keys = tuple(certificates.read_key(key(kind).certificate) for kind in kinds)
    try:
        signature.verify_query(bindings.decode_redirect(query), keys, legacy=legacy)
    except AssertionRefused as refusal:
        return refusal.code
    return ""


def signed(kind: str, method: str, *, der: bool = False, message: str = "", relay_state: str = "") -> str:
    query = asked(message or deflated(b"<r/>"), f"&RelayState={relay_state}" if relay_state else "")
    query += f"&SigAlg={quote(algorithm(method), safe='')}"
    value = make_value(key(kind), method, query.encode())
    if der:
        half = len(value) // 2
        value = encode_dss_signature(int.from_bytes(value[:half]), int.from_bytes(value[half:]))
    return f"{query}&Signature={quote(base64.b64encode(value).decode(), safe='')}"


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        *(("rsa", f"rsa-sha{bits}") for bits in (256, 384, 512)),
        *(("rsa", f"sha{bits}-rsa-MGF1") for bits in (256, 384, 512)),
        *((kind, f"ecdsa-sha{bits}") for kind in ("p256", "p521") for bits in (256, 384, 512)),
    ],
)
def test_a_signed_query(kind: str, method: str) -> None:
    for der in (False, True) if kind != "rsa" else (False,):
        query = signed(kind, method, der=der, relay_state="a%2fb")
        assert judge(query, kind) == ""
        assert judge(query, f"{kind}-other", kind) == ""  # any of several
        assert judge(query, f"{kind}-other") == "saml.signature"
        assert judge(query.replace("a%2fb", "a%2Fb"), kind) == "saml.signature"  # other octets
        assert judge(f"x=1&{query}&y=2", kind) == ""  # of nobody's concern
        assert judge("&".join(reversed(query.split("&"))), kind) == ""  # the order is the signature's


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (asked(deflated(b"x")), "saml.query_unsigned"),
        (asked(deflated(b"x"), "&Signature=AAAA"), "saml.query_unsigned"),
        (asked(deflated(b"x"), "&SigAlg=&Signature=AAAA"), "saml.query_unsigned"),
        (signed("rsa", "rsa-sha256").partition("&Signature")[0], "saml.query_unsigned"),
        (signed("rsa", "rsa-sha256").partition("Signature=")[0] + "Signature=", "saml.query_unsigned"),
        (signed("rsa", "rsa-sha1"), "saml.algorithm"),
        (asked(deflated(b"x"), "&SigAlg=rsa-sha256&Signature=AAAA"), "saml.algorithm"),
        (signed("rsa", "rsa-sha256").replace("rsa-sha256", "rsa-sha384"), "saml.signature"),
        (signed("rsa", "rsa-sha256").replace("rsa-sha256", "ecdsa-sha256"), "saml.signature"),
        (signed("rsa", "rsa-sha256") + "&RelayState=x", "saml.signature"),
        (signed("rsa", "rsa-sha256").replace("SAMLRequest", "SAMLResponse"), "saml.signature"),
        (signed("rsa", "rsa-sha256", relay_state="x").replace("&RelayState=x", ""), "saml.signature"),
        (signed("p256", "ecdsa-sha256"), "saml.signature"),
    ],
)
def test_a_query_that_is_not_well_signed(query: str, code: str) -> None:
    assert judge(query, "rsa", "p521") == code


def test_no_key_is_no_signature() -> None:
    assert judge(signed("rsa", "rsa-sha256")) == "saml.signature"


def test_a_weak_algorithm_is_read_where_it_is_excepted() -> None:
    assert judge(signed("rsa", "rsa-sha1"), "rsa", legacy=frozenset({"sha1"})) == ""
    assert judge(signed("rsa", "rsa-sha1"), "rsa", legacy=frozenset({"cbc", "rsa1_5"})) == "saml.algorithm"


@given(st.binary(max_size=200))
def test_no_value_of_an_ecdsa_signature_raises_anything_else(value: bytes) -> None:
    query = signed("p256", "ecdsa-sha256").partition("&Signature")[0]
    encoded = quote(base64.b64encode(value).decode(), safe="")
    assert judge(f"{query}&Signature={encoded}", "p256") in {"saml.signature", "saml.query_unsigned"}
