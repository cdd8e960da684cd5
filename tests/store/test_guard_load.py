"""Guard loads the result of a change as a run does: nothing gets in with which no command would start any more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.core.bounds import SETTINGS_BYTES
from ledger.core.errors import LedgerError
from ledger.flows.collect import collect
from ledger.flows.guard import guard
from tests.nodes import at
from tests.store.repositories import commit, edit

SCOPE, WEIGHTS = "scopes/default.yaml", "weights/default.yaml"


def write(path: str, data: bytes) -> Callable[[Path], object]:
    return lambda root: edit(root, path, lambda _: data)


def put(path: str, old: str, new: str) -> Callable[[Path], object]:
    def change(data: bytes) -> bytes:
        assert old.encode() in data
        return data.replace(old.encode(), new.encode())

    return lambda root: edit(root, path, change)


def link(root: Path) -> None:
    (root / WEIGHTS).rename(root / "weights/real.yaml")
    (root / WEIGHTS).symlink_to("real.yaml")


STOPS_THE_NODE = {
    "a folder among the scopes": write("scopes/sub/x.yaml", b"scope_id: x\n"),
    "a folder named like a scope": write("scopes/sub.yaml/x", b"scope_id: sub\n"),
    "a note among the scopes": write("scopes/README.md", b"about our scopes\n"),
    "a scope of another name": write("scopes/other.yaml", b"scope_id: another\n"),
    "no weights": lambda root: (root / WEIGHTS).unlink(),
    "weights that are not there": put(SCOPE, "weights: weights/default.yaml", "weights: weights/gone.yaml"),
    "weights that are a link": link,
    "weights that are a folder": lambda root: [(root / WEIGHTS).unlink(), edit(root, f"{WEIGHTS}/x", lambda _: b"x")],
    "weights that cannot be read": write(WEIGHTS, b"weights: [\n"),
    "weights past their bound": write(WEIGHTS, b"#" * (SETTINGS_BYTES + 1)),
    "no settings": lambda root: (root / "ledger.yaml").unlink(),
    "settings that cannot be read": write("ledger.yaml", b"node_id: 1\n"),
    "a source that there is not": put(SCOPE, 'source: "file"', 'source: "flie"'),
    "an option that its source does not take": put(SCOPE, 'path: "work.csv"', "path: 7"),
    "an option that its source does not know": put(SCOPE, 'path: "work.csv"', "pfad: work.csv"),
}


@pytest.mark.parametrize("act", STOPS_THE_NODE.values(), ids=STOPS_THE_NODE.keys())
def test_a_change_after_which_no_run_would_start_is_refused(root: Path, act: Callable[[Path], object]) -> None:
    act(root)
    with pytest.raises(LedgerError), at(root, "2026-01-13T12:00:00Z") as session:
        for scope in session.node.scopes.values():
            session.node.weight_policy(scope.weights)
        collect(session)
        raise AssertionError("a run starts after all: the case is wrong")
    assert guard(root, "HEAD", None, None)
    base = commit(root)
    edit(root, "README.md", lambda data: data + b"x\n")
    assert guard(root, base, None, None), "the result is what counts, not what changed"


def test_a_change_of_settings_that_still_load_is_allowed(root: Path) -> None:
    edit(root, "weights/other.yaml", lambda _: (root / WEIGHTS).read_bytes())
    put(SCOPE, "weights: weights/default.yaml", "weights: weights/other.yaml")(root)
    (root / WEIGHTS).unlink()
    assert guard(root, "HEAD", None, None) == []
