"""Nobody bears another provider's name: within an organization, on the provider's word alone."""

from typing import Any

import pytest
from publisher import ANOTHER, GOOD, KEY, ROLLED
from saml_peer import IDP, NOW

from federation.connection import SamlConnection
from federation.errors import ConfigurationError
from federation.saml import metadata
from federation.saml.metadata import IdentityProvider
from federation.trust.names import Named, Names

URL: dict[str, Any] = {"metadata": {"url": "https://idp.example/metadata"}}
PINNED: dict[str, Any] = URL | {"entity_id": IDP}
PASTED: dict[str, Any] = {"metadata": {"xml": GOOD}}


def connection(name: str, organization: str = "acme", **told: Any) -> SamlConnection:
    given = {"id": name, "protocol": "saml", "organization": organization, "anyone": True}
    return SamlConnection.model_validate({**given, **told})


def provider(document: str = GOOD) -> IdentityProvider:
    return metadata.read_metadata(document.encode(), entity_id=None, development=False, now=NOW, signers=())


GENUINE, IMPOSTOR = provider(), provider(ROLLED)


def test_the_two_have_one_name_and_no_key_in_common() -> None:
    assert GENUINE.entity_id == IMPOSTOR.entity_id == IDP
    assert (GENUINE.keys[0].fingerprint, IMPOSTOR.keys[0].fingerprint) == (KEY, ANOTHER)


ROWS: list[tuple[dict[str, Any], dict[str, Any], bool, bool]] = [
    # the genuine one    the impostor    who is let: genuine, impostor
    (PINNED,             URL,            True,   False),
    (PASTED,             URL,            True,   False),
    (URL,                URL,            False,  False),  # nobody can tell them apart but the operator
    (PINNED,             PINNED,         False,  False),
]  # fmt: skip


@pytest.mark.parametrize("genuine_first", [True, False])
@pytest.mark.parametrize(("genuine", "impostor", "let", "let_impostor"), ROWS)
def test_whoever_has_anothers_name_is_refused_until_the_operator_says(
    genuine: dict[str, Any],
    impostor: dict[str, Any],
    let: bool,  # noqa: FBT001
    let_impostor: bool,  # noqa: FBT001
    genuine_first: bool,  # noqa: FBT001
) -> None:
    names = Names()
    both = [(connection("one", **genuine), GENUINE), (connection("two", **impostor), IMPOSTOR)]
    for who, idp in both if genuine_first else reversed(both):
        try_to(names, who, idp)  # the first is alone as yet
    assert [try_to(names, who, idp) for who, idp in both] == [let, let_impostor]


def try_to(names: Names, who: SamlConnection, idp: IdentityProvider) -> bool:
    """Return whether it is let; any other refusal than this one goes on its way."""
    try:
        names.require(who, idp)
    except ConfigurationError as refusal:
        if refusal.code != "registry.entity_id":
            raise
        return False
    return True


def test_one_provider_may_be_connected_twice_and_organizations_do_not_meet() -> None:
    names = Names()
    names.require(connection("one", **URL), GENUINE)
    names.require(connection("two", **URL), GENUINE)
    names.require(connection("three", organization="beta", **URL), IMPOSTOR)


def test_a_name_that_was_given_up_is_free_again() -> None:
    names = Names()
    one, two = connection("one", **URL), connection("two", **URL)
    names.require(one, GENUINE)
    names.require(one, provider(GOOD.replace(f'entityID="{IDP}"', 'entityID="https://renamed.example"')))
    names.require(two, IMPOSTOR)


async def test_a_source_asks_at_every_look() -> None:
    class Standing:
        def __init__(self, idp: IdentityProvider) -> None:
            self.idp = idp

        async def get(self, _now: Any) -> IdentityProvider:
            return self.idp

        async def refresh(self, _now: Any, *, because: str) -> IdentityProvider:  # noqa: ARG002
            return self.idp

    names = Names()
    one = Named(connection("one", **PINNED), Standing(GENUINE), names)
    two = Named(connection("two", **URL), Standing(IMPOSTOR), names)
    assert await one.refresh(NOW, because="schedule") is GENUINE
    for asked in (two.get(NOW), two.refresh(NOW, because="unknown_key")):
        with pytest.raises(ConfigurationError, match=r"^registry\.entity_id: "):
            await asked
    assert await one.get(NOW) is GENUINE
