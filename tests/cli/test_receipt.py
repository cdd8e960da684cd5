"""`ledger receipt` as people use it: texts to sign, signatures in any order, refusals that write nothing."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from ledger.cli import main
from tests.nodes import KEYS, digest, signature
from tests.receipt_nodes import receipt_node

Ran = tuple[int, str, str]
Run = Callable[..., Ran]
LOG = "data/receipts.jsonl"
ITEM = ("--work-item", "task.0054", "--estimate", "5", "--artifact", "https://example.org/54")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return receipt_node(tmp_path_factory.mktemp("receipts") / "node")


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(made, tmp_path / "node"))


@pytest.fixture
def run(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """One call of `ledger receipt` on the node on a Tuesday: exit code, stdout, stderr."""

    def call(*arguments: object, now: str = "2026-01-06") -> Ran:
        command = ["ledger", "receipt", *map(str, arguments), "--node", str(root), "--now", now]
        monkeypatch.setattr(sys, "argv", command)
        monkeypatch.setattr("ledger.flows.verify.impure_imports", list)
        code = main()
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def data(ran: Ran) -> dict[str, Any]:
    assert ran[0] == 0, ran[2]
    return dict(json.loads(ran[1]))


def texts(ran: Ran) -> list[str]:
    return [one["text"] for one in data(ran)["texts"]]


def signed(run: Run, who: str, *command: object, now: str = "2026-01-06") -> Ran:
    """Run the command for its texts, sign them all, run it again with the answers."""
    answers = [signature(text, who) for text in texts(run(*command, "--json", now=now))]
    more = [word for answer in reversed(answers) for word in ("--signature", answer)]
    return run(*command, *more, now=now)


def keystore(tmp_path: Path, who: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEDGER_KEYSTORE_PASSWORD", "secret")
    path = tmp_path / f"{who}.json"
    path.write_text(json.dumps(Account.encrypt(KEYS[who], "secret", kdf="pbkdf2", iterations=1)), "utf-8")
    return path


def test_the_receipts_of_all_roles_are_one_command_and_one_text_each(run: Run, root: Path) -> None:
    command = ("issue", *ITEM, "--author", "@dora", "--reviewer", "@emil", "--approver", "@fay")
    before = digest(root)
    code, out, err = run(*command)
    assert code == 0
    assert [part.split("\n")[5:7] for part in out.strip().split("\n\n")] == [
        ["Role: author", "Estimate: 5 of 5"],
        ["Role: reviewer", "Estimate: 5 of 5"],
        ["Role: approver", "Estimate: 5 of 5"],
    ]
    assert "nothing is written yet" in err
    assert "--issued-at 2026-01-06T00:00:00.000Z" in err
    assert digest(root) == before
    code, out, _ = signed(run, "ann", *command)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["issued"] * 3
    assert (root / LOG).read_bytes().count(b"\n") == 3
    again = digest(root)
    code, out, _ = signed(run, "ann", *command)
    assert (code, out.count("was on record")) == (0, 3)
    assert digest(root) == again


def test_a_month_of_one_receipt_from_proposed_to_revoked(run: Run, root: Path) -> None:
    assert signed(run, "ann", "issue", *ITEM, "--author", "@dora")[0] == 0
    (view,) = data(run("list", "--json"))["receipts"]
    assert (view["status"], view["name"], view["estimate"] * view["units_each"]) == ("proposed", "dora", 3500)
    assert signed(run, "ben", "approve", "task.0054")[0] == 0
    assert "approved" in run("list", "--status", "approved", "--person", "@dora")[1]
    assert signed(run, "ben", "revoke", view["receipt_hash"][:10], "--reason", "paid elsewhere")[0] == 0
    code, out, _ = run("show", "task.0054")
    assert code == 0
    assert re.findall(r"^  (\d \w+) \S+ by (\w+)", out, re.M) == [
        ("0 issued", "ann"),
        ("1 approved", "ben"),
        ("2 revoked", "ben"),
    ]
    assert "paid elsewhere" in out
    assert run("verify")[:2] == (0, "ok: 3 acts; receipts: 1 revoked\n")


def test_a_keystore_signs_all_after_one_look(
    run: Run, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = run(
        "issue", *ITEM, "--author", "@dora", "--keystore", keystore(tmp_path, "ann", monkeypatch), "--yes"
    )
    assert (code, err) == (0, "")
    assert run("approve", "task.0054", "--keystore", keystore(tmp_path, "ben", monkeypatch), "--yes")[0] == 0
    assert data(run("list", "--json"))["receipts"][0]["status"] == "approved"


def test_several_people_in_a_role_share_its_whole_points(run: Run) -> None:
    command = ("issue", *ITEM, "--reviewer", "@dora", "--reviewer", "@emil", "--author", "@fay:4")
    assert [text.split("\n")[6] for text in texts(run(*command, "--json"))] == [
        "Estimate: 4 of 5",
        "Estimate: 3 of 5",
        "Estimate: 2 of 5",
    ]
    code, _, err = run("issue", *ITEM, "--reviewer", "@dora:4", "--reviewer", "@emil:2")
    assert (code, "RECEIPT_ROLE_BUDGET" in err) == (2, True)
    code, _, err = run("issue", *ITEM, "--reviewer", "@dora:5", "--reviewer", "@emil")
    assert (code, "do not go round" in err) == (2, True)


def test_many_receipts_come_from_a_table(run: Run, root: Path, tmp_path: Path) -> None:
    table = tmp_path / "june.csv"
    table.write_text(
        "work_item,points,role,person,estimate,artifact\n"
        "care.1,3,author,@dora,,https://example.org/care\n"
        "care.1,3,reviewer,@emil,2,https://example.org/care\n"
        "care.1,3,reviewer,@fay,,https://example.org/care\n"
        "\n"
        'talk.7,2,author,@emil,,"minutes of 3 January, page 2"\n',
        "utf-8",
    )
    assert signed(run, "ben", "issue", "--csv", table)[0] == 0
    rows = [(r["work_item_id"], r["name"], r["estimate"]) for r in data(run("list", "--json"))["receipts"]]
    assert rows == [("care.1", "dora", 3), ("care.1", "emil", 2), ("care.1", "fay", 1), ("talk.7", "emil", 2)]
    before = digest(root)
    for bad, complaint in (
        ("care.2,3,author,@nobody,,https://example.org", "june.csv:2"),
        ("care.2,0,author,@dora,,https://example.org", "0 points"),
        ("care.2,3,author,@dora,9,https://example.org", "RECEIPT_ROLE_BUDGET"),
        ("care.2,3,juggler,@dora,,https://example.org", "no role 'juggler'"),
        ("care.2,3,author,@dora,,", "artifact_url"),
        ("care.2,3,author", "cells"),
    ):
        table.write_text(f"work_item,points,role,person,estimate,artifact\n{bad}\n", "utf-8")
        code, _, err = run("issue", "--csv", table)
        assert code in (2, 3)
        assert complaint in err, err
    assert digest(root) == before


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        (("issue", *ITEM, "--role", "juggler=@dora"), "no role 'juggler'"),
        (("issue", *ITEM, "--author", "@nobody"), "no user is named '@nobody'"),
        (("issue", *ITEM, "--author", "@dora:0"), "0 points"),
        (("issue", "--work-item", "x", "--estimate", "0", "--artifact", "u", "--author", "@dora"), "0 points"),
        (("issue", "--work-item", "a b", "--estimate", "1", "--artifact", "u", "--author", "@dora"), "work_item_id"),
        (("issue", *ITEM), "at least one person"),
        (("issue", *ITEM, "--author", "@dora", "--signature", "0x12"), "130 hex digits"),
        (("issue", *ITEM, "--author", "@dora", "--signature", signature("another text", "ann")), "ISSUER_AUTHORIZED"),
        (("issue", *ITEM, "--author", "@dora", "--issued-at", "2026-02-01"), "recorded before it was issued"),
        (("approve", "task.0054"), "no receipt is named"),
    ],
)
def test_what_cannot_be_right_is_refused_in_words_and_writes_nothing(
    run: Run, root: Path, command: tuple[str, ...], complaint: str
) -> None:
    before = digest(root)
    code, _, err = run(*command)
    assert code in (2, 3)
    assert complaint in err, err
    assert "Traceback" not in err
    assert digest(root) == before


def test_nobody_approves_his_own_and_no_stranger_anybodys(run: Run, root: Path) -> None:
    assert signed(run, "ann", "issue", *ITEM, "--author", "@dora")[0] == 0
    before = digest(root)
    for who in ("ann", "eve"):
        code, _, err = signed(run, who, "approve", "task.0054")
        assert (code, "ISSUER_AUTHORIZED" in err) == (3, True), err
    assert digest(root) == before
    code, _, err = signed(run, "eve", "issue", "--work-item", "b", *ITEM[2:], "--author", "@dora")
    assert (code, "may not issue" in err) == (3, True)


def test_a_second_receipt_under_the_same_key_waits_until_the_first_is_revoked(run: Run, root: Path) -> None:
    signed(run, "ann", "issue", *ITEM, "--author", "@dora:2")
    before = digest(root)
    code, _, err = run("issue", *ITEM, "--author", "@dora:3")
    assert (code, "IDEMPOTENT_RECEIPTS" in err) == (3, True)
    assert digest(root) == before
    assert signed(run, "ben", "revoke", "task.0054", "--reason", "too few")[0] == 0
    assert signed(run, "ann", "issue", *ITEM, "--author", "@dora:3", now="2026-01-07")[0] == 0


def test_a_signature_over_an_older_act_is_named_as_such(run: Run, root: Path) -> None:
    signed(run, "ann", "issue", *ITEM, "--author", "@dora")
    (text,) = texts(run("approve", "task.0054", "--json"))
    old = signature(text, "ben")
    assert run("approve", "task.0054", "--signature", old)[0] == 0
    assert signed(run, "ben", "revoke", "task.0054", "--reason", "wait")[0] == 0
    before = digest(root)
    name = data(run("list", "--json"))["receipts"][0]["receipt_hash"]
    code, _, err = run("approve", name, "--signature", old)
    assert (code, "over an older act on this receipt (number 1), not over number 3" in err) == (3, True), err
    assert digest(root) == before


def test_signed_lines_from_elsewhere_are_taken_in_and_nothing_in_them_is_believed(
    run: Run, root: Path, tmp_path: Path
) -> None:
    (text,) = texts(run("issue", *ITEM, "--author", "@dora", "--json"))
    lines = dict(line.split(": ", 1) for line in text.split("\n")[1:])
    receipt = {
        "artifact_url": lines["Artifact"],
        "estimate": 5,
        "issued_at": lines["Issued At"],
        "role": "author",
        "scope_id": "default",
        "user_id": lines["Subject"],
        "work_item_id": "task.0054",
        "work_points": 5,
    }
    offer = tmp_path / "signed.jsonl"
    offer.write_text(json.dumps({"receipt": receipt, "signature": signature(text, "ann")}) + "\n", "utf-8")
    assert run("add", offer)[0] == 0
    (text,) = texts(run("approve", "task.0054", "--json"))
    name = data(run("list", "--json"))["receipts"][0]["receipt_hash"]
    decision = {"decision": "approved", "number": 1, "receipt_hash": name, "signature": signature(text, "ben")}
    offer.write_text(json.dumps(decision) + "\n", "utf-8")
    assert run("add", offer)[0] == 0
    assert run("add", offer)[0] == 0
    before = digest(root)
    for bad in (
        {"receipt": {**receipt, "estimate": 4}, "signature": signature(text, "ann")},
        {**decision, "number": 2},
        {**decision, "more": 1},
        {**decision, "decision": "revoked"},
        [1],
    ):
        offer.write_text(json.dumps(bad) + "\n", "utf-8")
        assert run("add", offer)[0] == 3
    assert digest(root) == before


def test_every_tampered_line_of_the_log_is_found(run: Run, root: Path) -> None:
    signed(run, "ann", "issue", *ITEM, "--author", "@dora")
    signed(run, "ben", "approve", "task.0054")
    path = root / LOG
    good = path.read_bytes()
    for old, new, rule in (
        (b'"estimate":5', b'"estimate":4', "RECEIPT_SIGNED"),
        (b'"number":1', b'"number":2', "LATEST_EVENT_WINS"),
        (b'"approvers_seq":1', b'"approvers_seq":2', "ISSUER_AUTHORIZED"),
        (b'"act":"approved"', b'"act":"revoked"', "RECEIPT_SIGNED"),
    ):
        assert old in good
        path.write_bytes(good.replace(old, new))
        code, out, _ = run("verify")
        assert (code, rule in out) == (1, True), (old, out)
    path.write_bytes(good)
    assert run("verify")[0] == 0


def test_before_any_approver_set_counts_nobody_has_the_right(run: Run, root: Path) -> None:
    import shutil

    shutil.rmtree(root / "data/approvers")
    code, _, err = run("issue", *ITEM, "--author", "@dora")
    assert (code, "no approver set of scope default counts yet" in err) == (3, True)
