"""`python -m benchmarks.peers`: SourceCred's published engine beside this one, on the same CSV of contributions.

Each takes the file to everybody's part of a pool: theirs by a graph, CredRank and one distribution of grain; ours by
`ledger collect` (which keeps each line with its hash) and `ledger statement`. In one run, in turn, the faster of two.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks.generate import write_contributions
from benchmarks.measure import Run, TooLongError, python, run
from ledger.core.canonical import encode
from ledger.core.values import name_uuid
from ledger.store.node import load_node

STARTED = time.monotonic()
HERE = Path(__file__).parent
AFTER = "2026-01-12T00:00:00Z"
BUDGET = "10000"
PATIENCE_OF_NPM = 300


def main() -> int:
    """Installs, measures, prints; 0 where there is no Node to measure with, 1 where npm fails."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[10_000, 100_000, 1_000_000], metavar="CONTRIBUTIONS")
    parser.add_argument("--turns", type=int, default=2, help="how often each takes each size (2)")
    parser.add_argument("--patience", type=float, default=900.0, help="seconds that one command may take (900)")
    asked = parser.parse_args()
    if shutil.which("node") is None or shutil.which("npm") is None:
        sys.stdout.write("no Node here (node and npm on PATH): nothing was compared\n")
        return 0
    with tempfile.TemporaryDirectory(prefix="ledger-peers-") as scratch:
        engine = Path(scratch) / "sourcecred"
        if not _install(engine):
            return 1
        sys.stdout.write(f"{'contributions':>13}  {'engine':24}{'seconds':>9}{'processor':>11}{'memory':>9}\n")
        for size in asked.sizes:
            _tell(f"writing {size:,} contributions")
            root = write_contributions(Path(scratch) / str(size), size)
            _bind(root)
            engines = {
                "this ledger": partial(_ours, root, Path(scratch) / "copy", asked.patience),
                "SourceCred 0.11.2": partial(_theirs, engine, root / "work.csv", asked.patience),
            }
            runs: dict[str, list[Run]] = {name: [] for name in engines}
            late: set[str] = set()
            for turn in range(1, asked.turns + 1):
                for name, take in engines.items():
                    if name in late:
                        continue
                    _tell(f"{size:,}: {name}, turn {turn} of {asked.turns}")
                    try:
                        runs[name].append(take())
                    except TooLongError as error:
                        _tell(str(error))
                        late.add(name)
            for name, each in runs.items():
                best = min(each, key=lambda one: one.cpu, default=None)
                told = f" not done in {asked.patience:.0f} s"
                if best is not None:
                    told = f"{best.seconds:9.1f}{best.cpu:11.1f}{best.peak / 1e9:6.2f} GB"
                sys.stdout.write(f"{size:13,}  {name:24}{told}\n")
                sys.stdout.flush()
            shutil.rmtree(root)
    return 0


def _install(engine: Path) -> bool:
    """SourceCred's published engine in a folder of its own; False, said, where npm does not bring it."""
    engine.mkdir()
    for name in ("package.json", "sourcecred.js"):
        shutil.copy2(HERE / name, engine)
    _tell("npm installs SourceCred's engine")
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(command, cwd=engine, capture_output=True, text=True, timeout=PATIENCE_OF_NPM, check=False)
    except subprocess.TimeoutExpired:
        _tell(f"npm had not ended after {PATIENCE_OF_NPM} s: is its registry within reach? Nothing was compared")
        return False
    if done.returncode:
        _tell(f"npm failed, and nothing was compared:\n{done.stderr[-1000:]}")
    return done.returncode == 0


def _tell(text: str) -> None:
    """One line of progress, with the time that has passed."""
    sys.stderr.write(f"[{time.monotonic() - STARTED:6.0f} s] {text}\n")
    sys.stderr.flush()


def _bind(root: Path) -> None:
    """Every account of the file is a person's."""
    node_id = load_node(root).node_id
    (root / "data").mkdir(exist_ok=True)
    with (root / "data/identities.jsonl").open("wb") as out:
        for seq in range(1, 501):
            account = f"acct{seq - 1}"
            named = {"external_id": account, "login": None, "provider": "file"}
            user = name_uuid(node_id, f"file:{account}")
            rest = {"actor": "bench", "evidence": "https://example.org/bindings", "node_id": node_id, "seq": seq}
            out.write(
                encode({"action": "bind", "at": "2026-01-05T00:00:00.000Z", "user_id": user, **named, **rest}) + b"\n"
            )


def _ours(root: Path, copy: Path, patience: float) -> Run:
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(root, copy)
    collected = python("-m", "ledger", "collect", "--node", str(copy), "--now", AFTER, patience=patience)
    stated = python("-m", "ledger", "statement", "--node", str(copy), "--now", AFTER, "--json", patience=patience)
    if len(json.loads(stated.output)["statement"]["payouts"]) != 500:
        raise RuntimeError("not everybody got a part of the pool")
    both = (collected, stated)
    return Run(sum(one.seconds for one in both), sum(one.cpu for one in both), max(one.peak for one in both), "")


def _theirs(engine: Path, file: Path, patience: float) -> Run:
    node = ["node", "--max-old-space-size=12288", str(engine / "sourcecred.js"), str(file), BUDGET]
    done = run(node, patience=patience)
    if json.loads(done.output) != {"people": 500, "grain": f"{int(BUDGET):,}.0000g"}:
        raise RuntimeError(f"not everybody got a part of the grain: {done.output}")
    return done


if __name__ == "__main__":
    sys.exit(main())
