"""A person's events in files of their own: canonical lines in the order of the epochs, in files of bounded size."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.core.canonical import decode, encode
from ledger.core.evaluate import EventOutcome
from ledger.core.values import UserId
from ledger.site import person_events
from ledger.site.person_events import PersonEvents
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


@pytest.fixture
def written(tmp_path: Path) -> tuple[dict[str, bytes], Callable[[str, bytes], None]]:
    files: dict[str, bytes] = {}
    return files, files.__setitem__


def test_lines_are_canonical_and_stand_in_the_order_of_epochs_and_times(
    tmp_path: Path, written: tuple[dict[str, bytes], Callable[[str, bytes], None]]
) -> None:
    files, put = written
    events = PersonEvents(tmp_path / "spill")
    late, early = "2026-02-09T00:00:00.000Z", "2026-01-05T00:00:00.000Z"
    titles = {("activity.jsonl", number + 1): text for number, text in enumerate(HOSTILE)}
    events.saw("design", 1, late, [outcome(9), outcome(8, BEN), outcome(7, None)], {})
    events.saw("default", 1, early, [outcome(2, time=late), outcome(1, time=early)], titles)
    assert (events.count(ANN), events.count(BEN), events.count("eve")) == (3, 1, 0)
    found = events.write(ANN, put)
    lines = files["contributors/ann/events.jsonl"].splitlines()
    assert [encode(decode(line)) for line in lines] == lines
    read = [json.loads(line) for line in lines]
    assert [(one["scope_id"], one["line"]) for one in read] == [("default", 2), ("default", 3), ("design", 10)]
    assert [one["title"] for one in read] == [HOSTILE[1], HOSTILE[2], None]
    assert [one["milli_units"] for one in read] == [str(2**62 + number) for number in (1, 2, 9)]
    assert [one.id for one in found.recent] == [one["id"] for one in reversed(read)]
    assert [one.link for one in found.recent] == [None] * 3
    assert events.write(UserId("eve"), put) == person_events.Listed(0, (), ())
    events.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("most", [1, 900, 100_000])
def test_files_hold_all_lines_in_bounded_parts_and_the_last_events_are_told(
    most: int,
    tmp_path: Path,
    written: tuple[dict[str, bytes], Callable[[str, bytes], None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files, put = written
    monkeypatch.setattr(person_events, "SHARD_BYTES", most)
    monkeypatch.setattr(person_events, "MOST_RECENT", 7)
    events = PersonEvents(tmp_path / "spill")
    for epoch in range(1, 5):
        events.saw("default", epoch, f"2026-0{epoch}-01T00:00:00.000Z", [outcome(n) for n in range(5)], {})
    found = events.write(ANN, put)
    assert [file.path for file in found.files] == list(files)
    assert found.count == 20 == sum(file.event_count for file in found.files)
    assert all(len(data) <= most or data.count(b"\n") == 1 for data in files.values())
    told = [json.loads(line) for data in files.values() for line in data.splitlines()]
    assert [(one["epoch_id"], one["line"]) for one in told] == [(e, n) for e in range(1, 5) for n in range(1, 6)]
    assert [(one.epoch_id, one.id) for one in found.recent] == [(one["epoch_id"], one["id"]) for one in told[:-8:-1]]
    events.close()


def test_one_more_epoch_changes_the_last_file_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(person_events, "SHARD_BYTES", 900)
    made: list[dict[str, bytes]] = []
    for epochs in (3, 4):
        events, files = PersonEvents(tmp_path / "spill"), dict[str, bytes]()
        for epoch in range(1, epochs + 1):
            events.saw("default", epoch, f"2026-0{epoch}-01T00:00:00.000Z", [outcome(n) for n in (0, 1)], {})
        events.write(ANN, files.__setitem__)
        events.close()
        made.append(files)
    before, after = made
    assert {path: after[path] for path in list(before)[:-1]} == {path: before[path] for path in list(before)[:-1]}
    assert len(after) > len(before) > 1
