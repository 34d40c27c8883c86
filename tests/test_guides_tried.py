"""A guide that says "tried here" is followed here: its own snippets, against the real product."""

import shutil
from collections.abc import Iterator

import pytest
import yaml
from drive import Browser
from providers import PEOPLE, SimpleSamlPhp
from service import Service, serving
from test_guides import GUIDES, HOST, blocks

pytestmark = pytest.mark.providers
GUIDE = GUIDES / "simplesamlphp.md"
PUBLISHED = "https://idp.acme.example/simplesaml/saml2/idp/metadata.php"


@pytest.fixture(scope="module")
def service(
    simplesamlphp_server: SimpleSamlPhp, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Serve the guide's connection, and register us by the guide's entry."""
    directory = tmp_path_factory.mktemp("guide")
    (text,) = blocks(GUIDE.read_text(), "yaml")
    assert PUBLISHED in text
    told = yaml.safe_load(text.replace(PUBLISHED, simplesamlphp_server.entity_id))
    entry, _hosted = blocks(GUIDE.read_text(), "php")
    with serving(directory, {"organizations": {"acme": {"name": "Acme"}}, **told}) as running:
        work = simplesamlphp_server.work
        shutil.copy(directory / "sp.crt", work / "cert" / "federation-sp.crt")
        (work / "sp" / "guide.php").write_text(entry.replace(HOST, running.base_url))
        yield running
        (work / "sp" / "guide.php").unlink()


def test_who_follows_the_guide_can_sign_in(service: Service, simplesamlphp: SimpleSamlPhp) -> None:
    person = PEOPLE["alice"]
    with Browser() as browser:
        page = browser.go(service.url("/login/simplesamlphp?return_to=/session"), person)
        assert page.status_code == 200, page.text
        said = service.who(browser)
    assert said["user"]["email"] == person.email
    assert said["user"]["given_name"] == person.given_name
    assert said["groups"] == list(person.groups)
    assert said["roles"] == ["member"]
