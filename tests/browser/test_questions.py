"""An epoch about which somebody asked: its questions recheck in the browser as `ledger verify` tells them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from ledger.flows.collect import collect
from ledger.flows.identity import bind
from ledger.flows.questions import answer, ask
from ledger.flows.sign import finalize
from ledger.flows.verify import verify
from tests.browser.support import needs_browser, publish, served, watched, write_page
from tests.browser.tampers import Tamper, line
from tests.browser.test_recheck import told
from tests.nodes import at, make_node, sign_as

pytestmark = needs_browser

NAME = "objections.jsonl"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Epoch 1, finalized after one question was asked and answered twice."""
    root = make_node(tmp_path_factory.mktemp("asked") / "node")
    with at(root, "2026-01-06T00:00:00Z", "ann") as session:
        alice = bind(session, "file", "alice", login="alice", actor="ann").user_id
        collect(session)
        ask(session, session.node.epoch("default", 1), 7, actor="zoe", evidence="https://example.org/7", person=alice)
    with at(root, "2026-01-14T00:00:00Z", "ann") as session:
        collect(session)
        epoch = session.node.epoch("default", 1)
        answer(session, epoch, 7, "It was counted once.", evidence="https://example.org/7#1")
    with at(root, "2026-01-15T00:00:00Z", "ben") as session:
        epoch = session.node.epoch("default", 1)
        answer(session, epoch, 7, "I looked at it too.", evidence="")
        sign_as(session, epoch, "ann", "ben")
    with at(root, "2026-02-15T00:00:00Z") as session:
        finalize(session, session.node.epoch("default", 1))
    return root


def rechecked(browser: Any, root: Path, out: Path) -> dict[str, Any]:
    """The browser's report about epoch 1 of the node."""
    out.mkdir()
    name = write_page(out, "recheck", "default", 1)
    with served(publish(root, out)) as origin, watched(browser) as seen:
        seen.page.goto(origin + name)
        seen.page.evaluate("addEventListener('ledger-report', ({ detail }) => { window.report = detail; })")
        seen.page.get_by_role("button", name="Recheck in this browser").click()
        seen.page.locator("[data-recheck][data-verdict]").wait_for()
        assert seen.problems == []
        report: dict[str, Any] = seen.page.evaluate("window.report")
    return report


def test_an_epoch_with_an_answered_question_passes(browser: Any, node: Path, tmp_path: Path) -> None:
    assert len((node / "data/epochs/default/0001" / NAME).read_bytes().splitlines()) == 3
    report = rechecked(browser, node, tmp_path / "site")
    assert report["ok"], report
    assert report["state"] == "finalized"


def reversed_lines(folder: Path) -> None:
    lines = (folder / NAME).read_bytes().splitlines(keepends=True)
    (folder / NAME).write_bytes(b"".join(reversed(lines)))


CHANGES: dict[str, Tamper] = {
    "an answer's words": line(NAME, 2, note="It was counted twice."),
    "an answer without words": line(NAME, 2, note=None),
    "a question with an answer's words": line(NAME, 1, note="x"),
    "a question about nobody": line(NAME, 1, person="zoe"),
    "a number of a question": line(NAME, 1, issue=0),
    "an unknown act": line(NAME, 3, action="withdrawn"),
    "a place in the log": line(NAME, 3, seq=2),
    "the order": reversed_lines,
    "all questions": lambda folder: (folder / NAME).unlink(),
}


@pytest.mark.parametrize("changed", CHANGES)
def test_a_changed_question_is_told_as_ledger_verify_tells_it(
    browser: Any, node: Path, tmp_path: Path, changed: str
) -> None:
    root = shutil.copytree(node, tmp_path / "node")
    act: Callable[[Path], object] = CHANGES[changed]
    act(root / "data/epochs/default/0001")
    with at(root, "2026-02-16T00:00:00Z") as session:
        found = verify(session, "default", 1).epochs[0]
    wanted = {told(asdict(finding)) for check in found.checks for finding in check.findings}
    assert wanted
    report = rechecked(browser, root, tmp_path / "site")
    assert {told(finding) for check in report["checks"] for finding in check["findings"]} == wanted
