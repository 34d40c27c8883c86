"""What is exported of the audit log is OCSF: held to the schema that schema.ocsf.io exports, 1.8.0.

Every action of docs/audit.md, with and without values, with and without what is personal. The package
``ocsf-json-schema`` carries the export and turns it into JSON Schema, in which nothing may stand that the
schema does not name.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
from test_audit_export import row

from federation.operator import ocsf

MANUAL = Path(__file__).parent.parent / "docs" / "audit.md"
ACTIONS = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", MANUAL.read_text(), re.MULTILINE)
PERSONAL = {"personal": {"email": "ada@acme.example"}, "address": "192.0.2.7", "about": "ada"}
VALUES: list[dict[str, Any]] = [
    {},
    {"before": {"role": "viewer"}, "after": {"role": "admin", "user": "ada", "domains": ["acme.example"]}},
    {"actor_kind": "setup_link", "actor": "", "organization": "", "reference": "ABCDEFGHIJ"},
]


@cache
def exported() -> Mapping[str, Any]:
    found: dict[str, Any] = get_ocsf_schema(ocsf.VERSION)
    return found


@cache
def judge(class_uid: int) -> Any:
    schema = OcsfJsonSchemaEmbedded(dict(exported()))
    return jsonschema_rs.validator_for(schema.get_class_schema(schema.lookup_class_name_from_uid(class_uid)))


def captions(class_uid: int, attribute: str) -> Mapping[str, str]:
    """Return what OCSF calls each value of an attribute of a class."""
    (found,) = [one for one in exported()["classes"].values() if one["uid"] == class_uid]
    return {value: told["caption"] for value, told in found["attributes"][attribute]["enum"].items()}


def events(action: str) -> list[dict[str, Any]]:
    rows = [row(action, **PERSONAL, **values) for values in VALUES]
    return [ocsf.event(one, personal=personal) for one in rows for personal in (False, True)]


def test_the_manual_names_every_action() -> None:
    assert len(ACTIONS) >= 50


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_is_an_event_of_the_schema(action: str) -> None:
    for event in events(action):
        assert [str(one) for one in judge(event["class_uid"]).iter_errors(event)] == []


@pytest.mark.parametrize("action", ACTIONS)
def test_what_is_named_beside_a_number_is_its_name(action: str) -> None:
    other = 99  # of which the source says the name
    for event in events(action):
        for number, name in (
            ("activity_id", "activity_name"),
            ("category_uid", "category_name"),
            ("class_uid", "class_name"),
            ("type_uid", "type_name"),
            ("severity_id", "severity"),
            ("status_id", "status"),
        ):
            if event[number] % 100 != other:
                assert captions(event["class_uid"], number)[str(event[number])] == event[name]
        who = event["actor"]["user"]
        known = exported()["objects"]["user"]["attributes"]["type_id"]["enum"]
        assert who["type_id"] == other or known[str(who["type_id"])]["caption"] == who["type"]


FAULTS: list[dict[str, Any]] = [
    {"time": "now"},
    {"severity_id": 7},
    {"activity_id": 77},
    {"class_uid": 3002},
    {"metadata": {}},
    {"entity": {"id": "x"}},
    {"invented": True},
    {"src_endpoint": {"ip": "nowhere"}},
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: next(iter(fault)))
def test_the_schema_tells_what_is_wrong(fault: dict[str, Any]) -> None:
    good = ocsf.event(row("connection.update", **PERSONAL), personal=True)
    whole = judge(good["class_uid"])
    assert whole.is_valid(good)
    assert not whole.is_valid(good | fault)
