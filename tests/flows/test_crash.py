"""A command killed at any write is completed by the next run, with the bytes of an undisturbed one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.core.values import parse_time
from ledger.flows.budget import add_component
from ledger.flows.collect import collect
from ledger.flows.decide import curate, override
from ledger.flows.identity import bind
from ledger.flows.ingest import Ingest
from ledger.flows.review import review
from ledger.flows.session import Session, locked
from ledger.flows.sign import finalize
from ledger.flows.start import NodePlan, init_node
from ledger.flows.verify import verify
from ledger.store import append
from tests.nodes import NODE_ID, at, digest, make_node, sign_as


class Killed(BaseException):
    """Not an Exception, so that nothing may catch it: the process is gone."""


def _review(session: Session) -> None:
    with locked(session):
        review(session, session.node.epoch("default", 1), Ingest(session))


STORY: list[tuple[str, str, Callable[[Session], object]]] = [
    ("bind", "2026-01-06T00:00:00Z", lambda s: bind(s, "file", "alice", login="alice", actor="ann")),
    ("open and collect", "2026-01-08T00:00:00Z", collect),
    ("curate while open", "2026-01-09T00:00:00Z", lambda s: curate(s, one(s), "exclude", "file:work:b1", note="no")),
    ("last collection and review", "2026-01-12T00:00:00Z", _review),
    ("curate in review", "2026-01-12T01:00:00Z", lambda s: curate(s, one(s), "include", "file:work:b1", note="yes")),
    ("override", "2026-01-12T02:00:00Z", lambda s: override(s, one(s), s.node.bindings()[0].user_id, 5000, "agreed")),
    ("pool", "2026-01-12T03:00:00Z", lambda s: add_component(s, one(s), "top_up", 7, "https://example.org/v")),
    ("sign", "2026-01-12T04:00:00Z", lambda s: sign_as(s, one(s), "ann", "ben")),
    ("finalize", "2026-01-12T05:00:00Z", lambda s: finalize(s, one(s))),
    ("catch up", "2026-02-20T00:00:00Z", collect),
]


def one(session: Session) -> object:
    return session.node.epoch("default", 1)


def act(root: Path, time: str, step: Callable[[Session], object]) -> None:
    with at(root, time, "ann") as session:
        step(session)


SMALL_SHARDS = (1_200,)
"""Three events fill a shard, so that one append writes several files."""


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(append.append_activity, "__defaults__", SMALL_SHARDS)


def killed_at(monkeypatch: pytest.MonkeyPatch, call: str, number: int, run: Callable[[], None]) -> bool:
    """Run with the process killed just before or just after its `number`-th `call`; whether it came to that."""
    real, count = getattr(os, call.removeprefix("after ")), 0

    def faulty(*arguments: object, **options: object) -> object:
        nonlocal count
        count += 1
        if count == number and not call.startswith("after "):
            raise Killed
        result = real(*arguments, **options)
        if count == number:
            raise Killed
        return result

    with monkeypatch.context() as patch:
        patch.setattr(os, call.removeprefix("after "), faulty)
        try:
            run()
        except Killed:
            return True
    return False


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The node before each step of the story, and at its end, as undisturbed commands leave it."""
    folder = tmp_path_factory.mktemp("told")
    nodes = [make_node(folder / "0")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(append.append_activity, "__defaults__", SMALL_SHARDS)
        for number, (_, time, step) in enumerate(STORY, 1):
            nodes.append(shutil.copytree(nodes[-1], folder / str(number)))
            act(nodes[-1], time, step)
            with at(nodes[-1], time) as session:
                assert verify(session).ok
    return nodes


@pytest.mark.parametrize("call", ["replace", "after replace", "fsync"])
@pytest.mark.parametrize("number", range(len(STORY)), ids=[name for name, _, _ in STORY])
def test_a_killed_command_is_completed_by_the_next_run(
    number: int, call: str, told: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_everywhere(number, call, told, tmp_path, monkeypatch)


def test_a_killed_collection_by_sql_is_completed_too_and_to_the_bytes_of_the_models(
    told: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.sources.file.LARGE", 0)
    monkeypatch.setattr("ledger.compute.plainrows.ROWS_AT_ONCE", 2)
    monkeypatch.setattr("ledger.flows.streamrun.FLUSH_BYTES", 1)
    monkeypatch.setattr("ledger.sources.file.read_table", None)  # SQL takes all of it
    killed_everywhere(1, "replace", told, tmp_path, monkeypatch)


def killed_everywhere(
    number: int, call: str, told: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step of the story, killed at each such call in turn and run again: each time the bytes of the undisturbed."""
    start, wanted = told[number], digest(told[number + 1])
    _, time, step = STORY[number]
    for kill in range(1, 60):
        root = shutil.copytree(start, tmp_path / f"killed-{kill}")
        if not killed_at(monkeypatch, call, kill, lambda root=root: act(root, time, step)):  # type: ignore[misc]
            assert kill > 1, "the step writes nothing, so nothing was tested"
            return
        act(root, time, step)
        assert digest(root) == wanted, f"killed at {call} {kill}"
        shutil.rmtree(root)
    raise AssertionError("the step never came to its end")


def test_a_killed_init_is_completed_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = NodePlan(name="n", start=parse_time("2026-01-05"), node_id=NODE_ID)
    init_node(tmp_path / "undisturbed", plan)
    wanted = digest(tmp_path / "undisturbed")
    for kill in range(1, 30):
        root = tmp_path / f"killed-{kill}"
        if not killed_at(monkeypatch, "replace", kill, lambda root=root: init_node(root, plan) and None):  # type: ignore[misc]
            return
        init_node(root, plan)
        assert {path: value for path, value in digest(root).items() if not path.endswith(".tmp")} == wanted
    raise AssertionError("init never came to its end")
