"""The API's document, and the real service held to it by schemathesis."""

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.definitions import OPENAPI_31
from service import Service, serving
from starlette.routing import Route

from federation import clock
from federation.administration.actor import SCOPES
from federation.console.api import OPERATIONS, api_routes
from federation.console.openapi import describe
from federation.console.operations import BASE
from federation.store.api_tokens import ApiToken
from federation.store.rows import new_id
from federation.store.store import open_store
from federation.vault import hash_token

DOCUMENT = describe(OPERATIONS, secure=True)
EXAMPLES = 5  # of each operation
SCHEMA = schemathesis.openapi.from_dict(json.loads(json.dumps(DOCUMENT)))
SESSION = requests.Session()
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
NAMES = sorted(one.name for one in OPERATIONS)


def test_the_document_is_openapi_3_1() -> None:
    jsonschema_rs.validator_for(OPENAPI_31).validate(json.loads(json.dumps(DOCUMENT)))


def test_every_route_has_an_operation_and_every_operation_a_route() -> None:
    routed = {
        (method, route.path.removeprefix(BASE))
        for route in api_routes()
        if isinstance(route, Route) and route.path != f"{BASE}/openapi.json"
        for method in (route.methods or set()) - {"HEAD"}
    }
    told = {(method.upper(), path) for path, one in DOCUMENT["paths"].items() for method in one}
    assert routed == told == {(one.method, one.path) for one in OPERATIONS}


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does() -> None:
    assert len(set(NAMES)) == len(NAMES)
    for one in OPERATIONS:
        assert re.fullmatch(r"[a-z][a-z_]+", one.name), one.name
        assert one.run.__doc__, one.name
        assert not one.summary.endswith("."), one.name


def test_what_changes_something_is_no_get() -> None:
    for one in OPERATIONS:
        if one.method == "GET":
            assert one.body is None, one.name
        if one.scope.endswith(":write") and one.method == "GET":
            assert one.scope == "tokens:write", one.name  # a list that whoever reads it could write


def test_no_answer_holds_a_secret_but_of_the_token_just_made() -> None:
    told = json.dumps({name: DOCUMENT["components"]["schemas"][name] for name in answered()})
    named = set(re.findall(r'"(\w*(?:secret|password|private_key|token)\w*)":', told))
    # ``secrets``: the names of those that are set; ``secret``: of a credential just made
    assert named <= {"token", "secrets", "token_url", "secret"}, named


def answered() -> set[str]:
    """Names of the schemas that answers are made of."""
    found: set[str] = set()
    operations = [one for path in DOCUMENT["paths"].values() for one in path.values()]
    waiting = named_in([one["responses"] for one in operations])
    while waiting:
        found |= waiting
        waiting = named_in([DOCUMENT["components"]["schemas"][name] for name in waiting]) - found
    return found


def named_in(told: Any) -> set[str]:
    return set(re.findall(r"schemas/([\w.-]+)", json.dumps(told)))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    directory: Path = tmp_path_factory.mktemp("api")
    settings = {
        "organizations": {"acme": {"name": "Acme", "administrators": ["admin"]}},
        "rate_limits": {"sign_in": "off", "failures": "off"},
    }
    with serving(directory, settings) as running:
        yield running


@pytest.fixture(scope="module")
def tokens(service: Service) -> dict[str, str]:
    """Of everything, for a day: written beside the running service, as another node would."""
    whose = {"acme": "acme", "everywhere": ""}
    made = {name: f"fst_{name[0] * 43}" for name in whose}
    now = clock.now()

    async def keep() -> None:
        store = await open_store(f"sqlite:///{service.config.parent / 'federation.db'}")
        for name, organization in whose.items():
            token = ApiToken(
                id=new_id(now),
                organization=organization,
                name=name,
                scopes=SCOPES,
                created_at=now,
                created_by="operator",
                expires_at=now + timedelta(days=1),
            )
            assert await store.keep_api_token(hash_token(made[name]), token)
        await store.close()

    asyncio.run(keep())
    return made


@pytest.mark.parametrize("who", ["acme", "everywhere"])
@pytest.mark.parametrize("name", NAMES)
def test_every_answer_is_as_documented(name: str, who: str, service: Service, tokens: dict[str, str]) -> None:
    operation = SCHEMA.find_operation_by_id(name)
    headers = {"authorization": f"Bearer {tokens[who]}"}

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any) -> None:
        answer = case.call(base_url=service.url(BASE), headers=headers, session=SESSION)
        case.validate_response(answer, checks=CHECKS)

    ask()
