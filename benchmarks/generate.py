"""Big synthetic epochs for the benchmarks: deterministic, canonical, with every kind of decision in them.

Lines are written as text for speed; the tests hold small ones to `ledger.core`. Nothing here is needed by the ledger.
"""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ledger.core.bounds import SHARD_BYTES
from ledger.core.values import name_uuid, parse_time
from ledger.flows.start import NodePlan, SourcePlan, init_node
from ledger.store.layout import shard_name

NODE = str(uuid.UUID(int=0x4F1E_6A00_0000_4000_8000_0000_0000_0001))
SCOPE = "default"
ANCHOR = datetime(2026, 1, 5, tzinfo=UTC)
WEIGHTS = {"github:issue_closed": 2000, "github:pr_merged": 8000, "github:review_submitted": 3000}
TYPES = (("pr_merged", "pr", "pull"), ("review_submitted", "review", "pull"), ("issue_closed", "issue", "issues"))
UNBOUND_ONE_IN = 50
"""One account in this many has no binding, so that some events stay unresolved."""


@dataclass(frozen=True, slots=True)
class BigEpoch:
    """Where a generated epoch lies and how large it is."""

    root: Path
    folder: Path
    shards: tuple[Path, ...]
    events: int
    size: int
    """Bytes of all shards together."""


def line_of(value: object) -> str:
    """The canonical line of a value, with its line end."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n"


def time_of(moment: datetime) -> str:
    """The canonical text of a moment in UTC."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def user_of(account: int) -> str:
    """The user that a synthetic account is bound to."""
    return str(uuid.uuid5(uuid.UUID(NODE), f"github:{account}"))


def activity_lines(events: int, users: int, epoch_id: int = 1, seed: int = 7) -> Iterator[str]:
    """`events` canonical activity lines of about 560 bytes, each with its line end."""
    pick = random.Random(f"{seed}/{epoch_id}")
    start = ANCHOR + timedelta(days=7 * (epoch_id - 1))
    head = [f"{time_of(start + timedelta(seconds=second))[:-4]}" for second in range(0, 7 * 86_400, 97)]
    stop = time_of(start + timedelta(days=7))
    for number in range(events):
        kind, short, page = TYPES[number % 3]
        repo = f"acme/widgets-{number % 17}"
        account = 1000 + pick.randrange(users)
        tail = f":{number + 70_000_000}" if kind == "review_submitted" else ""
        event_id = f"github:{short}:{repo}:{epoch_id * 10_000_000 + number}{tail}"
        url = f"https://github.com/{repo}/{page}/{epoch_id * 10_000_000 + number}"
        when = f"{pick.choice(head)}{number % 1000:03d}Z"
        metadata = (
            f'{{"additions":{number % 977},"base":"main","draft":false,"milestone":null,'
            f'"title":"Fix \\"round {number}\\" of the größte parser"}}'
        )
        payload = (
            f'{{"artifact_url":"{url}","event_time":"{when}","event_type":"{kind}","id":"{event_id}",'
            f'"metadata":{metadata},"platform_user_id":"{account}","quantity":1,"source":"github"}}'
        )
        yield (
            f'{{"artifact_url":"{url}","event_time":"{when}","event_type":"{kind}","id":"{event_id}",'
            f'"ingested_at":"{stop}","metadata":{metadata},"node_id":"{NODE}",'
            f'"payload_hash":"{hashlib.sha256(payload.encode()).hexdigest()}","platform_login":"user-{account}",'
            f'"platform_user_id":"{account}","producer":"github","producer_version":"1.0.0",'
            f'"quantity":1,"retrieved_at":"{stop}","scope_id":"{SCOPE}","source":"github"}}\n'
        )


def write_shards(folder: Path, lines: Iterator[str], shard_bytes: int = SHARD_BYTES) -> tuple[Path, ...]:
    """Writes the lines to activity.jsonl, activity-0002.jsonl, … and returns the paths in log order."""
    folder.mkdir(parents=True, exist_ok=True)
    shards = [folder / "activity.jsonl"]
    out = shards[0].open("wb")
    written = 0
    for line in lines:
        raw = line.encode()
        if written + len(raw) > shard_bytes:
            out.close()
            shards.append(folder / shard_name(len(shards) + 1))
            out, written = shards[-1].open("wb"), 0
        written += out.write(raw)
    out.close()
    return tuple(shards)


def write_identities(root: Path, users: int) -> None:
    """Binds every account but one in UNBOUND_ONE_IN."""
    bound = [account for account in range(1000, 1000 + users) if account % UNBOUND_ONE_IN]
    (root / "data").mkdir(parents=True, exist_ok=True)
    with (root / "data/identities.jsonl").open("w", encoding="utf-8", newline="\n") as out:
        for seq, account in enumerate(bound, start=1):
            out.write(
                line_of(
                    {
                        "action": "bind",
                        "actor": "curator",
                        "at": time_of(ANCHOR),
                        "evidence": "https://example.org/bindings",
                        "external_id": str(account),
                        "login": f"user-{account}",
                        "node_id": NODE,
                        "provider": "github",
                        "seq": seq,
                        "user_id": user_of(account),
                    }
                )
            )


def _decisions(events: int, epoch_id: int) -> Iterator[dict[str, object]]:
    """One event in 1,000 excluded, one in 1,000 with its own weight, by the ids of `activity_lines`."""
    for seq, number in enumerate(range(0, events, 501), start=1):
        decision = {"action": "exclude"} if seq % 2 else {"action": "weight", "weight_override_milli": 1234}
        kind, short, _ = TYPES[number % 3]
        tail = f":{number + 70_000_000}" if kind == "review_submitted" else ""
        yield {
            "weight_override_milli": None,
            "user_id": None,
            **decision,
            "actor": "curator",
            "at": time_of(ANCHOR + timedelta(days=7 * epoch_id)),
            "epoch_id": epoch_id,
            "event_id": f"github:{short}:acme/widgets-{number % 17}:{epoch_id * 10_000_000 + number}{tail}",
            "evidence": "https://example.org/decisions",
            "node_id": NODE,
            "note": "measured twice",
            "scope_id": SCOPE,
            "seq": seq,
        }


def write_epoch(root: Path, *, events: int, users: int, epoch_id: int = 1) -> BigEpoch:
    """One epoch of the scope `default` under `root`, with epoch.json, activity, decisions and overrides."""
    folder = root / f"data/epochs/{SCOPE}/{epoch_id:04d}"
    shards = write_shards(folder, activity_lines(events, users, epoch_id))
    start = ANCHOR + timedelta(days=7 * (epoch_id - 1))
    epoch = {
        "algorithm": "weight-sum-v1",
        "anchor": time_of(ANCHOR),
        "epoch_id": epoch_id,
        "hold_epochs": None,
        "length": 7,
        "node_id": NODE,
        "opened_at": time_of(start),
        "period_end": time_of(start + timedelta(days=7)),
        "period_start": time_of(start),
        "pool_rules": [{"amount_credits": "10000", "rule": "fixed-v1"}],
        "schema": "epoch/2",
        "scope_id": SCOPE,
        "unit": "days",
        "unresolved": "share",
        "weight_config": WEIGHTS,
        "weight_config_hash": hashlib.sha256(line_of(WEIGHTS)[:-1].encode()).hexdigest(),
        "weight_policy": "weights/default.yaml",
        "windows": 1,
    }
    (folder / "epoch.json").write_text(line_of(epoch), encoding="utf-8", newline="\n")
    (folder / "curation.jsonl").write_text(
        "".join(line_of(decision) for decision in _decisions(events, epoch_id)), encoding="utf-8", newline="\n"
    )
    overrides = [
        {
            "actor": "curator",
            "at": time_of(start + timedelta(days=7)),
            "epoch_id": epoch_id,
            "evidence": "https://example.org/overrides",
            "final_units": str(1000 * seq),
            "node_id": NODE,
            "reason": "agreed in the meeting",
            "scope_id": SCOPE,
            "seq": seq,
            "user_id": user_of(1000 + seq),
        }
        for seq in range(1, min(users, 50))
    ]
    (folder / "overrides.jsonl").write_text("".join(map(line_of, overrides)), encoding="utf-8", newline="\n")
    place = {"epoch_id": epoch_id, "node_id": NODE, "scope_id": SCOPE}
    issuance = {
        "action": "record",
        "actor": "curator",
        "algorithm_version": "by-hand-v1",
        "amount_credits": "1000000",
        "component_id": "base_issuance",
        "computed_at": time_of(start),
        "evidence_ref": None,
        "id": name_uuid(NODE, f"{SCOPE}/{epoch_id}/base_issuance"),
        "inputs": {},
        "reason": None,
        "seq": 1,
        **place,
    }
    opened = {"actor": "ledger", "at": time_of(start), "from": None, "to": "open", **place}
    for name, record in (("pool.jsonl", issuance), ("transitions.jsonl", opened)):
        (folder / name).write_text(line_of(record), encoding="utf-8", newline="\n")
    return BigEpoch(root, folder, shards, events, sum(shard.stat().st_size for shard in shards))


def write_node(root: Path, *, events: int, users: int, epochs: int = 1) -> list[BigEpoch]:
    """A node with `epochs` open epochs of `events` events each, and the bindings log that they share."""
    init_node(root, NodePlan(name="Benchmark", start=parse_time(time_of(ANCHOR)), node_id=NODE))
    write_identities(root, users)
    return [write_epoch(root, events=events, users=users, epoch_id=number) for number in range(1, epochs + 1)]


def write_contributions(root: Path, rows: int) -> Path:
    """A node whose one source is a CSV file of so many rows in one week; nothing is collected yet."""
    plan = NodePlan(
        name="contributions", start=parse_time("2026-01-05"), sources=[SourcePlan("file", "work", {"path": "work.csv"})]
    )
    init_node(root, plan)
    with (root / "work.csv").open("w", encoding="utf-8") as file:
        file.write("id,time,event_type,account,login,evidence,title\n")
        for n in range(rows):
            time = f"2026-01-0{5 + n % 5}T10:{n % 60:02d}:00Z"
            who = f"acct{n % 500},name{n % 500}"
            file.write(f"r{n},{time},governance,{who},https://example.org/x/{n},Title number {n} with some words\n")
    return root


def commit(root: Path) -> None:
    """Put a generated node under git."""
    identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "generated"]):
        subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True)
