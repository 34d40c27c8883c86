"""How this process logs: one JSON object a line, or plain lines for a person at a terminal.

Every module logs through the standard library; ``extra`` fields become members. No line
carries a secret, a token, an assertion or a personal attribute: a reference and a code only.
"""

import logging
import sys

import structlog

_QUIET = ("uvicorn.access", "aiohttp", "asyncio", "alembic")  # a query string may hold a code or an address


def configure(*, as_json: bool, level: int = logging.INFO) -> None:
    """Send every logger's lines to standard error.

    Args:
        as_json: One JSON object a line; else aligned text.
        level: The least that is shown.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_colour,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_level=False, pad_event_to=24)
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            renderer,
        ],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)


def _without_colour(
    _logger: object, _method: str, line: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Drop the second copy of its message that uvicorn makes for terminals."""
    line.pop("color_message", None)
    return line
