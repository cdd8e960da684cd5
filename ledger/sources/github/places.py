"""One listed name, one repository: event ids are made of the name, so a second name would count all of it twice.

Pure. What the node has read under which name stands in the notes of its streams.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.core.errors import SourceError


def require_same(listed: str, number: int, notes: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse GitHub's repository `number` as `listed`, where either is known to belong to another.

    Raises SourceError, which says how a renamed or transferred repository is written.
    """
    for stream, note in notes.items():
        name, known = stream.rpartition(":")[0], note.get("repository")
        if name == listed and known not in (None, number):
            raise SourceError(
                f"{listed} is another repository now (number {number}, formerly {known})",
                hint="If the one meant was renamed, write `moved` in the scope's file. See docs/sources.md.",
            )
        if name != listed and known == number:
            raise SourceError(
                f"{listed} is the repository that this node has read as {name} (GitHub's number {number})",
                hint=f"Event ids are made of the listed name, and would count twice. List {name}, and write "
                f"`moved: {{{name}: {listed}}}`.",
            )
