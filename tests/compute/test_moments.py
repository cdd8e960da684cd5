"""Small logs are asked without SQL, to the same answers; whatever looks otherwise is left to it."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from ledger.compute.engine import Engine
from ledger.compute.moments import SMALL, moments
from tests.compute.nodes import Case, event, line

SOURCES = ("file", "git", "github", "profile", "x")
EVENTS = [
    event(
        number,
        id=f"{source}:{number}",
        source=source,
        event_type="b" * (1 + number % 63),
        event_time=f"2026-01-0{5 + number % 3}T1{number % 10}:59:59.999Z",
        metadata={"source": "git", "title": '","event_time":"2026-01-01T00:00:00.000Z","event_type":"a" größer 🙂'},
        platform_login=None if number % 2 else '","source":"x"}',
    )
    for number, source in enumerate(SOURCES * 9)
]


def test_a_small_log_tells_what_sql_tells_of_it(tmp_path: Path) -> None:
    shards = Case(events=EVENTS, cuts=(7, 20)).write(tmp_path).shards()
    found = moments(tmp_path, shards)
    assert found is not None and [len(events) for events in found] == [7, 13, 25]
    told = [(each.source.decode(), each.event_type.decode(), each.time.decode()) for each in chain(*found)]
    assert told == [(each["source"], each["event_type"], each["event_time"]) for each in EVENTS]
    with Engine(tmp_path) as engine:
        kinds = {(source, kind): hours for source, kind, hours in engine.rows("kinds", shards=engine.paths(shards))}
    for each in chain(*found):
        assert each.hour in kinds[each.source.decode(), each.event_type.decode()]
    assert len({(each.source, each.event_type, each.hour) for each in chain(*found)}) == sum(map(len, kinds.values()))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data + b"\n",
        lambda data: data.replace(b'"event_type":', b'"event_type": ', 1),
        lambda data: data.replace(b"23:59", b"x3:59", 1).replace(b"2026-01-06T", b"2026-01-06 ", 1),
        lambda data: data.replace(b'"source":"x"}\n', b'"source":"X"}\n', 1),
        lambda data: data + line(event(1, metadata={"title": "a" * SMALL})),
    ],
)
def test_what_looks_otherwise_or_is_large_is_left_to_sql(tmp_path: Path, change: object) -> None:
    (shard,) = Case(events=EVENTS).write(tmp_path).shards()
    shard.write_bytes(change(shard.read_bytes()))  # type: ignore[operator]
    assert moments(tmp_path, [shard]) is None


def test_a_log_that_is_gone_is_left_to_sql(tmp_path: Path) -> None:
    (shard,) = Case(events=EVENTS).write(tmp_path).shards()
    shard.unlink()
    assert moments(tmp_path, [shard]) is None
