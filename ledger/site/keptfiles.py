"""Files about the whole node, tables and the search: those of an earlier build where they would be the same again."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ledger.site.kept import Files, Keeping, Note


class Derived(NamedTuple):
    """Files by their path in the site, and the hash over what they follow from."""

    made_from: str
    files: dict[str, tuple[int, str]]


class KeptFiles:
    """Takes files over into a build's folder `out`, and keeps those that it made; does neither without `keeping`."""

    def __init__(self, out: Path, keeping: Keeping | None) -> None:
        self._out, self._earlier = out, keeping.earlier if keeping else None
        self._note = Note(keeping, "files.json", dict[str, Derived]) if keeping else None
        self._now: dict[str, Derived] = {}

    @property
    def keeps(self) -> bool:
        """Whether there is a next build to keep anything for."""
        return self._note is not None

    def take(self, name: str, made_from: str) -> Files | None:
        """Put files in their place; None where they have to be made."""
        kept = (self._note.before or {}).get(name) if self._note else None
        found = self._earlier.all_files(kept.files) if self._earlier and kept and kept.made_from == made_from else None
        if kept is None or found is None:
            return None
        for path, data in found.items():
            (self._out / path).parent.mkdir(parents=True, exist_ok=True)
            (self._out / path).write_bytes(data)
        self._now[name] = kept
        return kept.files

    def keep(self, name: str, made_from: str, files: Files) -> None:
        """Keep files that were made."""
        self._now[name] = Derived(made_from, dict(sorted(files.items())))

    def write(self) -> None:
        """All of them are there."""
        if self._note is not None:
            self._note.keep(dict(sorted(self._now.items())))
