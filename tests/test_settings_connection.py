"""The keys of a SAML connection: each fault is named with its place and the mend."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from test_settings import faults, load, whole, with_values

from federation.connection import SamlConnection

CBC = {"allow": "cbc", "reason": "SimpleSAMLphp 1.19", "until": "2027-03-31"}
ACR = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
OTHER = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"


def connection(directory: Path, changes: dict[str, Any]) -> SamlConnection:
    found = load(directory, with_values(changes)).connections["adfs"]
    assert isinstance(found, SamlConnection)
    return found


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path


def test_nothing_is_slackened_unless_it_is_said(directory: Path) -> None:
    plain = connection(directory, {})
    assert (plain.signed, plain.unsolicited, plain.exceptions) == ("either", "refuse", ())
    assert (plain.requested_authn_context, plain.name_id_format) == ((), "emailAddress")
    assert plain.excepted(date(2026, 11, 21)) == frozenset()


GOOD: list[dict[str, Any]] = [
    {"adfs.name_id_format": "transient", "adfs.subject_attribute": "uid"},
    {"adfs.requested_authn_context": [ACR], "adfs.authn_context_comparison": "minimum",
     "adfs.require": {"acr": [ACR, OTHER]}},
    {"adfs.requested_authn_context": [ACR, OTHER], "adfs.require": {"acr": [ACR], "max_age": "8h"}},
    {"adfs.exceptions": [CBC, CBC | {"allow": "sha1"}]},
    {"adfs.metadata": {"xml": "<EntityDescriptor/>"}},
    {"adfs.acs_paths": ["/saml/acs", "/Shibboleth.sso/SAML2/POST"]},
    {"adfs.unsolicited": "accept", "adfs.landing_paths": ["/reports"]},
]  # fmt: skip


@pytest.mark.parametrize("changes", GOOD)
def test_what_may_be_said(directory: Path, changes: dict[str, Any]) -> None:
    connection(directory, changes)


FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"adfs.name_id_format": "transient"},       "adfs.name_id_format",   "subject_attribute"),
    ({"adfs.subject_attribute": "urn:federation:local"}, "adfs.subject_attribute", "is ours"),
    ({"adfs.name_id_format": "kerberos"},        "adfs.name_id_format",   "persistent"),
    ({"adfs.exceptions": [CBC, CBC]},            "adfs.exceptions",       "excepted twice"),
    ({"adfs.exceptions": [CBC | {"allow": "md5"}]},    "adfs.exceptions.0.allow",  "sha1"),
    ({"adfs.exceptions": [CBC | {"until": "soon"}]},   "adfs.exceptions.0.until",  "2027-03-31"),
    ({"adfs.exceptions": [CBC | {"until": "2027-02-30"}]}, "adfs.exceptions.0.until", "a day"),
    ({"adfs.exceptions": [CBC | {"reason": " "}]},     "adfs.exceptions.0.reason", "at least 1"),
    ({"adfs.exceptions": [{"allow": "cbc", "until": "2027-03-31"}]}, "adfs.exceptions.0.reason", ""),
    ({"adfs.exceptions": [{"allow": "cbc", "reason": "x"}]},         "adfs.exceptions.0.until", ""),
    ({"adfs.authn_context_comparison": "better"},      "adfs.require",  "classes that are good enough"),
    ({"adfs.requested_authn_context": [ACR], "adfs.require": {"acr": [OTHER]}},
     "adfs.require", "not among requested_authn_context"),
    ({"adfs.require": {"max_age": "8"}},               "adfs.require.max_age", "unit"),
    ({"adfs.force_authn": True, "adfs.unsolicited": "accept"}, "adfs.unsolicited", "force_authn"),
    ({"adfs.request_parameters": {"RelayState": "x"}}, "adfs.request_parameters", "the SAML binding"),
    ({"adfs.login_hint": "SigAlg"},                    "adfs.login_hint", "belongs to the SAML binding"),
    ({"adfs.metadata": {"file": "a.xml", "xml": "<a/>"}}, "adfs.metadata", "expected one of"),
    ({"adfs.metadata": {}},                            "adfs.metadata", "expected one of"),
    ({"adfs.slo_url": "https://idp.example/slo"},      "adfs.metadata", "already tells slo_url"),
    ({"adfs.landing_paths": ["https://evil.example"]}, "adfs.landing_paths.0", "a path such as"),
    ({"adfs.landing_paths": ["//evil.example"]},       "adfs.landing_paths.0", "a path such as"),
    ({"adfs.landing_paths": ["/a/../b"]},              "adfs.landing_paths.0", "a path such as"),
    ({"adfs.acs_paths": ["/a?b"]},                     "adfs.acs_paths.0", "a path such as"),
    ({"adfs.acs_paths": ["/a/"]},                      "adfs.acs_paths.0", "a path such as"),
    ({"adfs.assertion_consumer_service_index": -1},    "adfs.assertion_consumer_service_index", "0"),
    ({"adfs.signed": "none"},                          "adfs.signed", "either"),
    ({"adfs.second_opinion": "yes"},                   "adfs.second_opinion", "xmlsec"),
    ({"adfs.unsolicited": True},                       "adfs.unsolicited", "refuse"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "place", "expected"), FAULTS)
def test_one_fault_is_named_with_its_place(
    directory: Path, changes: dict[str, Any], place: str, expected: str
) -> None:
    told = faults(directory, with_values(changes))
    assert list(told) == [whole(place)]
    assert expected in told[whole(place)]


ENDS = [
    # day                  enforce_end    allowed
    (date(2027, 3, 30),    True,          True),
    (date(2027, 3, 31),    True,          True),    # its last day
    (date(2027, 4, 1),     True,          False),
    (date(2027, 4, 1),     False,         True),    # doctor and the log say so, every day
]  # fmt: skip


@pytest.mark.parametrize(("day", "enforced", "allowed"), ENDS)
def test_an_exception_ends_where_that_is_said(
    directory: Path,
    day: date,
    enforced: bool,  # noqa: FBT001
    allowed: bool,  # noqa: FBT001
) -> None:
    read = connection(directory, {"adfs.exceptions": [CBC | {"enforce_end": enforced}]})
    assert read.excepted(day) == (frozenset({"cbc"}) if allowed else frozenset())
