"""What sources noted about their streams: the newest of each, in as many files as it takes and no more."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from ledger.core.values import parse_time
from ledger.core.windows import Window
from ledger.flows.collect import collect
from ledger.flows.cursors import lately, notes
from ledger.flows.runlog import RunLog
from ledger.sources.port import StreamCursor
from ledger.store.epochfolder import EpochFolder
from ledger.store.files import apart
from tests.nodes import at, make_node

NOW = "2036-01-07T00:00:00Z"
EPOCHS = 520
Note = Mapping[str, str]


def asked(root: Path, runs: Mapping[int, Mapping[str, Note | None]], source: str = "discord") -> None:
    """A run in each of these epochs: a stream has its line, and where it could be read (a note) its cursor."""
    with at(root, NOW) as session, apart():
        for epoch_id, streams in runs.items():
            log = RunLog(session, session.node.epoch("default", epoch_id))
            for stream, note in streams.items():
                log.record(source, stream, Window(parse_time("2036-01-06"), session.now))
                if note is not None:
                    log.advance(source, stream, StreamCursor((), note or None))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten years of weeks, the newest of which is open; all that a run reads of the older ones is there."""
    root = make_node(tmp_path_factory.mktemp("cursors"))
    with at(root, "2026-01-06T00:00:00Z") as session:
        collect(session)
        steps = session.node.epoch("default", 1).read("transitions.jsonl")
    runs: dict[int, dict[str, Note | None]] = {}
    for epoch_id in range(1, EPOCHS + 1):
        week = {"guild": "7", "week": str(epoch_id)}
        runs[epoch_id] = {"guild:7": {}, "channel:1": week, "channel:2": week if epoch_id <= EPOCHS - 2 else None}
    runs[3]["channel:3"] = {"guild": "7", "gone": "yes"}
    asked(root, runs)
    (root / f"data/epochs/default/{EPOCHS:04d}/transitions.jsonl").write_bytes(steps)
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "node"))


def counted(root: Path, monkeypatch: pytest.MonkeyPatch, stream: str) -> tuple[dict[str, Note], int]:
    """What was noted of late, and how many logs were read for it."""
    read, counts = EpochFolder.stored, Counter[str]()

    def reading(folder: EpochFolder, name: str) -> bytes | None:
        counts[name] += 1
        return read(folder, name)

    with at(root, NOW) as session, monkeypatch.context() as patch:
        patch.setattr(EpochFolder, "stored", reading)
        found = lately(session, "default", "discord", stream)
    return found, counts["cursors.jsonl"] + counts["collection.jsonl"]  # type: ignore[return-value]


def test_the_newest_notes_are_read_from_few_epochs_however_many_there_are(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, files = counted(root, monkeypatch, "guild:7")
    assert found == {"channel:1": {"guild": "7", "week": "520"}, "channel:2": {"guild": "7", "week": "518"}}
    assert files == 5, "two epochs, and one more for the channel that cannot be read any more"
    with at(root, NOW) as session:
        every = notes(session, "discord")
    assert found == {stream: note for stream, note in every.items() if "gone" not in note}


def test_a_source_that_was_left_out_for_years_is_found_where_it_last_asked(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(root, {100: {"guild:8": {}, "channel:9": {"guild": "8"}}, 520: {"guild:8": {}}})
    found, files = counted(root, monkeypatch, "guild:8")
    assert found["channel:9"] == {"guild": "8"}
    assert files <= 2 * (520 - 100 + 1)


def test_what_was_asked_under_another_kind_of_source_is_not_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked(root, {520: {"channel:1": {"guild": "6"}, "all:*": {"x": "y"}}}, source="other")
    assert counted(root, monkeypatch, "guild:7")[0]["channel:1"] == {"guild": "7", "week": "520"}
