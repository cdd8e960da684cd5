"""`ledger site`: the pages and the static API that anyone can recheck."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger.cli.group import Group
from ledger.cli.options import json_option, node_option, now_option, options, session
from ledger.cli.output import emit, note, out, plain
from ledger.core.canonical import encode
from ledger.core.errors import LedgerError

if TYPE_CHECKING:
    from ledger.flows.session import Session
    from ledger.flows.verify import Verification


@click.group(cls=Group)
def site() -> None:
    """The public site: every epoch with everything that is needed to recompute it."""


KNOWN = "known.json"
"""Among what a site keeps for the next build: what was proved of the node (`ledger verify --known`)."""


class Verdicts:
    """The data of `ledger verify --json`, of what was found of each epoch while the site's figures were computed.

    `known`: what was proved before, and where what is proved now goes. `result`: what was found, once it was asked for.
    """

    def __init__(self, run: Session, known: Path | None) -> None:
        from ledger.flows.sidebyside import EpochChecker

        self._run, self._known = run, known
        self.checks = partial(EpochChecker, run.now)
        self.result: Verification | None = None

    def __call__(self, reports: Mapping[tuple[str, int], Any], parts: Collection[int]) -> dict[str, Any]:
        """The data. `reports`: what `checks` found, by scope and epoch; `parts`: the sets in which it did."""
        from ledger.flows.known import Known, as_passed
        from ledger.flows.session import Session
        from ledger.flows.sidebyside import CheckedParts
        from ledger.flows.verdicts import EpochReport
        from ledger.flows.verify import verify

        known = Known.read(self._known) if self._known is not None else None
        checked = CheckedParts({place: list(found) for place, found in reports.items()}, parts)
        silent = Session(self._run.node, self._run.now)
        silent.engine = self._run.engine
        self.result = result = verify(silent, known=known, checked=checked)
        if known is not None:
            known.write()
        epochs = list[EpochReport]()
        for report in result.epochs:
            if f"{report.scope_id}/{report.epoch_id}" in result.known:
                epochs += as_passed(self._run.node.epoch(report.scope_id, report.epoch_id))
            else:
                epochs.append(report)
        data: dict[str, Any] = json.loads(encode(plain(replace(result, epochs=epochs))))
        return {"ok": result.ok, **data}


@contextmanager
def _proved(run: Session, reuse: Path | None, target: Path) -> Iterator[Path | None]:
    """A file with what was proved when the earlier site was built; the site in `target` keeps it in the end."""
    from ledger.flows.known import Known
    from ledger.site.build import earlier_site
    from ledger.site.kept import FOLDER

    if reuse is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as scratch:
        known, earlier = Path(scratch) / KNOWN, earlier_site(reuse, run.node)
        data = earlier.kept(KNOWN) if earlier is not None else None
        if data is not None:
            known.write_bytes(data)
            try:
                Known.read(known)
            except LedgerError:  # somebody altered it: everything is proved anew
                known.unlink()
        yield known
        beside = target / FOLDER / f".{KNOWN}.tmp"
        beside.write_bytes(known.read_bytes())
        beside.replace(target / FOLDER / KNOWN)


@site.command("build")
@options(node_option, now_option, json_option)
@click.option(
    "--out", "target", type=click.Path(path_type=Path, file_okay=False), default=Path("site"), show_default=True
)
@click.option(
    "--reuse",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="An earlier site of your own (also the one at --out): what would be the same is taken from it, and kept for "
    "the next time. Never one from anybody else: who can write it can lie in it.",
)
def build(node_dir: Path | None, now: str | None, as_json: bool, target: Path, reuse: Path | None) -> None:
    """Build the site into a folder, which is replaced as a whole.

    Example: ledger site build --out public --reuse public
    """
    from ledger.flows.display import lookalike
    from ledger.flows.views import head_commit, names_of_sources
    from ledger.site.build import build_site

    with session(node_dir, now) as run, _proved(run, reuse, target) as known:
        verdicts = Verdicts(run, known)
        result = build_site(
            run.node,
            run.engine,
            target,
            verification=verdicts,
            checks=verdicts.checks,
            commit=head_commit(run.node.root),
            alike=lookalike,
            said=names_of_sources(run.node),
            tell=note,
            reuse=reuse,
        )
    ok = verdicts.result is not None and verdicts.result.ok
    if not ok:
        note("warning: this node does not verify; the site says so. Run `ledger verify` for the details.")
    if as_json:
        emit("site/1", {**plain(result), "out": str(result.out), "verified": ok})
    else:
        out(result.out)
        note(f"{result.pages} pages, {result.files} files; `ledger site serve --out {result.out}` shows them")


@site.command("compare")
@click.argument("url")
@click.option(
    "--site",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("site"),
    show_default=True,
    help="The site as it was built.",
)
@click.option(
    "--patience",
    type=click.IntRange(0, 3600),
    default=180,
    show_default=True,
    help="Seconds to go on asking while a deployment arrives.",
)
@json_option
def compare(url: str, folder: Path, patience: int, as_json: bool) -> int:
    """Fetch every file of a built site from where it is served, and compare SHA-256.

    Ends with exit code 1 when anything differs, naming each file.

    Example: ledger site compare https://ledger.example.org/ --site site
    """
    from ledger.site.compare import compare_site

    result = compare_site(url, folder, patience=patience)
    if as_json:
        emit("site-compare/1", {"ok": not result.differences, **plain(result)})
    else:
        for difference in result.differences:
            out(f"{difference.path}: {difference.problem}")
    note(f"{result.files} files compared, {len(result.differences)} differ")
    return 1 if result.differences else 0


@site.command("serve")
@click.option("--out", "target", type=click.Path(path_type=Path, exists=True, file_okay=False), default=Path("site"))
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
def serve(target: Path, port: int) -> None:
    """Show a built site on this machine only.

    Example: ledger site serve --out site --port 8000
    """
    from ledger.site.serve import serve_site

    note(f"http://127.0.0.1:{port}/ (Ctrl-C ends it)")
    serve_site(target, port)
