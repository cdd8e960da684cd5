"""The search as static files: words in shards by prefix, results in small chunks, so that an answer is small.

`search/index.json` names the first word of each shard; `search/words/N.json` maps words to numbers of what they find
(differences in base 36); `search/found/N.json` holds what a result shows. The page's script (`assets/ui/search.js`)
takes words from a text in the same way: decomposed, without marks, in small letters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ledger.core.canonical import encode
from ledger.core.evaluate import EventOutcome
from ledger.site.lists import PeopleList
from ledger.site.oddnames import OddName
from ledger.site.views import EpochPage, Titles

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
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
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
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).translate(_MARKS)
    return [word[:LONGEST_WORD] for word in _WORD.findall(text.lower())]


class SearchIndex:
    """Takes what can be found epoch by epoch, and writes the files at the end."""

    def __init__(self) -> None:
        self._events: list[tuple[str, Result, str]] = []
        self._epochs: list[tuple[str, Result, str]] = []
        self._waiting: dict[tuple[str, str], tuple[str, int, int, str, str]] = {}

    def saw(self, page: EpochPage, outcomes: Iterable[EventOutcome], titles: Titles) -> None:
        """One epoch: itself, its events, and the accounts that nobody had bound in it."""
        statement, name = page.statement, f"Epoch {page.epoch_id}"
        start, end = statement.period_start[:10], statement.period_end[:10]
        hashed = "" if page.state == "open" else statement.statement_hash
        stands = {"open": "open", "review": "in review", "finalized": "finalized"}[page.state]
        detail = f"{start} to {end}, {stands}{f', statement {hashed}' if hashed else ''}"
        title = f"{name} of {page.scope_name}"
        epoch = Result("epoch", title, f"{page.path}/", detail)
        self._epochs.append((start, epoch, f"{page.scope_id} {start}"))
        anchors, shares = page.anchors, {person.user_id for person in page.people}
        for one in outcomes:
            why = f"why-{one.user_id}" if one.user_id in shares else "decisions" if one.user_id else "unresolved"
            anchor = anchors.get(one.id) or why
            who = page.names.get(one.user_id or "") or one.platform_login or one.platform_user_id
            worth = f"{one.source}:{one.event_type}, {one.event_time[:10]}, {who[:60]}, {page.scope_id} {page.epoch_id}"
            shown = titles.get((one.path, one.line)) or one.id
            found = Result("event", shown[:LONGEST_TEXT], f"{page.path}/#{anchor}", worth)
            # kind and repository of an id would find everything, and so nothing
            self._events.append((one.event_time, found, one.id.rpartition(":")[2]))
        if len(self._events) > 2 * MOST_EVENTS:
            self._prune()
        for line in page.unresolved:
            account = line.account
            key = account.source, account.platform_user_id
            _, events, epochs, _, latest = self._waiting.get(key, ("", 0, 0, "", ""))
            newest = (f"{page.path}/#unresolved", start) if start >= latest else (self._waiting[key][3], latest)
            told = account.platform_login or account.platform_user_id
            self._waiting[key] = (told, events + account.event_count, epochs + 1, *newest)

    def _prune(self) -> None:
        self._events.sort(key=lambda item: item[0], reverse=True)
        del self._events[MOST_EVENTS:]

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
        self._prune()
        for _, event, also in self._events:
            yield event, also

    def write(
        self,
        out: Path,
        people: PeopleList,
        words: Mapping[str, str],
        bound: set[tuple[str, str]],
        pages: Iterable[Result],
        odd: Mapping[str, OddName],
    ) -> None:
        """All files below `out`. `words`: further words by person; `bound`: accounts that somebody has by now.

        `odd`: marks of names that are not what they look like, by user.
        """
        write_files(out, self._all(people, words, bound, pages, odd))


def write_files(out: Path, all_results: Iterable[tuple[Result, str]]) -> None:
    """The index of results, each with further words that find it; what comes first is shown first."""
    (out / "words").mkdir(parents=True)
    (out / "found").mkdir()
    table: dict[str, list[int]] = {}
    chunk: list[tuple[str, ...]] = []
    count = 0
    for number, (result, also) in enumerate(all_results):
        for word in set(words_of(f"{result.title} {also}")):
            table.setdefault(word, []).append(number)
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
    text = _DIGITS[number % 36]
    while number := number // 36:
        text = _DIGITS[number % 36] + text
    return text
