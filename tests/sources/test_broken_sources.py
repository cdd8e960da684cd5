"""A third party's source that breaks ends its own stream, is told without quoting what it read, and stops no other."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner

from ledger.cli.app import ledger
from ledger.core.config import Settings
from ledger.core.values import parse_time
from ledger.core.windows import Window
from ledger.flows.start import NodePlan, SourcePlan, init_node
from ledger.sources import registry
from ledger.sources.port import Page, Raw, SourceContext, SourceEvent, StreamCursor
from tests.nodes import NODE_ID

SECRET = "what somebody wrote in confidence"
ROWS = "id,time,event_type,account,login,evidence\nr1,2026-01-06T00:00:00Z,design,ann,ann,https://example.org/1\n"
NOW = "2026-01-07T10:30:00Z"


class Fragile:
    """Breaks where `broken` says; otherwise one event a run."""

    kind: ClassVar[str] = "fragile"
    version: ClassVar[str] = "1"
    Options: ClassVar[type[Settings]] = Settings
    broken: ClassVar[str] = ""

    def __init__(self, name: str, options: Any, context: SourceContext) -> None:
        self._fail("made")

    @classmethod
    def origins(cls, options: Any) -> frozenset[str]:
        return frozenset({"fragile"})

    @classmethod
    def facets(cls, options: Any) -> frozenset[str]:
        return frozenset()

    def streams(self) -> Sequence[str]:
        self._fail("streams")
        return ["all"]

    def fetch(self, stream: str, window: Window, cursor: StreamCursor) -> Iterator[Page]:
        yield Page([{"text": SECRET}], parse_time(NOW))
        self._fail("fetched")
        yield Page((), parse_time(NOW), covered=window)

    def parse(self, raw: Raw) -> Iterable[SourceEvent]:
        self._fail("parsed")
        time = parse_time("2026-01-06")
        yield SourceEvent("https://example.org", time, "said", "fragile:1", {}, None, "ann", "fragile")

    def _fail(self, where: str) -> None:
        if self.broken == where:
            raise RuntimeError(SECRET)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node whose first source is the fragile one, and whose second is sound."""
    monkeypatch.setitem(registry.BUILT_IN, "fragile", f"{__name__}:Fragile")
    sources = [SourcePlan("fragile", "odd", {}), SourcePlan("file", "work", {"path": "work.csv"})]
    init_node(tmp_path, NodePlan(name="Test", start=parse_time("2026-01-05"), sources=sources, node_id=NODE_ID))
    (tmp_path / "work.csv").write_text(ROWS, "utf-8")
    return tmp_path


def call(root: Path, *arguments: str, now: str = NOW) -> Any:
    return CliRunner().invoke(ledger, [*arguments, "--node", str(root), "--now", now], standalone_mode=False)


def ids(root: Path) -> list[str]:
    return [json.loads(line)["id"] for path in root.rglob("activity.jsonl") for line in path.read_text().splitlines()]


@pytest.mark.parametrize("where", ["made", "streams", "fetched", "parsed"])
def test_whatever_breaks_in_a_source_is_told_without_its_words_and_stops_no_other(
    root: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(Fragile, "broken", where)
    result = call(root, "collect")
    assert f"RuntimeError at {Path(__file__).name}:" in str(result.exception)
    assert "file:work:r1" in ids(root)
    held = [path.read_text("utf-8") for path in root.rglob("*") if path.is_file()]
    assert SECRET not in "\n".join([*held, result.output, str(result.exception)])
    status = call(root, "status").stdout
    assert "INCOMPLETE" in status and "RuntimeError" in status

    monkeypatch.setattr(Fragile, "broken", "")
    assert call(root, "collect").exception is None
    assert sorted(ids(root)) == ["file:work:r1", "fragile:1"]
    assert "INCOMPLETE" not in call(root, "status").stdout


def test_status_says_up_to_when_an_open_epoch_has_been_read(root: Path) -> None:
    assert call(root, "collect").exception is None
    late = "2026-01-09T00:00:00Z"
    assert "    read up to 2026-01-07T10:00:00.000Z\n" in call(root, "status", now=late).stdout
    (epoch,) = json.loads(call(root, "status", "--json", now=late).stdout)["epochs"]
    assert {stream["read_to"] for stream in epoch["streams"]} == {"2026-01-07T10:00:00.000Z"}
    assert call(root, "collect", "--source", "work", now=late).exception is None
    assert "    read up to 2026-01-07T10:00:00.000Z\n" in call(root, "status", now=late).stdout
    assert call(root, "collect", now=late).exception is None
    assert f"    read up to {parse_time(late)}\n" in call(root, "status", now=late).stdout


def test_a_back_fill_of_what_the_scope_does_not_hold_is_refused(root: Path) -> None:
    for window in ("2020-01-01..2020-02-01", "2027-01-01..2027-02-01"):
        result = call(root, "collect", "--backfill", window)
        assert "lies between the scope's start" in str(result.exception)
    assert list(root.rglob("activity.jsonl")) == []
