"""Lists of people from other systems: history that can be looked at, accounts that are certain, balances where told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from ledger.cli.app import ledger
from ledger.core.errors import InputError, StateError
from ledger.core.history import Contribution, System
from ledger.flows.importing.lists import import_list
from ledger.flows.importing.terms import Report, Terms
from ledger.imports.people import all_contributors, minor_units, open_collective, table
from ledger.site.brought import brought_along
from ledger.store.payments import on_disk
from tests.nodes import at, make_node

ALL_CONTRIBUTORS = json.dumps(
    {
        "projectName": "widgets",
        "contributors": [
            {"login": "ann", "name": "Ann", "avatar_url": "https://avatars.githubusercontent.com/u/1234567?v=4",
             "profile": "https://example.org", "contributions": ["code", {"type": "doc", "url": "https://example.org/d"}]},
            {"login": "bob", "avatar_url": "https://example.org/bob.png", "contributions": ["ideas"]},
        ],
    }
).encode()  # fmt: skip
MEMBERS = json.dumps(
    [
        {"profile": "https://opencollective.com/carol", "role": "BACKER", "createdAt": "2021-03-04 10:11",
         "totalAmountDonated": 12.5, "currency": "EUR", "email": "carol@example.org"},
        {"profile": "https://opencollective.com/incognito-1a2b", "role": "BACKER", "createdAt": "2021-03-05 10:11"},
        {"profile": "https://opencollective.com/dave", "role": "ADMIN", "createdAt": None, "totalAmountDonated": 0},
    ]
).encode()  # fmt: skip
TABLE = b"""person,provider,account,kind,date,link,balance,earned
ann,github,1234567,talk,2024-05-31,https://example.org/t,12.5,40
bob,,,minutes,,,0.33,
"""


def bring(root: Path, system: System, data: bytes, *, rate: int | None = None, write: bool = True) -> Report:
    path = root.parent / "list"
    path.write_bytes(data)
    with at(root, "2026-01-06T00:00:00Z", "ann") as session:
        return import_list(session, "default", system, path, Terms(rate=rate, decimals=2), write=write)


def test_each_list_becomes_history_and_an_entry_without_date_says_so(tmp_path: Path) -> None:
    root = make_node(tmp_path / "node")
    people = bring(root, "all-contributors", ALL_CONTRIBUTORS)
    assert (people.people, people.bound, people.counts["entries without date"]) == (2, 1, 3)
    money = bring(root, "opencollective", MEMBERS)
    assert money.left_out == {"without a public name": 1}
    assert not bring(root, "opencollective", MEMBERS).changed
    with at(root, "2026-01-06T00:00:00Z") as session:
        lines = list(on_disk(root, session.node.node_id).history_lines("default", "opencollective"))
        acts = {one.system: one for one in brought_along(session.node, "default", None)}
    first, second = (line for line in lines if isinstance(line, Contribution))
    assert (first.at, first.facts) == ("2021-03-04T00:00:00.000Z", {"amount": "12.5", "currency": "EUR"})
    assert (second.at, second.facts) == (None, {})
    assert b"@" not in (root / "data/opening/default.opencollective.jsonl").read_bytes()
    assert [act.at for act in acts["all-contributors"].shown] == ["", "", ""]
    with pytest.raises(StateError, match="undo all-contributors"):
        try:
            bring(root, "all-contributors", ALL_CONTRIBUTORS.replace(b'"ideas"', b'"code"'))
        except StateError as error:
            raise StateError(error.hint or "") from None


def test_balances_of_a_table_open_a_book_at_a_stated_rate_and_only_one_system_brings_them(tmp_path: Path) -> None:
    root = make_node(tmp_path / "node")
    with pytest.raises(InputError, match="at what rate"):
        bring(root, "csv", TABLE)
    assert not (root / "data/opening").exists()
    found = bring(root, "csv", TABLE, rate=10)
    assert (found.total_credits, found.remainder_minor, found.nobody_minor) == (125, 0, 33)  # bob is nobody here yet
    (line,) = on_disk(root, "11111111-1111-4111-8111-111111111111").openings("default")
    assert (line.balance_credits, line.earned_credits, line.paid_credits) == (125, 400, 275)


def test_reasons_are_told_by_how_many_they_hold_back_and_no_more_than_ten_of_them(tmp_path: Path) -> None:
    root, path = make_node(tmp_path / "node"), tmp_path / "old.csv"
    alike = "".join(f"q{number},wallet2,w{number}\n" for number in range(12))  # of one reason; the others each its own
    path.write_text("person,provider,account\n" + "".join(f"p{n},git,no mail {n}\n" for n in range(30)) + alike)
    words = ["import", "csv", str(path), "--node", str(root), "--actor", "ann"]
    lines = CliRunner().invoke(ledger, words, standalone_mode=False).stdout.splitlines()
    assert lines[1] == "  12: no account of 'wallet2' can ever match an event here"
    assert (lines[2], lines[11:13]) == ("    q0: wallet2 w0", ["    q9: wallet2 w9", "    and 2 more (--json has all)"])
    assert sum(line.startswith("  1: 'no mail ") for line in lines) == 9
    assert "  and 21 more reasons (--json has all)" in lines


def test_an_account_of_a_table_can_be_told_by_the_name_that_the_report_shows(tmp_path: Path) -> None:
    root, path = make_node(tmp_path / "node"), tmp_path / "old.csv"
    path.write_text("person,provider,account\nann,GitHub,Ann\n")
    with at(root, "2026-01-06T00:00:00Z", "ann") as session:
        ((_, shown, _),) = import_list(session, "default", "csv", path, Terms(), write=False).unbound
        provider, name = shown.split(" ")
        told = f"provider,name,account\n{provider},{name},1234567\n".encode()
        assert import_list(session, "default", "csv", path, Terms(accounts=told), write=False).bound == 1


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"person,balance\nann,1.234\n", "at most 2 decimals"),
        (b"person,balance\nann,-3\n", "no amount"),
        (b"name\nann\n", "header lacks person"),
        (b"person,kind,balance\nann,talk,12.5\nann,code,12.5\n", "'ann' has a balance in line 2 already"),
        (b"person,provider\nann,github\n", "go together"),
        (b"person,kind,date\nann,talk,yesterday\n", "no date"),
        (b"person\nann@example.org\n", "no mail address"),
        (b"person\n\xff\n", "not UTF-8"),
    ],
)
def test_a_row_that_cannot_be_taken_is_named_with_its_line(data: bytes, why: str) -> None:
    with pytest.raises(InputError, match=why):
        table(data, "old.csv", 2)


def test_numbers_in_a_table_of_json_lines_are_taken_as_they_are_written() -> None:
    found = table(
        b'{"person":"ann","kind":"talk","quantity":5,"balance":3,"earned":null,"date":null}\n', "old.jsonl", 2
    )
    assert (found.lines[0]["facts"], found.lines[1]["balance_minor"]) == ({"quantity": "5"}, "300")
    with pytest.raises(InputError, match="no date"):
        table(b'{"person":"ann","kind":"talk","date":2024}\n', "old.jsonl", 2)


def test_a_table_is_read_as_spreadsheets_save_it() -> None:
    plain = table(b"person,kind,balance\nann,talk,1.5\n", "old.csv", 2)
    for saved in (
        b"\xef\xbb\xbfPerson;Kind;Balance\r\n ann ;talk;1.5\r\n;;\r\n\r\n",
        b"person,kind,balance,\nann,talk, 1.5,\n , ,,\n",
    ):
        found = table(saved, "old.csv", 2)
        assert (found.lines, list(found.people)) == (plain.lines, ["ann"])


@pytest.mark.parametrize(
    "data", [b'{"contributors": 3}', b'{"contributors": null}', b"[]", b"[1]", b"3", b"[" * 200_000, b"\xff"]
)
def test_files_of_another_kind_are_refused_in_words(data: bytes) -> None:
    for read in (all_contributors, open_collective):
        if (data, read) == (b"[]", open_collective):
            continue  # a collective without members
        with pytest.raises(InputError, match=r"^x[^a-z]") as caught:
            read(data, "x")
        assert "Error" not in caught.value.message
    assert minor_units("0.05", 18) == 5 * 10**16
