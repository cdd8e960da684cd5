"""Signatures in reviews: what is counted, and exactly why anything else is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.core.errors import SignatureError
from ledger.flows.session import Session
from ledger.forge.reviews import count, signatures_in
from ledger.store.epochfolder import EpochFolder
from tests.forge.support import comment, forge_node, in_review, review_by, signature_of

HERE = "https://github.com/acme/ledger/pull/1#pullrequestreview-7"
S = "0x" + "ab" * 65


def take(session: Session, folder: EpochFolder, review: object, at: bytes | None = None) -> str:
    stored = folder.read("statement.json") if at is None else at
    answer = count(session, folder, review, HERE, lambda _: stored)  # type: ignore[arg-type]
    assert answer is not None
    return answer


def test_a_review_without_the_word_carries_no_signature() -> None:
    assert signatures_in("looks good\nto me") == ()


@pytest.mark.parametrize("body", [f"/sign {S}", f"fine\r\n  /sign\t{S}  \r\nthanks"])
def test_one_line_carries_the_signature(body: str) -> None:
    assert signatures_in(body) == (S,)


@pytest.mark.parametrize(
    "body", [f"/sign {S}\n/sign {S}", "/sign", "/sign 0x12", f"/sign {S} please", f"/sign {S}00", f"/signed {S}"]
)
def test_any_other_form_is_refused(body: str) -> None:
    with pytest.raises(SignatureError, match="one line for each signature"):
        signatures_in(body)


def test_an_approving_review_of_an_approver_is_counted_once(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        review = review_by("ann", f"/sign {signature_of(session, folder, 'ann')}")
        assert take(session, folder, review).startswith("Counted: `ann` signed")
        (line,) = folder.signatures()
        assert (line.evidence, line.signed_at) == (HERE, "2026-01-13T09:00:00.000Z")
        log = folder.read("signatures.jsonl")
        assert take(session, folder, review).startswith("Counted: a signature by")
        assert folder.read("signatures.jsonl") == log


STRANGER = "not by the GitHub account registered for ann"


def _refusals() -> dict[str, tuple[Callable[[Session, EpochFolder], object], str]]:
    def by(name: str, key: str, **more: object) -> Callable[[Session, EpochFolder], object]:
        return lambda session, folder: review_by(name, f"/sign {signature_of(session, folder, key)}", **more)  # type: ignore[arg-type]

    return {
        "a dismissed review": (by("ann", "ann", state="DISMISSED"), "the review is dismissed"),
        "a mere comment": (by("ann", "ann", state="COMMENTED"), "the review is commented"),
        "a review that asks for changes": (
            by("ann", "ann", state="CHANGES_REQUESTED"),
            "the review is changes_requested",
        ),
        "an edited review": (by("ann", "ann", edited=True), "the review was edited"),
        "a stranger's own signature": (by("eve", "eve"), "no approver pinned"),
        "an approver's signature in a stranger's review": (
            by("eve", "ann"),
            "not by the GitHub account registered for ann",
        ),
        "another approver's signature": (by("ben", "ann"), STRANGER),
        "a deleted account": (by("ghost", "ann"), STRANGER),
    }


@pytest.mark.parametrize("case", _refusals())
def test_is_not_counted(tmp_path: Path, case: str) -> None:
    build, why = _refusals()[case]
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        answer = take(session, folder, build(session, folder))
        assert answer.startswith("Not counted") and why in answer
        assert folder.signatures() == []


def test_a_review_of_an_older_commit_is_not_counted(tmp_path: Path) -> None:
    from tests.forge.test_commands import say

    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        old, review = folder.read("statement.json"), review_by("ann", f"/sign {signature_of(session, folder, 'ann')}")
        say(session, folder, "/exclude file:work:a1 x", "ben")
        for at in (old, b""):
            assert "an earlier statement" in take(session, folder, review, at)
        assert folder.signatures() == []
        fresh = review_by("ann", f"/sign {signature_of(session, folder, 'ann')}")
        assert "an earlier statement" in take(session, folder, fresh, old)  # new text, but the commit shows the old one


def test_a_signature_over_the_statement_before_is_not_counted(tmp_path: Path) -> None:
    from tests.forge.test_commands import say

    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        review = review_by("ann", f"/sign {signature_of(session, folder, 'ann')}")
        say(session, folder, "/exclude file:work:a1 x", "ben")
        assert "Not counted" in take(session, folder, review)
        assert folder.signatures() == []


def test_a_signature_of_another_node_is_not_counted(tmp_path: Path) -> None:
    other = forge_node(tmp_path / "other", rows="id,time,event_type,account,login,evidence,title\n")
    with in_review(other) as (session, folder):
        foreign = signature_of(session, folder, "ann")
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        assert "Not counted" in take(session, folder, review_by("ann", f"/sign {foreign}"))
        assert folder.signatures() == []


def test_an_approver_who_left_the_scope_is_not_counted(tmp_path: Path) -> None:
    root = forge_node(tmp_path / "n")
    with in_review(root) as (session, folder):
        review = review_by("ann", f"/sign {signature_of(session, folder, 'ann')}")
    path = root / "scopes" / "default.yaml"
    path.write_text(path.read_text("utf-8").replace('- id: "ann"', '- id: "zoe"').replace("7e5f", "7e5f"), "utf-8")
    text = path.read_text("utf-8")
    wallet = next(part for part in text.split('"') if part.startswith("0x"))
    path.write_text(text.replace(wallet, "0x" + "11" * 20), "utf-8")
    with in_review(root) as (session, folder):
        assert "has since left" in take(session, folder, review)
        assert folder.signatures() == []


def test_an_epoch_that_is_open_takes_no_signature(tmp_path: Path) -> None:
    from ledger.flows.collect import collect
    from tests.nodes import at

    root = forge_node(tmp_path / "n")
    with at(root, "2026-01-07T00:00:00Z") as session:
        collect(session, "default")
        folder = session.folder("default", 1)
        assert "the epoch is open" in take(session, folder, review_by("ann", f"/sign {S}"))


def test_a_signature_in_a_comment_is_held_to_the_same_as_one_in_a_review(tmp_path: Path) -> None:
    from tests.forge.test_commands import say

    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        assert "Not counted: " in (say(session, folder, f"/sign {S}") or "")
        assert folder.signatures() == []
        assert comment("x").author.account == 101
