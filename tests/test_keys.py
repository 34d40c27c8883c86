"""The key ring and our own key pair: what is sealed opens at its own place only."""

import base64
import hashlib
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from federation import keys, registry, vault
from federation.errors import ConfigurationError

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
OLD, NEW = bytes(range(32)), bytes(range(1, 33))
AAD = "record:ABCDEFGHIJ"
PLAIN = "Zoë".encode()


def ring(*members: bytes) -> vault.Vault:
    return vault.Vault([(vault.key_id(key), key) for key in members])


def refused(code: str) -> pytest.RaisesExc[ConfigurationError]:
    return pytest.RaisesExc(ConfigurationError, match=f"^{code}: ")


def test_what_is_sealed_opens_again() -> None:
    envelope = ring(NEW).seal(PLAIN, AAD)
    assert ring(NEW).open(envelope, AAD) == PLAIN
    version, kid, nonce, _ = envelope.split(".")
    assert (version, kid, len(nonce)) == ("v1", hashlib.sha256(NEW).hexdigest()[:8], 16)


def test_the_same_text_never_looks_the_same() -> None:
    sealing = ring(NEW)
    assert len({sealing.seal(PLAIN, AAD) for _ in range(50)}) == 50


def test_the_first_key_encrypts_and_all_decrypt() -> None:
    old = ring(OLD).seal(PLAIN, AAD)
    both = ring(NEW, OLD)
    assert both.open(old, AAD) == PLAIN
    assert both.seal(PLAIN, AAD).split(".")[1] == vault.key_id(NEW)


def altered(envelope: str, part: int) -> str:
    parts = envelope.split(".")
    parts[part] = ("B" if parts[part][0] != "B" else "C") + parts[part][1:]
    return ".".join(parts)


GOOD = ring(NEW).seal(PLAIN, AAD)
FAULTS = [
    # refusal           envelope                                    opened as
    ("keys.unknown",  ring(OLD).seal(PLAIN, AAD),                 AAD),
    ("keys.unknown",  altered(GOOD, 1),                           AAD),
    ("keys.envelope", altered(GOOD, 2),                           AAD),
    ("keys.envelope", altered(GOOD, 3),                           AAD),
    ("keys.envelope", GOOD,                                       "record:OTHER"),   # moved
    ("keys.envelope", GOOD + "A",                                 AAD),
    ("keys.envelope", GOOD + ".A",                                AAD),
    ("keys.envelope", GOOD.rpartition(".")[0] + ".",              AAD),
    ("keys.envelope", GOOD.rpartition(".")[0] + ".é",             AAD),
    ("keys.envelope", GOOD.replace("v1.", "v2."),                 AAD),
    ("keys.envelope", "",                                         AAD),
    ("keys.envelope", GOOD.rpartition(".")[0],                    AAD),
]  # fmt: skip


@pytest.mark.parametrize(("code", "envelope", "aad"), FAULTS, ids=range(len(FAULTS)))
def test_what_is_altered_or_moved_does_not_open(code: str, envelope: str, aad: str) -> None:
    with refused(code):
        ring(NEW).open(envelope, aad)


def test_an_envelope_has_one_spelling() -> None:
    """Spare bits of the last base64 character cannot be turned: two spellings would be two records."""
    sealing = ring(NEW)
    for length in range(4):
        envelope = sealing.seal(b"x" * length, AAD)
        for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
            if (spelled := envelope[:-1] + last) != envelope:
                with refused("keys.envelope"):
                    sealing.open(spelled, AAD)


def test_a_persons_key_seals_for_that_person_alone() -> None:
    sealing = ring(NEW)
    ada, bob = sealing.new_key("person:ada"), sealing.new_key("person:bob")
    sealed = sealing.seal_under(ada, "person:ada", PLAIN, AAD)
    assert sealing.open_under(ada, "person:ada", sealed, AAD) == PLAIN
    with refused("keys.unknown"):
        sealing.open_under(bob, "person:bob", sealed, AAD)
    with refused("keys.envelope"):
        sealing.open_under(ada, "person:bob", sealed, AAD)
    with refused("keys.envelope"):
        sealing.open_under(ada, "person:ada", sealed, "record:OTHER")
    with refused("keys.unknown"):
        sealing.open(sealed, AAD)  # the ring's own keys do not open it


def test_a_fresh_key_seals_what_opens_under_it_and_another_still_has_to_be_opened() -> None:
    keyed = ring(OLD).keyed("person:ada")
    for wrapped in (keyed.fresh(), ring(OLD).new_key("person:ada")):
        assert ring(OLD).open_under(wrapped, "person:ada", keyed.seal(wrapped, PLAIN, AAD), AAD) == PLAIN
    with pytest.raises(ConfigurationError, match=r"^keys\.envelope: "):
        keyed.seal(ring(OLD).new_key("person:bob"), PLAIN, AAD)


def test_a_persons_key_outlives_the_ring_that_made_it() -> None:
    wrapped = ring(OLD).new_key("person:ada")
    sealed = ring(OLD).seal_under(wrapped, "person:ada", PLAIN, AAD)
    assert ring(NEW, OLD).open_under(wrapped, "person:ada", sealed, AAD) == PLAIN


def test_an_empty_ring_and_a_short_key_are_refused() -> None:
    with refused("keys.ring_empty"):
        vault.Vault([])
    with refused("keys.ring_empty"):
        keys.open_vault([])
    with refused("keys.length"):
        vault.Vault([("a", b"short")])


def test_no_key_shows_in_a_representation() -> None:
    shown = repr(ring(NEW, OLD)) + str(ring(NEW))
    assert base64.b64encode(NEW).decode() not in shown
    assert repr(NEW) not in shown


def test_a_secret_key_file_is_made_once(tmp_path: Path) -> None:
    file = tmp_path / "certs" / "secrets.key"
    assert keys.generate_secret_key(file)
    before = file.read_bytes()
    assert not keys.generate_secret_key(file)
    assert file.read_bytes() == before
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(base64.b64decode(before)) == 32
    assert [one.name for one in file.parent.iterdir()] == ["secrets.key"]


def test_the_ring_is_read_first_file_first(tmp_path: Path) -> None:
    for name, key in (("new", NEW), ("old", OLD)):
        (tmp_path / name).write_bytes(base64.b64encode(key) + b"\n")
    read = keys.open_vault([tmp_path / "new", tmp_path / "old"])
    assert read.seal(PLAIN, AAD).split(".")[1] == vault.key_id(NEW)
    assert read.open(ring(OLD).seal(PLAIN, AAD), AAD) == PLAIN


@pytest.mark.parametrize(
    "content", [b"", b"not base64!", base64.b64encode(b"short"), base64.b64encode(bytes(33))]
)
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad").write_bytes(content)
    with refused("keys.secret_key"):
        keys.open_vault([tmp_path / "bad"])
    with refused("keys.file"):
        keys.open_vault([tmp_path / "absent"])


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, key_bits: int) -> tuple[Path, Path]:
    directory = tmp_path_factory.mktemp("certs")
    files = directory / "sp.key", directory / "sp.crt"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "_RSA_BITS", key_bits)
        assert keys.generate_key_pair(*files, name="sso.acme.example", now=NOW)
    return files


def test_the_pair_is_rsa_3072_for_ten_years(pair: tuple[Path, Path]) -> None:
    made = keys.load_key_pair(*pair)
    certificate = x509.load_der_x509_certificate(made.certificate_der)
    assert certificate.subject.rfc4514_string() == "CN=sso.acme.example"
    assert made.not_after == NOW + timedelta(days=3653)
    assert made.not_before == NOW - timedelta(hours=1)
    assert stat.S_IMODE(pair[0].stat().st_mode) == 0o600
    key = serialization.load_pem_private_key(made.private_key_pem, None)
    assert getattr(key, "key_size", 0) == 3072
    assert "PRIVATE" not in repr(made)


def test_a_pair_is_never_overwritten(pair: tuple[Path, Path]) -> None:
    before = [file.read_bytes() for file in pair]
    assert not keys.generate_key_pair(*pair, name="other", now=NOW)
    assert [file.read_bytes() for file in pair] == before


def test_racing_starts_end_with_one_pair(tmp_path: Path) -> None:
    files = tmp_path / "sp.key", tmp_path / "sp.crt"
    with ThreadPoolExecutor(4) as pool:
        starts = [pool.submit(keys.generate_key_pair, *files, name="sp", now=NOW) for _ in range(4)]
        assert True in [start.result() for start in starts]
    keys.load_key_pair(*files)  # refuses a certificate of another key
    assert sorted(one.name for one in tmp_path.iterdir()) == ["sp.crt", "sp.key"]


def test_a_certificate_is_made_for_a_key_that_is_there(pair: tuple[Path, Path], tmp_path: Path) -> None:
    key = tmp_path / "sp.key"
    key.write_bytes(pair[0].read_bytes())
    assert keys.generate_key_pair(key, tmp_path / "sp.crt", name="sp", now=NOW)
    keys.load_key_pair(key, tmp_path / "sp.crt")


def test_what_does_not_belong_together_is_refused(pair: tuple[Path, Path], tmp_path: Path) -> None:
    key, certificate = pair
    other = tmp_path / "other.key"
    with refused("keys.pair"):
        keys.generate_key_pair(other, certificate, name="sp", now=NOW)
    keys.generate_key_pair(other, tmp_path / "other.crt", name="sp", now=NOW)
    with refused("keys.pair"):
        keys.load_key_pair(other, certificate)
    with refused("keys.certificate"):
        keys.load_key_pair(key, key)
    with refused("keys.private_key"):
        keys.load_key_pair(certificate, certificate)
    with refused("keys.file"):
        keys.load_key_pair(tmp_path / "absent", certificate)


def test_a_key_under_a_password_is_refused(pair: tuple[Path, Path], tmp_path: Path) -> None:
    key, certificate = pair
    file = tmp_path / "locked.key"
    file.write_bytes(
        keys.load_key_pair(key, certificate).private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"x"),
        )
    )
    with refused("keys.private_key"):
        keys.load_key_pair(file, certificate)


def test_a_key_is_checked_once_and_given_to_every_room(pair: tuple[Path, Path]) -> None:
    """OpenSSL's check of an RSA key takes a fifth of a second; three rooms use the one that passed."""
    held = keys.load_key_set(*pair)
    own, loaded = registry.own_keys(held), held.current.private_key
    assert own.signing.private_key is loaded
    assert own.decryption[0].private_key is loaded
    assert own.assertion.key.raw_value is loaded
    assert "private" not in repr(held)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ec.key"
    key = ec.generate_private_key(ec.SECP256R1())
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with refused("keys.private_key"):
        keys.load_key_pair(file, file)


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with refused("keys.file"):
        keys.generate_secret_key(tmp_path / "file" / "secrets.key")
