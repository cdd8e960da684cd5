"""What rests on the index of finalized logs: a week, work that came again, rows that are gone; a lie costs nobody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger.compute import settled as module
from ledger.compute.segment import Segment, Table, fingerprints
from ledger.compute.segmentfile import pack
from ledger.core.values import parse_time
from ledger.flows.collect import collect
from ledger.flows.ingest import Ingest
from ledger.flows.review import review
from ledger.flows.session import Session, open_session
from ledger.flows.sign import finalize
from ledger.flows.verify import verify
from tests.nodes import ROWS, at, make_node, sign_as, sign_sets


@pytest.fixture
def aged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node whose first epoch is finalized, and lies in the index as small as it is."""
    monkeypatch.setattr(module, "SIZES", (1,))
    root = make_node(tmp_path / "node")
    with at(root, "2026-01-13T12:00:00Z", "ann") as session:
        collect(session)
        folder = session.node.epoch("default", 1)
        if folder.state() == "open":
            review(session, folder, Ingest(session))
        sign_sets(session, "default", "ann", "ben")
        sign_as(session, folder, "ann", "ben")
        finalize(session, folder)
    return root


@contextmanager
def later(root: Path) -> Iterator[Session]:
    environ = {"LEDGER_CACHE": str(root.parent / "cache")}
    session = open_session(root, parse_time("2026-01-14T12:00:00Z"), environ=environ)
    try:
        yield session
    finally:
        session.close()


def events(session: Session, epoch: int) -> list[str]:
    return sorted(event.id for _, _, event in session.node.epoch("default", epoch).events())


def lie(root: Path, ids: dict[str, Table]) -> None:
    """Put an index that says this, checksum and all, in the place of the right one."""
    with later(root) as session:
        (right,) = session.settled.segments("default")
    (path,) = (root.parent / "cache").rglob("*.held")
    path.write_bytes(data := pack(Segment("default", right.logs, ids, Table((), ())), path.name))
    with later(root) as session:
        (believed,) = session.settled.segments("default")
        assert list(believed.ids) == list(ids) and path.read_bytes() == data


def test_a_week_with_the_index_brings_what_it_brings_without(aged: Path) -> None:
    (aged / "work.csv").write_text(ROWS.replace("b1,", "b9,"), "utf-8")  # the file is another: all of it comes again
    with later(aged) as session:
        (report,) = collect(session).reports
        assert session.settled.covers("default")
        assert (report.added, report.known, report.late) == (2, 2, 1)
        assert report.gone == ["file:work:b1"]
        assert events(session, 2) == ["file:work:a2", "file:work:b9"]
        assert verify(session).ok


def test_an_index_that_claims_all_that_comes_hides_no_event(aged: Path) -> None:
    rows = [line.partition(",")[0] for line in ROWS.splitlines()[1:]]
    numbers = sorted(fingerprints(f"file:work:{name}" for name in rows)["file:work:"])
    lie(aged, {"file:work:": Table(numbers, [0] * len(numbers))})
    with later(aged) as session:
        collect(session)
        assert events(session, 2) == ["file:work:a2"]
        assert verify(session).ok


def test_an_index_that_denies_what_is_held_lets_it_in_twice_and_verify_names_it(aged: Path) -> None:
    lie(aged, {})
    (aged / "work.csv").write_text(ROWS + "z,2026-01-13T10:00:00Z,design,bob,bob,https://example.org/z,More\n", "utf-8")
    with later(aged) as session:
        collect(session)
        assert "file:work:a1" in events(session, 2)
        rules = {finding.rule for finding in verify(session).all_findings}
        assert "ACTIVITY_IDEMPOTENT" in rules
