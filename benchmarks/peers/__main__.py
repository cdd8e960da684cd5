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
from pathlib import Path

from benchmarks.generate import write_contributions
from benchmarks.measure import Run, python, run
from ledger.core.canonical import encode
from ledger.core.values import name_uuid
from ledger.store.node import load_node

HERE = Path(__file__).parent
AFTER = "2026-01-12T00:00:00Z"
BUDGET = "10000"


def main() -> int:
    """Installs, measures, prints; 0 where there is no Node to measure with."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[10_000, 100_000, 1_000_000], metavar="CONTRIBUTIONS")
    asked = parser.parse_args()
    if shutil.which("node") is None or shutil.which("npm") is None:
        sys.stdout.write("no Node here (node and npm on PATH): nothing was compared\n")
        return 0
    with tempfile.TemporaryDirectory(prefix="ledger-peers-") as scratch:
        engine = Path(scratch) / "sourcecred"
        engine.mkdir()
        for name in ("package.json", "sourcecred.js"):
            shutil.copy2(HERE / name, engine)
        install = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(install, cwd=engine, check=True)
        sys.stdout.write(f"{'contributions':>13}  {'engine':24}{'seconds':>9}{'processor':>11}{'memory':>9}\n")
        for size in asked.sizes:
            root = write_contributions(Path(scratch) / str(size), size)
            _bind(root)
            runs: dict[str, list[Run]] = {"this ledger": [], "SourceCred 0.11.2": []}
            for turn in range(2):
                runs["this ledger"].append(_ours(root, Path(scratch) / f"{size}-{turn}"))
                runs["SourceCred 0.11.2"].append(_theirs(engine, root / "work.csv"))
            for name, each in runs.items():
                best = min(each, key=lambda one: one.cpu)
                told = f"{best.seconds:9.1f}{best.cpu:11.1f}{best.peak / 1e9:6.2f} GB"
                sys.stdout.write(f"{size:13,}  {name:24}{told}\n")
                sys.stdout.flush()
    return 0


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


def _ours(root: Path, copy: Path) -> Run:
    shutil.copytree(root, copy)
    collected = python("-m", "ledger", "collect", "--node", str(copy), "--now", AFTER)
    stated = python("-m", "ledger", "statement", "--node", str(copy), "--now", AFTER, "--json")
    if len(json.loads(stated.output)["statement"]["payouts"]) != 500:
        raise RuntimeError("not everybody got a part of the pool")
    both = (collected, stated)
    return Run(sum(one.seconds for one in both), sum(one.cpu for one in both), max(one.peak for one in both), "")


def _theirs(engine: Path, file: Path) -> Run:
    done = run(["node", "--max-old-space-size=12288", str(engine / "sourcecred.js"), str(file), BUDGET])
    if json.loads(done.output) != {"people": 500, "grain": f"{int(BUDGET):,}.0000g"}:
        raise RuntimeError(f"not everybody got a part of the grain: {done.output}")
    return done


if __name__ == "__main__":
    sys.exit(main())
