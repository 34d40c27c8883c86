"""Attributes that a directory sends and nobody here knows: named in the log, once, without a value."""

import json
import logging
from pathlib import Path

import pytest
from stair import BASE, standing

from federation.provisioning.request import Asked, Caller

USER = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
    "userName": "ada@acme.example",
    "shoeSize": "a secret size",
}


async def test_a_name_is_told_once_and_its_value_never(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="federation.provisioning.provisioner")
    async with standing(tmp_path, acme_saml={"scim": {}}) as stair:
        connection = stair.house.connections["acme-saml"]
        for name in ("ada", "bob"):
            asked = Asked(
                method="POST",
                path="/Users",
                query={},
                headers={"content-type": "application/scim+json"},
                body=json.dumps({**USER, "userName": f"{name}@acme.example"}).encode(),
                base_url=f"{BASE}/scim/v2/acme-saml",
            )
            caller = Caller(credential="", address="")
            assert (await stair.house.provisioner.answer(connection, asked, caller)).status == 201
    told = [one for one in caplog.records if one.getMessage() == "attributes not heard"]
    assert [vars(one)["attributes"] for one in told] == [["shoeSize"]]
    assert "a secret size" not in str([vars(one) for one in caplog.records])
