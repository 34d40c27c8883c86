"""Side by side nothing is lost: a skip, a worker that dies, what must be alone; in runs of their own."""

from pathlib import Path

import pytest
from test_strictness import MODULE, SUITE, outcome, run

pytestmark = pytest.mark.processes

TWO = (
    "-p",
    "xdist.plugin",
    "-p",
    "side_by_side",
    "--dist",
    "loadfile",
    "--max-worker-restart",
    "0",
    "-n",
    "2",
)
INI = """
[pytest]
markers =
  browser: drives one
  alone: is to be alone
"""
MANY = """
import time
from pathlib import Path
import pytest

def told(line):
    with Path(__file__).with_name("log").open("a") as log:
        print(line, file=log)

@pytest.mark.alone
def test_alone():
    told("alone begins")
    time.sleep(0.05)
    told("alone ends")

@pytest.mark.parametrize("turn", range(%d))
def test_among_others(turn):
    time.sleep(0.01)
    told("among others")
"""
DEATHS = {
    "in a test": "import os\n\ndef test_dies(): os._exit(0)\n\ndef test_after(): pass",
    "between tests": """
import os, pytest

@pytest.fixture(scope="session")
def held():
    yield
    os._exit(0)

def test_dies(held): pass
""",
}


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text(INI)
    for name, tests in (("few", 5), ("more", 20), ("most", 40)):
        (tmp_path / f"test_{name}.py").write_text(MANY % tests)
    return tmp_path


def test_every_test_is_run_once_and_the_lonely_ones_last(suite: Path) -> None:
    assert outcome(suite, *TWO) == "68 passed"
    told = (suite / "log").read_text().splitlines()
    assert told == ["among others"] * 65 + ["alone begins", "alone ends"] * 3


def test_what_is_chosen_may_be_less_than_there_are_workers(suite: Path) -> None:
    assert outcome(suite, *TWO, "-k", "test_few and alone") == "1 passed"


def test_a_skip_is_as_loud(suite: Path) -> None:
    (suite / "test_suite.py").write_text(SUITE)
    (suite / "test_module.py").write_text(MODULE)
    named = {"FEDERATION_TESTS_STRICT": "1", "FEDERATION_TESTS_WITHOUT": "browser=there is none;"}
    chosen = ("-k", "suite or module")
    assert outcome(suite, *TWO, *chosen, **named) == ("1 failed, 1 passed, 1 skipped, 1 xfailed, 1 error")


@pytest.mark.parametrize("death", DEATHS.values(), ids=DEATHS)
def test_a_worker_that_dies_is_a_failure(suite: Path, death: str) -> None:
    (suite / "test_death.py").write_text(death)
    assert outcome(suite, *TWO).startswith("1 failed, ")


def test_a_worker_that_dies_when_all_is_told_is_a_failure_too(suite: Path) -> None:
    (suite / "conftest.py").write_text(
        "import os\ndef pytest_sessionfinish(session): hasattr(session.config, 'workerinput') and os._exit(0)"
    )
    ran = run(suite, *TWO, "-k", "test_few and among")
    assert "5 passed" in ran.stdout
    assert "the worker gw" in ran.stdout
    assert ran.returncode == 1
