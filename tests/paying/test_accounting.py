"""A year of account in the forms that bookkeepers' own tools read, run through those tools."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from beancount import loader

from ledger.core.accounting import FORMATS, KOINLY, YearOfAccount
from ledger.core.canonical import encode
from ledger.core.errors import DifferenceError, FormatError, LedgerError
from ledger.flows.paying.accountproof import account_proof, check_account_proof
from ledger.flows.paying.accounts import year_of_account
from ledger.flows.paying.plan import PlanWish
from ledger.flows.paying.settle import by_hand
from tests.nodes import at
from tests.paying.world import close_epoch, owed_node, signed_plan


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("year")


@pytest.fixture(scope="module")
def year(folder: Path) -> YearOfAccount:
    """Alice's year: an epoch that was paid with hostile words as evidence, and one that is owed."""
    root = owed_node(folder / "node")
    with at(root, "2026-01-13T00:00:00Z", "ann") as session:
        signed_plan(session, PlanWish("csv", "EUR", "0.01", "agreed"))
        by_hand(session, "default", None, state="settled", evidence={"kind": "hand", "note": '=1+1 "; x: y, z'})
    close_epoch(root, 2, pool=300)
    with at(root, "2026-02-01T00:00:00Z", "ann") as session:
        (root.parent / "alice.json").write_bytes(account_proof(session, "default", "alice", 2026))
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


def other_closing(text: str, year: YearOfAccount) -> str:
    """The text with another closing balance, which the tool must not find."""
    head, closing, tail = text.rpartition(f"{year.closing} CREDIT")
    assert closing
    return f"{head}{year.closing + 1} CREDIT{tail}"


def test_beancount_takes_the_text_and_finds_the_closing_balance(year: YearOfAccount) -> None:
    text = FORMATS["beancount"](year)
    assert loader.load_string(text)[1] == []
    (error,) = loader.load_string(other_closing(text, year))[1]
    assert "Balance failed" in error.message


def test_hledger_takes_the_text_and_finds_the_closing_balance(year: YearOfAccount, tmp_path: Path) -> None:
    if shutil.which("hledger") is None:
        if os.environ.get("CI"):
            pytest.fail("hledger is missing; .ci/run installs it")
        pytest.skip("needs hledger (Debian: apt-get install hledger)")
    text, journal = FORMATS["hledger"](year), tmp_path / "year.journal"

    def check(text: str) -> subprocess.CompletedProcess[str]:
        journal.write_text(text)
        return subprocess.run(["hledger", "-f", str(journal), "check"], capture_output=True, text=True, check=False)

    done = check(text)
    assert done.returncode == 0, done.stderr
    assert "balance assertion" in check(other_closing(text, year)).stderr.lower()


def test_koinly_gets_what_arrived_alone(year: YearOfAccount) -> None:
    rows = list(csv.reader(io.StringIO(FORMATS["koinly"](year))))
    assert tuple(rows[0]) == KOINLY
    assert len(rows) == 2
    assert rows[1][4] == "EUR"


def test_one_file_holds_a_year_with_its_record_and_is_checked_offline(year: YearOfAccount, folder: Path) -> None:
    data = (folder / "alice.json").read_bytes()
    found = check_account_proof(data, "alice.json")
    assert found.findings == []
    assert any(f"closing {year.closing} credits" in words for words in found.checked)
    value = json.loads(data)
    assert all(str(folder) not in path for path in value["files"])

    def bent(change: Callable[[dict[str, Any]], object]) -> bytes:
        copy = json.loads(data)
        change(copy)
        return encode(copy) + b"\n"

    def replaced(path: str, old: str, new: str) -> Callable[[dict[str, Any]], object]:
        def change(copy: dict[str, Any]) -> None:
            name = next(name for name in copy["files"] if name.endswith(path))
            lines = copy["files"][name]
            assert any(old in line for line in lines)
            copy["files"][name] = [line.replace(old, new, 1) for line in lines]

        return change

    for change, error in (
        (lambda copy: copy["account"].update(closing_credits="9"), DifferenceError),
        (lambda copy: copy["account"]["items"].pop(0), DifferenceError),
        (lambda copy: copy["files"].update({"../evil.jsonl": ["x"]}), FormatError),
        (lambda copy: copy["files"].update({"ledger.yaml": ["x"]}), FormatError),
        (replaced("0001/statement.json", '"amount_credits":"', '"amount_credits":"1'), LedgerError),
        (replaced("0001/settlements.jsonl", '"state":"settled"', '"state":"failed"'), DifferenceError),
    ):
        with pytest.raises(error):
            check_account_proof(bent(change), "bent.json")
    wrong = replaced("0001/signatures.jsonl", '"signature":"0x', '"signature":"0xa')
    try:
        assert check_account_proof(bent(wrong), "bent.json").findings
    except LedgerError as error:
        assert "signature" in str(error)
