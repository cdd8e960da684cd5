"""Many nodes at once: each verified, side by side, and who earned what in which of them, by kind and year.

A node's folder is verified whole, its sums and hashes by the engine that is asked for all nodes in one go. The tables
that a site publishes under `data/` can be added up and not verified, which is said. Only finalized epochs count, in the
version in force; the year is that in which an epoch's window ends.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ledger.compute.processes import helpers, processes
from ledger.core.errors import FormatError, InputError, LedgerError
from ledger.core.evaluate import Finding
from ledger.core.findings import Findings
from ledger.core.identity import names_of
from ledger.core.place import Place
from ledger.core.values import Timestamp, UserId
from ledger.engines.port import Engine, EngineError, body
from ledger.engines.recompute import Figures, recompute
from ledger.flows.second import Asked
from ledger.flows.session import open_session
from ledger.flows.verdicts import as_finding
from ledger.flows.verify import verify
from ledger.store.amendments import in_force
from ledger.store.layout import NODE_FILE
from ledger.store.node import Node, load_node

TABLES = {"epochs": "epochs", "payouts": "payouts", "published": "events"}
"""The tables of a site that are read, by the names that the queries know."""


@dataclass(frozen=True, slots=True)
class Earned:
    """A person's credits of one year in one scope of one node."""

    where: str
    scope_id: str
    year: int
    user_id: str
    name: str
    credits: int


@dataclass(frozen=True, slots=True)
class Brought:
    """A person's events of one kind of one year in one scope of one node, and their milli-units."""

    where: str
    scope_id: str
    year: int
    user_id: str
    name: str
    source: str
    event_type: str
    events: int
    milli_units: int


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found of one node. `verified`: by its own files; else it is tables that a site publishes."""

    where: str
    node_id: str | None
    epochs: int
    verified: bool
    findings: tuple[Finding, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.findings


@dataclass
class Many:
    """All nodes in the order given; who earned what, and by what."""

    nodes: list[Looked] = field(default_factory=list)
    earned: list[Earned] = field(default_factory=list)
    brought: list[Brought] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against any of them."""
        return all(node.ok for node in self.nodes)


def audit_many(paths: Sequence[Path], now: Timestamp, asked: Asked) -> Many:
    """Look at each of these folders: a node, or a site with tables (itself or its `data/`). InputError for another."""
    nodes: dict[Path, Node] = {}
    looked: dict[Path, Looked] = {}
    for path in paths:
        if (path / NODE_FILE).is_file():
            try:
                nodes[path] = load_node(path.resolve())
            except LedgerError as error:
                looked[path] = Looked(str(path), None, 0, True, (as_finding(error.at(str(path))),))
        elif _tables(path) is None:
            hint = "Name folders with ledger.yaml, or built sites with data/payouts.parquet."
            raise InputError(f"{path} is neither a node nor a site with tables", hint=hint)
    result = Many()
    with asked.start([path.resolve() for path in paths]) as engine:
        figures, failed = _figures(engine, nodes)
        looked |= _verify_all(nodes, figures, now)
        if failed is not None:  # some node's bytes: those that are wrong are told above, the others asked about again
            right = {path: node for path, node in nodes.items() if looked[path].ok}
            if len(right) == len(nodes):
                raise failed
            figures, failed = _figures(engine, right)
            if failed is not None:
                raise failed
            looked |= _verify_all(right, figures, now)
        for path, one in figures.items():
            _of_node(str(path), nodes[path], one, result)
        for path in paths:
            if path not in looked:
                looked[path] = _of_tables(engine, path, result)
    result.nodes = [looked[path] for path in dict.fromkeys(paths)]
    result.earned.sort(key=lambda row: (row.where, row.scope_id, row.year, -row.credits, row.user_id))
    result.brought.sort(key=lambda row: (row.where, row.scope_id, row.year, row.user_id, row.source, row.event_type))
    return result


def _figures(engine: Engine, nodes: Mapping[Path, Node]) -> tuple[dict[Path, dict[Place, Figures]], EngineError | None]:
    try:
        found = recompute(engine, list(nodes.values()))
    except EngineError as error:
        return {}, error
    paths = list(nodes)
    figures: dict[Path, dict[Place, Figures]] = {path: {} for path in paths}
    for (number, place), one in found.items():
        figures[paths[number]][place] = one
    return figures, None


def _verify_all(
    nodes: Mapping[Path, Node], figures: Mapping[Path, Mapping[Place, Figures]], now: Timestamp
) -> dict[Path, Looked]:
    """Each node verified; several side by side, in processes of their own."""
    jobs = [(path, nodes[path].root, figures.get(path), now) for path in nodes]
    if len(jobs) < 2:
        return {job[0]: _verify(*job) for job in jobs}
    found: dict[Path, Looked] = {}
    pool = helpers(processes(len(jobs)))
    try:
        with suppress(BrokenProcessPool, OSError):  # a helper was killed: whoever is left is verified here
            asked = [(job[0], pool.submit(_verify, *job)) for job in jobs]
            for path, answer in asked:
                found[path] = answer.result()
    finally:
        pool.shutdown(cancel_futures=True)  # an interruption does not wait for thousands
    return found | {job[0]: _verify(*job) for job in jobs if job[0] not in found}


def _verify(path: Path, root: Path, figures: Mapping[Place, Figures] | None, now: Timestamp) -> Looked:
    session = open_session(root, now)
    try:
        found = verify(session, second=figures)
        epochs = sum(each.version == 1 for each in found.epochs)
        return Looked(str(path), found.node_id, epochs, True, tuple(Findings(found.all_findings)))
    except LedgerError as error:
        return Looked(str(path), session.node.node_id, 0, True, (as_finding(error.at(str(path))),))
    finally:
        session.close()


def _of_node(where: str, node: Node, figures: Mapping[Place, Figures], result: Many) -> None:
    """The node's answers: credits by its statements, events and units by the engine's figures."""
    names = names_of(node.bindings())
    credits_: defaultdict[tuple[str, int, UserId], int] = defaultdict(int)
    kinds: defaultdict[tuple[str, int, UserId, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for scope_id in node.scopes:
        for base in node.epochs(scope_id):
            try:
                folder = in_force(base)
                statement = folder.statement()
                if statement is None or folder.state() != "finalized":
                    continue
            except LedgerError:
                continue  # told by the verification
            year = year_of_end(statement.period_end)
            for payout in statement.payouts:
                credits_[scope_id, year, payout.user_id] += payout.amount_credits
            one = figures.get(folder.where)
            for (user, source, kind), (events, units) in one.users.items() if one else ():
                row = kinds[scope_id, year, user, source, kind]
                row[0] += events
                row[1] += units
    for (scope_id, year, user), amount in credits_.items():
        result.earned.append(Earned(where, scope_id, year, user, names.get(user, user[:8]), amount))
    for (scope_id, year, user, source, kind), (events, units) in kinds.items():
        name = names.get(user, user[:8])
        result.brought.append(Brought(where, scope_id, year, user, name, source, kind, events, units))


def year_of_end(period_end: str) -> int:
    """The year in which a window ends whose first moment after is `period_end`."""
    year = int(period_end[:4])
    return year - 1 if period_end[4:] == "-01-01T00:00:00.000Z" else year


def _tables(path: Path) -> Path | None:
    """The folder of a site's tables."""
    found = (path, path / "data", path / "api/v1/data")
    return next((one for one in found if (one / "payouts.parquet").is_file()), None)


def _of_tables(engine: Engine, path: Path, result: Many) -> Looked:
    folder, where = _tables(path), str(path)
    for table, name in TABLES.items():
        file = (folder or path) / f"{name}.parquet"
        if not file.is_file():
            raise FormatError("this table of the site is missing", path=str(file))
        engine.parquet(table, file.resolve())
    names = {}
    for scope_id, year, user, name, amount in engine.rows(body("published_credits")):
        names[user] = name
        result.earned.append(Earned(where, scope_id, int(year), user, name, int(amount)))
    for scope_id, year, user, source, kind, events, units in engine.rows(body("published_units")):
        name = names.get(user, user[:8])
        result.brought.append(Brought(where, scope_id, int(year), user, name, source, kind, events, int(units)))
    ((epochs,),) = engine.rows("SELECT COUNT(*) FROM epochs")
    return Looked(where, None, int(epochs), False)
