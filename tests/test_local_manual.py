"""The commands of docs/local.md do what the page says; its settings load."""

import re
from pathlib import Path

import yaml
from test_local_journey import Scene, scene

from federation.connection import LocalConnection, Organization

__all__ = ["scene"]
PAGE = (Path(__file__).parent.parent / "docs/local.md").read_text()


async def test_every_command_of_the_page_works(scene: Scene) -> None:
    commands = re.findall(r"^federation (.+)$", PAGE, re.MULTILINE)
    assert len(commands) == 8
    for line in commands:
        answer = await scene.types(*line.split())
        assert answer.exit_code == 0, (line, answer.output)


def test_the_settings_of_the_page_load() -> None:
    told = yaml.safe_load(re.findall(r"```yaml\n(.+?)```", PAGE, re.DOTALL)[0])
    assert Organization.model_validate(told["organizations"]["acme"]).administrators == ("owner",)
    assert LocalConnection.model_validate(told["connections"]["staff"]).domains == ("acme.example",)


def test_the_page_counts_what_the_list_has() -> None:
    lines = (Path(__file__).parent.parent / "federation/common_passwords.txt").read_text().splitlines()
    assert f"{sum(not line.startswith('#') for line in lines):,} common ones" in PAGE
