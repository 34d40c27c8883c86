"""What the development SAML IdP can do wrong from its login page, and the code that must follow."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from federation.demo.saml_signing import ENVELOPED, EXC_C14N

_PAST = timedelta(hours=-2)
_FUTURE = timedelta(hours=2)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One broken rule. Times are relative to now; the other knobs as in ``Knobs``."""

    says: str
    code: str
    knobs: Mapping[str, Any]


FAULTS: dict[str, Fault] = {
    "unsigned": Fault(says="sign nothing", code="saml.unsigned", knobs={"sign": "none"}),
    "other-key": Fault(says="sign with another key", code="saml.signature", knobs={"key": "another"}),
    "changed": Fault(
        says="change the e-mail address after signing",
        code="saml.digest",
        knobs={"tamper": (("</saml:NameID>", "x</saml:NameID>"),)},
    ),
    "sha-1": Fault(says="sign with SHA-1", code="saml.algorithm", knobs={"method": "rsa-sha1"}),
    "xslt": Fault(
        says="ask for another transform",
        code="saml.transforms",
        knobs={"transforms": (ENVELOPED, EXC_C14N, "http://www.w3.org/TR/1999/REC-xslt-19991116")},
    ),
    "wrapped": Fault(says="wrap the signature (XSW3)", code="saml.one_assertion", knobs={"wrap": "xsw3"}),
    "doctype": Fault(
        says="put a DTD in front", code="saml.doctype", knobs={"prolog": '<!DOCTYPE r [<!ENTITY e "x">]>'}
    ),
    "status": Fault(
        says="report a failure",
        code="saml.status",
        knobs={"status": "urn:oasis:names:tc:SAML:2.0:status:Responder", "assertion": False},
    ),
    "audience": Fault(
        says="address somebody else",
        code="saml.audience",
        knobs={"audiences": (("https://other.example/metadata",),)},
    ),
    "recipient": Fault(
        says="name another recipient",
        code="saml.recipient",
        knobs={"recipient": "https://other.example/acs"},
    ),
    "destination": Fault(
        says="name another destination",
        code="saml.destination",
        knobs={"destination": "https://other.example/acs"},
    ),
    "issuer": Fault(
        says="speak for another IdP", code="saml.issuer", knobs={"issuer": "https://other.example"}
    ),
    "unsolicited": Fault(
        says="answer no request",
        code="saml.in_response_to",
        knobs={"in_response_to": None, "response_in_response_to": None},
    ),
    "expired": Fault(says="be two hours late", code="saml.expired", knobs={"not_on_or_after": _PAST}),
    "early": Fault(says="be two hours early", code="saml.not_yet_valid", knobs={"not_before": _FUTURE}),
    "no-email": Fault(
        says="name the person by something else than an e-mail address",
        code="saml.name_id_format",
        knobs={
            "name_id": "4711",
            "name_id_format": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
        },
    ),
}
