"""Modules of ``benchmarks/`` for tests that hold what they measure."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

_BENCHMARKS = str(Path(__file__).parent.parent / "benchmarks")


def load(name: str) -> ModuleType:
    """Import one; what it imports of its own kind is found behind the tests' own modules."""
    if _BENCHMARKS not in sys.path:
        sys.path.append(_BENCHMARKS)
    return importlib.import_module(name)
