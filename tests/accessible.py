"""What every page is held to in the real browser: axe, light and dark, narrow, light in weight."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Response, ViewportSize
from providers import NODE_DIR

AXE = NODE_DIR / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
NARROW: ViewportSize = {"width": 320, "height": 640}
WIDE: ViewportSize = {"width": 1280, "height": 800}
HEAVIEST = 50 * 1024  # octets of a page with all that it loads


def axe_source() -> str:
    if not AXE.is_file():
        pytest.skip("npm's axe-core is missing: scripts/test installs it")
    return Path(AXE).read_text("utf-8")


def violations(page: Page, source: str) -> list[str]:
    """Return what axe finds, a line each: rule and element.

    Evaluated by the debugger's protocol, not as a script of the page: its policy stays as it is.
    """
    page.evaluate(source)
    found: dict[str, Any] = page.evaluate(
        "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", TAGS
    )
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


class Weight:
    """Tells the octets that a page has loaded: the policy of ours lets it load nothing later."""

    def __init__(self, page: Page) -> None:
        self._responses: list[Response] = []
        page.on("response", self._note)

    def _note(self, response: Response) -> None:
        self._responses.append(response)

    def octets(self) -> int:
        return sum(len(one.body()) for one in self._responses if one.ok)
