"""The events that the search finds: a piece for each epoch, made from the rows of its table or an earlier build's.

A piece is kept in a file of its own: a line with the hash over what it follows from and that over its bytes, its times,
its words, and a line for each event.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from pydantic_core import from_json, to_json

from ledger.core.canonical import sha256_hex
from ledger.site.kept import Keeping
from ledger.site.searchwords import LONGEST_TEXT, Result, row_of, words_of
from ledger.site.views_events import row_anchor

_COLUMNS = (
    "event_time", "event_id", "title", "source", "event_type", "user_id", "platform_login", "platform_user_id",
    "file", "line",
)  # fmt: skip
"""Of the table of events."""


class Shown(NamedTuple):
    """What an epoch says of its events. `path`: its page's; `renamed`: whom it calls otherwise than today's bindings;
    `rows`: whose events the page renders as rows, None where it renders none; `left_out`: who has events and no payout.
    """

    path: str
    renamed: Mapping[str, str]
    rows: tuple[str, ...] | None
    left_out: tuple[str, ...]


class Piece(NamedTuple):
    """The events of one epoch, the newest first: their times, their rows in a file, and which of them a word finds."""

    times: Sequence[str]
    words: Mapping[str, Sequence[int]]
    rows: Sequence[bytes]

    @classmethod
    def made(cls, shown: Shown, rows: bytes, names: Mapping[str, str], oldest: str) -> Piece:
        """The events from the day `oldest` on. `rows`: those of the table; `names`: of users, today's."""
        events = sorted(_events(shown, rows, names, oldest), key=itemgetter(0), reverse=True)
        words: defaultdict[str, list[int]] = defaultdict(list)
        for number, (_, result, also) in enumerate(events):
            for word in dict.fromkeys(words_of(f"{result.title} {also}")):
                words[word].append(number)
        return cls([at for at, *_ in events], words, [row_of(result) for _, result, _ in events])

    @classmethod
    def read(cls, data: bytes) -> Piece:
        """What `data` gave."""
        times, words, *rows = data.split(b"\n")
        return cls(from_json(times), from_json(words), rows)

    @property
    def data(self) -> bytes:
        """As it is kept."""
        return b"\n".join([to_json(self.times), to_json(self.words), *self.rows])


def taken(keeping: Keeping, name: str, made_from: str) -> bytes | None:
    """A piece that the earlier build kept; None where it has to be made."""
    data = keeping.earlier.kept(name) if keeping.earlier else None
    head, _, rest = (data or b"").partition(b"\n")
    if head != _head(made_from, rest):
        return None
    keeping.keep_on(name)
    return rest


def keep(keeping: Keeping, name: str, made_from: str, data: bytes) -> None:
    """Keep a piece."""
    keeping.keep(name, _head(made_from, data) + b"\n" + data)


def _head(made_from: str, data: bytes) -> bytes:
    return f"{made_from} {sha256_hex(data)}".encode()


def _events(shown: Shown, table: bytes, names: Mapping[str, str], oldest: str) -> Iterator[tuple[str, Result, str]]:
    """Each event's time, itself, and further words that find it."""
    page, scope, number = shown.path, *shown.path.split("/")[1:3]
    left_out, rows = set(shown.left_out), None if shown.rows is None else {None, *shown.rows}
    for line in table.splitlines():
        columns = from_json(line)
        for at, event, title, source, kind, user, login, account, file, at_line in zip(
            *(columns[name] for name in _COLUMNS), strict=True
        ):
            day = at[:10]
            if day < oldest:
                continue
            if rows is not None and user in rows:
                anchor = row_anchor(file, at_line)
            else:
                anchor = "unresolved" if user is None else "decisions" if user in left_out else f"why-{user}"
            who = shown.renamed.get(user) or names.get(user) or login or account
            worth = f"{source}:{kind}, {day}, {who[:60]}, {scope} {number}"
            # kind and repository of an id would find everything, and so nothing
            also = event.rpartition(":")[2]
            yield at, Result("event", (title or event)[:LONGEST_TEXT], f"{page}#{anchor}", worth), also
