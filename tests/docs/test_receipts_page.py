"""docs/receipts.md: a month on receipts alone runs line by line, as it stands there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account

from ledger.cli import main

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/receipts.md").read_text("utf-8")
KEYS = {"ann": "0x" + "51" * 32, "ben": "0x" + "52" * 32}


def commands(page: str) -> Iterator[str]:
    """The page's commands in order: lines that a backslash goes on, and what `<<END` takes in, are one."""
    script = "\n".join(re.findall(r"^```sh\n(.*?)^```$", page, re.M | re.S)).replace("\\\n", "")
    for found in re.finditer(r"^(?:.*<<END\n(?:.*\n)*?END|.+)$", script, re.M):
        yield found[0]


def run(command: str) -> None:
    """`ledger` in this very process, which need not start thirty times; `cd` as well; all else by a shell."""
    words = shlex.split(os.path.expandvars(command)) if command.startswith(("ledger ", "cd ")) else []
    if words[:1] == ["cd"]:
        os.chdir(words[1])
    elif words:
        sys.argv = words
        assert main() == 0, command
    else:
        subprocess.run(["bash", "-ec", command], check=True)


def test_every_line_of_the_month_runs_and_pays_who_was_vouched_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stores = tmp_path / "keys"
    stores.mkdir()
    for name in [one for one in os.environ if one.startswith(("LEDGER", "GIT_"))]:
        monkeypatch.delenv(name)
    environ = {"HOME": str(tmp_path), "KEYS": str(stores)}
    environ |= {"LEDGER_KEYSTORE_PASSWORD": "secret", "LEDGER_KEY_PASSWORD": "secret"}
    for name, key in KEYS.items():
        store = Account.encrypt(key, "secret", kdf="pbkdf2", iterations=1)
        (stores / f"{name}.json").write_text(json.dumps(store), "utf-8")
        environ[name.upper()] = str(Account.from_key(key).address)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", sys.argv)
    said = ""
    for command in commands(PAGE):
        run(command)
        said += capsys.readouterr().out
    club = tmp_path / "club"
    statement = json.loads((club / "data/epochs/default/0001/statement.json").read_text("utf-8"))
    bindings = [json.loads(line) for line in (club / "data/identities.jsonl").read_text("utf-8").splitlines()]
    names = {line["user_id"]: line["login"] for line in bindings}
    units = {names[line["user_id"]]: int(line["total_units"]) for line in statement["payouts"]}
    assert units == {"dora": 5 * 700 + 4 * 700, "emil": 5 * 200 + 4 * 700, "fay": 5 * 100}
    assert "1 revoked" in said
    assert len(list((club / "site/vc").glob("*.jwt"))) == 2 * 6


def test_plain_sql_holds_the_log_to_what_sql_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import duckdb

    query = (ROOT / "docs/verify/receipts.sql").read_text("utf-8")
    log = (ROOT / "data/receipts.jsonl").read_text("utf-8")
    monkeypatch.chdir(tmp_path)

    def rules(text: str) -> set[str]:
        (tmp_path / "receipts.jsonl").write_text(text, "utf-8")
        return {row[0] for row in duckdb.connect().execute(query).fetchall()}

    assert rules(log) == set()
    assert rules(log.replace('"number":1', '"number":2', 1)) == {"LATEST_EVENT_WINS"}
    assert rules(log.replace('"estimate":5', '"estimate":6', 1)) == {"RECEIPT_SIGNED", "RECEIPT_ROLE_BUDGET"}
    assert "IDEMPOTENT_RECEIPTS" in rules(log + log.splitlines(keepends=True)[0])
    assert "RECEIPT_ROLE_BUDGET" in rules(log.replace('"work_points":5', '"work_points":6', 1))
