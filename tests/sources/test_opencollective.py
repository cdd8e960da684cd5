"""The Open Collective collector: money given, in minor units, for who gave it; whatever fails, nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pytest

from ledger.core.errors import CredentialsError, LedgerError, SourceError
from ledger.core.values import from_milliseconds
from ledger.core.windows import Window, merge
from ledger.sources import opencollective
from ledger.sources.conformance import CHECKS, World
from ledger.sources.opencollective import OpenCollectiveSource, source
from ledger.sources.port import SourceContext, SourceEvent, StreamCursor
from tests.servers.github.faults import (
    Fault,
    bad_json,
    before,
    empty,
    html,
    reset,
    rewritten,
    status,
    too_many,
    truncated,
)
from tests.servers.jsonserver import JsonServer
from tests.servers.opencollective import Collective, serve

MONDAY = 1_767_571_200
DAY = 86_400
WEEK = Window(from_milliseconds(MONDAY * 1000), from_milliseconds((MONDAY + 7 * DAY) * 1000))


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
def books(monkeypatch: pytest.MonkeyPatch) -> Collective:
    monkeypatch.setattr(source, "PAGE", 5)
    return Collective("acme", MONDAY + 8 * DAY)


@pytest.fixture
def server(books: Collective) -> Iterator[JsonServer]:
    with serve(books) as running:
        yield running


def source_of(server: JsonServer, told: list[str], **options: Any) -> OpenCollectiveSource:
    environ = {"OPENCOLLECTIVE_API_URL": server.url, **options.pop("environ", {})}
    context = SourceContext("", "default", "", "", lambda: WEEK.end, environ, tell=told.append)
    made = {"collective": "acme", "currency": "EUR", **options}
    return OpenCollectiveSource(
        "gifts", opencollective.OpenCollectiveOptions.load(made, "scopes/default.yaml"), context
    )


def collect(server: JsonServer, before: Run | None = None, cut: int | None = None, **options: Any) -> Run:
    run = Run(cursor=before.cursor if before else StreamCursor())
    collector = source_of(server, run.told, **options)
    for page in islice(collector.fetch("acme", WEEK, run.cursor), cut):
        run.events += [event for raw in page.items for event in collector.parse(raw)]
        covered = merge([*run.cursor.covered, *([page.covered] if page.covered else [])])
        run.cursor, run.counts, run.gaps = StreamCursor(tuple(covered)), dict(page.counts), [*run.gaps, *page.gaps]
    return run


def test_money_given_counts_in_minor_units_and_its_refund_is_an_event_of_its_own(
    books: Collective, server: JsonServer
) -> None:
    books.row(MONDAY, "ann", 1_000)
    books.row(MONDAY + 60, "ann", 1_000, refund=True)
    books.row(MONDAY + 120, "bob", 5, kind="ADDED_FUNDS")
    hidden = books.row(MONDAY + 180, "carol", 7)
    hidden["fromAccount"]["isIncognito"] = True
    books.row(MONDAY + 240, None, 7)
    books.row(MONDAY + 300, "ann", 7, amount={"valueInCents": 7, "currency": "USD"})
    books.row(MONDAY + 360, "ann", 7, type="DEBIT")
    books.row(MONDAY - 1, "early", 7)
    run = collect(server)
    assert [
        (event.event_type, event.quantity, event.platform_user_id)
        for event in run.events
        if event.event_time >= WEEK.start
    ] == [
        ("contribution_received", 1_000, "id-of-ann"),
        ("contribution_refunded", 1_000, "id-of-ann"),
        ("contribution_received", 5, "id-of-bob"),
    ]
    assert run.counts == {"givers_without_a_name": 2, "other_currency_usd": 1, "other_rows": 1}
    assert {event.platform_login for event in run.events} == {None} and "carol" not in repr(run)
    assert {e.platform_login for e in collect(server, logins="show").events} == {"ann", "bob", "early"}
    assert run.cursor.covered == (WEEK,) and collect(server, run).events == []


FAULTS: dict[str, Fault] = {
    "500": status(500),
    "429 with a time": too_many(7),
    "429 without": too_many(),
    "HTML": html(),
    "empty": empty(),
    "cut": truncated(),
    "half": bad_json(),
    "reset": reset(),
    "null": rewritten(lambda _body: {"data": None}),
    "an error beside data": rewritten(lambda body: {**body, "errors": [{"message": "timeout"}]}),
    "a fraction": rewritten(lambda body: {"data": {"account": {"transactions": {"totalCount": 7.5, "nodes": []}}}}),
    "out of order": rewritten(
        lambda body: body["data"]["account"]["transactions"]["nodes"].reverse() or body  # type: ignore[func-returns-value]
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_changes_nothing_in_the_end(name: str, books: Collective, server: JsonServer) -> None:
    for n in range(17):
        books.row(MONDAY + n * 3 * 3600, "ann", n + 1)
    clean = collect(server)
    server.fail("", FAULTS[name], skip=1, times=3)
    assert collect(server).ids == clean.ids
    server.heal()
    server.fail("", FAULTS[name], skip=1, times=999)
    cut = Run()
    collector = source_of(server, cut.told)
    with pytest.raises(SourceError, match="Open Collective"):
        for page in collector.fetch("acme", WEEK, StreamCursor()):
            cut.events += [event for raw in page.items for event in collector.parse(raw)]
            cut.cursor = StreamCursor((page.covered,) if page.covered else ())
    assert 0 < len(cut.ids) < 17 and WEEK not in cut.cursor.covered and cut.told
    server.heal()
    assert cut.ids | collect(server, cut).ids == clean.ids


def test_a_row_that_vanishes_while_pages_are_read_takes_no_other_with_it(books: Collective, server: JsonServer) -> None:
    for n in range(17):
        books.row(MONDAY + n * 3600, "ann", n + 1)
    server.fail("", before(lambda: books.rows.pop(0)), skip=2)
    assert collect(server).ids >= {f"opencollective:transaction:tx-{n}" for n in range(1, 17)}
    server.fail("", before(lambda: books.rows.pop(0)), skip=0, times=99)
    restless = collect(server)
    assert restless.gaps == ["the list of transactions kept changing while it was read"] or len(books.rows) < 5


def test_what_cannot_be_right_is_refused_in_words(books: Collective, server: JsonServer) -> None:
    books.token = "s3cret"
    books.row(MONDAY, "ann", 1)
    for options, kind, words in (
        ({}, CredentialsError, "HTTP 401"),
        ({"collective": "nobody", "environ": {"OPENCOLLECTIVE_TOKEN": "s3cret"}}, SourceError, "no collective"),
        ({"environ": {"OPENCOLLECTIVE_API_URL": "http://api.example"}}, LedgerError, "no https address"),
        ({"currency": "euro"}, LedgerError, "currency"),
    ):
        with pytest.raises(kind, match=words) as caught:
            collect(server, **options)  # type: ignore[arg-type]
        assert "s3cret" not in str(caught.value)
    assert len(collect(server, environ={"OPENCOLLECTIVE_TOKEN": "s3cret"}).events) == 1


def test_our_clock_ahead_of_the_platforms_covers_nothing_that_it_has_not_reached(
    books: Collective, server: JsonServer
) -> None:
    books.now = MONDAY + DAY
    books.row(MONDAY, "ann", 1)
    assert collect(server).cursor.covered == (Window(WEEK.start, from_milliseconds((MONDAY + DAY) * 1000)),)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_collector_conforms(check: Callable[[World], None], books: Collective, server: JsonServer) -> None:
    for n in range(13):
        books.row(MONDAY + n * 7200, ("ann", "bob \x1b[2J\u202e")[n % 2], n + 1, description="nobody may keep")
    hidden = books.row(MONDAY + 5, "incognito-carol", 9)
    hidden["fromAccount"]["isIncognito"] = True
    told: list[str] = []
    check(
        World(
            make=lambda: source_of(server, told),
            window=WEEK,
            id_pattern=r"opencollective:transaction:[!-~]+",
            secrets=("nobody may keep", "incognito-carol"),
            told=told,
        )
    )
