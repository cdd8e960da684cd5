"""From pages and files to a folder that can be published: all in its place, an index."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ledger.core.canonical import encode, sha256_hex
from ledger.site.again import MARKER
from ledger.site.apifiles import ROOT
from ledger.site.check import files_below
from ledger.site.kept import Files, file_as


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
            found[name] = file_as(site / name)
    files = [{"path": name, "sha256": digest, "size": size} for name, (size, digest) in sorted(found.items())]
    data = encode({**head, "files": files}) + b"\n"
    (site / ROOT / "index.json").write_bytes(data)
    return found | {f"{ROOT}/index.json": (len(data), sha256_hex(data))}
