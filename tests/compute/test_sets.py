"""Many epochs in one set of tables give what each gives alone, and one that is wrong as a whole is alone again."""

from __future__ import annotations

from collections.abc import Iterator
from json import loads
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.compute import ahead as room
from ledger.compute.ahead import Ahead
from ledger.compute.engine import Engine, Wanted
from ledger.compute.loaded import LoadedEpoch
from ledger.core.config import NodeSettings
from ledger.core.errors import FormatError, InputError
from ledger.core.evaluate import Evaluation, EventOutcome, Finding
from ledger.store.node import Node
from ledger.store.once import read_once
from tests.compute.nodes import AT, NODE, Case, cases, event, line, user

BOUND = {
    "action": "bind",
    "actor": "ada",
    "at": AT,
    "evidence": "",
    "external_id": "1",
    "login": None,
    "provider": "github",
    "user_id": user(1),
}
Seen = tuple[tuple[Finding, ...], tuple[EventOutcome, ...], Evaluation | str]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine(tmp_path_factory.mktemp("node")) as engine:
        yield engine


def seen(loaded: LoadedEpoch) -> Seen:
    outcomes = tuple(loaded.outcomes())
    try:
        return loaded.findings, outcomes, loaded.evaluate()
    except InputError as error:
        return loaded.findings, outcomes, str(error.rule)


def write(engine: Engine, found: list[Case]) -> list[Wanted]:
    """The cases as epochs 1, 2, 3 … over the bindings of the last, each over a longer prefix of them."""
    for number, case in enumerate(found, start=1):
        case.epoch_id = number
        case.bindings, case.pinned = found[-1].bindings, min(number, len(found[-1].bindings))
    return [Wanted(case.write(engine.root), case.epoch, case.pinned) for case in found]


@settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=st.tuples(cases(), cases(), cases()))
def test_a_set_of_epochs_gives_what_each_of_them_gives_alone(engine: Engine, drawn: tuple[Case, ...]) -> None:
    found = list(drawn)
    for number, case in enumerate(found, start=1):  # an id is in the node once
        case.events = [_sealed({**fields, "id": f"{fields['id'][:500]}-{number}"}) for fields in case.events]
        case.curation = [{**row, "event_id": f"{row['event_id'][:500]}-{number}"} for row in case.curation]
    wanted = write(engine, found)
    together = [seen(loaded) for loaded in engine.load_set(wanted)]
    alone = [seen(engine.load(each.folder, each.epoch, each.identities_size)) for each in wanted]
    assert together == alone


def _sealed(fields: dict[str, object]) -> dict[str, object]:
    return event(**{name: value for name, value in fields.items() if name != "payload_hash"})


def test_outcomes_of_a_set_are_the_same_in_any_order_and_after_some_were_left_unread(engine: Engine) -> None:
    events = iter([event(number) for number in range(1, 9)])
    wanted = write(engine, [Case(events=[next(events) for _ in range(count)]) for count in (3, 0, 2, 3)])
    loaded = engine.load_set(wanted)
    told = [[each["id"] for each in map(loads, lines)] for lines in map(_lines, wanted)]
    for order in (0, 1, 2, 3), (0, 2, 3, 1), (3, 2, 2, 0), (1, 0, 3, 2):
        assert [[one.id for one in loaded[at].outcomes()] for at in order] == [told[at] for at in order]
    assert next(loaded[0].outcomes()).id == told[0][0]
    assert [one.id for one in loaded[2].outcomes()] == told[2]
    assert [one.line for one in loaded[3].outcomes()] == [1, 2, 3]


def _lines(wanted: Wanted) -> list[str]:
    return [text for shard in wanted.folder.shards() for text in shard.read_text("utf-8").splitlines()]


def test_an_id_in_two_epochs_of_a_set_is_told_of_the_later_one(engine: Engine) -> None:
    wanted = write(engine, [Case(events=[event(8), event(9)]), Case(events=[event(9)]), Case(events=[event(9)])])
    first, second, third = engine.load_set(wanted)
    assert first.findings == ()
    for loaded in (second, third):
        (finding,) = loaded.findings
        assert finding.rule == "ACTIVITY_IDEMPOTENT"
        assert finding.message.endswith("is in another epoch too: data/epochs/default/0001")


def test_a_set_with_an_epoch_that_cannot_be_read_is_loaded_around_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets: list[list[int]] = []

    def load_set(self: Engine, wanted: list[Wanted]) -> list[LoadedEpoch]:
        found = original(self, wanted)
        sets.append([each.folder.epoch_id for each in wanted])
        return found

    original = Engine.load_set
    monkeypatch.setattr(Engine, "load_set", load_set)
    with Engine(tmp_path) as engine:
        wanted = write(engine, [Case(events=[event(number)], bindings=[BOUND]) for number in range(1, 9)])
        torn = wanted[4].folder
        (torn.root / torn.path("activity.jsonl")).write_bytes(line(event(5))[:-1])
        with pytest.raises(FormatError, match="no sequence of text lines"):
            engine.load_set(wanted)
        node = read_once(Node(tmp_path, NodeSettings.model_construct(node_id=NODE)))
        folders = [node.epoch("default", number) for number in range(1, 9)]
        ahead = Ahead(engine, node, folders)
        counts = {}
        for folder in folders:
            loaded = ahead.load(folder, folder.epoch(), 1)
            counts[folder.epoch_id] = (loaded.activity_count, len(loaded.findings))
    assert counts == {number: (1, int(number == 5)) for number in range(1, 9)}
    assert [number for each in sets for number in each] == list(range(1, 9))
    assert max(map(len, sets)) > 1


def test_a_set_is_bounded_by_its_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "BATCH_BYTES", 2 * len(line(event(1))))
    with Engine(tmp_path) as engine:
        wanted = write(engine, [Case(events=[event(number)], bindings=[BOUND]) for number in range(1, 6)])
        node = read_once(Node(tmp_path, NodeSettings.model_construct(node_id=NODE)))
        ahead = Ahead(engine, node, [node.epoch("default", each.folder.epoch_id) for each in wanted])
        found = [ahead.load(each.folder, each.epoch, 1).evaluate().allocations for each in wanted]
    assert [[row.user_id for row in rows] for rows in found] == [[user(1)], [], [], [], []]
