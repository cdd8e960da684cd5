"""Sums and roots of many epochs of many nodes by one engine: tallies by account and kind, and leaf hashes.

What belongs to whom, which decisions stand and which weights were pinned is read by core from the nodes' small files.
Results are plain values, held by the caller to what the nodes state. A log that cannot be read is not here: whoever
verifies it by `ledger.compute` tells it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.compute.sums import AccountSum, KindSum, Sums, UserSum
from ledger.core.errors import LedgerError
from ledger.core.evaluate import fold_curation
from ledger.core.merkle import EMPTY_ROOT, root_of_hashes
from ledger.core.place import Place
from ledger.core.records.decisions import Binding, Override
from ledger.core.values import Hash, UserId
from ledger.engines.port import Engine, Row, body
from ledger.store.amendments import amendments
from ledger.store.epochfolder import EpochFolder
from ledger.store.node import Node

FOREVER = 9223372036854775807
FOLDS = 2
"""How often a layer of a tree is made sixteen-fold smaller before it comes here: one hash for 256 lines."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What an engine made of one version of an epoch over so many lines of the bindings log.

    `users`: events and milli-units by user, source and kind.
    """

    bindings: int
    count: int
    root: Hash
    sums: Sums
    users: Mapping[tuple[UserId, str, str], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Unit:
    """A version of an epoch to recompute: its node's place in the order given, its folder, the bindings that count."""

    node: int
    folder: EpochFolder
    size: int

    @property
    def key(self) -> tuple[int, Place]:
        """Which node and which version this is."""
        return self.node, self.folder.where


def units_of(number: int, node: Node) -> Iterator[Unit]:
    """All versions of all epochs of a node that can be read as far as this needs."""
    for scope_id in node.scopes:
        for base in node.epochs(scope_id):
            for folder in (base, *amendments(base)):
                try:
                    statement = folder.statement()
                    size = statement.identities.size if statement else None
                    yield Unit(number, folder, len(node.bindings_prefix(size)[1]))
                except LedgerError:
                    continue  # its own check tells it


def recompute(
    engine: Engine, nodes: Sequence[Node], wanted: Callable[[Unit], bool] = lambda _: True
) -> dict[tuple[int, Place], Figures]:
    """The figures of the versions of epochs of these nodes that are wanted, by the node's number and place.

    EngineError where the engine fails, or does not find a file that lies here.
    """
    units = [unit for number, node in enumerate(nodes) for unit in units_of(number, node) if wanted(unit)]
    logs: dict[tuple[int, str], int] = {}
    shards: list[tuple[int, Path]] = []
    readable = []
    for unit in units:
        base = (unit.node, unit.folder.path("activity.jsonl"))  # an amendment's events are the base's
        try:
            decided = fold_curation(unit.folder.curation())
            overridden = {line.user_id: line for line in unit.folder.overrides()}
            weights = unit.folder.epoch().weight_config
            if base not in logs:
                paths = unit.folder.shards()
                logs[base] = len(logs)
                shards += ((logs[base], path.resolve()) for path in paths)
        except LedgerError:
            continue
        readable.append((unit, logs[base], decided, overridden, weights))
    counts = _open(engine, shards) if shards else {}
    engine.table("units", [(n, log, unit.node, unit.size) for n, (unit, log, *_) in enumerate(readable)])
    longest: dict[int, int] = {}
    for unit in units:
        longest[unit.node] = max(longest.get(unit.node, 0), unit.size)
    engine.table("accounts", [row for number, size in longest.items() for row in _spans(number, nodes[number], size)])
    engine.table(
        "decisions",
        [
            (n, event_id, one.included, one.weight, one.user_id)
            for n, (_, _, decided, *_) in enumerate(readable)
            for event_id, one in decided.items()
        ],
    )
    engine.table("weights", [(n, *item) for n, (*_, weights) in enumerate(readable) for item in weights.items()])
    roots = _roots(engine) if shards else {}
    tallies: defaultdict[int, list[Row]] = defaultdict(list)
    if shards:
        engine.view("outcomes", body("outcomes"))
        for unit_number, *row in engine.rows(body("tally")):
            tallies[unit_number].append(tuple(row))
    found = {}
    for n, (unit, log, _, overridden, _) in enumerate(readable):
        standing = {user: line for user, line in overridden.items() if line.final_units is not None}
        if any(None in (source, quantity) for source, *_, quantity, _, _, _ in tallies[n]):
            continue  # a line that is no event: its log's own check tells it
        root = roots.get(log, EMPTY_ROOT)
        found[unit.key] = _figures(unit.size, counts.get(log, 0), root, tallies[n], standing)
    return found


def _open(engine: Engine, shards: Sequence[tuple[int, Path]]) -> dict[int, int]:
    """Gives the files to the engine; the lines of each log."""
    opened = engine.open([path for _, path in shards])
    first: defaultdict[int, int] = defaultdict(int)
    rows = []
    for log, path in shards:
        rows.append((opened[path].name, log, first[log]))
        first[log] += opened[path].lines
    engine.load(rows)
    return dict(first)


def _spans(number: int, node: Node, longest: int) -> Iterator[Row]:
    """Who each account of a node belongs to, and in which prefixes of its bindings log up to the longest."""
    standing: dict[tuple[str, str], tuple[Binding, int]] = {}
    for place, line in enumerate(node.bindings_prefix(longest)[1], start=1):
        key = (line.provider, line.external_id)
        if key in standing:
            yield from _span(number, *standing[key], place)
        standing[key] = line, place
    for line, first in standing.values():
        yield from _span(number, line, first, FOREVER)


def _span(book: int, line: Binding, first: int, until: int) -> Iterator[Row]:
    if line.action == "bind":
        yield book, line.provider, line.external_id, line.user_id, first, until


def _roots(engine: Engine) -> dict[int, Hash]:
    """The root of each log: the engine folds leaves into subtrees of 256, the rest is folded here."""
    engine.view("layer_0", body("leaves"))
    for fold in range(FOLDS):
        engine.view(f"layer_{fold + 1}", body("fold").replace("FROM layer\n", f"FROM layer_{fold}\n"))
    layers: defaultdict[int, dict[int, bytes]] = defaultdict(dict)
    for log, place, root in engine.rows(f"SELECT log, place, hash FROM layer_{FOLDS}"):  # noqa: S608 - our own name
        layers[log][place] = bytes.fromhex(root)
    return {log: root_of_hashes([layer[place] for place in sorted(layer)]) for log, layer in layers.items()}


def _figures(
    bindings: int, count: int, root: Hash, tally: Iterable[Row], standing: Mapping[UserId, Override]
) -> Figures:
    kinds: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * 5)
    users: defaultdict[UserId, list[int]] = defaultdict(lambda: [0] * 2)
    earned: defaultdict[tuple[UserId, str, str], list[int]] = defaultdict(lambda: [0] * 2)
    accounts: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * 2)
    last: dict[tuple[str, str], str] = {}
    for source, kind, account, user, included, events, quantity, milli, largest, latest in tally:
        row = kinds[source, kind]
        row[0] += events
        row[3] += int(quantity)
        row[4] = max(row[4], int(largest))
        if not included:
            continue
        if user is None:
            _add(accounts[source, account], events, int(milli))
            last[source, account] = max(last.get((source, account), ""), latest)
            continue
        row[1] += events
        row[2] += int(milli)
        _add(users[user], events, int(milli))
        _add(earned[user, source, kind], events, int(milli))
    for user in standing:
        users[user]  # a user without activity
    return Figures(
        bindings,
        count,
        root,
        Sums(
            tuple(KindSum(*key, *kinds[key]) for key in _sorted(kinds)),
            tuple(
                UserSum(user, events, milli, standing[user].final_units, standing[user].reason)
                if user in standing
                else UserSum(user, events, milli, None, None)
                for user, (events, milli) in sorted(users.items())
            ),
            tuple(AccountSum(*key, _login(last[key]), *accounts[key]) for key in _sorted(accounts)),
        ),
        {key: (row[0], row[1]) for key, row in sorted(earned.items())},
    )


def _login(last: str) -> str | None:
    """The login of an account's last event, from its place (15 digits) and, where there is one, `=` and the login."""
    return last[16:] if len(last) > 15 else None


def _add(row: list[int], events: int, milli: int) -> None:
    row[0] += events
    row[1] += milli


def _sorted(rows: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(rows, key=lambda key: (key[0].encode(), key[1].encode()))
