"""A skip is loud: the plugin itself, in pytest runs of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SUITE = """
import pytest

@pytest.mark.browser
def test_needs_a_browser(): pass

def test_skips(): pytest.skip("no reason that scripts/test knows")

@pytest.mark.xfail(strict=True)
def test_is_known_to_fail(): assert False

def test_passes(): pass
"""
MODULE = 'import pytest; pytest.importorskip("a_module_that_nobody_has")'


def run(directory: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a suite with the plugins that are named and no others."""
    inherited = {name: value for name, value in os.environ.items() if name != "CI"}
    inherited = {name: value for name, value in inherited.items() if not name.startswith("FEDERATION_")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "strictness", "-p", "no:cacheprovider"]
    command += ["-c", str(directory / "pytest.ini"), str(directory), *arguments]
    return subprocess.run(
        command,
        env={**inherited, "PYTHONPATH": str(HERE), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def outcome(directory: Path, *arguments: str, **environment: str) -> str:
    """Run the suite and return pytest's last line."""
    ran = run(directory, *arguments, **environment)
    return (ran.stdout.strip() or ran.stderr.strip()).splitlines()[-1].partition(" in ")[0]


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  browser: drives one\n")
    (tmp_path / "test_suite.py").write_text(SUITE)
    return tmp_path


def test_a_developer_may_skip(suite: Path) -> None:
    assert outcome(suite) == "2 passed, 1 skipped, 1 xfailed"


def test_in_ci_a_skip_is_a_failure(suite: Path) -> None:
    assert outcome(suite, CI="true") == "1 failed, 2 passed, 1 xfailed"


def test_scripts_test_leaves_out_what_it_names_and_nothing_else(suite: Path) -> None:
    named = {"FEDERATION_TESTS_STRICT": "1", "FEDERATION_TESTS_WITHOUT": "browser=there is none;"}
    assert outcome(suite, **named) == "1 failed, 1 passed, 1 skipped, 1 xfailed"


def test_in_ci_nothing_may_be_left_out(suite: Path) -> None:
    assert "CI=true, and yet left out" in outcome(suite, CI="true", FEDERATION_TESTS_WITHOUT="browser=none;")


def test_a_marker_that_does_not_exist_is_an_error(suite: Path) -> None:
    assert "names no marker of ours" in outcome(suite, FEDERATION_TESTS_WITHOUT="browsr=a typo;")


def test_a_module_that_hides_itself_is_a_failure(suite: Path) -> None:
    (suite / "test_module.py").write_text(MODULE)
    assert outcome(suite, CI="true") == "1 error"
