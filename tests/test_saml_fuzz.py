"""Foreign octets of every kind: refused, or read as what they were; never another exception.

A moment of ``fuzzing`` (the same seeds each time), and properties that hold for any input.
``scripts/fuzz`` goes on where this stops.
"""

import base64
import zlib
from pathlib import Path
from urllib.parse import quote_plus

import fuzzing
import pytest
from fuzzing import TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from saml_peer import expected

from federation.errors import FederationError
from federation.saml import bindings, enveloped, layout, service_provider, xml

ROUNDS = 250  # inputs of each target

FEW = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MARKUP = st.text(alphabet='<>/ ="ax:&;#![]-?\t\n\ud7ff', max_size=200)


@pytest.mark.parametrize("name", TARGETS)
def test_genuine_messages_are_read(name: str) -> None:
    assert len(fuzzing.genuine(name)) == len(TARGETS[name].corpus())


@pytest.mark.parametrize("name", TARGETS)
def test_changed_messages_are_refused_or_unchanged_in_meaning(name: str) -> None:
    accepted = sum(fuzzing.attempt(name, seed) for seed in range(ROUNDS))
    assert accepted < ROUNDS


def test_a_failing_input_is_kept_and_fails_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzzing, "SLOW", -1.0)
    with pytest.raises(fuzzing.Failed, match="of CPU") as failed:
        fuzzing.attempt("metadata", 1)
    (note,) = failed.value.__notes__
    file = Path(note.removeprefix("kept in "))
    try:
        with pytest.raises(fuzzing.Failed, match="of CPU"):
            fuzzing.replay(file)
        monkeypatch.undo()
        fuzzing.replay(file)
    finally:
        file.unlink()


def test_a_digest_that_nobody_compares_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fuzzer sees what it is there to see."""

    def careless(claim: enveloped.Claim) -> bytes:
        enveloped._remove(claim.element, claim.signature)
        return enveloped.canonicalize(claim.element, claim.prefixes)

    assert fuzzing.genuine("response-elements")
    monkeypatch.setattr(enveloped, "verify_digest", careless)
    with pytest.raises(fuzzing.Failed, match="accepted as") as failed:
        sum(fuzzing.attempt("response-elements", seed) for seed in range(ROUNDS))
    Path(str(failed.value).rpartition("kept in ")[2]).unlink()


@FEW
@given(st.binary(max_size=500))
def test_random_octets_are_no_message(document: bytes) -> None:
    for name in TARGETS:
        assert fuzzing.judge(name, document, fuzzing.this_world()) is None


@FEW
@given(MARKUP)
def test_random_markup_is_no_message(text: str) -> None:
    for document in (text.encode(), f"<a>{text}</a>".encode()):
        with pytest.raises(FederationError):
            service_provider.accept(document, expected(), decryption_keys=())


@FEW
@given(MARKUP)
def test_what_is_parsed_has_a_layout_or_a_refusal(text: str) -> None:
    document = f'<samlp:Response xmlns:samlp="{xml.SAMLP[1:-1]}" ID="_a">{text}</samlp:Response>'
    try:
        root = xml.parse(document.encode(), octets=xml.MESSAGE_OCTETS, elements=1000)
        found = layout.read(root)
    except FederationError:
        return
    assert found.response is root


@FEW
@given(st.binary(max_size=300))
def test_a_field_of_anything_is_decoded_whole_or_refused(octets: bytes) -> None:
    for field in (base64.b64encode(octets).decode(), octets.decode("latin-1")):
        try:
            document = bindings.decode_post(field)
        except FederationError:
            continue
        assert base64.b64encode(document).decode() == "".join(field.split())


@FEW
@given(st.binary(max_size=300), st.sampled_from(["SAMLRequest", "SAMLResponse"]), st.text(max_size=40))
def test_a_query_of_anything_is_decoded_whole_or_refused(octets: bytes, name: str, more: str) -> None:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = squeeze.compress(octets) + squeeze.flush()
    for message in (packed, octets):
        query = f"{name}={quote_plus(base64.b64encode(message))}&{more}"
        try:
            sent = bindings.decode_redirect(query)
        except FederationError:
            continue
        assert sent.name == name
        if message is packed:
            assert sent.message == octets
