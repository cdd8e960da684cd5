"""The search as static files: words in shards by prefix, results in small chunks, so that an answer is small.

`search/index.json` names the first word of each shard; `search/words/N.json` maps words to numbers of what they find
(differences in base 36); `search/found/N.json` holds what a result shows. The page's script (`assets/ui/search.js`)
takes words from a text in the same way: decomposed, without marks, in small letters.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pydantic_core import from_json

from ledger.core.canonical import encode, sha256_hex
from ledger.core.evaluate import EventOutcome
from ledger.site.kept import kept_as
from ledger.site.keptfiles import KeptFiles
from ledger.site.lists import PeopleList
from ledger.site.oddnames import OddName
from ledger.site.spill import Block, Spilled
from ledger.site.views import EpochPage
from ledger.site.views_events import row_anchor

FOLDER = "search"
MOST_EVENTS = 200_000
"""Events that are found, the newest; older ones stand on their epochs' pages and in `data/`."""
MOST_OF_A_WORD = 5_000
"""Results that one word keeps; a word of more finds these and no longer narrows what other words find."""
LONGEST_WORD = 16
LONGEST_TEXT = 140
MOST_DETAIL = 300
SHARD_BYTES = 24_000
CHUNK = 64
"""Results in one file."""
_WORD = re.compile(r"[^\W_]+")
_SPACED = {code: " " for code in range(128) if not chr(code).isalnum()}
"""The same for ASCII, by `str.translate`, in half the time."""
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = tuple(high + low for high in _DIGITS for low in _DIGITS)
_TAGS = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL)


class Result(NamedTuple):
    """What a result shows. `kind`: person, account, epoch, event or page; `path`: from the site's top."""

    kind: str
    title: str
    path: str
    detail: str


class _WithoutMarks(dict[int, int | None]):
    """For `str.translate`: each character is asked about once, and marks and what is not seen go."""

    def __missing__(self, code: int) -> int | None:
        self[code] = None if unicodedata.category(chr(code)) in ("Mn", "Mc", "Me", "Cf") else code
        return self[code]


_MARKS = _WithoutMarks()


def words_of(text: str) -> list[str]:
    """The words of a text as they are looked up."""
    if text.isascii():
        found = text.lower().translate(_SPACED).split()
    else:
        found = _WORD.findall(unicodedata.normalize("NFKD", text).translate(_MARKS).lower())
    return [word[:LONGEST_WORD] for word in found]


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

    Its events are made from the rows of their table, once it is known which are among the newest. `renamed`: whom the
    epoch calls otherwise than today's bindings; `rows`: whose events the page renders as rows, None where it renders
    none; `left_out`: who has events and no payout.
    """

    start: str
    epoch: Result
    words: str
    waiting: tuple[Waiting, ...]
    days: Mapping[str, int]
    renamed: Mapping[str, str]
    rows: tuple[str, ...] | None
    left_out: tuple[str, ...]


Event = tuple[str, Result, str]
"""Its time, itself, and further words that find it."""
_COLUMNS = (
    "event_time", "event_id", "title", "source", "event_type", "user_id", "platform_login", "platform_user_id",
    "file", "line",
)  # fmt: skip
"""Of the table of events."""


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
    return Findable(
        start=start,
        epoch=Result("epoch", f"{name} of {page.scope_name}", f"{page.path}/", detail),
        words=f"{page.scope_id} {start}",
        waiting=waiting,
        days=dict(Counter([one.event_time[:10] for one in outcomes])),
        renamed=page.renamed,
        rows=(*left_out, *(line.user_id for line in page.people)) if page.rendered else None,
        left_out=left_out,
    )


def _events(found: Findable, rows: bytes, names: Mapping[str, str], oldest: str) -> Iterator[Event]:
    """The events of an epoch from the day `oldest` on. `rows`: those of its table; `names`: of users, today's."""
    page, scope, number = found.epoch.path, *found.epoch.path.split("/")[1:3]
    left_out, shown = set(found.left_out), None if found.rows is None else {None, *found.rows}
    for line in rows.splitlines():
        columns = from_json(line)
        for at, event, title, source, kind, user, login, account, file, at_line in zip(
            *(columns[name] for name in _COLUMNS), strict=True
        ):
            day = at[:10]
            if day < oldest:
                continue
            if shown is not None and user in shown:
                anchor = row_anchor(file, at_line)
            else:
                anchor = "unresolved" if user is None else "decisions" if user in left_out else f"why-{user}"
            who = found.renamed.get(user) or names.get(user) or login or account
            worth = f"{source}:{kind}, {day}, {who[:60]}, {scope} {number}"
            # kind and repository of an id would find everything, and so nothing
            also = event.rpartition(":")[2]
            yield at, Result("event", (title or event)[:LONGEST_TEXT], f"{page}#{anchor}", worth), also


class SearchIndex:
    """Takes what can be found epoch by epoch, and writes the files at the end."""

    def __init__(self, spilled: Path, names: Mapping[str, str]) -> None:
        self._spilled, self._names = spilled, names
        self._events: list[tuple[Findable, Block]] = []
        self._epochs: list[tuple[str, Result, str]] = []
        self._waiting: dict[tuple[str, str], tuple[str, int, int, str, str]] = {}

    def saw(self, found: Findable, rows: Block | None) -> None:
        """One epoch more. `rows`: those of its events, if it has any."""
        self._epochs.append((found.start, found.epoch, found.words))
        if rows is not None:
            self._events.append((found, rows))
        for one in found.waiting:
            key = one.source, one.account
            _, events, epochs, path, latest = self._waiting.get(key, ("", 0, 0, "", ""))
            newest = (one.path, found.start) if found.start >= latest else (path, latest)
            self._waiting[key] = (one.told, events + one.events, epochs + 1, *newest)

    def _newest(self) -> list[Event]:
        """The newest MOST_EVENTS events, the newest first; only the epochs that have some of them are read."""
        days: Counter[str] = Counter()
        for found, _ in self._events:
            days.update(found.days)
        oldest, count = "", 0
        for day in sorted(days, reverse=True):
            oldest, count = day, count + days[day]
            if count >= MOST_EVENTS:
                break
        events: list[Event] = []
        source = Spilled(self._spilled)
        for found, rows in self._events:
            if max(found.days) >= oldest:
                events += _events(found, source.read(rows), self._names, oldest)
        source.close()
        events.sort(key=lambda item: item[0], reverse=True)
        return events[:MOST_EVENTS]

    def _all(
        self,
        people: PeopleList,
        words: Mapping[str, str],
        bound: set[tuple[str, str]],
        pages: Iterable[Result],
        odd: Mapping[str, OddName],
    ) -> Iterator[tuple[Result, str]]:
        """Everything with the further words that find it; what comes first is shown first."""
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
        for _, event, also in self._newest():
            yield event, also

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
        results = self._all(people, words, bound, pages, odd)
        if not kept.keeps:
            write_files(out / FOLDER, results)
            return
        found = list(results)
        made_from = sha256_hex(json.dumps(found, ensure_ascii=False).encode())
        if kept.take(FOLDER, made_from) is None:
            write_files(out / FOLDER, found)
            files = (out / FOLDER).rglob("*.json")
            kept.keep(
                FOLDER, made_from, {path.relative_to(out).as_posix(): kept_as(path.read_bytes()) for path in files}
            )


def write_files(out: Path, all_results: Iterable[tuple[Result, str]]) -> None:
    """The index of results, each with further words that find it; what comes first is shown first."""
    (out / "words").mkdir(parents=True)
    (out / "found").mkdir()
    table: defaultdict[str, list[int]] = defaultdict(list)
    chunk: list[tuple[str, ...]] = []
    count = 0
    for number, (result, also) in enumerate(all_results):
        for word in set(words_of(f"{result.title} {also}")):
            table[word].append(number)
        detail = "" if result.kind == "page" else result.detail[:MOST_DETAIL]
        chunk.append((result.kind, result.title[:LONGEST_TEXT], result.path, detail))
        count = number + 1
        if len(chunk) == CHUNK:
            _put(out / f"found/{number // CHUNK}.json", chunk)
            chunk = []
    if chunk:
        _put(out / f"found/{count // CHUNK}.json", chunk)
    firsts = []
    for number, shard in enumerate(_shards(table)):
        firsts.append(next(iter(shard)))
        _put(out / f"words/{number}.json", list(shard.items()))
    _put(out / "index.json", {"chunk": CHUNK, "count": count, "first": firsts, "longest": LONGEST_WORD})


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
        numbers = table[word]
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
