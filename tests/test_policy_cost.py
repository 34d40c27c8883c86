"""What deciding costs: as a ratio to one intersection of sets, measured in the same rounds.

So the bounds hold on a slow machine too; ``benchmarks/deciding.py`` has the microseconds.
"""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

# Seen beside other work on the machine: 19 and 220 intersections.
MOST = {"20 short-form rules": 30, "20 CEL rules": 500}
TRIES = 4


@pytest.fixture(scope="module")
def deciding() -> ModuleType:
    path = Path(__file__).parent.parent / "benchmarks/deciding.py"
    spec = importlib.util.spec_from_file_location("deciding", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_deciding_costs_little(deciding: ModuleType) -> None:
    works = deciding.kinds()
    for _ in range(TRIES):
        times = deciding.least(works, 3)
        ratios = {name: times[name] / times["a set intersection"] for name in MOST}
        if all(ratios[name] <= most for name, most in MOST.items()):
            return
    pytest.fail(f"more than {MOST} intersections: {ratios}")


@pytest.mark.parametrize("kind", list(MOST))
def test_nothing_matched(deciding: ModuleType, kind: str) -> None:
    _, outcome = deciding.kinds()[kind]()
    assert {grant.role for grant in outcome.grants} == {"visitor", "editor"}
