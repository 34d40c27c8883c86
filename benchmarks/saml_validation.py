"""One SAML validation in process: ours with every rule on, beside the C floor and others.

    .venv/bin/python benchmarks/saml_validation.py [--rounds 7] [--count 100] [--shape okta]

CPU microseconds (user + system) per response. The validators take turns, round by round, so that
what disturbs the machine disturbs all of them. The figure is the least of the rounds, because
disturbance only ever adds; read the ratios within one table.
"""

import argparse
import base64
import hashlib
import logging
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import ours
import responses
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree
from onelogin.saml2.auth import OneLogin_Saml2_Auth
from responses import ACS, DS, ENC, EXCLUSIVE, IDP, REQUEST, SAML, SHAPES, SP, Shape

Validator = Callable[[str], None]
OURS, FLOOR = "ours: every rule", "C floor: parse, C14N, SHA-256, RSA"
PYTHON_FLOOR = "Python floor: lxml, hashlib, cryptography"


def ours_whole(keys: Path, shape: Shape) -> Validator:
    """Decode, then ``service_provider.accept``: gate, signature, re-read, all profile rules."""
    accept = ours.validator(keys)

    def validate(encoded: str) -> None:
        assert len(accept(encoded).attributes["groups"]) == shape.groups

    return validate


def python_floor(keys: Path, shape: Shape) -> Validator:
    """The same steps as the C floor with lxml, hashlib and cryptography: no rule, nothing read."""
    public = x509.load_pem_x509_certificate((keys / "idp.crt").read_bytes()).public_key()
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)

    def canonicalize(element: etree._Element, prefixes: list[str] | None = None) -> bytes:
        return etree.tostring(element, method="c14n", exclusive=True, inclusive_ns_prefixes=prefixes)

    def verify(element: etree._Element) -> None:
        signature = element.find(f"{{{DS}}}Signature")
        info = signature[0]
        listed = info.find(f".//{{{EXCLUSIVE}}}InclusiveNamespaces")
        value = base64.b64decode(signature.findtext(f"{{{DS}}}SignatureValue"))
        public.verify(value, canonicalize(info), padding.PKCS1v15(), hashes.SHA256())
        wanted = base64.b64decode(info.findtext(f"{{{DS}}}Reference/{{{DS}}}DigestValue"))
        element.remove(signature)
        octets = canonicalize(element, None if listed is None else listed.get("PrefixList").split())
        assert hashlib.sha256(octets).digest() == wanted

    private = serialization.load_pem_private_key((keys / "sp.key").read_bytes(), None)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 (what most send)

    def decrypt(root: etree._Element) -> etree._Element:
        wrapped, value = (base64.b64decode(one.text) for one in root.iter(f"{{{ENC}}}CipherValue"))
        key = private.decrypt(wrapped, oaep)
        return etree.fromstring(AESGCM(key).decrypt(value[:12], value[12:], None), parser)

    def validate(encoded: str) -> None:
        root = etree.fromstring(base64.b64decode(encoded), parser)
        if shape.encrypted:
            verify(decrypt(root))
            return
        if shape.signed != "assertion":
            verify(root)
        if shape.signed != "response":
            verify(root.find(f"{{{SAML}}}Assertion"))

    return validate


def python3_saml(keys: Path, shape: Shape) -> Validator:
    """python3-saml as its README shows it: settings as a dict, one Auth for each request."""
    settings = {
        "strict": True,
        "sp": {
            "entityId": SP,
            "assertionConsumerService": {
                "url": ACS,
                "binding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
            },
            "x509cert": (keys / "sp.crt").read_text(),
            "privateKey": (keys / "sp.key").read_text(),
        },
        "idp": {
            "entityId": IDP,
            "singleSignOnService": {
                "url": "https://idp.example.org/sso",
                "binding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect",
            },
            "x509cert": responses.certificate_body(keys),
        },
        "security": {
            "wantAssertionsSigned": shape.signed != "response",
            "wantMessagesSigned": shape.signed != "assertion",
            "rejectDeprecatedAlgorithm": True,
        },
    }
    place = urlsplit(ACS)

    def validate(encoded: str) -> None:
        request = {
            "https": "on",
            "http_host": place.netloc,
            "script_name": place.path,
            "get_data": {},
            "post_data": {"SAMLResponse": encoded},
        }
        auth = OneLogin_Saml2_Auth(request, settings)
        auth.process_response(request_id=REQUEST)
        assert auth.is_authenticated(), auth.get_last_error_reason()

    return validate


def build_floor(directory: Path) -> Path | None:
    """Compile floor.c; None (and a word about it) where that cannot be done here."""
    source, target = Path(__file__).with_name("floor.c"), directory / "floor"
    if not shutil.which("cc") or not shutil.which("pkg-config"):
        print("NO C FLOOR: cc or pkg-config is missing (Debian: gcc pkg-config)", file=sys.stderr)
        return None
    asked = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libxml-2.0", "libcrypto"],
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        print("NO C FLOOR: headers are missing (Debian: libxml2-dev libssl-dev)", file=sys.stderr)
        return None
    subprocess.run(["cc", "-O2", source, "-o", target, *asked.stdout.split()], check=True)
    return target


def measure(
    shape: Shape, keys: Path, floor: Path | None, *, rounds: int, count: int
) -> dict[str, list[float]]:
    """Return each validator's CPU microseconds per response, one figure a round."""
    encoded = responses.make(shape, count, keys)
    file = keys / "responses.b64"
    file.write_text("\n".join(encoded) + "\n")
    validators = {
        OURS: ours_whole(keys, shape),
        PYTHON_FLOOR: python_floor(keys, shape),
        "python3-saml as documented": python3_saml(keys, shape),
    }
    figures: dict[str, list[float]] = {}
    for turn in range(rounds + 1):  # the first is a rehearsal
        for name, validate in validators.items():
            part = encoded if name != "python3-saml as documented" else encoded[:20]
            before = time.process_time()
            for one in part:
                validate(one)
            used = (time.process_time() - before) / len(part) * 1e6
            if turn:
                figures.setdefault(name, []).append(used)
        if floor is not None and turn and not shape.encrypted:
            command = [floor, shape.signed, file, keys / "idp.crt", "4"]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            figures.setdefault(FLOOR, []).append(float(said))
    return figures


def show(shape: Shape, octets: int, figures: dict[str, list[float]]) -> None:
    """Print one table: the least, its ratio to the floor, and the median."""
    floor = PYTHON_FLOOR if shape.encrypted else FLOOR  # of an encrypted one it has the RSA private operation
    base = min(figures[floor]) if floor in figures else None
    print(f"\n{shape.name}: {octets} octets, signed: {shape.signed}, groups: {shape.groups}")
    for name, each in sorted(figures.items(), key=lambda item: min(item[1])):
        ratio = f"{min(each) / base:6.2f}x" if base else "       "
        print(f"{min(each):8.0f} us  {ratio}  (median {statistics.median(each):.0f})  {name}")


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--count", type=int, default=100, help="responses in a round")
    arguments.add_argument("--shape", choices=SHAPES, action="append")
    options = arguments.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as directory:
        keys = Path(directory)
        responses.make_keys(keys)
        floor = build_floor(keys)
        for shape in [SHAPES[name] for name in options.shape or SHAPES]:
            figures = measure(shape, keys, floor, rounds=options.rounds, count=options.count)
            sample = base64.b64decode((keys / "responses.b64").read_text().split()[0])
            show(shape, len(sample), figures)


if __name__ == "__main__":
    main()
