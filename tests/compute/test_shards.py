"""Shards proved by workers come to what one engine makes of the whole log; where they do not pass, it tells."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ledger.compute import shards
from ledger.compute.engine import Engine
from ledger.compute.shards import ByShard, prove_by_shard
from tests.compute.nodes import AT, Case, event, user

BOUND = {"action": "bind", "actor": "ada", "at": AT, "evidence": "", "external_id": "1", "login": None,
         "provider": "github", "user_id": user(1)}  # fmt: skip


def case(*more: dict[str, Any]) -> Case:
    events = [event(number, platform_user_id=str(number % 3)) for number in range(1, 20)]
    override = {"actor": "ada", "at": AT, "evidence": None, "final_units": "7", "reason": "why", "user_id": user(2)}
    return Case(events=[*events, *more], bindings=[BOUND], overrides=[override], cuts=(5, 12))


def test_shards_proved_apart_come_to_what_the_whole_log_comes_to(
    tmp_path: Path,
) -> None:
    right = case()
    with Engine(tmp_path) as engine:
        folder = right.write(tmp_path)
        by_shard = prove_by_shard(engine, folder, right.epoch, 1)
        assert isinstance(by_shard, ByShard)
        whole = engine.load(folder, right.epoch, 1)
        assert (by_shard.activity_root, by_shard.activity_count) == (whole.activity_root, whole.activity_count)
        assert by_shard.evaluate() == whole.evaluate() and by_shard.findings == whole.findings == ()
        outcomes = list(whole.outcomes())
        assert list(by_shard.outcomes()) == outcomes


@pytest.mark.parametrize("wrong", [event(3), {**event(30), "payload_hash": "0" * 64}])
def test_an_id_in_two_shards_or_a_wrong_line_goes_to_the_one_engine(tmp_path: Path, wrong: dict[str, Any]) -> None:
    broken = case(wrong)
    with Engine(tmp_path) as engine:
        folder = broken.write(tmp_path)
        assert prove_by_shard(engine, folder, broken.epoch, 1) is None
        assert len(engine.load(folder, broken.epoch, 1).findings) == 1


def _die(*_: object) -> None:
    os._exit(9)


def test_a_worker_that_ends_leaves_the_log_to_the_one_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "prove", _die)
    right = case()
    with Engine(tmp_path) as engine:
        folder = right.write(tmp_path)
        assert prove_by_shard(engine, folder, right.epoch, 1) is None
        assert engine.load(folder, right.epoch, 1).findings == ()
