"""The collector of transfers into a treasury: final blocks alone, listed tokens alone, whatever the node does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pytest

from ledger.core.errors import CredentialsError, InputError, LedgerError, SourceError
from ledger.core.values import checksummed, from_milliseconds
from ledger.core.windows import Window, merge
from ledger.sources.conformance import CHECKS, World
from ledger.sources.onchain import OnchainOptions, OnchainSource
from ledger.sources.port import SourceContext, SourceEvent, StreamCursor
from tests.servers.chainserver import FakeChain, serve
from tests.servers.github.faults import Fault, bad_json, empty, html, reset, rewritten, status, truncated
from tests.servers.jsonserver import JsonServer

MONDAY = 1_767_571_200
DAY = 86_400
WEEK = Window(from_milliseconds(MONDAY * 1000), from_milliseconds((MONDAY + 7 * DAY) * 1000))
COIN, OTHER = checksummed("0x" + "c0" * 20), checksummed("0x" + "0c" * 20)
HOME, SAFE = checksummed("0x" + "aa" * 20), checksummed("0x" + "ab" * 20)
ANN, BOB = checksummed("0x" + "11" * 20), checksummed("0x" + "22" * 20)


@dataclass
class Run:
    events: list[SourceEvent] = field(default_factory=list)
    cursor: StreamCursor = field(default_factory=StreamCursor)
    counts: dict[str, int] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def ids(self) -> set[str]:
        return {event.id for event in self.events}


@pytest.fixture
def chain() -> FakeChain:
    """Eight days of hourly blocks that begin two days before the week; all are final."""
    return FakeChain(MONDAY - 2 * DAY, head=24 * 10, final=24 * 10)


@pytest.fixture
def server(chain: FakeChain) -> Iterator[JsonServer]:
    with serve(chain) as running:
        yield running


def source_of(server: JsonServer, told: list[str], **options: Any) -> OnchainSource:
    environ = options.pop("environ", {"LEDGER_RPC_URL": f"{server.url}/k3y"})
    context = SourceContext("", "default", "", "", lambda: WEEK.end, environ, tell=told.append)
    made = {"chain": 8453, "treasury": [HOME, SAFE], "tokens": [{"address": COIN, "decimals": 18}], **options}
    return OnchainSource("gifts", OnchainOptions.load(made, "scopes/default.yaml"), context)


def collect(server: JsonServer, before: Run | None = None, cut: int | None = None, **options: Any) -> Run:
    run = Run(cursor=before.cursor if before else StreamCursor())
    collector = source_of(server, run.told, **options)
    for page in islice(collector.fetch(COIN, WEEK, run.cursor), cut):
        run.events += [event for raw in page.items for event in collector.parse(raw)]
        covered = merge([*run.cursor.covered, *([page.covered] if page.covered else [])])
        run.cursor, run.counts, run.gaps = StreamCursor(tuple(covered)), dict(page.counts), [*run.gaps, *page.gaps]
    return run


def day(number: int) -> int:
    """The first block of a day of the week."""
    return 48 + 24 * number


def test_money_that_came_in_counts_in_millionths_with_its_exact_amount_beside(
    chain: FakeChain, server: JsonServer
) -> None:
    exact = 12_345_678_901_234_567_890
    transaction = chain.transfer(day(1), COIN, ANN, HOME, exact)
    chain.transfer(day(2), COIN, BOB, SAFE, 10**18)
    chain.transfer(day(2), COIN, HOME, SAFE, 10**18)
    chain.transfer(day(2), COIN, ANN, BOB, 10**18)
    chain.transfer(day(2), OTHER, ANN, HOME, 10**18)
    chain.transfer(day(3), COIN, "0x" + "00" * 20, HOME, 10**18)
    chain.transfer(day(3), COIN, ANN, HOME, 10**12 - 1)
    chain.transfer(day(0) - 1, COIN, ANN, HOME, 10**18)
    chain.transfer(day(7), COIN, ANN, HOME, 10**18)
    run = collect(server)
    first, second = run.events
    assert (first.id, first.quantity, first.platform_user_id) == (
        f"onchain:eip155:8453:{transaction}:0", 12_345_678, ANN,
    )  # fmt: skip
    assert first.metadata["amount_minor"] == str(exact)
    assert first.metadata["asset"] == f"eip155:8453/erc20:{COIN}"
    assert (second.platform_user_id, second.quantity) == (BOB, 1_000_000)
    assert run.counts == {"minted": 1, "own_transfers": 1, "without_an_amount": 1}
    assert run.cursor.covered == (WEEK,) and collect(server, run).events == []


def test_a_block_that_is_not_final_is_not_read_and_not_covered_until_it_is(
    chain: FakeChain, server: JsonServer
) -> None:
    chain.final = day(3)
    chain.transfer(day(2), COIN, ANN, HOME, 10**18)
    chain.transfer(day(3), COIN, ANN, HOME, 10**18)
    run = collect(server)
    assert len(run.events) == 1
    assert run.cursor.covered == (Window(WEEK.start, from_milliseconds((MONDAY + 3 * DAY) * 1000)),)
    chain.final = chain.head
    later = collect(server, run)
    assert len(later.events) == 1 and later.cursor.covered == (WEEK,)


FAULTS: dict[str, Fault] = {
    "500": status(500),
    "HTML": html(),
    "empty": empty(),
    "cut": truncated(),
    "half": bad_json(),
    "reset": reset(),
    "no result": rewritten(lambda body: {"jsonrpc": "2.0", "id": body["id"]}),
    "another answer": rewritten(lambda body: {**body, "id": -1}),
    "null": rewritten(lambda body: {**body, "result": None}),
    "text": rewritten(lambda body: {**body, "result": "0x"}),
}


@pytest.mark.parametrize("method", ["eth_getLogs", "eth_getBlockByNumber"])
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_changes_nothing_in_the_end(name: str, method: str, chain: FakeChain, server: JsonServer) -> None:
    chain.most = 24
    for n in range(6):
        chain.transfer(day(n) + 3, COIN, ANN, HOME, (n + 1) * 10**18)
    clean = collect(server)
    assert len(clean.ids) == 6 and clean.gaps == []
    server.fail(method, FAULTS[name], skip=3, times=3)
    assert collect(server).ids == clean.ids
    server.heal()
    server.fail(method, FAULTS[name], skip=3, times=9999)
    with pytest.raises(LedgerError) as caught:
        collect(server)
    assert "k3y" not in str(caught.value)
    server.heal()
    assert collect(server, collect(server, cut=2)).cursor.covered == (WEEK,)


def test_a_node_that_contradicts_itself_or_is_of_another_chain_is_refused(chain: FakeChain, server: JsonServer) -> None:
    chain.transfer(day(1), COIN, ANN, HOME, 10**18)
    chain.fork = " after a reorganisation"
    with pytest.raises(SourceError, match="not on the chain"):
        collect(server)
    chain.fork = ""
    with pytest.raises(SourceError, match="chain 8453, not of 1"):
        collect(server, chain=1)
    with pytest.raises(CredentialsError, match="no node of chain"):
        collect(server, environ={})
    with pytest.raises(InputError, match="checksum"):
        collect(server, treasury=["0x" + "aB" * 20])
    chain.transfer(day(2), COIN, ANN, HOME, 2**200)
    run = collect(server)
    assert run.gaps and WEEK not in run.cursor.covered


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_collector_conforms(check: Callable[[World], None], chain: FakeChain, server: JsonServer) -> None:
    chain.most = 24
    for n in range(7):
        chain.transfer(day(n) + 3, COIN, (ANN, BOB)[n % 2], HOME, (n + 1) * 10**18)
    told: list[str] = []
    check(
        World(
            make=lambda: source_of(server, told),
            window=WEEK,
            id_pattern=r"onchain:eip155:8453:0x[0-9a-f]{64}:[0-9]+",
            secrets=("k3y",),
            told=told,
        )
    )
