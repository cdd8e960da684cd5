"""An epoch's life through the flows: what may happen when, what happens twice, and what must be said."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.core.errors import ConfigError, InputError, LedgerError, SignatureError, StateError
from ledger.core.signing import signed_text
from ledger.flows.budget import add_component
from ledger.flows.collect import backfill, collect
from ledger.flows.decide import curate, override
from ledger.flows.drafting import stated_or_draft
from ledger.flows.identity import bind, unbind
from ledger.flows.ingest import Ingest
from ledger.flows.review import repin, review
from ledger.flows.session import locked
from ledger.flows.sign import current_statement, finalize, sign
from ledger.flows.verify import verify
from tests.nodes import ROWS, WALLETS, at, digest, make_node, sign_as, sign_sets, signature
from tests.store.repositories import git


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_node(tmp_path)


def reviewed(root: Path) -> None:
    with at(root, "2026-01-06T00:00:00Z") as session:
        bind(session, "file", "alice", login="alice", actor="ann")
        bind(session, "file", "bob", login="bob", actor="ann")
    with at(root, "2026-01-14T00:00:00Z") as session:
        collect(session)


def closed(root: Path) -> None:
    reviewed(root)
    with at(root, "2026-01-14T01:00:00Z") as session:
        folder = session.node.epoch("default", 1)
        sign_as(session, folder, "ann", "ben")
        finalize(session, folder)


def test_collecting_again_changes_nothing_and_says_so(root: Path) -> None:
    with at(root, "2026-01-08T00:30:00Z") as session:
        assert collect(session).reports[0].added == 3
    before = digest(root)
    with at(root, "2026-01-08T00:45:00Z") as session:
        report = collect(session).reports[0]
    assert (report.added, digest(root)) == (0, before)


def test_signing_and_finalizing_twice_change_nothing(root: Path) -> None:
    closed(root)
    before = digest(root)
    with at(root, "2026-01-15T00:00:00Z") as session:
        folder = session.node.epoch("default", 1)
        again = finalize(session, folder)
        assert again.already
        assert again.statement.statement_hash == folder.transitions()[-1].statement_hash
        assert not sign(session, folder, folder.signatures()[0].signature).added
    assert digest(root) == before


def test_a_scheduled_run_waits_for_the_review_and_then_catches_up_in_order(root: Path) -> None:
    reviewed(root)
    before = digest(root)
    with at(root, "2026-03-01T00:00:00Z") as session:
        run = collect(session)
        assert "epoch 1 is in review" in run.waiting[0].reason
    assert digest(root) == before
    windows = []
    for number in range(1, 5):
        with at(root, "2026-03-01T00:00:00Z") as session:
            folder = session.node.epoch("default", number)
            sign_as(session, folder, "ann", "ben")
            finalize(session, folder)
            collect(session)
            windows.append(folder.window())
    assert [window.start[:10] for window in windows] == ["2026-01-05", "2026-01-12", "2026-01-19", "2026-01-26"]
    with at(root, "2026-03-01T00:00:00Z") as session:
        assert [len(list(session.node.epoch("default", n).events())) for n in (1, 2, 3, 4)] == [3, 1, 1, 0]


def test_with_overlap_the_next_epoch_opens_during_review_and_goes_no_further(tmp_path: Path) -> None:
    root = make_node(tmp_path, overlap=True)
    with at(root, "2026-02-10T00:00:00Z") as session:
        run = collect(session)
        states = [folder.state() for folder in session.node.epochs("default")]
    assert states == ["review", "open"]
    assert run.epochs[-1].held_back is not None
    assert "epoch 1 is still in review" in str(run.epochs[-1].held_back)


def test_late_events_enter_the_open_epoch_and_are_shown_as_late(root: Path) -> None:
    closed(root)
    (root / "work.csv").write_text(
        ROWS + "x9,2026-01-08T00:00:00Z,design,bob,bob,https://example.org/9,Forgotten\n", "utf-8"
    )
    with at(root, "2026-01-15T00:00:00Z") as session:
        assert collect(session).reports[0].late == 1
        folder = session.node.epoch("default", 2)
        found = session.engine.load(folder, folder.epoch()).find("file:work:x9")
        assert found is not None
        assert found.late


def test_a_backfill_brings_what_was_missed_without_moving_the_cursor(root: Path) -> None:
    closed(root)
    with at(root, "2026-01-15T00:00:00Z") as session:
        collect(session)
        cursors = session.node.epoch("default", 2).cursors()
        (root / "work.csv").write_text(
            ROWS + "x9,2026-01-08T00:00:00Z,design,bob,bob,https://example.org/9,Forgotten\n", "utf-8"
        )
        window = session.node.epoch("default", 1).window()
        run = backfill(session, "default", window)
        assert (run.reports[0].added, run.reports[0].late) == (1, 1)
        assert session.node.epoch("default", 2).cursors() == cursors


def test_a_change_upstream_is_reported_and_the_first_record_stays(root: Path) -> None:
    with at(root, "2026-01-08T00:00:00Z") as session:
        collect(session)
    (root / "work.csv").write_text(ROWS.replace("First", "Rewritten"), "utf-8")
    with at(root, "2026-01-09T00:00:00Z") as session:
        assert collect(session).reports[0].changed == ["file:work:a1"]
        titles = [event.metadata["title"] for _, _, event in session.node.epoch("default", 1).events()]
    assert titles == ["First", "Second", "Third"]


def test_a_source_that_fails_stops_review_until_its_gap_is_accepted_by_name(root: Path) -> None:
    with at(root, "2026-01-08T00:00:00Z") as session:
        collect(session)
    (root / "work.csv").unlink()
    with at(root, "2026-01-14T00:00:00Z") as session:
        run = collect(session)
        assert "--accept-gap work" in getattr(run.epochs[0].held_back, "hint", "")
        folder = session.node.epoch("default", 1)
        assert folder.state() == "open"
        with locked(session):
            review(session, folder, Ingest(session), accepted_gaps=["work"])
        stated = folder.statement()
        assert stated is not None
        assert stated.gaps[0].startswith("work: ")
        assert folder.transitions()[-1].gaps == stated.gaps


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ('    wallets: ["', "    wallets: [", None),
        ("threshold: 2", "threshold: 3", None),
    ],
)
def test_an_epoch_never_enters_a_review_that_it_could_not_leave(
    root: Path, old: str, new: str, rule: str | None
) -> None:
    with at(root, "2026-01-08T00:00:00Z") as session:
        collect(session)
    scope = root / "scopes/default.yaml"
    scope.write_text(scope.read_text("utf-8").replace(old, new), "utf-8")
    with at(root, "2026-01-14T00:00:00Z") as session, pytest.raises(LedgerError) as caught, locked(session):
        review(session, session.node.epoch("default", 1), Ingest(session))
    assert caught.value.rule == rule
    assert caught.value.path == "scopes/default.yaml"


def test_review_before_the_window_has_ended_is_refused(root: Path) -> None:
    with at(root, "2026-01-08T00:00:00Z") as session:
        collect(session)
        with pytest.raises(StateError, match="runs until 2026-01-12"), locked(session):
            review(session, session.node.epoch("default", 1), Ingest(session))


def test_a_decision_in_review_voids_the_signatures_so_far_and_says_how_many(root: Path) -> None:
    reviewed(root)
    with at(root, "2026-01-14T01:00:00Z", "ann") as session:
        folder = session.node.epoch("default", 1)
        sign_as(session, folder, "ann", "ben")
        decided = curate(session, folder, "exclude", "file:work:a1", note="not ours")
        assert decided.draft is not None
        assert decided.draft.voided == 2
        with pytest.raises(StateError, match="0 of 2 approvers") as caught:
            finalize(session, folder)
        assert "2 over an older statement" in caught.value.message


def test_the_same_decision_again_adds_no_line(root: Path) -> None:
    reviewed(root)
    with at(root, "2026-01-14T01:00:00Z", "ann") as session:
        folder, user = session.node.epoch("default", 1), session.node.bindings()[0].user_id
        assert curate(session, folder, "weight", "file:work:a1", note="half", weight_milli=500).added
        assert override(session, folder, user, 7000, "agreed").added
        assert add_component(session, folder, "top_up", 5, "https://example.org/vote").added
    before = digest(root)
    with at(root, "2026-01-14T02:00:00Z", "ann") as session:
        folder = session.node.epoch("default", 1)
        assert not curate(session, folder, "weight", "file:work:a1", note="half", weight_milli=500).added
        assert not override(session, folder, user, 7000, "agreed").added
        assert not add_component(session, folder, "top_up", 5, "https://example.org/vote").added
    assert digest(root) == before


def test_nobody_decides_or_signs_out_of_turn(root: Path) -> None:
    closed(root)
    with at(root, "2026-01-15T00:00:00Z", "ann") as session:
        folder = session.node.epoch("default", 1)
        for act in (
            lambda: curate(session, folder, "exclude", "file:work:a1", note="too late"),
            lambda: override(session, folder, session.node.bindings()[0].user_id, 1, "too late"),
            lambda: add_component(session, folder, "top_up", 1, "https://example.org"),
            lambda: sign(session, folder, signature("something else", "ann")),
        ):
            with pytest.raises(StateError, match="is finalized"):
                act()


def test_strangers_other_texts_and_spoiled_signatures_do_not_count(root: Path) -> None:
    reviewed(root)
    with at(root, "2026-01-14T01:00:00Z") as session:
        folder = session.node.epoch("default", 1)
        text = signed_text(current_statement(session, folder))
        good = bytes.fromhex(signature(text, "ann")[2:])
        order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
        high = good[:32] + (order - int.from_bytes(good[32:64])).to_bytes(32) + bytes([55 - good[64]])
        for bad in (
            signature(text, "eve"),
            signature(text + "\n", "ann"),
            "0x" + high.hex(),
            "0x" + good[:-1].hex(),
            "",
        ):
            with pytest.raises(SignatureError):
                sign(session, folder, bad)
        assert folder.signatures() == []


def test_a_person_with_two_wallets_counts_once(root: Path) -> None:
    scope = root / "scopes/default.yaml"
    text = scope.read_text("utf-8").replace(f'["{WALLETS["ben"]}"]', f'["{WALLETS["ben"]}", "{WALLETS["eve"]}"]')
    scope.write_text(text, "utf-8")
    reviewed(root)
    with at(root, "2026-01-14T01:00:00Z") as session:
        folder = session.node.epoch("default", 1)
        sign_as(session, folder, "ben")
        with pytest.raises(SignatureError, match="ben has signed already"):
            sign_as(session, folder, "eve")
        with pytest.raises(StateError, match="1 of 2 approvers"):
            finalize(session, folder)


def test_the_scopes_file_proposes_and_the_chain_decides_who_counts(root: Path) -> None:
    reviewed(root)
    with at(root, "2026-01-14T01:00:00Z") as session:
        sign_as(session, session.node.epoch("default", 1), "ann", "ben")
    scope = root / "scopes/default.yaml"
    scope.write_text(scope.read_text("utf-8").replace(WALLETS["ben"], WALLETS["eve"]), "utf-8")
    with at(root, "2026-01-14T02:00:00Z") as session:
        folder = session.node.epoch("default", 1)
        with pytest.raises(SignatureError, match="no approver pinned"):
            sign_as(session, folder, "eve")
        with locked(session):
            assert repin(session, folder, "ann") is None, "the set that counts is pinned already; the next is proposed"
        sign_sets(session, "default", "ann", "eve")
        with locked(session):
            assert repin(session, folder, "ann") is None, "one of the two who decide has not signed"
        sign_sets(session, "default", "ben")
    with at(root, "2026-01-14T03:00:00Z") as session:
        folder = session.node.epoch("default", 1)
        with locked(session):
            draft = repin(session, folder, "ann")
        assert draft is not None
        assert draft.voided == 2
        with pytest.raises(SignatureError, match="no approver pinned"):
            sign_as(session, folder, "ben")
        sign_as(session, folder, "ann", "eve")
        assert not finalize(session, folder).already
        assert verify(session).ok


def test_a_set_that_does_not_count_yet_closes_no_epoch(root: Path) -> None:
    reviewed(root)
    with at(root, "2026-01-14T01:00:00Z") as session:
        folder = session.node.epoch("default", 1)
        text = signed_text(current_statement(session, folder))
        for person in ("ann", "ben"):
            sign(session, folder, signature(text, person))
        with pytest.raises(StateError, match="approver set 1 does not count yet: 0 of 2"):
            finalize(session, folder)
        sign_sets(session, "default", "ann", "ben")
        assert not finalize(session, folder).already, "what becomes final meanwhile voids no signature"
        assert verify(session).ok


def test_bindings_made_during_review_count_only_when_asked_for(root: Path) -> None:
    reviewed(root)
    with at(root, "2026-01-14T01:00:00Z") as session:
        folder = session.node.epoch("default", 1)
        before = current_statement(session, folder)
        bind(session, "file", "carol", login="carol", actor="ann")
        unbind(session, "file", "bob", evidence="left", actor="ann")
        assert current_statement(session, folder) == before
        refreshed = stated_or_draft(session, folder, refresh=True)
        assert refreshed.changed
        assert {row.user_id for row in refreshed.derived.evaluation.allocations} != {
            payout.user_id for payout in before.payouts
        }


def test_totals_past_64_bits_are_refused_before_anything_is_written(root: Path) -> None:
    reviewed(root)
    before = digest(root)
    with at(root, "2026-01-14T01:00:00Z", "ann") as session:
        folder, user = session.node.epoch("default", 1), session.node.bindings()[0].user_id
        with pytest.raises(InputError, match="2\\^63-1"):
            override(session, folder, user, 2**63 - 1, "everything")
        with pytest.raises(InputError, match="2\\^63-1"):
            add_component(session, folder, "top_up", 2**63 - 1, "https://example.org")
    assert digest(root) == before


def test_unknown_events_users_and_deciders_are_refused(root: Path) -> None:
    reviewed(root)
    before = digest(root)
    with at(root, "2026-01-14T01:00:00Z", "ann") as session:
        folder = session.node.epoch("default", 1)
        with pytest.raises(InputError, match="has no event"):
            curate(session, folder, "exclude", "file:work:nope", note="x")
        with pytest.raises(InputError, match="no user"):
            override(session, folder, "22222222-2222-4222-8222-222222222222", 1, "x")
        session.actor = "mallory"
        with pytest.raises(InputError, match="neither approver nor curator"):
            curate(session, folder, "exclude", "file:work:a1", note="x")
    assert digest(root) == before


def test_two_scopes_that_claim_one_event_have_one_each_under_its_own_id(root: Path) -> None:
    text = (root / "scopes/default.yaml").read_text("utf-8")
    (root / "scopes/studio.yaml").write_text(text.replace("scope_id: default", "scope_id: studio"), "utf-8")
    with at(root, "2026-01-08T00:00:00Z") as session:
        collect(session)
        ids = {
            scope: [event.id for _, _, event in session.node.epoch(scope, 1).events()]
            for scope in ("default", "studio")
        }
        assert verify(session).ok
    assert ids["default"] == ["file:work:a1", "file:work:b1", "file:work:c1"]
    assert ids["studio"] == [f"{event}#studio" for event in ids["default"]]


def test_an_unknown_scope_is_refused_at_the_door(root: Path) -> None:
    with at(root, "2026-01-08T00:00:00Z") as session, pytest.raises(InputError) as caught:
        collect(session, "nope")
    assert caught.value.rule == "SCOPE_VALIDATED"


def test_a_bad_row_stops_the_run_before_the_epoch_is_even_opened(root: Path) -> None:
    (root / "work.csv").write_text(ROWS + "z1,2026-01-08,design,bob,bob,javascript:alert(1),Bad\n", "utf-8")
    before = digest(root)
    with at(root, "2026-01-09T00:00:00Z") as session, pytest.raises(LedgerError) as caught:
        collect(session)
    assert (caught.value.path, caught.value.line) == ("work.csv", 7)
    assert digest(root) == before


def test_spam_rules_exclude_on_the_record_at_review_and_a_person_can_take_it_back(root: Path) -> None:
    scope = root / "scopes/default.yaml"
    scope.write_text(scope.read_text("utf-8") + "spam:\n  - source: file\n    most_per_day: 1\n", "utf-8")
    (root / "work.csv").write_text(
        ROWS + "a3,2026-01-05T10:00:00Z,governance,alice,alice,https://example.org/7,More\n", "utf-8"
    )
    reviewed(root)
    with at(root, "2026-01-14T01:00:00Z", "ann") as session:
        folder = session.node.epoch("default", 1)
        assert [(line.actor, line.event_id) for line in folder.curation()] == [("policy", "file:work:a3")]
        curate(session, folder, "include", "file:work:a3", note="it was real work")
        found = session.engine.load(folder, folder.epoch()).find("file:work:a3")
        assert found is not None
        assert found.included


def test_a_scope_without_approvers_cannot_be_reviewed(tmp_path: Path) -> None:
    root = make_node(tmp_path)
    with at(root, "2026-01-08T00:00:00Z") as session:
        collect(session)
    scope = root / "scopes/default.yaml"
    head, _, tail = scope.read_text("utf-8").partition("approvers:")
    scope.write_text(f"{head}approvers: []\nthreshold: 1\n" + tail[tail.index("curators:") :], "utf-8")
    with (
        at(root, "2026-01-14T00:00:00Z") as session,
        pytest.raises(ConfigError, match="nobody could sign"),
        locked(session),
    ):
        review(session, session.node.epoch("default", 1), Ingest(session))


def test_no_first_epoch_is_opened_where_git_has_epochs_that_are_not_on_disk(root: Path) -> None:
    closed(root)
    git(root, "init", "-q")
    git(root, "add", "data")
    git(root, "sparse-checkout", "set", "--no-cone", "/*", "!/data/epochs")
    before = digest(root)
    with (
        at(root, "2026-01-15T00:00:00Z") as session,
        pytest.raises(StateError, match="git has epochs of this scope, and none is on disk") as refused,
    ):
        collect(session)
    assert "git sparse-checkout disable" in (refused.value.hint or "")
    assert digest(root) == before
