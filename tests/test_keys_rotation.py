"""Exchanging our key pair: every step, cut off anywhere, leaves keys that load and can be finished."""

import json
import os
import shutil
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from federation import keys, settings
from federation.__main__ import app
from federation.errors import ConfigurationError
from federation.keys import KeyPair, KeySet
from federation.operator import keys as telling
from federation.operator import rollover
from federation.operator.rollover import WAIT, Step
from federation.settings import Settings

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SETTINGS = """
base_url: https://sso.acme.example
database_url: sqlite:///federation.db
encryption_keys: [{file: certs/secrets.key}]
organizations: {acme: {name: Acme}}
connections:
  adfs:
    protocol: saml
    organization: acme
    domains: [acme.example]
    metadata: {url: "https://adfs.acme.example/metadata.xml"}
"""
OLD, NEW = "old", "new"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which the next key was published at NOW; made once, RSA keys take their time."""
    here = tmp_path_factory.mktemp("published")
    (here / "federation.yaml").write_text(SETTINGS)
    config = settings.load(here / "federation.yaml", environment={})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "_RSA_BITS", 2048)  # loading one is checking it, which takes its time too
        keys.generate_key_pair(config.sp_key, config.sp_certificate, name="sp", now=NOW)
        list(rollover.rotate(config, Step.PUBLISH, now=NOW, early=False))
    for file in (here / "certs").iterdir():
        os.utime(file, (NOW.timestamp(), NOW.timestamp()))
    return here


@pytest.fixture
def config(published: Path, tmp_path: Path) -> Settings:
    here = tmp_path / "copy"
    shutil.copytree(published, here, copy_function=shutil.copy2)
    return settings.load(here / "federation.yaml", environment={})


@pytest.fixture
def pairs(published: Path) -> dict[str, KeyPair]:
    certs = published / "certs"
    return {
        OLD: keys.load_key_pair(certs / "sp.key", certs / "sp.crt"),
        NEW: keys.load_key_pair(certs / "sp-next.key", certs / "sp-next.crt"),
    }


def held(config: Settings) -> KeySet:
    return keys.load_key_set(config.sp_key, config.sp_certificate)


def steps(
    config: Settings, step: Step | None = None, *, now: datetime = NOW, early: bool = True
) -> Iterator[str]:
    return rollover.rotate(config, step, now=now, early=early)


def run(config: Settings, step: Step | None = None, *, now: datetime = NOW, early: bool = True) -> list[str]:
    return list(rollover.rotate(config, step, now=now, early=early))


def aged(config: Settings, moment: datetime = NOW) -> None:
    """Say that every file came at this moment; the file system writes the real one."""
    for file in config.sp_key.parent.iterdir():
        os.utime(file, (moment.timestamp(), moment.timestamp()))


def names(config: Settings) -> list[str]:
    return sorted(file.name for file in config.sp_key.parent.iterdir())


def test_a_whole_exchange(config: Settings, pairs: dict[str, KeyPair]) -> None:
    old, new = pairs[OLD], pairs[NEW]
    assert held(config) == KeySet(current=old, next=new)
    assert names(config) == ["sp-next.crt", "sp-next.key", "sp.crt", "sp.key"]
    run(config, Step.USE)
    assert held(config) == KeySet(current=new, previous=old)
    assert names(config) == ["sp-previous.crt", "sp-previous.key", "sp.crt", "sp.key"]
    run(config, Step.RETIRE)
    assert held(config) == KeySet(current=new)
    assert names(config) == ["sp.crt", "sp.key"]


def test_what_metadata_names_at_each_stage(pairs: dict[str, KeyPair]) -> None:
    old, new = pairs[OLD], pairs[NEW]
    begun, used = KeySet(current=old, next=new), KeySet(current=new, previous=old)
    assert begun.signing_certificates == (old.certificate_der, new.certificate_der)
    assert begun.encryption_certificates == (old.certificate_der, new.certificate_der)
    assert begun.all == (old, new)
    # A node that is not restarted yet signs with the old one; nobody may encrypt to it any more.
    assert used.signing_certificates == (new.certificate_der, old.certificate_der)
    assert used.encryption_certificates == (new.certificate_der,)
    assert used.all == (new, old)


def cut(config: Settings, step: Step, after: int) -> bool:
    """Run a step and stop after so many sentences; tell whether it was over by then."""
    running = rollover.rotate(config, step, now=NOW, early=True)
    for _ in range(after):
        if next(running, None) is None:
            return True
    running.close()
    return False


@pytest.mark.parametrize("after", range(1, 9))
def test_a_use_that_was_cut_off_anywhere(config: Settings, pairs: dict[str, KeyPair], after: int) -> None:
    old, new = pairs[OLD], pairs[NEW]
    over = cut(config, Step.USE, after)
    found = held(config)
    assert found.current in (old, new)
    assert {one.certificate_der for one in found.all} == {old.certificate_der, new.certificate_der}
    stands = telling.status(config)
    assert stands.unfinished is (not over and 2 <= after <= 6)
    # Cut off, it knows by itself what is to be finished.
    run(config, None if stands.unfinished else Step.USE)
    assert held(config) == KeySet(current=new, previous=old)
    assert names(config) == ["sp-previous.crt", "sp-previous.key", "sp.crt", "sp.key"]
    assert not telling.status(config).unfinished


@pytest.mark.parametrize("after", range(1, 4))
def test_a_retirement_that_was_cut_off_anywhere(
    config: Settings, pairs: dict[str, KeyPair], after: int
) -> None:
    run(config, Step.USE)
    cut(config, Step.RETIRE, after)
    assert held(config).current == pairs[NEW]
    run(config, Step.RETIRE)
    assert held(config) == KeySet(current=pairs[NEW])
    assert names(config) == ["sp.crt", "sp.key"]


def test_a_publication_that_was_cut_off(config: Settings, pairs: dict[str, KeyPair]) -> None:
    (config.sp_key.parent / "sp-next.crt").unlink()
    assert held(config) == KeySet(current=pairs[OLD])
    assert telling.status(config).unfinished
    with refused("keys.step"):
        run(config, Step.USE)
    run(config, Step.PUBLISH)
    found = held(config).next
    assert found is not None
    assert found.private_key_pem == pairs[NEW].private_key_pem
    assert not telling.status(config).unfinished


def test_a_draft_that_a_crash_left_is_in_nobodys_way(config: Settings) -> None:
    (config.sp_key.parent / ".sp.key.1.abcd").write_text("half a k")
    assert len(held(config).all) == 2
    run(config, Step.USE)
    assert len(held(config).all) == 2


def test_a_step_that_is_done_is_not_done_again(config: Settings) -> None:
    def files() -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in config.sp_key.parent.iterdir()}

    for step in (Step.PUBLISH, Step.USE, Step.RETIRE):
        run(config, step)
        before = files()
        assert run(config, step) == [f"{step} is done already"]
        assert files() == before


def refused(code: str) -> pytest.RaisesExc[ConfigurationError]:
    return pytest.RaisesExc(ConfigurationError, match=f"^{code}: ")


def test_steps_out_of_order_are_refused(config: Settings) -> None:
    run(config, Step.USE)
    with refused("keys.step"):
        run(config, Step.PUBLISH)
    run(config, Step.RETIRE)
    with refused("keys.step"):
        run(config, Step.USE)
    with refused("keys.step"):
        rollover.read_step("destroy")
    assert rollover.read_step("") is None


@pytest.mark.parametrize("step", [Step.USE, Step.RETIRE])
def test_a_step_waits_for_the_identity_providers(config: Settings, step: Step) -> None:
    if step is Step.RETIRE:
        run(config, Step.USE)
    aged(config)
    before = names(config)
    for moment in (NOW, NOW + WAIT - MINUTE):
        with refused("keys.early"):
            run(config, step, now=moment, early=False)
    assert names(config) == before
    assert telling.status(config).ripe_at == NOW + WAIT
    assert run(config, step, now=NOW + WAIT, early=False)[0].startswith("7 days after")
    assert names(config) != before


def test_an_early_step_says_so(config: Settings) -> None:
    assert run(config, Step.USE, now=NOW + 3 * WAIT / 7)[0].startswith(
        "early, as told: the next key was made 3 days"
    )


def test_metadata_with_a_longer_life_is_waited_for(config: Settings) -> None:
    file = config.sp_key.parent.parent / "federation.yaml"
    file.write_text(SETTINGS + "saml: {metadata_valid_for: 14d}\n")
    longer = settings.load(file, environment={})
    with refused("keys.early"):
        run(longer, Step.USE, now=NOW + timedelta(days=14) - MINUTE, early=False)
    run(longer, Step.USE, now=NOW + timedelta(days=14), early=False)


def test_files_keep_their_mode(config: Settings) -> None:
    config.sp_key.chmod(0o640)
    config.sp_certificate.chmod(0o644)
    run(config, Step.USE)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in config.sp_key.parent.iterdir()}
    assert modes == {"sp.key": 0o640, "sp.crt": 0o644, "sp-previous.key": 0o640, "sp-previous.crt": 0o644}


def test_only_one_exchanges_at_a_time(config: Settings) -> None:
    one = rollover.rotate(config, Step.USE, now=NOW, early=True)
    next(one)
    with refused("keys.busy"):
        run(config)
    one.close()
    run(config)


def test_keys_load_while_they_are_exchanged(config: Settings, pairs: dict[str, KeyPair]) -> None:
    found: list[KeySet | BaseException] = []
    over = threading.Event()

    def load() -> None:
        while not over.is_set():
            try:
                found.append(held(config))
            except ConfigurationError as fault:
                found.append(fault)

    loading = threading.Thread(target=load)
    loading.start()
    for step in (Step.USE, Step.RETIRE):
        run(config, step)
    over.set()
    loading.join()
    assert found
    assert [one for one in found if not isinstance(one, KeySet)] == []
    assert {one.current.certificate_der for one in found if isinstance(one, KeySet)} <= {
        pair.certificate_der for pair in pairs.values()
    }


FOREIGN = [
    # what somebody did by hand                                             refusal
    ("keys.pair",        lambda certs: (certs / "sp-next.key").unlink()),
    ("keys.certificate", lambda certs: (certs / "sp-next.crt").write_text("x")),
    ("keys.private_key", lambda certs: (certs / "sp-next.key").write_text("x")),
    ("keys.pair",        lambda certs: shutil.copy(certs / "sp.crt", certs / "sp-next.crt")),
    ("keys.pair",        lambda certs: shutil.copy(certs / "sp.crt", certs / "sp-previous.crt")),
    ("keys.file",        lambda certs: (certs / "sp.key").unlink()),
    ("keys.file",        lambda certs: (certs / "sp.crt").unlink()),
]  # fmt: skip


@pytest.mark.parametrize(("code", "meddle"), FOREIGN)
def test_what_no_step_of_ours_leaves_is_refused(config: Settings, code: str, meddle: object) -> None:
    assert callable(meddle)
    meddle(config.sp_key.parent)
    before = names(config)
    with refused(code):
        held(config)
    with refused(code):
        run(config)
    assert names(config) == before


def test_links_and_one_file_for_both_are_not_exchanged(config: Settings, tmp_path: Path) -> None:
    whole = tmp_path / "both.pem"
    whole.write_bytes(config.sp_key.read_bytes() + config.sp_certificate.read_bytes())
    both = config.model_copy(update={"sp_key": whole, "sp_certificate": whole})
    with refused("keys.place"):
        run(both, Step.PUBLISH)
    config.sp_key.rename(tmp_path / "elsewhere.key")
    config.sp_key.symlink_to(tmp_path / "elsewhere.key")
    with refused("keys.place"):
        run(config, Step.USE)


def test_a_copy_by_hand_of_the_current_key_is_retired(config: Settings, pairs: dict[str, KeyPair]) -> None:
    certs = config.sp_key.parent
    for name in ("sp-next.key", "sp-next.crt"):
        (certs / name).unlink()
    shutil.copy2(certs / "sp.key", certs / "sp-previous.key")
    shutil.copy2(certs / "sp.crt", certs / "sp-previous.crt")
    assert held(config) == KeySet(current=pairs[OLD])
    run(config)
    assert names(config) == ["sp.crt", "sp.key"]


def test_the_commands(config: Settings, pairs: dict[str, KeyPair]) -> None:
    runner, file = CliRunner(), str(config.file)
    told = runner.invoke(app, ["keys", "status", "-c", file, "--json"])
    read = json.loads(told.stdout)
    assert (told.exit_code, read["step"], read["unfinished"]) == (0, "use", False)
    assert [one["stage"] for one in read["keys"]] == ["current", "next"]
    assert "https://sso.acme.example/saml/adfs/metadata" in told.stdout
    assert runner.invoke(app, ["keys", "rotate", "-c", file, "--step", "nothing"]).exit_code == 2
    done = runner.invoke(app, ["keys", "rotate", "-c", file, "--step", "use", "--yes", "--json"])
    assert (done.exit_code, json.loads(done.stdout)["step"]) == (0, "retire")
    cut(config, Step.RETIRE, 2)
    plain = runner.invoke(app, ["keys", "status", "-c", file])
    assert plain.exit_code == 1
    assert "federation keys rotate --step retire" in plain.stdout
    assert runner.invoke(app, ["keys", "rotate", "-c", file]).exit_code == 0
    assert held(config) == KeySet(current=pairs[NEW])
    for shown in (told, done, plain):
        assert "PRIVATE" not in shown.stdout
