"""The account book is what plain SQL makes of the record, and a record or a book that was bent is seen."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ledger.flows.identity import bind, unbind
from ledger.flows.paying.instruct import Wish, draft, instruct
from ledger.flows.paying.opening import sign_openings, text_of, write_openings
from ledger.flows.paying.plan import abandon
from ledger.flows.paying.settle import by_hand
from ledger.site.money import ScopeMoney, book_json
from tests.nodes import at, make_node, signature
from tests.paying.world import CARRY, HOLD, close_epoch, held_epochs, owed_node, prove_wallet, signed_plan, user_of

SQL = Path(__file__).parents[2] / "docs/verify/book.sql"


def asked(root: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The rows of people, and the verdict."""
    command = [str(Path(sys.executable).with_name("duckdb")), "-jsonlines", "-c", f".read {SQL}"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *people, verdict = map(json.loads, done.stdout.splitlines())
    return people, verdict


def test_plain_sql_gives_the_same_book_and_finds_what_was_bent(tmp_path: Path) -> None:
    root = owed_node(tmp_path / "node")
    with at(root, "2026-01-13T00:00:00Z", "ann") as session:
        alice, bob, carol = (user_of(session, name) for name in ("alice", "bob", "carol"))
        opening = f"user_id,balance,earned,paid\n{carol},300,300,0\n".encode()
        write_openings(session, "default", opening, "opening.csv")
        for approver in ("ann", "ben"):
            sign_openings(session, "default", signature(text_of(session, "default"), approver))
        for name, key, wish in (
            ("alice", "ann", Wish(alice, "gift", 500, str(bob))),
            ("bob", "eve", Wish(bob, "decline", 700)),
        ):
            prove_wallet(session, name, key)
            text = draft(session, "default", wish).signed_text
            instruct(session, "default", wish, signature=signature(text, key))
        lines = {line.user_id: line.reference for line in signed_plan(session).plan.lines}
        for user, state in ((alice, "settled"), (bob, "failed")):
            evidence = {"kind": "bank_ref", "ref": f"R-{state}", "date": "2026-01-13"}
            by_hand(session, "default", None, state=state, references=[lines[user]], evidence=evidence)
    close_epoch(root, 2, pool=3_000)
    with at(root, "2026-01-31T00:00:00Z", "ann") as session:
        (root / "book.json").write_bytes(book_json(ScopeMoney(session.node, "default"), {}))
    people, verdict = asked(root)
    assert verdict["verdict"] == "same as the record", (people, verdict)
    by_user = {row["user_id"]: row for row in people}
    assert (int(by_user[alice]["gifts"]), int(by_user[bob]["gifts"])) == (-500, 500)
    assert int(by_user[alice]["paid"]) == 3_500

    book = (root / "book.json").read_text()
    settlements = root / "data/distributions/default/0001/settlements.jsonl"
    kept = settlements.read_text()
    failed = kept.splitlines(keepends=True)[-1]
    bank = (
        failed.replace("R-failed", "R-settled")
        .replace('"state":"failed"', '"state":"settled"')
        .replace('"seq":2', '"seq":3')
    )
    for path, text, broken in (
        (root / "book.json", book.replace('"paid":"3500"', '"paid":"3501"'), "people_same"),
        (root / "book.json", book.replace('"declined":"700"', '"declined":"699"'), "equal_to_the_sum_of_statements"),
        (settlements, kept.replace('"state":"settled"', '"state":"failed"'), "people_same"),
        (settlements, kept + bank, "paid_once"),
    ):
        before = path.read_text()
        assert text != before
        path.write_text(text)
        _, verdict = asked(root)
        assert (verdict["verdict"], verdict[broken]) == ("DIFFERENT from the record", False), broken
        path.write_text(before)


def test_held_shares_that_were_claimed_given_up_and_bound_anew_are_reckoned_as_the_ledger_does(tmp_path: Path) -> None:
    root = held_epochs(make_node(tmp_path / "node"), HOLD)
    with at(root, "2026-01-13T00:00:00Z", "ann") as session:
        bind(session, "file", "bob", login="bob", actor="ann")
        text = signed_plan(session).plan.abandoned_text("wrong")
        abandon(session, "default", None, "wrong", [signature(text, "ann"), signature(text, "ben")])
    with at(root, "2026-01-14T00:00:00Z", "ann") as session:
        plan = signed_plan(session).plan
        unbind(session, "file", "bob", evidence="another", actor="ann")
        bind(session, "file", "bob", login="bobby", actor="ann")
        (root / "book.json").write_bytes(book_json(ScopeMoney(session.node, "default"), {}))
    people, verdict = asked(root)
    assert verdict["verdict"] == "same as the record", (people, verdict)
    claimed = {line.user_id: line.amount_credits for line in plan.lines}
    assert {row["user_id"]: int(row["earned"]) for row in people} == claimed


def test_a_held_share_that_fell_back_is_nobodys_though_its_account_is_bound_and_paid_later(tmp_path: Path) -> None:
    root = held_epochs(make_node(tmp_path / "node"), CARRY, epochs=2)
    with at(root, "2026-01-20T00:00:00Z") as session:
        bind(session, "file", "bob", login="bob", actor="ann")
    close_epoch(root, 3)
    with at(root, "2026-01-27T00:00:00Z", "ann") as session:
        signed_plan(session)
        (root / "book.json").write_bytes(book_json(ScopeMoney(session.node, "default"), {}))
    people, verdict = asked(root)
    assert verdict["verdict"] == "same as the record", (people, verdict)


def test_who_gave_a_held_share_away_took_it(tmp_path: Path) -> None:
    root = held_epochs(make_node(tmp_path / "node"), HOLD)
    with at(root, "2026-01-13T00:00:00Z", "ann") as session:
        bind(session, "file", "bob", login="bob", actor="ann")
        prove_wallet(session, "bob", "eve")
        wish = Wish(user_of(session, "bob"), "gift", None, "pool")
        instruct(session, "default", wish, signature=signature(draft(session, "default", wish).signed_text, "eve"))
        signed_plan(session)
        unbind(session, "file", "bob", evidence="another", actor="ann")
        bind(session, "file", "bob", login="bobby", actor="ann")
        (root / "book.json").write_bytes(book_json(ScopeMoney(session.node, "default"), {}))
    people, verdict = asked(root)
    assert verdict["verdict"] == "same as the record", (people, verdict)
