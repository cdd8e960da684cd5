"""Links of pages that an earlier build looked at: where nothing is gone, what led somewhere does so still.

A page is the same where its bytes are, but for the commit, and those of the files of which its scripts make anchors.
Such a page is not read again as long as every file is there that was, and no anchor is gone to which it leads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ledger.core.bounds import FILE_BYTES
from ledger.core.canonical import sha256_hex
from ledger.core.errors import LedgerError
from ledger.site.check import Page, Reader, anchors_elsewhere, beside, broken_links, broken_on, read_all
from ledger.site.kept import Earlier, Files, Keeping, Note
from ledger.site.skim import Looked as LookedAt
from ledger.store.files import read_file

_ROWS = re.compile(rb'data-rows="([^"]*)"')


class Looked(NamedTuple):
    """A page whose links lead somewhere. `anchors`: those of other pages that it leads to, as `file#anchor`."""

    sha256: str
    anchors: tuple[str, ...]


class Looks(NamedTuple):
    """Every file of a site, and its pages."""

    files: tuple[str, ...]
    pages: dict[str, Looked]


def broken_again(
    reader: Reader, keeping: Keeping, files: Files, commit: str | None, looked_at: LookedAt | None = None
) -> list[str]:
    """As `check.broken_links`, with what an earlier build found; keeps what was found now where nothing is broken.

    `files`: every file of the site, but for those of which no page makes anchors. `looked_at`: pages that were looked
    at when they were written.
    """
    known = looked_at.pages if looked_at and reader.has_all(looked_at.places) else {}
    note = Note(keeping, "links.json", Looks)
    before = note.before or Looks((), {})
    hashes = {
        name: _hash(reader, name, lambda path: files.get(path, (0, ""))[1], commit)
        for name in sorted(reader.files)
        if name.endswith(".html")
    }
    same = {name for name, found in hashes.items() if name in before.pages and before.pages[name].sha256 == found}
    read = {name: known[name] for name in hashes if name not in same and name in known}
    read |= read_all(reader, [name for name in hashes if name not in same and name not in known])
    gone = _gone(reader, keeping.earlier, before, read) if keeping.earlier else None
    whole = gone is None or not reader.files.issuperset(before.files)
    again = [name for name in sorted(same) if whole or not (gone or set()).isdisjoint(before.pages[name].anchors)]
    read |= read_all(reader, again)
    if broken_on(reader, {**read, **{name: page for name, page in known.items() if name not in hashes}}):
        return broken_links(reader.site)
    looked = {name: before.pages[name] for name in same.difference(read)}
    for name, page in read.items():
        looked[name] = Looked(hashes[name], tuple(sorted(set(anchors_elsewhere(name, page, reader.files)))))
    note.keep(Looks(tuple(sorted(reader.files)), dict(sorted(looked.items()))))
    return []


def _hash(reader: Reader, name: str, digest_of: Callable[[str], str], commit: str | None) -> str:
    data = (reader.site / name).read_bytes()
    listed = [digest_of(beside(name, path.decode("utf-8", "replace"))) for path in _ROWS.findall(data)]
    return sha256_hex((data.replace(commit.encode(), b"") if commit else data) + repr(listed).encode())


def _gone(reader: Reader, earlier: Earlier, before: Looks, read: Mapping[str, Page]) -> set[str] | None:
    """The anchors that the pages which are others now do not have any more; None where nobody can tell."""
    was, gone = Reader(earlier.folder), set[str]()

    def digest_of(path: str) -> str:  # as an altered page may name it: no link is followed, nothing outside is read
        return sha256_hex(read_file(earlier.folder, path, FILE_BYTES) or b"")

    for name, page in read.items():
        if name in before.pages:
            try:
                if _hash(was, name, digest_of, earlier.commit) != before.pages[name].sha256:
                    return None
            except (LedgerError, OSError, ValueError):  # ValueError: no name of a file
                return None
            gone.update(f"{name}#{one}" for one in _anchors(was, name, was.page(name)) - _anchors(reader, name, page))
    return gone


def _anchors(reader: Reader, name: str, page: Page) -> set[str]:
    made = {begins + user for begins, path in page.loads for user in reader.listed(name, path)}
    return page.ids | made
