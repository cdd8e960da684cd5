"""Commands in comments: who may, what is recorded, what is answered, and that nothing is ever guessed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ledger.core.errors import UsageError
from ledger.flows.session import Session
from ledger.forge.commands import accepted_gaps, carry_out
from ledger.forge.grammar import FORMS, Command, milli_units, parse
from ledger.store.epochfolder import EpochFolder
from tests.forge.support import comment, forge_node, in_review, review_by, signature_of
from tests.nodes import at

HERE = "https://github.com/acme/ledger/pull/1#issuecomment-1"


def say(session: Session, folder: EpochFolder, body: str, by: str = "ann", number: int = 1, **more: bool) -> str | None:
    place = HERE.replace("-1", f"-{number}")
    return carry_out(session, folder, comment(body, by, number, **more), place, lambda: "the status")


@pytest.mark.parametrize(
    "body", ["", "hello", "see /exclude x", "/ exclude", "> /exclude x y", "/usr/bin is full", "```\n/exclude a b\n```"]
)
def test_a_comment_that_is_no_command_is_left_alone(body: str) -> None:
    assert parse(body) == []


def test_a_command_is_one_line_and_its_reason_takes_the_rest() -> None:
    wanted = [Command("exclude", "file:work:a1  was  a test")]
    assert parse("  /Exclude file:work:a1  was  a test \r\n") == parse("`/EXCLUDE file:work:a1  was  a test`") == wanted


def test_each_command_of_a_comment_is_carried_out_and_answered_below_any_text(tmp_path: Path) -> None:
    body = "I looked at both.\n\n/exclude file:work:a1 x\nand\n/EXCLUDE file:work:b1 y\n/exclude nothing z"
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        answer = say(session, folder, body) or ""
        assert answer.startswith("Recorded 2 of 3:") and answer.count("Recorded.") == 2
        assert "no event nothing" in answer and len(folder.curation()) == 2


@pytest.mark.parametrize(
    ("text", "milli"), [("5", 5000), ("5.5", 5500), ("0.125", 125), ("5000m", 5000), ("-", None), ("`7`", 7000)]
)
def test_units_are_read_as_people_write_them(text: str, milli: int | None) -> None:
    assert milli_units(text) == milli


@pytest.mark.parametrize("text", ["five", "5,5", "1.2345", "-3", "1e3", "", "\u0665", "9" * 30])
def test_what_is_no_number_of_units_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        milli_units(text)


def test_an_answer_says_what_changed_in_figures(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        answer = say(session, folder, "/units @Bob 16 agreed in the call") or ""
        assert "`bob`: " in answer and "→ 16 units, " in answer and "`alice`: -" in answer and "credits" in answer
        assert "No figure changes." in (say(session, folder, "/include file:work:a1 as before", number=2) or "")


def test_an_event_is_named_by_its_link_or_id_and_a_link_of_several_names_them(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        assert (say(session, folder, "/exclude https://example.org/1 x") or "").startswith("Recorded")
        assert folder.curation()[-1].event_id == "file:work:a1"
        assert "counts" in (say(session, folder, "/why https://example.org/2", "eve", 2) or "")


def test_the_last_decision_is_taken_back_and_stays_on_record(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        before = folder.statement()
        bodies = ("/exclude file:work:a1 x", "/undo", "/units bob 3 y", "/undo", "/pool top_up 5 z", "/undo")
        for number, body in enumerate((*bodies, "/award bob 7 w", "/undo"), start=1):
            answer = say(session, folder, body, number=number) or ""
            assert answer.startswith("Recorded"), answer
        after = folder.statement()
        assert before is not None and after is not None and before.payouts == after.payouts
        assert len(folder.curation()) == len(folder.overrides()) == len(folder.awards()) == 2
        assert "has decided nothing" in (say(session, folder, "/undo", "ben", 20) or "")


def test_a_pool_is_withdrawn_by_an_approver_and_an_award_reaches_one_person(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        assert "the pool: " in (say(session, folder, "/pool top_up 5,000,000 typo", "cy") or "")
        assert "`/pool withdraw top_up reason`" in (say(session, folder, "/pool top_up 50 x", "cy", 9) or "")
        assert "only an approver" in (say(session, folder, "/pool withdraw top_up typo", "cy", 2) or "").lower()
        assert (say(session, folder, "/pool withdraw top_up typo", "ann", 3) or "").startswith("Recorded")
        assert "`bob`" in (say(session, folder, "/award @bob 500 thanks", "cy", 4) or "")
        statement = folder.statement()
        assert statement is not None and statement.awards_total_credits == 500


def test_an_unknown_command_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        assert "Did you mean /exclude EVENT reason?" in (say(session, folder, "/exlude file:work:a1 x") or "")


def test_a_signature_in_a_comment_counts_from_the_wallets_own_account_alone(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        signature = signature_of(session, folder, "ben")
        assert "registered for ben" in (say(session, folder, f"/sign {signature}", "ann") or "")
        assert folder.signatures() == []
        assert "`ben` signed with" in (say(session, folder, f"Fine.\n/SIGN {signature}", "ben", 2) or "")
        assert len(folder.signatures()) == 1


def test_an_exclusion_is_recorded_with_author_time_and_address_and_changes_the_statement(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        before = folder.statement()
        answer = say(session, folder, "/exclude file:work:a1 counted elsewhere")
        (line,) = folder.curation()
        assert (line.actor, line.at, line.evidence, line.note) == (
            "ann",
            "2026-01-13T08:00:00.000Z",
            HERE,
            "counted elsewhere",
        )
        after = folder.statement()
        assert before is not None and after is not None and before.statement_hash != after.statement_hash
        assert (
            answer is not None
            and answer.startswith("Recorded. The statement changed:")
            and after.statement_hash in answer
        )


def test_the_same_comment_delivered_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        say(session, folder, "/exclude file:work:a1 counted elsewhere")
        say(session, folder, "/include file:work:a1 no, it counts", number=2)
        log = folder.read("curation.jsonl")
        assert say(session, folder, "/exclude file:work:a1 counted elsewhere") == "Recorded."
        assert folder.read("curation.jsonl") == log


def test_a_curator_may_decide_but_neither_answer_nor_repin(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        assert (say(session, folder, "/weight file:work:a1 100 half done", "cy") or "").startswith("Recorded")
        for number, body in enumerate(("/answer 3 no", "/repin", "/accept-gap work"), start=5):
            assert "only an approver" in (say(session, folder, body, "cy", number) or "")


@pytest.mark.parametrize("name", ["exclude file:work:a1 x", "units alice 5 x", "undo", "pool top_up 5 x"])
def test_a_stranger_is_told_that_he_may_not_and_nothing_happens(tmp_path: Path, name: str) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        assert (say(session, folder, f"/{name}", "eve") or "").startswith("Nothing was done: only approvers")
        assert folder.curation() == folder.overrides() == []


def test_a_homoglyph_of_an_approvers_login_is_a_stranger(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        assert "only approvers" in (say(session, folder, "/exclude file:work:a1 x", "аnn") or "")  # Cyrillic а


def test_a_strangers_slash_is_not_answered(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        assert say(session, folder, "/shrug", "eve") is None


def test_an_edited_comment_does_nothing(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        answer = say(session, folder, "/exclude file:work:a1 x", edited=True)
        assert answer == "Nothing was done: this comment was edited. Write the command in a new comment."
        assert folder.curation() == []


@pytest.mark.parametrize(
    ("body", "form"),
    [
        ("/exclude file:work:a1", "/exclude EVENT reason"),
        ("/weight file:work:a1 lots too much", None),
        ("/weight file:work:a1 100", "/weight EVENT UNITS reason"),
        ("/units alice", "/units USER UNITS reason"),
        ("/pool top_up 5", "/pool COMPONENT CREDITS evidence"),
        ("/answer x y", "/answer ISSUE text"),
        ("/include", "/include EVENT [reason]"),
        ("/zzz", "/exclude EVENT reason"),
    ],
)
def test_what_is_not_understood_is_answered_with_the_form(tmp_path: Path, body: str, form: str | None) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        answer = say(session, folder, body) or ""
        assert answer.startswith("Nothing was done")
        assert form is None or form in answer
        assert folder.curation() == folder.overrides() == []


def test_every_form_is_in_the_help(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        assert all(form in (say(session, folder, "/help") or "") for form in FORMS.values())
        assert say(session, folder, "/status") == "the status"


def test_resolve_gives_every_event_of_an_account_to_a_user(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        statement = folder.statement()
        assert statement is not None and statement.unresolved_count == 1
        assert (say(session, folder, "/resolve file:carol bob") or "").startswith("Recorded")
        statement = folder.statement()
        assert statement is not None and statement.unresolved_count == 0
        assert "no unresolved event" in (say(session, folder, "/resolve file:carol bob", number=2) or "")


def test_units_and_pool_are_recorded_once(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        assert (say(session, folder, "/units alice 9000 agreed in the call") or "").startswith("Recorded")
        assert (say(session, folder, "/pool top_up 50 vote 12", number=2) or "").startswith("Recorded")
        files = folder.read("overrides.jsonl"), folder.read("pool.jsonl")
        say(session, folder, "/units alice 9000 agreed in the call")
        say(session, folder, "/pool top_up 50 vote 12", number=2)
        assert (folder.read("overrides.jsonl"), folder.read("pool.jsonl")) == files
        assert folder.pool()[-1].evidence_ref == f"vote 12 ({HERE.replace('-1', '-2')})"


def test_a_decision_voids_signatures_and_says_so(tmp_path: Path) -> None:
    from ledger.forge.reviews import count

    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        signature = signature_of(session, folder, "ben")
        count(session, folder, review_by("ben", f"/sign {signature}"), "x", lambda _: folder.read("statement.json"))
        assert "1 signature(s) over the statement before are void" in (
            say(session, folder, "/exclude file:work:a1 x") or ""
        )


def test_nothing_can_be_decided_once_the_epoch_is_final(tmp_path: Path) -> None:
    root = forge_node(tmp_path / "n", threshold=1)
    with in_review(root) as (session, folder):
        from ledger.flows.sign import finalize, sign

        sign(session, folder, signature_of(session, folder, "ann"))
        finalize(session, folder)
        digest = {path: path.read_bytes() for path in (root / folder.relative).iterdir()}
        assert "is finalized" in (say(session, folder, "/exclude file:work:a1 x") or "")
        assert digest == {path: path.read_bytes() for path in (root / folder.relative).iterdir()}


@pytest.mark.parametrize("form", ["/exclude {} because", "/units {} 9000 because"])
def test_hostile_text_comes_back_inert(tmp_path: Path, form: str) -> None:
    """A span of the stranger's own before it and odd backticks after it must not let anything out of ours."""
    odd = "" if form.startswith("/exclude") else "\u202e"  # no event's id can hold it
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        answer = say(session, folder, form.format(f"x`@everyone`<img/src=x>@all``closes#1{odd}")) or ""
        assert "everyone" in answer, "nothing came back, so nothing was tried"
        assert "\u202e" not in answer
        outside = re.sub(r"(?s)(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", "", answer)  # without its code spans (GFM 6.1)
        assert not [text for text in ("everyone", "<img", "@all", "#1") if text in outside]


def test_only_unedited_words_of_approvers_accept_a_gap(tmp_path: Path) -> None:
    root = forge_node(tmp_path / "n")
    with at(root, "2026-01-06") as session:
        said = [
            comment("/accept-gap work", "ann"),
            comment("/accept-gap chat", "cy"),
            comment("/accept-gap blog", "ben", edited=True),
            comment("/accept-gap a b", "ben"),
        ]
        assert accepted_gaps(session.node.scope("default"), said) == ["work"]
