"""Tests side by side: a whole file to one of pytest-xdist's workers, the long ones first.

A file stays in one process, which starts what its tests share; every process has its own
PostgreSQL, providers, browser and folders. What is marked ``alone`` counts CPU time, or waits
for a bound that a busy machine would miss: it runs last, when every other worker has ended. A
worker that dies, and a test that was collected and not run, is a failure of the whole run.

To collect is, for the most part, to rewrite and compile every file's asserts, which is kept beside
it: half of the workers go through the files from the last to the first, and read what the others wrote.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

HEAVY = ("browser", "providers", "proxy", "processes")
WEIGHT = 30  # as many ordinary tests does a heavy one weigh
_ALONE = "alone"  # the one more "file"; workers are told under this name where to write who is in it


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("dist", "no") == "loadfile" and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Sharing())


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """In every second worker: take a directory's files from behind."""
    report = yield
    worker = getattr(collector.config, "workerinput", {}).get("workerid", "gw0")
    if isinstance(collector, pytest.Directory) and int(worker.removeprefix("gw")) % 2:
        report.result.reverse()
    return report


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a worker: sort the files by what they will take, and tell which tests are to be alone."""
    told = getattr(config, "workerinput", {}).get(_ALONE)
    if not told:
        return
    weights: Counter[Path] = Counter()
    for item in items:
        weights[item.path] += WEIGHT if any(map(item.get_closest_marker, HEAVY)) else 1
    items.sort(key=lambda item: (-weights[item.path], item.path))  # stable: a file's tests keep their order
    alone = [item.nodeid for item in items if item.get_closest_marker("alone")]
    written = Path(told, str(config.workerinput["workerid"]))  # type: ignore[attr-defined]
    written.write_text(json.dumps(alone))


class _Sharing:
    """In the process that shares the tests out: it knows their names, and collects none itself."""

    def __init__(self) -> None:
        self._told = tempfile.TemporaryDirectory(prefix="federation-tests-")
        self._ended = 0
        self._said: list[str] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput[_ALONE] = self._told.name

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        config.option.loadscopereorder = False  # the order is the workers'
        return _scheduler(config, log, Path(self._told.name))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        if error:
            self._said.append(f"the worker {node.gateway.id} died: {error}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._ended += report.when == "teardown"

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        self._told.cleanup()
        if exitstatus != pytest.ExitCode.OK:
            return
        if self._ended != session.testscollected:
            self._said.append(f"{self._ended} of {session.testscollected} tests were run")
        if self._said:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for line in self._said:
            terminalreporter.write_line(line, red=True)


def _scheduler(config: pytest.Config, log: Any, told: Path) -> Any:
    from xdist.scheduler import LoadFileScheduling

    class SideBySide(LoadFileScheduling):  # type: ignore[misc]  # xdist tells no types
        """Shares out whole files; those to be alone are one more, for the last worker there is."""

        alone: frozenset[str] = frozenset()

        def _split_scope(self, nodeid: str) -> str:
            return _ALONE if nodeid in self.alone else super()._split_scope(nodeid)

        def schedule(self) -> None:
            self.alone = frozenset(name for file in told.iterdir() for name in json.loads(file.read_text()))
            super().schedule()

        def _assign_work_unit(self, node: Any) -> None:
            if _ALONE in self.workqueue:
                self.workqueue.move_to_end(_ALONE)
            if next(iter(self.workqueue)) != _ALONE or len(self.nodes) == 1:
                super()._assign_work_unit(node)
            elif node is not self.nodes[0]:
                node.shutdown()

        def remove_node(self, node: Any) -> str | None:
            crashed: str | None = super().remove_node(node)
            for other in self.nodes:
                self._reschedule(other)
            return crashed

    return SideBySide(config, log)
