"""Epochs on disk for the tests of this room, and Hypothesis strategies for what is in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from ledger.core.canonical import MAX_SAFE_INTEGER, encode
from ledger.core.records.activity import ActivityEvent, payload_hash
from ledger.core.records.decisions import Binding, Curation, Override
from ledger.core.records.epoch import Epoch, weight_config_hash
from ledger.core.records.record import Record
from ledger.core.values import MAX_AMOUNT, NodeId, ScopeId, Timestamp, name_uuid
from ledger.store.epochfolder import EpochFolder
from ledger.store.layout import IDENTITIES, shard_name

NODE = NodeId("4f1e6a00-0000-4000-8000-000000000001")
SCOPE = ScopeId("default")
OTHER_NODE = "4f1e6a00-0000-4000-8000-000000000002"
AT = "2026-01-12T00:00:00.000Z"
START, END = Timestamp("2026-01-05T00:00:00.000Z"), Timestamp("2026-01-12T00:00:00.000Z")


def user(number: int) -> str:
    return name_uuid(NODE, f"github:{number}")


def event(number: int = 1, **changes: Any) -> dict[str, Any]:
    """The fields of a right activity line, after `changes`; the payload hash fits them unless it is given."""
    fields = {
        "artifact_url": f"https://github.com/acme/widgets/pull/{number}",
        "event_time": "2026-01-06T10:00:00.000Z",
        "event_type": "pr_merged",
        "id": f"github:pr:acme/widgets:{number}",
        "ingested_at": AT,
        "metadata": {"additions": 5, "draft": False, "milestone": None, "title": 'a "quoted" \\ title'},
        "node_id": NODE,
        "platform_login": "ada",
        "platform_user_id": str(number),
        "producer": "github",
        "producer_version": "1.0.0",
        "quantity": 1,
        "retrieved_at": AT,
        "scope_id": "default",
        "source": "github",
        **changes,
    }
    return {"payload_hash": payload_hash(fields), **fields}


def line(fields: dict[str, Any]) -> bytes:
    return encode(fields) + b"\n"


@dataclass
class Case:
    """One epoch: its records, how its log is cut into shards, and how many bindings are pinned."""

    weights: dict[str, int] = field(default_factory=lambda: {"github:pr_merged": 8000})
    events: list[dict[str, Any]] = field(default_factory=list)
    bindings: list[dict[str, Any]] = field(default_factory=list)
    curation: list[dict[str, Any]] = field(default_factory=list)
    overrides: list[dict[str, Any]] = field(default_factory=list)
    cuts: tuple[int, ...] = ()
    pinned: int | None = None
    epoch_id: int = 1

    @property
    def epoch(self) -> Epoch:
        return Epoch(
            algorithm="weight-sum-v1",
            anchor=START,
            epoch_id=self.epoch_id,
            hold_epochs=None,
            length=7,
            node_id=NODE,
            opened_at=START,
            period_end=END,
            period_start=START,
            pool_rules=(),
            scope_id=SCOPE,
            unit="days",
            unresolved="share",
            weight_config=self.weights,
            weight_config_hash=weight_config_hash(self.weights),
            weight_policy="weights/default.yaml",
            windows=1,
        )

    def shards(self) -> list[list[dict[str, Any]]]:
        edges = [0, *sorted({cut for cut in self.cuts if 0 < cut < len(self.events)}), len(self.events)]
        return [self.events[a:b] for a, b in pairwise(edges)]

    def records(self, model: type[Record], rows: Iterable[dict[str, Any]]) -> list[Any]:
        return [model.read(row) for row in rows]

    def numbered(self, rows: Sequence[dict[str, Any]], **place: Any) -> list[dict[str, Any]]:
        return [{"node_id": NODE, **place, **row, "seq": seq} for seq, row in enumerate(rows, start=1)]

    @property
    def binding_rows(self) -> list[dict[str, Any]]:
        return self.numbered(self.bindings)

    @property
    def curation_rows(self) -> list[dict[str, Any]]:
        return self.numbered(self.curation, scope_id="default", epoch_id=self.epoch_id)

    @property
    def override_rows(self) -> list[dict[str, Any]]:
        return self.numbered(self.overrides, scope_id="default", epoch_id=self.epoch_id)

    def write(self, root: Path) -> EpochFolder:
        """Puts the epoch on disk in place of an older one."""
        folder = EpochFolder(root, NODE, SCOPE, self.epoch_id)
        home = root / folder.relative
        home.mkdir(parents=True, exist_ok=True)
        for old in home.iterdir():
            old.unlink()
        (root / IDENTITIES).write_bytes(b"".join(map(line, self.binding_rows)))
        (home / "epoch.json").write_bytes(self.epoch.encode() + b"\n")
        if self.events:
            for number, events in enumerate(self.shards(), start=1):
                (home / shard_name(number)).write_bytes(b"".join(map(line, events)))
        for name, rows in (("curation.jsonl", self.curation_rows), ("overrides.jsonl", self.override_rows)):
            if rows:
                (home / name).write_bytes(b"".join(map(line, rows)))
        return folder

    def located(self) -> list[tuple[str, int, ActivityEvent]]:
        return [
            (shard_name(shard), number, ActivityEvent.read(fields))
            for shard, events in enumerate(self.shards(), start=1)
            for number, fields in enumerate(events, start=1)
        ]

    def read_bindings(self) -> list[Binding]:
        return self.records(Binding, self.binding_rows)[: self.pinned]

    def read_curation(self) -> list[Curation]:
        return self.records(Curation, self.curation_rows)

    def read_overrides(self) -> list[Override]:
        return self.records(Override, self.override_rows)


def write_log(root: Path, data: bytes, *more: bytes) -> EpochFolder:
    """An epoch whose log's shards hold exactly these bytes."""
    folder = Case().write(root)
    for number, shard in enumerate((data, *more), start=1):
        (root / folder.path(shard_name(number))).write_bytes(shard)
    return folder


HOSTILE = (
    "\u2028",
    "\u0085",
    "\ufeff",
    '"',
    "\\",
    "\\n",
    "\\u0041",
    "'",
    "%s",
    "{}",
    ",",
    "\ufffd",
    "𝔘",
    "é",
    "NULL",
    "$x",
)
texts = st.lists(
    st.one_of(st.sampled_from(HOSTILE), st.characters(exclude_categories=["Cs", "Cc"]).filter(lambda c: c != "\x7f")),
    max_size=6,
).map("".join)
integers = st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | st.sampled_from([0, MAX_SAFE_INTEGER, -MAX_SAFE_INTEGER])
flat = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,3}", fullmatch=True), texts | integers | st.booleans() | st.none(), max_size=4
)
sources = st.sampled_from(["github", "discord", "file"])
kinds = st.sampled_from(["pr_merged", "message_sent", "vote"])
accounts = st.sampled_from(["1", "2", "3", "NULL", "a,b"])
users = st.integers(1, 4).map(user)
weights = st.sampled_from([0, 1, 8000, MAX_SAFE_INTEGER]) | st.integers(0, MAX_SAFE_INTEGER)
times = st.sampled_from([START, "2025-12-31T23:59:59.999Z", "2026-01-11T23:59:59.999Z", "0001-01-01T00:00:00.000Z"])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Small nodes in which accounts, users and events meet often."""
    count = draw(st.integers(0, 8))
    events = [
        event(
            number,
            artifact_url=draw(texts),
            event_time=draw(times),
            event_type=draw(kinds),
            metadata=draw(flat),
            platform_login=draw(st.none() | texts),
            platform_user_id=draw(accounts),
            source=draw(sources),
        )
        for number in range(1, count + 1)
    ]
    bindings = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "action": st.sampled_from(["bind", "bind", "unbind"]),
                    "actor": st.just("ada"),
                    "at": st.just(AT),
                    "evidence": texts,
                    "external_id": accounts,
                    "login": st.none() | texts,
                    "provider": sources,
                    "user_id": users,
                }
            ),
            max_size=10,
        )
    )
    decision = st.one_of(
        st.fixed_dictionaries({"action": st.sampled_from(["include", "exclude", "note"])}),
        st.fixed_dictionaries({"action": st.just("weight"), "weight_override_milli": st.none() | weights}),
        st.fixed_dictionaries({"action": st.just("resolve"), "user_id": users}),
    )
    curation = [
        {
            "actor": "ada",
            "at": AT,
            "event_id": f"github:pr:acme/widgets:{draw(st.integers(1, 9))}",
            "evidence": None,
            "note": "why: " + draw(texts),
            "user_id": None,
            "weight_override_milli": None,
            **draw(decision),
        }
        for _ in range(draw(st.integers(0, 8)))
    ]
    overrides = [
        {
            "actor": "ada",
            "at": AT,
            "evidence": None,
            "final_units": draw(
                st.none() | st.sampled_from(["0", "1", str(MAX_AMOUNT)]) | st.integers(0, 10**6).map(str)
            ),
            "reason": "because " + draw(texts),
            "user_id": draw(users),
        }
        for _ in range(draw(st.integers(0, 4)))
    ]
    return Case(
        weights={f"{source}:{kind}": draw(weights) for source in ("github", "file") for kind in ("pr_merged", "vote")},
        events=events,
        bindings=bindings,
        curation=curation,
        overrides=overrides,
        cuts=tuple(draw(st.lists(st.integers(0, 8), max_size=2))),
        pinned=draw(st.none() | st.integers(0, len(bindings))),
    )
