"""Corrections and what they do to balances, killed at any write: the next run gives the bytes of an undisturbed one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from ledger.core.errors import StateError
from ledger.flows.amend import abandon, begin
from ledger.flows.budget import award
from ledger.flows.decide import curate
from ledger.flows.ingest import Ingest
from ledger.flows.paying.opening import sign_openings, text_of, waive, write_openings
from ledger.flows.paying.plan import abandon as abandon_plan
from ledger.flows.paying.plan import latest
from ledger.flows.paying.settle import by_hand
from ledger.flows.review import review
from ledger.flows.session import Session, locked
from ledger.flows.sign import finalize
from ledger.flows.verify import verify
from ledger.store.amendments import newest
from ledger.store.epochfolder import EpochFolder
from tests.flows.test_crash import killed_at
from tests.nodes import at, digest, sign_as, signature
from tests.paying.world import owed_node, signed_plan, user_of


def base(session: Session) -> EpochFolder:
    return session.node.epoch("default", 1)


def last(session: Session) -> EpochFolder:
    return newest(base(session))


def _review(session: Session) -> None:
    with locked(session):
        review(session, last(session), Ingest(session))


def _opening(session: Session) -> None:
    write_openings(session, "default", f"user_id,balance\n{user_of(session, 'bob')},50\n".encode(), "old.csv")


def _sign_opening(session: Session, person: str) -> None:
    sign_openings(session, "default", signature(text_of(session, "default"), person))


def _abandon_plan(session: Session) -> None:
    text = latest(session, "default", None).plan.abandoned_text("wrong rate")
    abandon_plan(session, "default", None, "wrong rate", [signature(text, name) for name in ("ann", "ben")])


def _paid(session: Session) -> None:
    signed_plan(session)
    by_hand(session, "default", None, state="settled", evidence={"kind": "hand", "note": "seen"})


def _give_up(session: Session) -> None:
    with suppress(StateError):  # nothing is in progress: the run before came to its end
        abandon(session, last(session))


RENAMES, REMOVALS = ("replace", "fsync"), ("unlink", "after unlink", "rmdir")
STORY: list[tuple[str, tuple[str, ...], Callable[[Session], object]]] = [
    ("opening balances", RENAMES, _opening),
    ("a signature over them", RENAMES, lambda s: _sign_opening(s, "ann")),
    ("the one with which they count", RENAMES, lambda s: _sign_opening(s, "ben")),
    ("a plan", (), signed_plan),
    ("the plan is given up", RENAMES, _abandon_plan),
    ("another is paid", (), _paid),
    ("amend", RENAMES, lambda s: begin(s, base(s), "error", "an event of another's", "https://example.org/q/1")),
    ("award", RENAMES, lambda s: award(s, last(s), user_of(s, "bob"), 7, "hosted")),
    ("review", RENAMES, _review),
    ("curate in review", RENAMES, lambda s: curate(s, last(s), "exclude", "file:work:a1", note="not hers")),
    ("sign", RENAMES, lambda s: sign_as(s, last(s), "ann", "ben")),
    ("finalize", RENAMES, lambda s: finalize(s, last(s))),
    ("waive", RENAMES, lambda s: waive(s, "default", user_of(s, "alice"), 5, "our mistake")),
    ("amend again", (), lambda s: begin(s, base(s), "fraud", "a rumour")),
    ("and give it up", REMOVALS, _give_up),
]


def act(root: Path, hour: int, step: Callable[[Session], object]) -> None:
    with at(root, f"2026-01-14T{hour:02d}:00:00Z", "ann") as session:
        step(session)


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The node before each step, and after the last."""
    home = tmp_path_factory.mktemp("states")
    found = [owed_node(home / "0")]
    for number, (_, _, step) in enumerate(STORY):
        root = Path(shutil.copytree(found[-1], home / str(number + 1)))
        act(root, number, step)
        found.append(root)
    with at(found[-1], "2026-01-15T00:00:00Z") as session:
        assert verify(session).ok and newest(base(session)).version == 2
    return found


@pytest.mark.parametrize("number", [n for n, (_, calls, _) in enumerate(STORY) if calls], ids=lambda n: STORY[n][0])
def test_a_killed_act_is_completed_by_the_next_run(
    number: int, states: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, calls, step = STORY[number]
    wanted, root = digest(states[number + 1]), tmp_path / "killed"
    for call in calls:
        for kill in range(1, 60):
            shutil.copytree(states[number], root)
            killed = killed_at(monkeypatch, call, kill, lambda: act(root, number, step))
            if killed:
                act(root, number, step)
            assert digest(root) == wanted, f"killed at {call} {kill}"
            shutil.rmtree(root)
            if not killed:
                assert kill > 1, f"no {call} in this step, so nothing was tested"
                break
