"""`ledger site`: the pages and the static API that anyone can recheck."""

from __future__ import annotations

from pathlib import Path

import click

from ledger.cli.options import json_option, node_option, now_option, options, session
from ledger.cli.output import emit, note, out, plain


@click.group()
def site() -> None:
    """The public site: every epoch with everything that is needed to recompute it."""


@site.command("build")
@options(node_option, now_option, json_option)
@click.option(
    "--out", "target", type=click.Path(path_type=Path, file_okay=False), default=Path("site"), show_default=True
)
def build(node_dir: Path | None, now: str | None, as_json: bool, target: Path) -> None:
    """Build the site into a folder, which is replaced as a whole.

    Example: ledger site build --out public
    """
    from ledger.flows.verify import verify
    from ledger.flows.views import head_commit
    from ledger.site.build import build_site

    with session(node_dir, now) as run:
        checked = verify(run)
        if not checked.ok:
            note("warning: this node does not verify; the site says so. Run `ledger verify` for the details.")
        result = build_site(
            run.node,
            run.engine,
            target,
            verification={"ok": checked.ok, **plain(checked)},
            commit=head_commit(run.node.root),
            tell=note,
        )
    if as_json:
        emit("site/1", {**plain(result), "out": str(result.out), "verified": checked.ok})
    else:
        out(result.out)
        note(f"{result.pages} pages, {result.files} files; `ledger site serve --out {result.out}` shows them")


@site.command("serve")
@click.option("--out", "target", type=click.Path(path_type=Path, exists=True, file_okay=False), default=Path("site"))
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
def serve(target: Path, port: int) -> None:
    """Show a built site on this machine only.

    Example: ledger site serve --out site --port 8000
    """
    from ledger.site.build import serve_site

    note(f"http://127.0.0.1:{port}/ (Ctrl-C ends it)")
    serve_site(target, port)
