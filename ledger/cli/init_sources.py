"""What `ledger init` asks about sources: repositories on GitHub, a Discord server, and whose messages become public.

Consent is decided before the first append-only commit: a server without it is refused. Asks on a terminal only, and
only where the command line left it open. Knows nothing of files; it gives plans.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ledger.cli.output import note
from ledger.core.errors import UsageError

if TYPE_CHECKING:
    from ledger.flows.start import SourcePlan

F = TypeVar("F", bound=Callable[..., Any])

REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}/[A-Za-z0-9._-]{1,100}")
GUILD = re.compile(r"[1-9][0-9]{0,18}")

CONSENT = {
    "bound": "events of what members wrote while they were bound; of all else a count per channel and day",
    "all": "an event for each message",
}
"""What each choice publishes, in the words of docs/privacy.md."""

WARNING = (
    "Discord's Developer Terms and Developer Policy restrict sharing what its API returns unless the person directs it."
    " What is once published cannot be taken back. Names are hidden and account ids keyed, whatever you choose."
)


def source_options(function: F) -> F:
    """`--github`, `--discord` and `--consent`, passed on as `github`, `discord` and `consent`."""
    for option in (
        click.option("--consent", type=click.Choice(tuple(CONSENT)), help="Whose messages on Discord become events."),
        click.option("--discord", metavar="GUILD_ID", help="Collect messages of this Discord server; needs --consent."),
        click.option(
            "--github", multiple=True, metavar="OWNER/NAME", help="Collect from this repository on GitHub; repeatable."
        ),
    ):
        function = option(function)
    return function


def planned_sources(
    repositories: Sequence[str], github: Sequence[str], discord: str | None, consent: str | None, ask: bool
) -> list[SourcePlan]:
    """The sources of a new node, git first; asks for what is open where somebody sits at a terminal.

    `ask`: whether questions are wanted at all (not with --json). Raises UsageError for a name or number that cannot be
    one, and for a Discord server without a decision on consent.
    """
    from ledger.flows.start import SourcePlan

    ask = ask and sys.stdin.isatty()
    if ask and not (repositories or github or discord):
        github = _ask("Repositories on GitHub to collect from (OWNER/NAME …, empty for none)").split()
        discord = _ask("Discord server to collect from (its id, empty for none)") or None
    plans = [
        SourcePlan("git", f"git-{number}" if number > 1 else "git", {"repository": repository})
        for number, repository in enumerate(repositories, start=1)
    ]
    for name in github:
        if not REPOSITORY.fullmatch(name):
            raise UsageError(f"--github {name}: write it as OWNER/NAME", hint="For example my-team/my-project.")
    if github:
        listed = list(dict.fromkeys(name.lower() for name in github))
        plans.append(SourcePlan("github", "github", {"repositories": listed, "logins": "show", "ids": "plain"}))
    if discord is not None:
        if not GUILD.fullmatch(discord):
            raise UsageError(
                f"--discord {discord}: needed is the server's number",
                hint="In Discord: Settings, Advanced, Developer Mode; then right-click the server, Copy Server ID.",
            )
        decided = _consent(consent, ask)
        plans.append(
            SourcePlan("discord", "discord", {"guild": discord, "logins": "hide", "ids": "keyed", "consent": decided})
        )
    elif consent is not None:
        raise UsageError("--consent decides about messages on Discord: give --discord too")
    return plans


def tell_needs(plans: Sequence[SourcePlan]) -> None:
    """Which secrets the sources of a new node need, on stderr."""
    kinds = {plan.source for plan in plans}
    if "github" in kinds:
        note("github needs GITHUB_TOKEN when collecting: see docs/sources.md")
    if "discord" in kinds:
        note("discord needs DISCORD_TOKEN and LEDGER_SECRET when collecting: see docs/sources.md and docs/privacy.md")


def _consent(given: str | None, ask: bool) -> str:
    if given is not None:
        return given
    choices = ". ".join(f"{name}: {what}" for name, what in CONSENT.items())
    if not ask:
        raise UsageError(
            "--discord needs --consent bound or --consent all, decided before the first commit",
            hint=f"{choices}. {WARNING} See docs/privacy.md.",
        )
    note(WARNING)
    for name, what in CONSENT.items():
        note(f"  {name}: {what}")
    return str(click.prompt("Whose messages become events", type=click.Choice(tuple(CONSENT)), err=True))


def _ask(question: str) -> str:
    return str(click.prompt(question, default="", show_default=False, err=True)).strip()
