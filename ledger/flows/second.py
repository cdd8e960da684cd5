"""A second engine's word on a node's sums and hashes, for `verify` to hold the statements to.

DuckDB proves the spelling of each line, as ever; what it is told here are root and sums, so that both come together in
the same findings with the same words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.compute.derive import Loads
from ledger.compute.loaded import LoadedEpoch
from ledger.compute.summed import SummedEpoch
from ledger.core.errors import UsageError
from ledger.core.evaluate import Evaluation
from ledger.core.place import Place
from ledger.core.records.epoch import Epoch
from ledger.engines.port import Engine, EngineError
from ledger.engines.recompute import Figures, Unit, recompute
from ledger.flows.session import Session
from ledger.store.epochfolder import EpochFolder

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Asked:
    """Which engine is asked; for Spark, where it is (None: in this process) and where it sees our files."""

    engine: str = "duckdb"
    remote: str | None = None
    shared: str | None = None

    def __post_init__(self) -> None:
        if self.engine != "spark" and (self.remote or self.shared):
            raise UsageError("--remote and --shared are for Spark", hint="Add --engine spark.")

    def start(self, roots: Sequence[Path]) -> Engine:
        """The engine, to be used as a context manager."""
        if self.engine == "spark":
            from ledger.engines.spark import SparkEngine

            return SparkEngine(self.remote, self.shared)
        from ledger.engines.duck import DuckEngine

        return DuckEngine([root.resolve() for root in roots])


class Recomputed(SummedEpoch):
    """An epoch whose lines DuckDB proved and whose sums and root another engine made."""

    def __init__(self, loaded: LoadedEpoch, folder: EpochFolder, figures: Figures) -> None:
        super().__init__(folder.place, figures.count, figures.root, figures.sums)
        self._loaded = loaded

    @property
    def whole(self) -> LoadedEpoch:
        """The epoch as DuckDB loaded it."""
        return self._loaded

    def evaluate(self) -> Evaluation:
        """As always, once every line can be read."""
        self._loaded.must_be_readable()
        return super().evaluate()


def second_opinion(
    session: Session, scope_id: str | None, epoch_id: int | None, asked: Asked
) -> tuple[dict[Place, Figures] | None, EngineError | None]:
    """The figures of the engine that is asked; or none and why it failed, which the data may explain better."""
    scopes = session.scope_ids(scope_id)
    try:
        with asked.start([session.node.root]) as engine:
            found = recompute(engine, [session.node], lambda unit: _is_asked(unit, scopes, epoch_id))
    except EngineError as error:
        return None, error
    return {place: one for (_, place), one in found.items()}, None


def _is_asked(unit: Unit, scopes: Sequence[str], epoch_id: int | None) -> bool:
    return unit.folder.scope_id in scopes and epoch_id in (None, unit.folder.epoch_id)


class SecondOpinion:
    """Loads epochs by `loads`, and gives them the sums of the second engine where it has them.

    `unheard`: those of which it has none, so that one that passes nevertheless is not taken for recomputed.
    """

    def __init__(self, loads: Loads, figures: Mapping[Place, Figures]) -> None:
        self._loads, self._figures = loads, figures
        self.unheard: list[Place] = []

    def load(self, folder: EpochFolder, epoch: Epoch, identities_size: int) -> LoadedEpoch:
        """The epoch in the engine."""
        loaded = self._loads.load(folder, epoch, identities_size)
        figures = self._figures.get(folder.where)
        if figures is None or figures.bindings != identities_size:
            self.unheard.append(folder.where)
            return loaded
        return Recomputed(loaded, folder, figures)

    def must_be_heard(self) -> None:
        """EngineError where an epoch was loaded without the second engine's word."""
        for place in self.unheard:
            raise EngineError(f"the second engine made no figures of {place}")
