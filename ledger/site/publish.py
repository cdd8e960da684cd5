"""From pages and files to a folder that can be published: each page in its frame, all in its place, an index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ledger.core.canonical import encode, sha256_hex
from ledger.site.again import MARKER, Printed
from ledger.site.apifiles import ROOT
from ledger.site.check import files_below
from ledger.site.csp import seal_page
from ledger.site.frame import SHELLS, Framed, Shell
from ledger.site.kept import Files
from ledger.site.keptpages import KeptPages
from ledger.site.sharing import Shared


def seal_built(site: Path, shared: Shared) -> None:
    """The pages that mkdocs built, each with what it tells whoever shares it, and sealed; no shell of others."""
    for page in sorted(site.rglob("*.html")):
        if page.parent.relative_to(site).as_posix() not in SHELLS.values():
            text = shared.told(page.read_text("utf-8"), page.parent.relative_to(site).as_posix())
            page.write_text(seal_page(text), "utf-8")


def fill_shells(
    site: Path, framed: Iterable[Framed], printed: Mapping[Path, Printed], shared: Shared, kept: KeptPages | None
) -> None:
    """Every page of which there are many in its shell. `kept`: for the next build."""
    shells = {kind: Shell(site, path) for kind, path in SHELLS.items()}
    for page in framed:
        where = shells[page.path.partition("/")[0]].fill(site, page, shared)
        if kept is not None:
            kept.keep(page.path, printed[page.body], *where)


def move_below(source: Path, target: Path) -> None:
    """Everything in `source` into `target`, a whole folder at a time where there is none of its name yet."""
    for path in source.iterdir():
        place = target / path.name
        if place.is_dir():
            move_below(path, place)
        else:
            path.rename(place)


def write_index(site: Path, known: Files, head: Mapping[str, Any]) -> Files:
    """`index.json`: every file of the site but itself and our marker, with size and SHA-256; returns all but ours."""
    found = dict(known)
    for name in files_below(site):
        if name != MARKER and name not in found:
            data = (site / name).read_bytes()
            found[name] = (len(data), sha256_hex(data))
    files = [{"path": name, "sha256": digest, "size": size} for name, (size, digest) in sorted(found.items())]
    data = encode({**head, "files": files}) + b"\n"
    (site / ROOT / "index.json").write_bytes(data)
    return found | {f"{ROOT}/index.json": (len(data), sha256_hex(data))}
