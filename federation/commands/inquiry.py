"""`federation doctor` and `federation explain`: what is wrong, and why."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from federation.commands.terminal import FOUND, ConfigOption, JsonOption, harmless, loaded, plain_errors, show

if TYPE_CHECKING:
    from federation.operator.explain import Story

commands = typer.Typer()


@commands.command(epilog="Examples:  federation doctor   ·   federation doctor --json | jq .healthy")
def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Look for what is wrong, from base URL to the providers' clocks; exit 1 if anything is red."""
    with plain_errors():
        from federation import clock
        from federation.operator import doctor as surgery
        from federation.operator.finding import State

        findings = asyncio.run(surgery.examine(loaded(config), now=clock.now()))
    healthy = all(one.state is not State.FAILED for one in findings)
    if as_json:
        show({"healthy": healthy, "findings": [one.as_json() for one in findings]})
    else:
        marks = {"ok": "ok     ", "note": "note   ", "warning": "WARNING", "failed": "FAILED "}
        for one in findings:
            print(harmless(f"{marks[one.state.value]}  {one.topic}: {one.said}"))
            if one.mend:
                print(harmless(f"         to mend: {one.mend}"))
    raise typer.Exit(0 if healthy else FOUND)


@commands.command(
    epilog="Examples:  federation explain 7QK2M4XW3A   ·   federation explain 7QK2M4XW3A --show-values   ·   "
    "federation explain response.b64 --connection adfs"
)
def explain(
    what: Annotated[str, typer.Argument(metavar="REFERENCE|FILE", help="A page's reference, or a file.")],
    config: ConfigOption = None,
    connection: Annotated[str | None, typer.Option(help="FILE: whose message it is.")] = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME",
            help="FILE: the UTC moment to judge it at, as 2026-11-22T08:15:00Z [default: now]",
            formats=["%Y-%m-%dT%H:%M:%SZ"],
        ),
    ] = None,
    decode: Annotated[bool, typer.Option("--decode", help="FILE: print the decoded message too.")] = False,
    show_values: Annotated[
        bool,
        typer.Option("--show-values", help="REFERENCE: tell personal values too, not only their lengths."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Tell why a sign-in ended as it did, or what each rule says of a SAMLResponse or ID Token."""
    with plain_errors():
        from datetime import UTC

        from federation import clock
        from federation.operator import explain as inquiry

        read, file = loaded(config), Path(what)
        by_reference = bool(inquiry.REFERENCE.fullmatch(what.upper())) and not file.exists()
        if by_reference:
            story = asyncio.run(inquiry.by_reference(read, what.upper(), values=show_values))
        else:
            now = at.replace(tzinfo=UTC) if at else clock.now()
            story = asyncio.run(inquiry.by_message(read, inquiry.read_message(file), connection, now=now))
    if as_json:
        show(story.as_json())
    else:
        tell(story, decode=decode)
    raise typer.Exit(FOUND if story.code and not by_reference else 0)


def tell(story: "Story", *, decode: bool) -> None:
    """Print a story: what came of it, who can mend it, and every rule that was asked."""
    told = story.as_json()
    checks = told["checks"]
    print(harmless(f"{f'REFUSED  {story.code}' if story.code else 'ACCEPTED'}\n{story.detail}"))
    for one in checks:
        if one["outcome"] == "broken":
            print(harmless(f"  {one['code']}: {one['said']}"))
    if story.mended_by:
        print(f"to be mended by {story.mended_by}; how: docs/refusals.md")
    print()
    for name, fact in story.facts.items():
        print(harmless(f"{name:<13} {fact}"))
    for name, fact in _lines(told):
        print(harmless(f"{name:<13} {fact}"))
    if checks:
        print()
    width = max((len(one["code"]) for one in checks if one["said"]), default=0)
    for one in checks:
        word = one["outcome"].upper() if one["outcome"] == "broken" else one["outcome"]
        print(harmless(f"{word:<8}  {one['code']:<{width}}  {one['said'] or ''}".rstrip()))
    if decode and story.message:
        print(harmless(f"\n{story.message}"))


def _lines(told: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield who it was, how they were found, and what changed, a line each."""
    if cut := told.get("cut"):
        yield "cut", f"{', '.join(cut)}: the record was full"
    if who := told.get("identity"):
        yield "subject", f"{who['subject']['value']} at {who['subject']['issuer']}"
        yield "e-mail", f"{who['email'] or 'none'} ({_VERIFIED[who['email_verified']]})"
        yield "name", " / ".join((who["given_name"], who["family_name"], who["display_name"]))
        groups = who["groups"]
        names = f": {', '.join(groups['names'])}" if groups.get("names") else ""
        yield "groups", f"{groups['presence']}, {groups['count']}{names}"
        for name, values in who["attributes"].items():
            yield (
                "attribute",
                f"{name}: {', '.join(values) if isinstance(values, list) else f'{values} values'}",
            )
    if found := told.get("found"):
        yield "found by", f"{found['how']} (user {found['user']})"
        for word in ("before", "after"):
            grants = (f"{one['role']} ({one['source']}, {one['why']})" for one in told["grants"][word])
            yield f"roles {word}", ", ".join(grants) or "none"
            teams = (f"{one['team']} ({one['source']})" for one in told["teams"][word])
            yield f"teams {word}", ", ".join(teams) or "none"
        yield "session", told["session"]


_VERIFIED = {True: "verified", False: "not verified", None: "the provider does not say whether verified"}
