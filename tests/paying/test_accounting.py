"""A year of account in the forms that bookkeepers' own tools read, run through those tools."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from beancount import loader

from ledger.core.accounting import FORMATS, KOINLY, YearOfAccount
from ledger.flows.paying.accounts import year_of_account
from ledger.flows.paying.plan import PlanWish
from ledger.flows.paying.settle import by_hand
from tests.nodes import at
from tests.paying.world import close_epoch, owed_node, signed_plan


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> YearOfAccount:
    """Alice's year: an epoch that was paid with hostile words as evidence, and one that is owed."""
    root = owed_node(tmp_path_factory.mktemp("year") / "node")
    with at(root, "2026-01-13T00:00:00Z", "ann") as session:
        signed_plan(session, PlanWish("csv", "EUR", "0.01", "agreed"))
        by_hand(session, "default", None, state="settled", evidence={"kind": "hand", "note": '=1+1 "; x: y, z'})
    close_epoch(root, 2, pool=300)
    with at(root, "2026-02-01T00:00:00Z", "ann") as session:
        return year_of_account(session, "default", "alice", 2026)


def test_a_year_begins_and_ends_with_its_balance_and_holds_payment_and_hash(year: YearOfAccount) -> None:
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"](year))))
    assert [row["what"] for row in rows] == [
        "opening balance", "statement", "allocated", "paid", "statement", "closing balance",
    ]  # fmt: skip
    assert (rows[0]["balance"], rows[-1]["balance"]) == ("0", str(year.closing))
    assert len(rows[1]["hash"]) == 64
    assert rows[3]["reference"].startswith("1-")
    assert rows[3]["asset"] == "EUR"


def test_beancount_takes_the_text_and_finds_the_closing_balance(year: YearOfAccount) -> None:
    _, errors, _ = loader.load_string(FORMATS["beancount"](year))
    assert errors == []


def test_hledger_takes_the_text_and_finds_the_closing_balance(year: YearOfAccount, tmp_path: Path) -> None:
    if shutil.which("hledger") is None:
        if os.environ.get("CI"):
            pytest.fail("hledger is missing; .ci/run installs it")
        pytest.skip("needs hledger (Debian: apt-get install hledger)")
    journal = tmp_path / "year.journal"
    journal.write_text(FORMATS["hledger"](year))
    command = ["hledger", "-f", str(journal), "check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_koinly_gets_what_arrived_alone(year: YearOfAccount) -> None:
    rows = list(csv.reader(io.StringIO(FORMATS["koinly"](year))))
    assert tuple(rows[0]) == KOINLY
    assert len(rows) == 2
    assert rows[1][4] == "EUR"
