"""`federation policy`: what a change of the rules would do to people, before it is saved."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from federation.commands.terminal import (
    FOUND,
    ConfigOption,
    JsonOption,
    group,
    harmless,
    loaded,
    plain_errors,
    show,
)

if TYPE_CHECKING:
    from federation.records.what_if import Difference, Report

commands = group("Who may enter, and what they may do.")
DaysOption = Annotated[int, typer.Option(min=1, max=400, help="How far back sign-ins are taken.")]


@commands.command(
    "try",
    epilog="Examples:  federation policy try --rules new.yaml   ·   "
    "federation policy try --rules rules.yaml --connection okta --days 7 --json",
)
def try_policy(
    rules: Annotated[
        Path,
        typer.Option(help="A whole settings file; or connections with the keys that change; or those keys."),
    ],
    config: ConfigOption = None,
    connection: Annotated[str | None, typer.Option(help="Only this one; whose keys --rules holds.")] = None,
    days: DaysOption = 30,
    as_json: JsonOption = False,
) -> None:
    """Decide recent sign-ins again under edited rules, and tell who would gain and lose what.

    Nothing is changed. Exit code 1 where somebody would lose a role or a team, or be refused.
    """
    with plain_errors():
        from federation import clock
        from federation.operator import what_if

        async def tried() -> "Report":
            read, now = loaded(config), clock.now()
            before = await what_if.in_force(read, now=now)
            after = what_if.edited(read, before, rules, connection)
            return await what_if.try_policy(
                read, before, after, connection=connection, days=days, now=now, progress=_progress
            )

        report = asyncio.run(tried())
    if as_json:
        show(report.as_json())
    else:
        tell(report)
    raise typer.Exit(FOUND if report.takes else 0)


@commands.command("diff", epilog="Examples:  federation policy diff   ·   federation policy diff --json")
def diff(config: ConfigOption = None, days: DaysOption = 30, as_json: JsonOption = False) -> None:
    """Tell what the settings file changes, once the service is started with it, and for whom.

    Exit code 1 where somebody would lose a role or a team, or be refused.
    """
    with plain_errors():
        from federation import clock
        from federation.operator import what_if

        report, policies = asyncio.run(
            what_if.diff(loaded(config), days=days, now=clock.now(), progress=_progress)
        )
    if as_json:
        show({**policies, **report.as_json()})
    else:
        for name, since in policies["policies_changed"].items():
            print(harmless(f"{name}: differs from the policy in force since {since}"))
        for name in policies["policies_new"]:
            print(harmless(f"{name}: the service has not started with it yet"))
        if not policies["policies_changed"]:
            print("no policy differs from the one in force")
        tell(report)
    raise typer.Exit(FOUND if report.takes else 0)


def _progress(tried: int) -> None:
    """Say how far it is, where somebody watches."""
    if tried and sys.stderr.isatty():
        print(f"\r{tried} people tried", end="", file=sys.stderr, flush=True)


def tell(report: "Report") -> None:
    """Print a report: counts first, names after."""
    kinds = report.kinds
    print(f"people tried   {report.tried}")
    print(f"would lose     {report.losing}  (of them refused: {kinds['refused']})")
    print(f"changed        {kinds['changed']}")
    if kinds["stays"]:
        print(f"stays alone    {kinds['stays']}  (an administrator only because nobody else is)")
    print(f"let in newly   {kinds['entering']}")
    print(f"not known      {kinds['unknown']}")
    for word, roles in (("lost", report.lost), ("gained", report.gained)):
        for role, number in sorted(roles.items()):
            print(harmless(f"role {word:<6}    {role}: {number}"))
    for name in report.removed:
        print(harmless(f"connection gone  {name}: nobody comes in by it any more"))
    for kind, title in _TITLES.items():
        if some := [one for one in report.people if one.kind == kind]:
            print(f"\n{title}")
            for one in some:
                print(harmless(f"  {_line(one)}"))
    listed = report.tried - kinds["same"] - len(report.people)
    if listed > 0:
        print(f"\nand {listed} more")


_TITLES = {
    "refused": "would be refused",
    "changed": "would have other roles or teams",
    "stays": "keep what they have only because nobody else is an administrator",
    "entering": "would be let in",
    "unknown": "not known",
}


def _line(one: "Difference") -> str:
    whom = f"{one.email or 'without an e-mail address'} ({one.connection}, {one.reference})"
    told = [
        f"{word} {', '.join(names)}"
        for word, names in (
            ("loses", one.loses),
            ("gains", one.gains),
            ("leaves team", one.leaves),
            ("joins team", one.joins),
        )
        if names
    ]
    return ": ".join([whom, "; ".join([one.why, *told] if one.why else told)]).rstrip(": ")
