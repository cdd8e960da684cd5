"""A person's events in files of their own: canonical lines in the order of the epochs, in files of bounded size."""

from __future__ import annotations

import json

import pytest

from ledger.core.canonical import decode, encode
from ledger.core.evaluate import EventOutcome
from ledger.core.values import UserId
from ledger.site import person_events
from ledger.site.person_events import lines_of, write_events
from ledger.site.views_events import Titles
from tests.browser.sites import HOSTILE

ANN, BEN = UserId("ann"), UserId("ben")


def outcome(number: int, user: UserId | None = ANN, time: str = "2026-01-05T00:00:00.000Z") -> EventOutcome:
    text = HOSTILE[number % len(HOSTILE)]
    return EventOutcome(
        line=number + 1,
        path="activity.jsonl",
        id=f"file:work:{number}",
        source="file",
        event_type="design",
        event_time=time,
        artifact_url=text,
        platform_user_id="a",
        platform_login=text,
        user_id=user,
        included=number % 3 > 0,
        units=2**62 + number,
        weight_source="policy",
        late=False,
        quantity=1,
    )


def lines(epoch: int, outcomes: list[EventOutcome], titles: Titles | None = None) -> bytes:
    """Ann's lines of one epoch."""
    return next(data for user, data, _ in lines_of("default", epoch, outcomes, titles or {}) if user == ANN)


def test_lines_are_canonical_and_stand_in_the_order_of_times() -> None:
    late, early = "2026-02-09T00:00:00.000Z", "2026-01-05T00:00:00.000Z"
    titles = {("activity.jsonl", number + 1): text for number, text in enumerate(HOSTILE)}
    seen = [outcome(9), outcome(8, BEN), outcome(7, None), outcome(2, time=late), outcome(1, time=early)]
    by_user = {user: (data, count) for user, data, count in lines_of("design", 1, seen, titles)}
    assert {user: count for user, (_, count) in by_user.items()} == {ANN: 3, BEN: 1}
    found = by_user[ANN][0].splitlines()
    assert [encode(decode(line)) for line in found] == found
    read = [json.loads(line) for line in found]
    assert [one["line"] for one in read] == [2, 10, 3]
    assert [one["title"] for one in read] == [titles.get(("activity.jsonl", one["line"])) for one in read]
    assert [one["milli_units"] for one in read] == [str(2**62 + number) for number in (1, 9, 2)]
    files: dict[str, bytes] = {}
    listed = write_events(ANN, [by_user[ANN][0]], files.__setitem__)
    assert files == {"contributors/ann/events.jsonl": by_user[ANN][0]}
    assert [one.id for one in listed.recent] == [one["id"] for one in reversed(read)]
    assert [one.link for one in listed.recent] == [None] * 3
    assert write_events(UserId("eve"), [], files.__setitem__) == person_events.Listed(0, (), ())


@pytest.mark.parametrize("most", [1, 900, 100_000])
def test_files_hold_all_lines_in_bounded_parts_and_the_last_events_are_told(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: dict[str, bytes] = {}
    monkeypatch.setattr(person_events, "SHARD_BYTES", most)
    monkeypatch.setattr(person_events, "MOST_RECENT", 7)
    pieces = [lines(epoch, [outcome(n) for n in range(5)]) for epoch in range(1, 5)]
    found = write_events(ANN, pieces, files.__setitem__)
    assert [file.path for file in found.files] == list(files)
    assert found.count == 20 == sum(file.event_count for file in found.files)
    assert all(len(data) <= most or data.count(b"\n") == 1 for data in files.values())
    told = [json.loads(line) for data in files.values() for line in data.splitlines()]
    assert [(one["epoch_id"], one["line"]) for one in told] == [(e, n) for e in range(1, 5) for n in range(1, 6)]
    assert [(one.epoch_id, one.id) for one in found.recent] == [(one["epoch_id"], one["id"]) for one in told[:-8:-1]]


def test_one_more_epoch_changes_the_last_file_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(person_events, "SHARD_BYTES", 900)
    made: list[dict[str, bytes]] = []
    for epochs in (3, 4):
        files: dict[str, bytes] = {}
        pieces = [lines(epoch, [outcome(n) for n in (0, 1)]) for epoch in range(1, epochs + 1)]
        write_events(ANN, pieces, files.__setitem__)
        made.append(files)
    before, after = made
    assert {path: after[path] for path in list(before)[:-1]} == {path: before[path] for path in list(before)[:-1]}
    assert len(after) > len(before) > 1
