"""How a list that changes while it is read is read whole: the last touched first, pass after pass, until it rests.

GitHub's lists of pull requests know no `since`, so reading goes from the newest down to where an earlier run began.
What is touched meanwhile moves to the front, out of what is still to come; the next pass, which reads only down to
where the pass before it began, finds it there. A pass of one page shows one moment and needs no further pass.
Pure but for `ask`. Serves CURSOR_STATE_PERSISTED: a note with each page says where a killed run goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NamedTuple

from ledger.core.canonical import sha256_hex
from ledger.core.values import Timestamp
from ledger.sources.github.client import PAGE, StaleCursor

HEAD = 20
"""Items at the front of a list by which an unchanged one is known."""
MOST_PASSES = 8
"""Passes over a list that never rests; each but the first is short. What still moves is left to the next run."""
MOST_RESTARTS = 3
"""How often a pass begins anew because the list has become shorter: then pages may have shifted past us."""


class Node(NamedTuple):
    """One issue or pull request as GitHub gave it, and when it was last touched."""

    touched: Timestamp
    content: dict[str, Any]

    @property
    def digest(self) -> str:
        """Tells this state of it from any other."""
        return digest(self.content)


def digest(answer: object) -> str:
    """Tells one answer of GitHub from any other."""
    return sha256_hex(json.dumps(answer, sort_keys=True).encode())


class Listing(NamedTuple):
    """A page of the list: its nodes, the last touched first, the list's length, and the cursor of what follows."""

    nodes: Sequence[Node]
    total: int
    after: str | None


@dataclass(frozen=True)
class Note:
    """Where a walk stands, as stored in the cursor. Empty text: not known.

    `head`: digest of the front of the list when it was last read to its end. While a walk is under way: all that was
    touched in [`base`, `floor`) has been read; a pass from `top` down to `floor` goes on after the cursor `after`, when
    the list had `total` items; events from `end` on were not taken; `newest` is the largest `top`.
    """

    head: str = ""
    base: str = ""
    floor: str = ""
    top: str = ""
    after: str = ""
    total: int = 0
    end: str = ""
    newest: str = ""

    @classmethod
    def read(cls, state: Mapping[str, Any] | None) -> Note:
        """The note of a cursor; what is not ours is passed over."""
        known: dict[str, Any] = {field.name: type(field.default) for field in fields(cls)}
        return cls(**{name: value for name, value in (state or {}).items() if type(value) is known.get(name)})

    def state(self) -> dict[str, str | int | bool | None]:
        """The note as a flat object, without what is empty."""
        return {name: value for name, value in asdict(self).items() if value}

    def serves(self, floor: Timestamp, end: Timestamp) -> bool:
        """Whether a walk that must reach down to `floor` and take events up to `end` may go on from here."""
        return bool(self.base) and self.base <= floor and (self.newest < self.end or end <= self.end)


class Step(NamedTuple):
    """What one page brought: nodes that are new to this walk, and the note that stands for them."""

    nodes: Sequence[Node]
    note: Note
    gap: str = ""


Ask = Callable[[int, str | None], Listing]
"""A page of so many items after a cursor."""


def walk(ask: Ask, floor: Timestamp, end: Timestamp, note: Note) -> Iterator[Step]:
    """All items touched at or after `floor`, some of them twice where they change meanwhile; the last step is the end.

    `note.head`, where set, says that nothing needs to be read as long as the front of the list is the same.
    """
    head, seen, restarts, gap = note.head, frozenset[str](), 0, ""
    now = replace(note, end=end) if note.serves(floor, end) else Note(base=floor, floor=floor, end=end)
    for _ in range(MOST_PASSES):
        whole, pages, at_top = not now.after, 0, set[str]()
        while True:
            page = _page(ask, HEAD if head and not now.after else PAGE, now.after)
            if page is None or (now.after and page.total < now.total and restarts < MOST_RESTARTS):
                now, head = replace(now, top="", after="", total=0), ""
                whole, pages, restarts = True, 0, restarts + 1
                continue
            if now.after and page.total < now.total:
                gap = "the list became shorter again and again while it was read"
            if not now.after:
                front = _digest(page.nodes[:HEAD])
                if front == head:
                    yield Step((), _rest(now, head, end), gap)
                    return
                head, top = front, page.nodes[0].touched if page.nodes else now.floor
                now = replace(now, top=top, newest=max(now.newest, top))
            pages += 1
            due = [node for node in page.nodes if node.touched >= now.floor]
            at_top.update(node.digest for node in due if node.touched >= now.top)
            after = page.after if len(due) == len(page.nodes) else None
            if after is not None:
                now = replace(now, after=after, total=page.total)
            else:
                now = replace(now, floor=now.top, top="", after="", total=0)
            yield Step([node for node in due if node.digest not in seen], now)
            if after is None:
                break
        if whole and pages == 1:
            yield Step((), _rest(now, head, end), gap)
            return
        seen = frozenset(at_top)
    yield Step((), Note(), "the list kept changing while it was read; the next run looks again")


def _page(ask: Ask, most: int, after: str) -> Listing | None:
    """The page, or None where GitHub does not know the cursor any more."""
    try:
        return ask(most, after or None)
    except StaleCursor:
        if after:
            return None
        raise


def _rest(now: Note, head: str, end: Timestamp) -> Note:
    """The note of a finished walk. Its head is trusted only if nothing that was read can hold events past `end`."""
    return Note(head=head if now.newest < end else "")


def _digest(nodes: Sequence[Node]) -> str:
    return sha256_hex("".join(node.digest for node in nodes).encode())
