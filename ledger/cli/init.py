"""`ledger init`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ledger.cli.init_people import Ground, ask, ask_approvers, people_of, proved, tell_text
from ledger.cli.init_sources import planned_sources, source_options, tell_needs
from ledger.cli.options import amount, json_option, moment, now_option, options
from ledger.cli.output import emit, note, out
from ledger.core.errors import UsageError

if TYPE_CHECKING:
    from ledger.flows.start import NodePlan

_ON_A_NODE = {"target", "now", "as_json", "action", "code_owners"}
"""What still means something where there is a node already."""
_IN_A_TEMPLATE = _ON_A_NODE - {"code_owners"} | {
    "template", "scope_id", "base_issuance", "length_days", "unresolved", "solo", "data_license",
}  # fmt: skip
"""What a template may say: rules, and nothing about whose ledger it will be."""


@click.command()
@options(now_option, json_option)
@click.argument("target", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--name", help="The node's name (default: the folder's).")
@click.option("--scope", "scope_id", default="default", show_default=True, help="The first scope's id.")
@click.option(
    "--approver",
    "approvers",
    multiple=True,
    metavar="ID=0x…[@ACCOUNT]",
    help="Someone who signs: wallet, and the GitHub account that reviews (its number, or its name); repeatable.",
)
@click.option(
    "--approver-proof",
    "proofs",
    multiple=True,
    metavar="ID=0xSIGNATURE[@ACCOUNT]",
    help="The same, with a signature over the text of --approver-text in the place of the wallet; repeatable.",
)
@click.option("--approver-text", metavar="ID", help="Print what ID signs for --approver-proof; write nothing.")
@click.option("--threshold", type=click.IntRange(1, 999), default=1, show_default=True, help="How many must sign.")
@click.option("--base-issuance", metavar="CREDITS", default="10000", show_default=True, help="Credits of every epoch.")
@click.option(
    "--repository", "repositories", multiple=True, metavar="PATH_OR_URL", help="Collect commits from here; repeatable."
)
@source_options
@click.option(
    "--start", metavar="DATE", help="The day on which the first window begins (default: the window that holds today)."
)
@click.option(
    "--anchor",
    metavar="DATE",
    help="A day on which a window begins; the first epoch is then the one that holds --start.",
)
@click.option("--length-days", type=click.IntRange(1, 366), default=7, show_default=True, help="Days of a window.")
@click.option("--site-url", help="Where the site will be published (default: GitHub Pages of --node-repository).")
@click.option(
    "--node-repository", metavar="OWNER/NAME", default="", help="The repository on GitHub that the node will be."
)
@click.option(
    "--code-owner",
    "code_owners",
    multiple=True,
    metavar="LOGIN",
    help="Whose review a change of settings needs on GitHub: a login or ORG/TEAM; repeatable.",
)
@click.option(
    "--action", metavar="OWNER/NAME@REF", help="The action that the workflows call (default: this version's)."
)
@click.option(
    "--unresolved",
    type=click.Choice(("hold", "share")),
    default="hold",
    show_default=True,
    help="Shares of accounts that nobody bound: hold them for whoever they belong to, or share them among the others.",
)
@click.option("--solo", is_flag=True, help="One person does everything: no rule asks for a second one's review.")
@click.option(
    "--data-license",
    metavar="SPDX",
    default="CC-BY-4.0",
    show_default=True,
    help="Under which the site offers its data, by SPDX identifier; empty says nothing.",
)
@click.option("--node-id", help="A UUID of your own (default: a new one).")
@click.option(
    "--template",
    is_flag=True,
    help="Write what a template repository holds: nobody's yet, with a list of what is left.",
)
def init(
    target: Path,
    now: str | None,
    as_json: bool,
    name: str | None,
    scope_id: str,
    approvers: tuple[str, ...],
    proofs: tuple[str, ...],
    approver_text: str | None,
    threshold: int,
    base_issuance: str,
    repositories: tuple[str, ...],
    github: tuple[str, ...],
    discord: str | None,
    consent: str | None,
    start: str | None,
    anchor: str | None,
    length_days: int,
    site_url: str | None,
    node_repository: str,
    code_owners: tuple[str, ...],
    action: str | None,
    unresolved: str,
    solo: bool,
    data_license: str,
    node_id: str | None,
    template: bool,
) -> None:
    """Make a new node in DIR: settings, weights, and all that its repository on GitHub needs to run by itself.

    On a terminal it asks for what the command line left open. Files that exist are left alone: run it again after an
    interruption, or after an upgrade, and it adds what is missing. With --start in the past the first epoch can be
    signed today. `ledger setup` then switches it on; docs/operate.md in DIR says every step.

    Example: ledger init my-ledger --node-repository acme/my-ledger --approver alice=0x2c75…@12345 --github acme/project
    """
    from ledger.core.config import DEFAULT_ANCHOR
    from ledger.core.values import parse_time
    from ledger.flows.start import ACTION, NodePlan, init_node, is_node

    fresh = not is_node(target)
    asking = fresh and not as_json and not template
    if not fresh:
        _refuse_settings(target)
    if template:
        _refuse_people()
    ground = Ground(node_repository or name or target.resolve().name, scope_id)
    if approver_text is not None:
        tell_text(approver_text, ground)
        return
    approvers += tuple(proved(proofs, approvers, ground))
    if asking and sys.stdin.isatty():
        name = name or ask("The node's name", default=target.resolve().name)
        node_repository = node_repository or ask("Its repository on GitHub (OWNER/NAME, empty for none)")
        approvers = approvers or tuple(ask_approvers(Ground(node_repository or name, scope_id)))
        if len(approvers) > 1 and _left_open("threshold"):
            most = click.IntRange(1, len(approvers))
            threshold = click.prompt("How many of them must sign", type=most, default=len(approvers) // 2 + 1, err=True)
        code_owners = code_owners or tuple(
            ask("Who reviews changes of settings on GitHub (LOGIN or ORG/TEAM …)").split()
        )
        if not solo and len(approvers) == 1 and len(code_owners) < 2:
            solo = click.confirm(
                "Are you alone? Then no rule asks for a second person's review", default=True, err=True
            )
        if _left_open("unresolved"):
            note("Until people have bound their accounts: `hold` keeps their shares for them, `share` pays the others.")
            choice = click.Choice(("hold", "share"))
            unresolved = click.prompt("Shares of accounts that nobody bound", type=choice, default="hold", err=True)
        if _left_open("data_license"):
            data_license = ask("Licence of the data on the site (SPDX identifier)", default=data_license)
    people, accounts = people_of(approvers)
    _check_local(target, repositories)
    try:
        first = parse_time(start) if start else moment(now)
        aligned = parse_time(anchor) if anchor else first if start else None
    except ValueError as error:
        raise UsageError(f"--start or --anchor: {error}") from None
    sources = planned_sources(repositories, github, discord, consent, ask=asking)
    plan = NodePlan(
        name=name or ("A ledger" if template else target.resolve().name),
        start=first,
        approvers=people,
        accounts=accounts,
        threshold=threshold,
        base_issuance=amount(base_issuance),
        sources=sources,
        site_url=_pages(node_repository) if site_url is None else site_url,
        repository=node_repository,
        code_owners=code_owners,
        action=action or ACTION,
        length=length_days,
        scope_id=scope_id,
        unresolved=unresolved,
        solo=solo,
        data_license=data_license,
        node_id=node_id,
        template=template,
        anchor=aligned[:10] if aligned else DEFAULT_ANCHOR,
    )
    try:
        written = init_node(target, plan)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if as_json:
        emit("init/1", {"path": str(target), "written": written})
        return
    for path in written:
        out(path)
    if fresh:
        _tell_made(target, plan)
    else:
        added = f"{len(written)} missing files added" if written else "nothing changed"
        note(f"{target} was a node already: {added}")


def _tell_made(target: Path, plan: NodePlan) -> None:
    """What the new node is, and what is left to do."""
    from ledger.flows.start import first_windows

    if plan.template:
        note(f"{target} is a template: push it, and tick *Template repository* in its settings")
        note("a repository made from it opens one issue, Set up this ledger, with what is left to do")
        return
    note(f"{target} is a node")
    note("its first windows: " + ", ".join(f"{each.start[:10]} to {each.end[:10]}" for each in first_windows(plan)))
    tell_needs(plan.sources)
    if not plan.approvers:
        note("nobody can sign yet: name approvers in scopes/ before the first review")
    if not plan.sources:
        note("nothing is read yet: name sources in scopes/ (docs/sources.md)")
    if not plan.code_owners:
        note("nobody owns the settings yet: see .github/CODEOWNERS")
    note("next: look at scopes/ and weights/, then `ledger setup --dry-run` in it, or follow docs/operate.md")


def _refuse_settings(target: Path) -> None:
    """UsageError where the command line wants settings of a node that has its own: they change by pull request."""
    if given := _given_beside(_ON_A_NODE):
        raise UsageError(
            f"{target} is a node already, so {', '.join(given)} would change nothing",
            hint="Change ledger.yaml, scopes/ or weights/ by a reviewed pull request; without these options the "
            "command adds the files that are missing.",
        )


def _refuse_people() -> None:
    """UsageError where the command line says whose ledger a template is."""
    if given := _given_beside(_IN_A_TEMPLATE):
        raise UsageError(
            f"a template is nobody's ledger yet, so {', '.join(given)} has no place in it",
            hint="Whoever makes a repository from it fills that in, led by its first issue.",
        )


def _given_beside(meant: set[str]) -> list[str]:
    """The options on the command line other than those that mean something."""
    context = click.get_current_context()
    return [
        max(option.opts, key=len)
        for option in context.command.params
        if option.name not in meant
        and context.get_parameter_source(str(option.name)) is click.core.ParameterSource.COMMANDLINE
    ]


def _check_local(target: Path, repositories: Iterable[str]) -> None:
    """UsageError for a repository that is neither an address nor a folder as the node will see it."""
    for text in repositories:
        here = Path(os.path.normpath(target / text))  # the node itself may not be there yet
        if "://" not in text and not re.match(r"[^/]+@[^/]+:", text) and not here.is_dir():
            raise UsageError(
                f"--repository {text}: there is no such folder beside the node",
                hint="Give an https address, or a path as seen from the node's folder.",
            )


def _pages(repository: str) -> str:
    """Where GitHub serves the Pages of a repository that has no domain of its own; empty without a repository."""
    owner, _, name = repository.lower().partition("/")
    if not name:
        return ""
    return f"https://{owner}.github.io/" + ("" if name == f"{owner}.github.io" else f"{repository.partition('/')[2]}/")


def _left_open(option: str) -> bool:
    """Whether the command line said nothing about an option."""
    source = click.get_current_context().get_parameter_source(option)
    return source is click.core.ParameterSource.DEFAULT
