"""Rows about moving in and about wider kinds: 2.5 million receipts come in; what wider kinds cost in requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import python
from benchmarks.platforms import REVIEWS, SECONDS, _collect, _node
from benchmarks.rows import Bench, Row
from ledger.core.values import parse_time
from ledger.flows.start import NodePlan, init_node
from tests.servers.github import TOKEN, Actor, GitHubServer, World

PEOPLE, WEEKS = 5_000, 500
PULLS = 10_000
WALLET = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"
WIDER = (
    "discussion_answered",
    "discussion_comment_created",
    "discussion_opened",
    "reaction_given",
    "reaction_received",
)


def sourcecred(bench: Bench) -> Iterator[Row]:
    """An instance of 2.5 million receipts comes in: read twice, its history written in files of 40 MB."""
    instance = bench.scratch / "instance"
    size = _instance(instance)
    root = bench.scratch / "moved"
    init_node(root, NodePlan(name="bench", start=parse_time("2026-01-05"), approvers=[("ann", WALLET)], sources=[]))
    command = ["-m", "ledger", "import", "sourcecred", str(instance), "--node", str(root), "--credits-per-unit", "1000"]
    run = python(*command, "--write", "--actor", "ann")
    yield Row(f"import of {PEOPLE * WEEKS:,} receipts of SourceCred ({size / 1e6:.0f} MB)", run.seconds, "s", 60)
    yield Row("import of SourceCred: peak memory", run.peak / 1e9, "GB", 1)


def wider(bench: Bench) -> Iterator[Row]:
    """10,000 pull requests with three reviews each, without wider kinds and with them where there is none of it."""
    counts = []
    for name, more in (("off", ()), ("on", WIDER)):
        with GitHubServer(_repository()) as server:
            options = {"repositories": ["team/code"], "kinds": ["pr_merged", "review_submitted", *more]}
            root = _node(bench.scratch / f"wider-{name}", "github", options)
            _collect(root, {"GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": server.api_url})
            counts.append(server.count())
        yield Row(
            f"GitHub, {PULLS:,} pull requests, wider kinds {name}: requests", counts[-1], "", 110 if not more else None
        )
    yield Row("GitHub, wider kinds on where there is none: requests, over off", counts[1] / counts[0], "×", 1.2)


def _repository() -> World:
    ann, ben = Actor("ann", 1), Actor("ben", 2)
    made = World(SECONDS + 6 * 86_400 + 86_340)
    repository = made.repository("team/code")
    for number in range(PULLS):
        at = SECONDS + number * 50
        pull = repository.pull(ann, at, f"Change {number}", "What it does, and why.")
        for review in range(REVIEWS):
            pull.review(ben, "APPROVED", at + 10 + review, "Good")
        pull.merge(at + 60)
    return made


def _instance(folder: Path) -> int:
    (folder / "data").mkdir(parents=True)
    path = folder / "data" / "ledger.json"
    ids = [f"{number:021d}A" for number in range(PEOPLE)]
    with path.open("w", encoding="utf-8") as file:

        def event(at: int, **action: object) -> None:
            line = {"action": action, "ledgerTimestamp": at, "uuid": "0" * 22, "version": "1"}
            file.write(json.dumps(line, separators=(",", ":")) + "\n")

        for number, own in enumerate(ids):
            address = f"N\0sourcecred\0core\0IDENTITY\0{own}\0"
            identity = {"address": address, "aliases": [], "id": own, "name": f"p-{number}", "subtype": "USER"}
            event(1, type="CREATE_IDENTITY", identity=identity)
            event(1, type="TOGGLE_ACTIVATION", identityId=own)
        for week in range(WEEKS):
            receipts = [{"amount": str(10**15 * (number % 97 + 1) + week), "id": own} for number, own in enumerate(ids)]
            budget = str(sum(int(receipt["amount"]) for receipt in receipts))
            allocation = {
                "id": f"{week:021d}B",
                "policy": {"budget": budget, "policyType": "RECENT"},
                "receipts": receipts,
            }
            distribution = {"allocations": [allocation], "credTimestamp": week * 604_800_000, "id": f"{week:021d}C"}
            event(2 + week, type="DISTRIBUTE_GRAIN", distribution=distribution)
    return path.stat().st_size
