"""The X collector: ids of posts, never a text; no weight against X's rule; what is deleted there stops counting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ledger.core.errors import ConfigError, CredentialsError, LedgerError, SourceError
from ledger.core.values import from_milliseconds
from ledger.core.windows import Window, merge
from ledger.flows.collect import collect as run_collect
from ledger.flows.decide import curate
from ledger.flows.session import Session, open_session
from ledger.flows.start import NodePlan, SourcePlan, init_node
from ledger.sources.conformance import CHECKS, World
from ledger.sources.port import SourceContext, SourceEvent, StreamCursor
from ledger.sources.x import XOptions, XSource
from ledger.sources.x import source as x_source
from tests.servers.github.faults import Fault, bad_json, empty, html, reset, rewritten, status, too_many, truncated
from tests.servers.jsonserver import JsonServer
from tests.servers.x import TOKEN, Posts, serve

MONDAY = 1_767_571_200
HOUR, DAY = 3600, 86_400
WEEK = Window(from_milliseconds(MONDAY * 1000), from_milliseconds((MONDAY + 7 * DAY) * 1000))
ANN, BOB = "1001", "1002"
LATER = MONDAY + 8 * DAY


@dataclass
class Run:
    events: list[SourceEvent] = field(default_factory=list)
    covered: dict[str, tuple[Window, ...]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def found(self) -> dict[str, tuple[str, str]]:
        return {event.id: (event.event_type, event.platform_user_id) for event in self.events}


@pytest.fixture
def posts() -> Posts:
    return Posts(LATER, {ANN: 0, BOB: 0}, page=3)


@pytest.fixture
def server(posts: Posts) -> Iterator[JsonServer]:
    with serve(posts) as running:
        yield running


def source_of(server: JsonServer, told: list[str], now: int = LATER, **options: Any) -> XSource:
    environ = {"X_API_URL": server.url, "X_BEARER_TOKEN": options.pop("token", TOKEN)}
    context = SourceContext("", "default", "", "", lambda: from_milliseconds(now * 1000), environ, tell=told.append)
    return XSource("posts", XOptions.load({"accounts": [ANN, BOB], **options}, "x"), context)


def collect(server: JsonServer, **options: Any) -> Run:
    run = Run()
    source = source_of(server, run.told, **options)
    for stream in source.streams():
        for page in source.fetch(stream, WEEK, StreamCursor()):
            run.events += [e for raw in page.items for e in source.parse(raw) if e.event_time in WEEK]
            held = run.covered.get(stream, ())
            run.covered[stream] = tuple(merge([*held, *([page.covered] if page.covered else [])]))
            run.counts |= page.counts
            run.gaps += page.gaps
    return run


def talk(posts: Posts, count: int) -> None:
    for n in range(count):
        posts.post((ANN, BOB)[n % 2], (MONDAY + n * HOUR) * 1000 + 7)


def test_posts_are_events_by_their_first_ids_and_nothing_of_a_text_or_a_name_is_kept(
    posts: Posts, server: JsonServer
) -> None:
    end = (MONDAY + 7 * DAY) * 1000
    said = posts.post(ANN, MONDAY * 1000)
    edited = posts.post(ANN, end - 1000, edited_ms=end + 600_000)
    answer = posts.post(BOB, MONDAY * 1000 + 5, reply=True)
    posts.post(BOB, MONDAY * 1000 - 1)
    run = collect(server)
    assert run.found == {f"x:post:{each}": ("post_created", ANN) for each in (said, edited)}
    assert run.counts == {"replies_left_out": 1} and run.covered == {ANN: (WEEK,), BOB: (WEEK,)}
    assert collect(server, replies=True).found[f"x:post:{answer}"] == ("reply_created", BOB)
    (first,) = [event for event in run.events if event.id.endswith(said)]
    assert first.artifact_url == f"https://x.com/i/web/status/{said}" and first.event_time == WEEK.start
    assert first.platform_login is None and first.metadata == {}


FAULTS: dict[str, Fault] = {
    "503": status(503),
    "429 with a time": too_many(7),
    "HTML": html(),
    "empty": empty(),
    "cut": truncated(),
    "half": bad_json(),
    "reset": reset(),
    "a part": rewritten(lambda body: {**body, "data": body.get("data", [])[1:]}),
    "errors beside the data": rewritten(lambda body: {**body, "errors": [{"type": "x", "resource_id": "1"}]}),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_changes_nothing_in_the_end(name: str, posts: Posts, server: JsonServer) -> None:
    talk(posts, 16)
    clean = collect(server).found
    assert len(clean) == 16
    for pattern in (r"/users\?", "/tweets"):
        server.fail(pattern, FAULTS[name], skip=pattern == "/tweets", times=3)
    assert collect(server).found == clean
    server.heal()
    server.fail("/tweets", FAULTS[name], skip=1, times=999)
    with pytest.raises(SourceError, match=r"^X"):
        collect(server)


def test_a_limit_is_waited_for_until_the_second_that_x_names(posts: Posts, server: JsonServer) -> None:
    talk(posts, 2)
    server.fail("/tweets", status(429, headers={"x-rate-limit-reset": str(LATER + 77)}))
    assert any("waiting 77 s" in words for words in collect(server).told)


def test_what_x_does_not_give_is_a_gap_and_never_nothing(
    posts: Posts, server: JsonServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(x_source, "REACH", 4)
    posts.reach = 4
    talk(posts, 12)
    posts.protected.add(BOB)
    run = collect(server)
    assert len(run.found) == 4 and run.covered == {ANN: (), BOB: ()}
    assert "newest 4 posts of account 1001" in run.gaps[0] and "account 1002 is protected" in run.gaps[1]
    posts.posts = [one for one in posts.posts if one["author_id"] == ANN][-3:]
    posts.post(ANN, MONDAY * 1000 - DAY)  # an older one is seen: nothing lies between
    del posts.accounts[BOB]
    again = collect(server)
    assert again.covered[ANN] == (WEEK,) and again.gaps == [
        "account 1002 is not there, or suspended: X gives none of its posts"
    ]


def test_without_a_token_or_with_a_wrong_one_nothing_is_read(server: JsonServer) -> None:
    for token, words in (("", "is not set"), ("wrong", "HTTP 401")):
        with pytest.raises(CredentialsError, match=words):
            collect(server, token=token)
    with pytest.raises(LedgerError):
        XOptions.load({"accounts": ["@ann"]}, "x")


def node_of(folder: Path, weight: int, **options: Any) -> Path:
    plan = NodePlan(
        name="Test",
        start=WEEK.start,
        approvers=(("alice", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),),
        sources=[SourcePlan("x", "posts", {"accounts": [ANN, BOB], **options})],
    )
    init_node(folder, plan)
    weights = folder / "weights" / "default.yaml"
    weights.write_text(weights.read_text() + f"  x:post_created: {weight}\n")
    return folder


def session_of(folder: Path, server: JsonServer) -> closing[Session]:
    environ = {"X_API_URL": server.url, "X_BEARER_TOKEN": TOKEN}
    now = from_milliseconds((MONDAY + 6 * DAY) * 1000)
    return closing(open_session(folder, now, environ=environ, actor="alice"))


def test_posts_weigh_nothing_until_somebody_answers_for_it_in_the_scopes_file(
    posts: Posts, server: JsonServer, tmp_path: Path
) -> None:
    talk(posts, 2)
    posts.now = MONDAY + 6 * DAY
    valued = node_of(tmp_path / "valued", 100)
    with session_of(valued, server) as session, pytest.raises(ConfigError, match="Pay to engage") as told:
        run_collect(session)
    assert told.value.path == "weights/default.yaml" and not list((valued / "data").rglob("epoch.json"))
    with session_of(node_of(tmp_path / "plain", 0), server) as session:
        folder = run_collect(session).epochs[0].folder
        event = next(event.id for _, _, event in folder.events())
        with pytest.raises(ConfigError, match="Pay to engage"):
            curate(session, folder, "weight", event, weight_milli=5, note="good")
    with session_of(node_of(tmp_path / "consent", 100, i_have_read_the_policy=True), server) as session:
        run = run_collect(session)
        assert sum(report.added for report in run.reports) == 2
        curate(session, run.epochs[0].folder, "weight", event, weight_milli=5, note="good")


def test_a_post_that_is_gone_at_a_later_look_stops_counting_on_the_record(
    posts: Posts, server: JsonServer, tmp_path: Path
) -> None:
    talk(posts, 3)
    kept = posts.post(BOB, MONDAY * 1000 + 9)
    posts.now = MONDAY + 6 * DAY
    node = node_of(tmp_path / "node", 0)

    def look() -> list[tuple[str, str, str]]:
        with session_of(node, server) as session:
            folder = run_collect(session).epochs[0].folder
            return [(line.actor, line.action, line.event_id) for line in folder.curation()]

    assert look() == []
    gone = posts.posts[0]["id"]
    posts.delete(gone)
    server.fail(r"/tweets\?ids", status(403), times=99)
    assert look() == []  # what could not be asked for is not taken for gone
    server.heal()
    assert look() == look() == [("policy", "exclude", f"x:post:{gone}")]
    with session_of(node, server) as session:
        folder = session.node.epoch("default", 1)
        curate(session, folder, "include", f"x:post:{gone}", note="kept by a decision")
    assert len(look()) == 2 and kept


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_collector_conforms(check: Callable[[World], None], posts: Posts, server: JsonServer) -> None:
    talk(posts, 13)
    told: list[str] = []
    check(
        World(
            make=lambda: source_of(server, told),
            window=WEEK,
            id_pattern=r"x:post:[1-9][0-9]*",
            secrets=("nobody may keep", TOKEN, "A name"),
            told=told,
        )
    )
