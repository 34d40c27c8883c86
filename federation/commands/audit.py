"""`federation audit`: who changed what; followed here, or taken elsewhere."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from federation.commands.terminal import ConfigOption, JsonOption, group, harmless, loaded, plain_errors

commands = group("The audit log: who changed what.")

WhoseOption = Annotated[
    str, typer.Option("--organization", "-o", help="Of this one alone; without it of all of them.")
]
PersonalOption = Annotated[bool, typer.Option("--personal", help="Tell names and addresses of people, too.")]


@commands.command(
    "tail",
    epilog="Examples:  federation audit tail   ·   federation audit tail --follow --organization acme   ·   "
    "federation audit tail --lines 500 --json",
)
def tail(
    config: ConfigOption = None,
    organization: WhoseOption = "",
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=1000, help="To begin with.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    personal: PersonalOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show the latest changes, oldest first; with --json one object a line."""
    with plain_errors():
        import contextlib
        import json

        from federation import clock
        from federation.administration.audit import as_json as plain
        from federation.operator import audit_log
        from federation.store.audit_pages import AuditRow

        def say(row: AuditRow) -> None:
            told = (
                json.dumps(plain(row, personal=personal))
                if as_json
                else harmless(audit_log.line(row, personal=personal))
            )
            print(told, flush=follow)

        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(
                audit_log.tail(loaded(config), organization, lines, say, follow=follow, now=clock.now)
            )


@commands.command(
    "export",
    epilog="Examples:  federation audit export --since 2026-11-01   ·   federation audit export "
    "--format ocsf --file /var/log/federation/audit.jsonl --cursor /var/lib/federation/audit.cursor",
)
def export(
    config: ConfigOption = None,
    organization: WhoseOption = "",
    form: Annotated[str, typer.Option("--format", help="ocsf or json.")] = "ocsf",
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"], help="UTC.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Appended to; without it, standard output.")] = None,
    cursor: Annotated[
        Path | None, typer.Option(help="A file that remembers where this ended, for the next time.")
    ] = None,
    personal: PersonalOption = False,
) -> None:
    """Write the log as JSON, one change a line, oldest first.

    With --cursor every line is written once, however often this runs; changes of the last two
    minutes are left for the next time.
    """
    if form not in {"ocsf", "json"}:
        raise typer.BadParameter("expected ocsf or json", param_hint="--format")
    with plain_errors():
        import sys
        from datetime import UTC

        from federation import clock
        from federation.operator import audit_log

        written = asyncio.run(
            audit_log.export(
                loaded(config),
                organization,
                form="ocsf" if form == "ocsf" else "json",
                since=since.replace(tzinfo=UTC) if since else None,
                file=file,
                cursor=cursor,
                personal=personal,
                now=clock.now(),
                say=print,
            )
        )
        if file is not None:
            print(f"written: {written}", file=sys.stderr)
