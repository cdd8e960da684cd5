"""Pages of an earlier build, each with the files that were written with it, where they would be the same again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ledger.core.canonical import sha256_hex
from ledger.site.again import Printed, Put
from ledger.site.asked import Told
from ledger.site.kept import Earlier, Keeping, Note


class KeptPage(NamedTuple):
    """A page as `Printed`. `told`: the hash over what its users are called; its body's place in its file (bytes)."""

    made_from: str
    sha256: str
    start: int
    length: int
    told: str
    users: tuple[str, ...]
    files: Mapping[str, tuple[int, str]]


class KeptPages:
    """Takes pages over into the folder of a build, and keeps those that it made."""

    def __init__(self, building: Path, keeping: Keeping, told: Told, commit: str | None) -> None:
        self._out, self._earlier, self._told, self._commit = building, keeping.earlier, told, commit
        self._note = Note(keeping, "pages.json", dict[str, KeptPage])
        self._before = self._note.before or {}
        self._now: dict[str, KeptPage] = {}

    def take(self, path: str, made_from: str, copies: Sequence[Path] = ()) -> tuple[Printed, bytes] | None:
        """The page at `path` and its body, its files being where the build has them; None where it has to be made.

        `copies`: where else its one file goes.
        """
        kept = self._before.get(path)
        if self._earlier is None or kept is None or kept.made_from != made_from:
            return None
        if kept.told != self._told.of(kept.users):
            return None
        text = body_of(self._earlier, path, kept, self._commit)
        files = self._earlier.all_files(kept.files)
        if text is None or files is None:
            return None
        for name, data in files.items():
            for place in (self._out / "api" / name, *copies):
                _put(place, data)
        return Printed(made_from, kept.sha256, kept.users, kept.files, reused=True), text

    def keep(self, path: str, printed: Printed, put: Put) -> None:
        """A page that was written."""
        if printed.made_from:
            told, users = self._told.of(printed.users), printed.users
            self._now[path] = KeptPage(
                printed.made_from, printed.sha256, put.start, put.length, told, users, printed.files
            )  # fmt: skip

    def write(self) -> None:
        """All of them are there."""
        self._note.keep(self._now)


def body_of(earlier: Earlier, path: str, kept: KeptPage, commit: str | None) -> bytes | None:
    """The body of an earlier page with `commit` for its own; None where its bytes are not those that were made."""
    try:
        data = (earlier.folder / path / "index.html").read_bytes()
    except OSError:
        return None
    body, place = data[kept.start : kept.start + kept.length], kept.made_from[:40].encode()
    if earlier.commit:
        body = body.replace(earlier.commit.encode(), place)
    if sha256_hex(body) != kept.sha256 or (earlier.commit is None) != (commit is None):
        return None
    return body.replace(place, commit.encode()) if commit else body


def _put(place: Path, data: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
