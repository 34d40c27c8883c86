"""What every page is held to in the real browser: axe, light and dark, narrow, light in weight."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, ViewportSize
from providers import NODE_DIR

AXE = NODE_DIR / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
EVERY: dict[str, Any] = {"type": "tag", "values": TAGS}
CONTRAST: dict[str, Any] = {"type": "rule", "values": ["color-contrast"]}
NARROW: ViewportSize = {"width": 320, "height": 640}
WIDE: ViewportSize = {"width": 1280, "height": 800}
HEAVIEST = 50 * 1024  # octets of a page with all that it loads


def axe_source() -> str:
    if not AXE.is_file():
        pytest.skip("npm's axe-core is missing: scripts/test installs it")
    return Path(AXE).read_text("utf-8")


def violations(page: Page, source: str, rules: dict[str, Any] = EVERY) -> list[str]:
    """Return what axe finds by these rules, a line each: rule and element.

    Evaluated by the debugger's protocol, not as a script of the page: its policy stays as it is.
    """
    page.evaluate(source)
    found: dict[str, Any] = page.evaluate("rules => axe.run(document, {runOnly: rules})", rules)
    return [
        f"{one['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:240]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def scrolls_sideways(page: Page) -> str:
    """Return the widest element of a page that is wider than its window, "" where none is."""
    return str(
        page.evaluate(
            """() => {
              const wide = document.documentElement;
              if (wide.scrollWidth <= wide.clientWidth) return "";
              const every = [...document.querySelectorAll("body *")];
              const all = every.filter(one => !one.closest(".scroll, pre"));
              const end = one => one.getBoundingClientRect().right;
              const worst = all.sort((a, b) => end(b) - end(a))[0];
              return `${wide.scrollWidth} px: ${worst.outerHTML.slice(0, 200)}`;
            }"""
        )
    )


def octets(page: Page) -> int:
    """Return those of the page and of all that it has loaded, from the cache too.

    The policy of ours lets it load nothing later.
    """
    return int(
        page.evaluate(
            """() => ["navigation", "resource"].flatMap(kind => performance.getEntriesByType(kind))
              .reduce((sum, one) => sum + one.decodedBodySize, 0)"""
        )
    )
