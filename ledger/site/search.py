"""The search as static files: words in shards by prefix, results in small chunks, so that an answer is small.

`search/index.json` names the first word of each shard; `search/words/N.json` maps words to numbers of what they find
(differences in base 36); `search/found/N.json` holds what a result shows.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from ledger.core.canonical import encode, sha256_hex
from ledger.core.evaluate import EventOutcome
from ledger.site.kept import Keeping, kept_as
from ledger.site.keptfiles import KeptFiles
from ledger.site.lists import PeopleList
from ledger.site.oddnames import OddName
from ledger.site.searchevents import Piece, Shown, keep, taken
from ledger.site.searchwords import LONGEST_WORD, Result, row_of, words_of
from ledger.site.spill import Block, Spilled
from ledger.site.views import EpochPage

FOLDER = "search"
MOST_EVENTS = 200_000
"""Events that are found, the newest; older ones stand on their epochs' pages and in `data/`."""
MOST_OF_A_WORD = 5_000
"""Results that one word keeps; a word of more finds these and no longer narrows what other words find."""
SHARD_BYTES = 24_000
CHUNK = 64
"""Results in one file."""
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = tuple(high + low for high in _DIGITS for low in _DIGITS)
_TAGS = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL)


class Waiting(NamedTuple):
    """An account that nobody had bound in an epoch: what it is called, its events, and where they stand."""

    source: str
    account: str
    told: str
    events: int
    path: str


@dataclass(frozen=True)
class Findable:
    """What is found of one epoch: itself with further words, accounts that wait, and how many events are of each day.

    Its events are made from the rows of their table, once it is known which are among the newest.
    """

    start: str
    epoch: Result
    words: str
    waiting: tuple[Waiting, ...]
    days: Mapping[str, int]
    shown: Shown


def findable(page: EpochPage, outcomes: Iterable[EventOutcome]) -> Findable:
    """One epoch: itself, its events, and the accounts that nobody had bound in it."""
    statement, name = page.statement, f"Epoch {page.epoch_id}"
    start, end = statement.period_start[:10], statement.period_end[:10]
    hashed = "" if page.state == "open" else statement.statement_hash
    stands = {"open": "open", "review": "in review", "finalized": "finalized"}[page.state]
    detail = f"{start} to {end}, {stands}{f', statement {hashed}' if hashed else ''}"
    waiting = tuple(
        Waiting(
            line.account.source,
            line.account.platform_user_id,
            line.account.platform_login or line.account.platform_user_id,
            line.account.event_count,
            f"{page.path}/#unresolved",
        )
        for line in page.unresolved
    )
    left_out = tuple(line.user_id for line in page.left_out)
    rows = (*left_out, *(line.user_id for line in page.people))
    return Findable(
        start=start,
        epoch=Result("epoch", f"{name} of {page.scope_name}", f"{page.path}/", detail),
        words=f"{page.scope_id} {start}",
        waiting=waiting,
        days=dict(Counter([one.event_time[:10] for one in outcomes])),
        shown=Shown(f"{page.path}/", page.renamed, rows if page.rendered else None, left_out),
    )


class SearchIndex:
    """Takes what can be found epoch by epoch, and writes the files at the end."""

    def __init__(self, spilled: Path, names: Mapping[str, str], keeping: Keeping | None) -> None:
        self._spilled, self._names, self._keeping = spilled, names, keeping
        self._events: list[tuple[Findable, Block, str]] = []
        self._epochs: list[tuple[str, Result, str]] = []
        self._waiting: dict[tuple[str, str], tuple[str, int, int, str, str]] = {}

    def saw(self, found: Findable, rows: Block | None, follows: str) -> None:
        """One epoch more. `rows`: those of its events, if it has any; `follows`: what it all follows from."""
        self._epochs.append((found.start, found.epoch, found.words))
        if rows is not None:
            self._events.append((found, rows, follows))
        for one in found.waiting:
            key = one.source, one.account
            _, events, epochs, path, latest = self._waiting.get(key, ("", 0, 0, "", ""))
            newest = (one.path, found.start) if found.start >= latest else (path, latest)
            self._waiting[key] = (one.told, events + one.events, epochs + 1, *newest)

    def _oldest(self) -> str:
        """The day from which on there are MOST_EVENTS events, or all."""
        days: Counter[str] = Counter()
        for found, *_ in self._events:
            days.update(found.days)
        oldest, count = "", 0
        for day in sorted(days, reverse=True):
            oldest, count = day, count + days[day]
            if count >= MOST_EVENTS:
                break
        return oldest

    def _pieces(self) -> Iterator[tuple[str, Callable[[], Piece]]]:
        """The events of each epoch that has some of the newest, with the hash over what they follow from."""
        oldest, source, keeping = self._oldest(), Spilled(self._spilled), self._keeping
        for found, rows, follows in self._events:
            if max(found.days) < oldest:
                continue
            make = partial(Piece.made, found.shown, source.read(rows), self._names, oldest)
            if keeping is None:
                yield "", make
                continue
            name = f"{FOLDER}/{'-'.join(found.shown.path.split('/')[1:3])}"
            made_from = sha256_hex(f"{follows} {oldest if min(found.days) < oldest else ''}".encode())
            data = taken(keeping, name, made_from)
            if data is None:
                data = make().data
                keep(keeping, name, made_from, data)
            yield made_from, partial(Piece.read, data)
        source.close()

    def _all(
        self,
        people: PeopleList,
        words: Mapping[str, str],
        bound: set[tuple[str, str]],
        pages: Iterable[Result],
        odd: Mapping[str, OddName],
    ) -> Iterator[tuple[Result, str]]:
        """Everything but the events with the further words that find it; what comes first is shown first."""
        names = people.scopes.values()
        for person in people.rows:
            credits = [
                f"{amount:,} credits{f' in {name[:40]}' if len(people.scopes) > 1 else ''}"
                for amount, name in zip(person.credits, names, strict=True)
                if amount
            ]
            detail = f"{', '.join(credits) or 'no credits yet'}; {_many(person.events, 'event')}"
            if person.user_id in odd:
                detail = f"{odd[person.user_id][0]}; {detail}"
            yield Result("person", person.name, f"contributors/{person.user_id}/", detail), words[person.user_id]
        for (source, account), (told, events, epochs, path, _) in sorted(self._waiting.items()):
            if (source, account) not in bound:
                detail = (
                    f"account of {source} that nobody has claimed: what it did ({_many(events, 'event')} in "
                    f"{_many(epochs, 'epoch')}) waits for whoever proves that it is theirs"
                )
                yield Result("account", told, path, detail), f"{source} {account}"
        for _, epoch, also in sorted(self._epochs, key=lambda item: item[0], reverse=True):
            yield epoch, f"{also} {epoch.detail}"
        for page in pages:
            yield page, page.detail

    def write(
        self,
        out: Path,
        kept: KeptFiles,
        people: PeopleList,
        words: Mapping[str, str],
        bound: set[tuple[str, str]],
        pages: Iterable[Result],
        odd: Mapping[str, OddName],
    ) -> None:
        """All files below `search/` of `out`. `words`: further words by person; `bound`: accounts that somebody has.

        `odd`: marks of names that are not what they look like, by user.
        """
        results = list(self._all(people, words, bound, pages, odd))
        pieces = list(self._pieces())
        made_from = sha256_hex(json.dumps([results, [each for each, _ in pieces]], ensure_ascii=False).encode())
        if not kept.keeps:
            write_files(out / FOLDER, results, [make() for _, make in pieces])
        elif kept.take(FOLDER, made_from) is None:
            write_files(out / FOLDER, results, [make() for _, make in pieces])
            files = (out / FOLDER).rglob("*.json")
            kept.keep(
                FOLDER, made_from, {path.relative_to(out).as_posix(): kept_as(path.read_bytes()) for path in files}
            )


def write_files(out: Path, results: Iterable[tuple[Result, str]], pieces: Sequence[Piece] = ()) -> None:
    """The index of results, each with further words that find it, and then of the newest of the events in `pieces`.

    What comes first is shown first.
    """
    (out / "words").mkdir(parents=True)
    (out / "found").mkdir()
    table: defaultdict[str, list[int]] = defaultdict(list)
    rows: list[bytes] = []
    for result, also in results:
        for word in dict.fromkeys(words_of(f"{result.title} {also}")):
            table[word].append(len(rows))
        rows.append(row_of(result))
    events = [(at, piece, row) for piece in pieces for row, at in enumerate(piece.times)]
    events.sort(key=itemgetter(0), reverse=True)
    numbers: dict[int, dict[int, int]] = {id(piece): {} for piece in pieces}
    for _, piece, row in events[:MOST_EVENTS]:
        numbers[id(piece)][row] = len(rows)
        rows.append(piece.rows[row])
    for piece in reversed(pieces):  # the newest epochs first, so that numbers hardly need to be sorted
        mine = numbers[id(piece)]
        for word, found in piece.words.items():
            if there := [mine[row] for row in found if row in mine]:
                table[word] += there
    for at in range(0, len(rows), CHUNK):
        (out / f"found/{at // CHUNK}.json").write_bytes(b"[" + b",".join(rows[at : at + CHUNK]) + b"]\n")
    firsts = []
    for number, shard in enumerate(_shards(table)):
        firsts.append(next(iter(shard)))
        _put(out / f"words/{number}.json", list(shard.items()))
    _put(out / "index.json", {"chunk": CHUNK, "count": len(rows), "first": firsts, "longest": LONGEST_WORD})


def _many(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def page_result(title: str, path: str, body: str) -> Result:
    """A page of the site, found by all that it says; only its title is shown."""
    return Result("page", title, path, " ".join(_TAGS.sub(" ", body).split()))


def _put(path: Path, value: object) -> None:
    path.write_bytes(encode(value) + b"\n")


def _shards(table: Mapping[str, list[int]]) -> Iterator[dict[str, str]]:
    """The words in their order (of UTF-16, as scripts compare), in parts of about SHARD_BYTES."""
    shard: dict[str, str] = {}
    size = 0
    for word in sorted(table, key=lambda word: word.encode("utf-16-be")):
        numbers = sorted(table[word])
        text = ("~" if len(numbers) > MOST_OF_A_WORD else "") + _packed(numbers[:MOST_OF_A_WORD])
        if shard and size + len(text) > SHARD_BYTES:
            yield shard
            shard, size = {}, 0
        shard[word] = text
        size += len(text) + len(word) + 6
    if shard:
        yield shard


def _packed(numbers: Iterable[int]) -> str:
    """Rising numbers as differences in base 36, apart by a dot."""
    parts, last = [], 0
    for number in numbers:
        parts.append(_base36(number - last))
        last = number
    return ".".join(parts)


def _base36(number: int) -> str:
    high, low = divmod(number, len(_PAIRS))
    return _base36(high) + _PAIRS[low] if high else _PAIRS[low].lstrip("0") or "0"
