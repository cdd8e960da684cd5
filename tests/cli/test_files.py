"""Many bindings and decisions from one file: all of its rows or none, and once more changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.cli import main
from ledger.flows.collect import collect
from tests.nodes import at, make_node

PEOPLE = "provider,account,login,person\nfile,alice,Alice,a\ngit,Alice@example.org,,a\nfile,bob,Bob,\n"
WHEN = ("--now", "2026-01-08T00:00:00Z")


@pytest.fixture
def node(tmp_path: Path) -> Path:
    make_node(tmp_path)
    with at(tmp_path, "2026-01-08") as session:
        collect(session)
    return tmp_path


@pytest.fixture
def ledger(node: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def call(*words: str, given: str | None = None, code: int = 0) -> str:
        monkeypatch.setenv("LEDGER_ACTOR", "ann")
        rows = node / ("rows.jsonl" if given and given.startswith("{") else "rows.csv")
        rows.write_text(given or "")
        told = [str(rows) if word == "-" else word for word in words]
        monkeypatch.setattr("sys.argv", ["ledger", *told, "--node", str(node), *WHEN])
        assert main() == code
        seen = capsys.readouterr()
        return seen.out + seen.err

    return call


def people(node: Path) -> dict[str, str]:
    lines = [json.loads(line) for line in (node / "data/identities.jsonl").read_text().splitlines()]
    return {line["external_id"]: line["user_id"] for line in lines}


def test_people_of_a_file_are_bound_in_one_act(node: Path, ledger: Callable[..., str]) -> None:
    assert "3 of 3" in ledger("identity", "bind", "--file", "-", given=PEOPLE)
    before = (node / "data/identities.jsonl").read_bytes()
    bound = people(node)
    assert len(bound) == 3 and len(set(bound.values())) == 2 and bound["alice"] != bound["bob"]
    assert "0 of 3" in ledger("identity", "bind", "--file", "-", given=PEOPLE)
    for wrong, words in (
        ("provider;account\nfile;cy\ngithub;cy\n", "rows.csv:3: 'cy' is no github account"),
        ('{"provider":"file","account":"cy"}\n{"provider":"file","account":"bob","user":"x"}\n', "rows.jsonl:2:"),
        ("provider,account\nfile,\n", "rows.csv:2: account: missing"),
        ("provider,account,wallet\nfile,cy,x\n", "has a column 'wallet'"),
    ):
        assert words in ledger("identity", "bind", "--file", "-", given=wrong, code=3)
    assert (node / "data/identities.jsonl").read_bytes() == before
    ledger("identity", "bind", "file", "cy", "--file", "-", given=PEOPLE, code=2)
    ledger("identity", "bind", code=2)


def test_decisions_of_a_file_are_recorded_in_one_act(node: Path, ledger: Callable[..., str]) -> None:
    ledger("identity", "bind", "--file", "-", given=PEOPLE)
    bob = people(node)["bob"]
    rows = (
        "action,event,reason,user,milli\nexclude,file:work:a1,twice,,\nweight,file:work:b1,large,,7000\n"
        f"resolve,file:work:c1,,{bob},\nresolve,file:work:c1,,-,\nnote,file:work:c1,see,,\n"
    )
    assert "5 of 5" in ledger("curate", "--file", "-", given=rows)
    lines = [json.loads(line) for line in (node / "data/epochs/default/0001/curation.jsonl").read_text().splitlines()]
    assert [(line["seq"], line["action"], line["user_id"]) for line in lines] == [
        (1, "exclude", None), (2, "weight", None), (3, "resolve", bob), (4, "resolve", None), (5, "note", None),
    ]  # fmt: skip
    for wrong, words in (
        ("action,event,reason\nexclude,file:work:zz,x\n", "has no event 'file:work:zz'"),
        (
            "action,event,reason\nexclude,file:work:a1,other\ndrop,file:work:a1,x\n",
            "rows.csv:3: action 'drop' is none of",
        ),
        ("action,event\nexclude,file:work:b1\n", "rows.csv:2:"),
        ("action,event,reason,milli\nweight,file:work:a1,x,1.5\n", "rows.csv:2:"),
    ):
        assert words in ledger("curate", "--file", "-", given=wrong, code=3)
    assert "1 of 1" in ledger("override", "--file", "-", given=f"user,units,reason\n{bob},5000,agreed\n")
    ledger("override", "--file", "-", given="user,units,reason\nx,5000,agreed\n", code=3)
    ledger("override", bob, code=2)
    ledger("curate", "--file", "-", "exclude", "file:work:a1", "--reason", "x", code=2)
    ledger("curate", "exclude", "file:work:a1", "--reason", "LEDGER_ACTOR is no option of the group")
