"""The search's files: whatever is in the record is found by its words, and an answer stays small on a large node."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.site import search
from ledger.site.search import MOST_OF_A_WORD, page_result, write_files
from ledger.site.searchevents import Piece
from ledger.site.searchwords import Result, row_of, words_of
from tests.nodes import digest

WORDS = [
    f"{first}{second}{third}" for first in "bcdfgklm" for second in "aeiou" for third in ("n", "rt", "st", "ll", "x")
]


def results(people: int, events: int) -> Iterator[tuple[Result, str]]:
    """A node's results: people with ids and accounts, then events with titles and hashes, all about one project."""
    dice = random.Random(7)
    for number in range(people):
        user = f"{dice.getrandbits(128):032x}"
        yield (
            Result("person", f"user-{number}", f"contributors/{user}/", "12,866 credits; 100 events"),
            f"{user} {number}",
        )
    for number in range(events):
        title = f"Fix {' '.join(dice.choices(WORDS, k=4))} in widgets"
        path = f"epochs/default/{number // 200}/#event-1-{number % 200}"
        detail = f"git:commit_authored, 2026-01-05, user-{number % people}, default {number // 200}"
        yield Result("event", title, path, detail), f"{dice.getrandbits(160):040x}"


class Reader:
    """Looks words up as the page's script does, and counts the bytes that it took."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bytes, self.read = folder, 0, set[str]()

    def json(self, path: str) -> object:
        data = (self.folder / path).read_bytes()
        if path not in self.read:
            self.bytes += len(data)
            self.read.add(path)
        return json.loads(data)

    def find(self, text: str, shown: int = 10) -> list[list[str]]:
        index = self.json("index.json")
        assert isinstance(index, dict)
        first = index["first"]
        found: list[set[int]] = []
        for word in words_of(text):
            mine: set[int] = set()
            begins = max((n for n, one in enumerate(first) if one <= word), default=0)
            for shard in range(begins, len(first)):
                if first[shard] > word and not first[shard].startswith(word):
                    break
                entries = self.json(f"words/{shard}.json")
                assert isinstance(entries, list)
                for known, packed in entries:
                    if known.startswith(word):
                        last = 0
                        for part in packed.removeprefix("~").split("."):
                            last += int(part, 36)
                            mine.add(last)
            found.append(mine)
        chosen = sorted(set.intersection(*found))[:shown]
        answers = []
        for number in chosen:
            chunk = self.json(f"found/{number // index['chunk']}.json")
            assert isinstance(chunk, list)
            answers.append(chunk[number % index["chunk"]])
        return answers


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2,000 people and 100,000 events."""
    folder = tmp_path_factory.mktemp("search") / "search"
    write_files(folder, results(2_000, 100_000))
    return folder


def test_a_first_answer_takes_less_than_300_kilobytes_on_a_large_node(large: Path) -> None:
    for text in ("user-1999", "widgets", "fix", "ban cell", "ca", "user", "12"):
        reader = Reader(large)
        assert reader.find(text), text
        assert reader.bytes < 300_000, (text, reader.bytes)


def test_everybody_and_every_act_is_found_by_name_id_and_hash(large: Path) -> None:
    everything = list(results(2_000, 100_000))
    for number in (0, 1_234, 1_999, 2_000, 50_000, 101_999):
        result, also = everything[number]
        for text in (result.title, also.split()[0], also.split()[0][:10]):
            if "in widgets" not in text:
                assert list(result) in Reader(large).find(text, 200), text


def test_a_word_of_too_many_results_keeps_the_first_ones(large: Path) -> None:
    found = Reader(large).find("widgets", 10**6)
    assert len(found) == MOST_OF_A_WORD
    assert found[0][2] == "epochs/default/0/#event-1-0"


def piece_of(events: list[tuple[str, Result, str]]) -> Piece:
    """The events of an epoch, some of them of one time, as they come from its rows."""
    mine = sorted(events, key=lambda event: event[0], reverse=True)
    words: dict[str, list[int]] = {}
    for number, (_, result, also) in enumerate(mine):
        for word in dict.fromkeys(words_of(f"{result.title} {also}")):
            words.setdefault(word, []).append(number)
    return Piece([at for at, *_ in mine], words, [row_of(result) for _, result, _ in mine])


def test_events_of_epochs_that_overlap_are_found_as_if_they_were_of_one_the_newest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST_EVENTS", 300)
    people, events = list(results(5, 0)), [event for event in results(5, 400) if event[0].kind == "event"]
    dice = random.Random(8)
    epochs: list[list[tuple[str, Result, str]]] = [[], [], []]
    for result, also in events:
        epochs[dice.randrange(3)].append((f"2026-01-{dice.randrange(1, 20):02d}", result, also))
    newest = sorted((event for epoch in epochs for event in epoch), key=lambda event: event[0], reverse=True)
    write_files(tmp_path / "one", [*people, *((result, also) for _, result, also in newest[:300])])
    pieces = [piece_of(epoch) for epoch in epochs]
    write_files(tmp_path / "pieces", people, pieces)
    assert digest(tmp_path / "pieces") == digest(tmp_path / "one")
    assert Piece.read(pieces[0].data) == pieces[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Dário Ñandú", ["dario", "nandu"]),
        ("a\u200bdmin", ["admin"]),
        ("HTTP/2 fix_it", ["http", "2", "fix", "it"]),
        ("谷口 健", ["谷口", "健"]),
        ("\U0001d4d0lpha", ["alpha"]),
        ("x" * 40, ["x" * 16]),
        ("…—!", []),
    ],
)
def test_words_are_taken_as_people_type_them(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_page_is_found_by_what_it_says_and_not_by_its_markup() -> None:
    page = page_result("Glossary", "glossary/", "<style>.x{}</style><p class='hidden'>An <b>epoch</b></p>")
    assert page.detail == "An epoch"
