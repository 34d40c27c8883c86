"""`federation audit tail` and `export`: each line once, and no personal value unless asked."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from stair import NOW, Stair, standing
from test_store_administration import ENTRY
from typer.testing import CliRunner, Result

from federation import clock
from federation.__main__ import app
from federation.operator import ocsf
from federation.store.audit_pages import LATE, AuditRow

PERSONAL = {"personal": {"email": "ada@acme.example"}, "address": "192.0.2.7", "about": "ada"}


@dataclass
class Scene:
    stair: Stair
    file: Path

    async def types(self, *words: str, status: int = 0) -> Result:
        told = ["audit", *words, "--config", str(self.file)]
        done = await asyncio.to_thread(CliRunner().invoke, app, told, catch_exceptions=False)
        assert done.exit_code == status, done.output
        return done

    async def change(self, name: str, **other: Any) -> None:
        entry = replace(ENTRY, at=self.stair.clock(), name=name, **other)
        assert await self.stair.house.store.audited(entry).add_team("acme", name, name, NOW)


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.delenv("FEDERATION_SECRETS_DIR", raising=False)
    async with standing(tmp_path) as stair:
        monkeypatch.setattr(clock, "now", stair.clock)
        yield Scene(stair, tmp_path / "federation.yaml")


def names(lines: str) -> list[str]:
    return [json.loads(line)["unmapped"]["name"] for line in lines.splitlines()]


async def test_with_a_cursor_every_line_is_written_once(scene: Scene, tmp_path: Path) -> None:
    file, cursor = tmp_path / "audit.jsonl", tmp_path / "cursor"
    told = ("export", "--file", str(file), "--cursor", str(cursor))
    await scene.change("one")
    await scene.types(*told)
    assert not file.exists()  # it is young: a slower change may yet come before it
    scene.stair.clock.at += LATE
    await scene.change("two")
    scene.stair.clock.at += timedelta(seconds=1)
    for _ in range(2):
        await scene.types(*told)
        assert names(file.read_text()) == ["one"]
    scene.stair.clock.at += LATE
    await scene.types(*told)
    assert names(file.read_text()) == ["one", "two"]
    assert file.stat().st_mode & 0o777 == 0o600
    cursor.write_text("../../etc")
    assert "no cursor of ours" in (await scene.types(*told, status=2)).stderr


async def test_no_personal_value_unless_asked(scene: Scene) -> None:
    await scene.change("one", **PERSONAL)
    for words in (("tail",), ("tail", "--json"), ("export",), ("export", "--format", "json")):
        told = (await scene.types(*words)).stdout
        assert "one" in told
        assert "192.0.2.7" not in told
        assert "ada@" not in told
        asked = (await scene.types(*words, "--personal")).stdout
        assert "192.0.2.7" in asked
        assert "ada@acme.example" in asked


async def test_one_organization_and_since(scene: Scene) -> None:
    await scene.change("one")
    assert (await scene.types("export", "--since", "2026-11-22")).stdout == ""
    assert names((await scene.types("export", "--since", "2026-11-21")).stdout) == ["one"]
    assert names((await scene.types("export", "--organization", "acme")).stdout) == ["one"]
    assert "no organization" in (await scene.types("tail", "--organization", "none", status=2)).stderr


def row(action: str, **other: Any) -> AuditRow:
    kind = {"person": "user"}.get(action.partition(".")[0], action.partition(".")[0])
    return AuditRow(id="01", entry=replace(ENTRY, action=action, kind=kind, **other))


@pytest.mark.parametrize(
    ("action", "type_uid"),
    [
        ("person.add", 300101), ("person.deactivate", 300105), ("person.erase", 300106),
        ("person.end_sessions", 300199), ("local_account.set_password", 300103),
        ("person.grant", 300501), ("person.revoke", 300502), ("team.add_member", 300501),
        ("team.create", 300401), ("connection.update", 300403), ("token.revoke", 300404),
        ("connection.enable", 300408), ("connection.disable", 300409), ("decision.reveal", 300402),
    ],
)  # fmt: skip
def test_each_change_has_its_class(action: str, type_uid: int) -> None:
    told = ocsf.event(row(action, after={"role": "admin", "user": "ada"}), personal=False)
    assert told["type_uid"] == type_uid == told["class_uid"] * 100 + told["activity_id"]
    assert told["time"] == int(ENTRY.at.timestamp() * 1000)
    needed = {
        "activity_id",
        "category_uid",
        "class_uid",
        "metadata",
        "severity_id",
        "time",
        "type_uid",
        "actor",
    }
    assert needed <= told.keys()
    assert ("entity" if told["class_uid"] == 3004 else "user") in told
    assert ("privileges" in told) is (told["class_uid"] == 3005)
