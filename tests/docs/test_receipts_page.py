"""docs/receipts.md: a month on receipts alone runs line by line, as it stands there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from eth_account import Account

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/receipts.md").read_text("utf-8")
KEYS = {"ann": "0x" + "51" * 32, "ben": "0x" + "52" * 32}


def test_every_line_of_the_month_runs_and_pays_who_was_vouched_for(tmp_path: Path) -> None:
    stores = tmp_path / "keys"
    stores.mkdir()
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("LEDGER", "GIT_"))},
        "HOME": str(tmp_path),
        "KEYS": str(stores),
        "LEDGER_KEYSTORE_PASSWORD": "secret",
        "LEDGER_KEY_PASSWORD": "secret",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    for name, key in KEYS.items():
        store = Account.encrypt(key, "secret", kdf="pbkdf2", iterations=1)
        (stores / f"{name}.json").write_text(json.dumps(store), "utf-8")
        environ[name.upper()] = str(Account.from_key(key).address)
    script = "set -e\n" + "\n".join(re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S))
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    club = tmp_path / "club"
    statement = json.loads((club / "data/epochs/default/0001/statement.json").read_text("utf-8"))
    bindings = [json.loads(line) for line in (club / "data/identities.jsonl").read_text("utf-8").splitlines()]
    names = {line["user_id"]: line["login"] for line in bindings}
    units = {names[line["user_id"]]: int(line["total_units"]) for line in statement["payouts"]}
    assert units == {"dora": 5 * 700 + 4 * 700, "emil": 5 * 200 + 4 * 700, "fay": 5 * 100}
    assert "1 revoked" in done.stdout
    assert len(list((club / "site/vc").glob("*.jwt"))) == 2 * 6
