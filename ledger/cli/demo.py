"""`ledger demo`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ledger.cli.options import json_option, options
from ledger.cli.output import emit, note, out, plain
from ledger.cli.site import Verdicts
from ledger.core.errors import DifferenceError

if TYPE_CHECKING:
    from ledger.flows.demo import Progress


@click.command()
@options(json_option)
@click.option(
    "--repo",
    type=click.Path(path_type=Path, file_okay=False),
    help="The git repository whose history is shown (default: this clone, else the present folder).",
)
@click.option(
    "--out",
    "target",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo-node"),
    show_default=True,
    help="Where the node and its site are put; an earlier demonstration there is replaced.",
)
@click.option("--site/--no-site", "with_site", default=True, show_default=True, help="Build the site too.")
def demo(as_json: bool, repo: Path | None, target: Path, with_site: bool) -> None:
    """The whole story on real input, without any account.

    Makes a node, collects a git repository's history week by week, decides, signs with a throw-away wallet, finalizes,
    distributes in euro and in a coin, verifies and builds the site. The last full week is left in review and the
    current one open. Payments are recorded by hand and say that nobody was paid; where LEDGER_RPC_URL names a
    development chain (anvil, hardhat), its coin really moves.

    Example: ledger demo --repo ../my-project
    """
    from ledger.flows.demo import run_demo
    from ledger.flows.display import lookalike
    from ledger.flows.session import open_session
    from ledger.flows.verify import verify
    from ledger.flows.views import head_commit, names_of_sources

    if with_site:
        from ledger.site.build import build_site  # what is not installed is said before the work, not after it
    with _progress() as progress:
        made = run_demo(repo or _this_clone(), target, dict(os.environ), progress)
        run = open_session(made.root, made.clock, tell=lambda text: progress(1, 1, text))
        try:
            site = made.root / "site"
            verdicts = Verdicts(run, None)
            if with_site:
                build_site(
                    run.node,
                    run.engine,
                    site,
                    verification=verdicts,
                    checks=verdicts.checks,
                    commit=head_commit(made.root),
                    alike=lookalike,
                    said=names_of_sources(run.node),
                    tell=lambda text: progress(1, 1, text),
                )
            checked = verdicts.result or verify(run)
        finally:
            run.close()
    if as_json:
        emit(
            "demo/1",
            {**plain(made), "root": str(made.root), "site": str(site) if with_site else None, "ok": checked.ok},
        )
    else:
        out(f"node      {made.root}")
        if with_site:
            out(f"site      {site}/index.html")
        out(f"history   {made.events} events, {made.epochs} epochs; the clock is at {made.clock}")
        if made.left_out:
            out(f"left out  {made.left_out} of these events: their dates lie too far from all the others to be shown")
        out(f"people    {made.people}")
        out(f"verify    {'everything recomputes' if checked.ok else 'DIFFERENT'}: {len(checked.epochs)} epochs")
        note("")
        note("Signed with a throw-away wallet whose key everybody knows: it shows the way, it proves nothing.")
        note("Its payments are a demonstration too, and say so: nobody was paid.")
        name = _program()
        note("Try next:")
        note(f"  {name} verify --node {target} --epoch 1       recheck an epoch, invariant by invariant")
        note(f"  {name} status --node {target}                 where each epoch stands and what it needs")
        note(f"  {name} book --node {target}                   who was paid, and who is owed what")
        note(f"  {name} show epoch --node {target} --epoch 1   who gets what, from which events")
        if with_site:
            note(f"  {name} site serve --out {target}/site         look at the site")
    if not checked.ok:
        raise DifferenceError("the demonstration does not verify", hint=f"ledger verify --node {target}")


def _program() -> str:
    """How the reader can call this command: by name where the shell finds it, else by the path it was called with."""
    return "ledger" if shutil.which("ledger") else sys.argv[0]


def _this_clone() -> Path:
    """The project's own clone when it runs from one, else the present folder."""
    import ledger

    clone = Path(ledger.__file__).resolve().parent.parent
    return clone if (clone / ".git").exists() else Path.cwd()


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar on a terminal; on anything else a line now and then."""
    if not sys.stderr.isatty():
        said: set[str] = set()

        def line(done: int, total: int, text: str) -> None:
            act = text.partition(" ")[0] if total == 1 else text  # "verifying default/1", "verifying default/2", …
            if (total <= 10 or done % max(1, total // 10) == 0 or done == total) and act not in said:
                note(text)
                said.add(act)

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from ledger.cli.output import safe_text

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=1)
        yield lambda done, total, text: bar.update(task, description=safe_text(text), completed=done, total=total)
