"""``docs/scim.md`` and its guides say what is so: settings, URLs, limits."""

import re
from pathlib import Path

import pytest
from test_guides import DOCUMENTS, GUIDES, HOST, PROVISIONING, ROOT, load
from test_guides import blocks as fenced

from federation.provisioning import handler, provisioner, settling, sifting
from federation.scim import tolerance
from federation.web import scim

MANUAL = ROOT / "docs/scim.md"
PAGES = sorted({MANUAL, *PROVISIONING})


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.stem)
def test_every_connection_of_a_page_loads_and_provisions(file: Path, tmp_path: Path) -> None:
    (block,) = fenced(file.read_text(), "yaml")
    (read,) = load(block, tmp_path).read.values()
    assert read.scim is not None
    ours = set(re.findall(re.escape(HOST) + r"([A-Za-z0-9/_-]*)", file.read_text())) - {""}
    assert ours <= {f"/scim/v2/{read.id}", f"/scim/v2/{read.id}/token"}


def test_there_is_a_guide_for_each_vendor() -> None:
    assert {file.name for file in PROVISIONING} == {"scim-okta.md", "scim-entra.md"}
    assert set(DOCUMENTS) >= PROVISIONING
    assert all(f"guides/{file.name}" in MANUAL.read_text() for file in PROVISIONING)
    assert all(file.name in (GUIDES / "README.md").read_text() for file in PROVISIONING)
    assert all("Not tried against" in file.read_text() for file in PAGES)


@pytest.mark.parametrize(
    "limit",
    [
        tolerance.OPERATIONS, tolerance.RESULTS, tolerance.PAGE, tolerance.USER_SIZE, tolerance.INDEXED,
        tolerance.FILTER, tolerance.MEMBERS, tolerance.BULK_MEMBERS, sifting.CANDIDATES, handler.SHOWN,
        settling.AT_ONCE, provisioner.TOGETHER, tolerance.USER_OPERATIONS, tolerance.EFFORT,
        tolerance.BULK_OPERATIONS, tolerance.ENTRIES,
    ],
)  # fmt: skip
def test_limits_are_told(limit: int) -> None:
    assert re.search(rf"(?<![\d,]){limit:,}(?![\d,])", MANUAL.read_text())


def test_a_body_is_as_large_as_is_told() -> None:
    assert scim.BODY_LIMIT == tolerance.BULK_SIZE == 4 * 1024 * 1024
    assert "4 MiB" in MANUAL.read_text()
