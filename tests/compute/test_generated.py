"""The benchmarks measure on right data: what the generator writes, core accepts and both implementations agree on."""

from __future__ import annotations

from pathlib import Path

from benchmarks.generate import activity_lines, write_node, write_shards
from ledger.compute.engine import Engine
from ledger.core.evaluate import evaluate, event_outcomes
from ledger.core.merkle import merkle_root
from ledger.store.node import load_node


def test_generated_epochs_are_right_and_mean_the_same_to_sql_and_python(tmp_path: Path) -> None:
    write_node(tmp_path, events=1200, users=120, epochs=2)
    node = load_node(tmp_path)
    with Engine(node.root) as engine:
        for folder in node.epochs("default"):
            epoch = folder.epoch()
            loaded = engine.load(folder, epoch)
            assert loaded.findings == ()
            events = list(folder.events())
            outcomes = event_outcomes(epoch, events, node.bindings(), folder.curation())
            root = merkle_root(event.encode() for _, _, event in events)
            evaluation = loaded.evaluate()
            assert evaluation == evaluate(epoch, outcomes, folder.overrides(), root)
            assert list(loaded.outcomes()) == outcomes
            assert evaluation.unresolved_count > 0
            assert any(not outcome.included for outcome in outcomes)
            assert any(row.final_units is not None for row in evaluation.allocations)


def test_generated_shards_end_where_the_next_line_would_pass_the_limit(tmp_path: Path) -> None:
    shards = write_shards(tmp_path, activity_lines(20, 5), shard_bytes=2_000)
    assert [shard.name for shard in shards[:2]] == ["activity.jsonl", "activity-0002.jsonl"]
    assert all(shard.stat().st_size <= 2_000 for shard in shards)
    assert sum(shard.read_bytes().count(b"\n") for shard in shards) == 20
