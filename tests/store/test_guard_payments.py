"""A change of the files of paying: plans never change, logs grow, and no bank details come in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ledger.flows.paying.plan import sign_plan
from ledger.flows.paying.settle import by_hand
from tests.nodes import at, signature
from tests.paying.world import EURO, owed_node, plan
from tests.store.repositories import commit, git, rules

FOLDER = "data/distributions/default/0001"
NEXT = "2026-01-13T00:00:00Z"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a draft, committed; behind it the signatures that make it stand and a settlement."""
    root = owed_node(tmp_path_factory.mktemp("guard") / "node")
    with at(root, NEXT, "ann") as session:
        text = plan(session, "default", EURO).plan.signed_text
        git(root, "init", "-q", "-b", "main")
        commit(root)
        for person in ("ann", "ben"):
            sign_plan(session, "default", None, signature(text, person))
        by_hand(session, "default", None, state="settled", evidence={"kind": "hand", "note": "seen"})
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "node"))


def replace(root: Path, name: str, old: bytes, new: bytes) -> None:
    path = root / FOLDER / name
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new, 1))


def test_signatures_settlements_and_the_line_in_the_log_get_through(root: Path) -> None:
    assert rules(root) == set()


def test_a_plan_that_is_written_never_changes(root: Path) -> None:
    replace(root, "plan.json", b'"source":"agreed', b'"source":"Agreed')
    assert "DISTRIBUTION_BALANCED" in rules(root)


def test_a_settlement_that_is_cut_off_is_refused(root: Path) -> None:
    commit(root)
    (root / FOLDER / "settlements.jsonl").write_bytes(b"")
    assert rules(root) == {"SETTLEMENT_APPEND_ONLY"}


def test_a_settlement_that_is_rewritten_or_malformed_is_refused(root: Path) -> None:
    commit(root)
    replace(root, "settlements.jsonl", b'"note":"seen"', b'"note":"SEEN"')
    assert rules(root) == {"SETTLEMENT_APPEND_ONLY"}
    git(root, "checkout", "-q", ".")
    replace(root, "settlements.jsonl", b'"state":"settled"', b'"state":"paid"')
    assert rules(root) != set()


def test_a_plan_that_came_to_stand_without_its_line_in_the_statement_log_is_refused(root: Path) -> None:
    path = root / "data/log/default.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert rules(root) == {"STATEMENT_LOGGED"}


@pytest.mark.parametrize("written", ["DE89370400440532013000", "DE89 3704 0044 0532 0130 00"])
def test_bank_details_in_a_table_or_settings_are_refused_and_not_repeated(root: Path, written: str) -> None:
    commit(root)
    (root / "payees.csv").write_text(f"user_id,iban\nx,{written}\n")
    assert rules(root) == {"BANK_DATA_STAYS_OUT"}
    (root / "payees.csv").write_text("user_id,iban\nx,DE00370400440532013000\n")  # no IBAN: its check is wrong
    assert rules(root) == set()


def test_bank_details_and_mail_addresses_in_a_settlement_are_refused(root: Path) -> None:
    path = root / FOLDER / "settlements.jsonl"
    written = path.read_bytes()
    for private in (b"to DE89370400440532013000", b"to a@example.org"):
        replace(root, "settlements.jsonl", b'"note":"seen"', b'"note":"' + private + b'"')
        assert "BANK_DATA_STAYS_OUT" in rules(root)
        path.write_bytes(written)
