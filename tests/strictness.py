"""A skip is loud: what may be left out is said by scripts/test, everything else fails.

``FEDERATION_TESTS_WITHOUT`` is ``marker=reason;…``, written by scripts/test for suites whose
programs are missing. With ``FEDERATION_TESTS_STRICT`` or ``CI=true`` any other skip is a
failure, and with ``CI=true`` nothing may be left out at all.
"""

import os
from collections.abc import Generator
from typing import Any

import pytest

IN_CI = os.environ.get("CI") == "true"
STRICT = IN_CI or bool(os.environ.get("FEDERATION_TESTS_STRICT"))
WITHOUT = {
    marker: reason
    for marker, _, reason in (
        part.partition("=") for part in os.environ.get("FEDERATION_TESTS_WITHOUT", "").split(";") if part
    )
}


def pytest_configure(config: pytest.Config) -> None:
    if IN_CI and WITHOUT:
        raise pytest.UsageError(f"CI=true, and yet left out: {WITHOUT}")
    known = {line.partition(":")[0].partition("(")[0].strip() for line in config.getini("markers")}
    if unknown := WITHOUT.keys() - known:
        raise pytest.UsageError(f"FEDERATION_TESTS_WITHOUT names no marker of ours: {sorted(unknown)}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and not _left_out(item):
        _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped:  # a module-level importorskip hides a whole file
        _fail(report)
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for marker in _left_out(item):
            item.add_marker(pytest.mark.skip(reason=f"left out: {WITHOUT[marker]}"))


def _left_out(item: pytest.Item) -> list[str]:
    return [marker for marker in WITHOUT if item.get_closest_marker(marker)]


def _fail(report: Any) -> None:
    if STRICT:
        report.outcome = "failed"
        report.longrepr = f"skipped, and nothing may be left out: {report.longrepr}"
