"""A GitHub to collect from, and one run of the GitHub collector as a flow does it; shared by its tests."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pytest

from ledger.core.values import Timestamp, from_milliseconds, to_milliseconds
from ledger.core.windows import Window, merge
from ledger.sources.github import GitHubOptions, GitHubSource
from ledger.sources.port import Page, SourceContext, SourceEvent, StreamCursor
from tests.servers.github import TOKEN, Actor, GitHubServer, PullRequest, Repository, World

MONDAY = 1_767_571_200
HOUR = 3600
DAY = 24 * HOUR
WEEK = Window(from_milliseconds(MONDAY * 1000), from_milliseconds((MONDAY + 7 * DAY) * 1000))
NAME = "team/code"
ANNA, BEN, CAT = Actor("anna", 101), Actor("ben", 102), Actor("cat", 103)
DEPENDABOT = Actor("dependabot", 49699333, "Bot")
BODY = "a body \x1b[2J \u202e that \x00 nobody may keep"
ADDRESS = "Dora@Example.org"
SECRET = b"a node's secret"
both_cursors = pytest.mark.parametrize("server", ["keyset", "offset"], indirect=True)
"""Pages found by key, as GitHub's are, and by place, which shift."""


@dataclass
class Run:
    """What one run of all streams gave."""

    events: list[SourceEvent] = field(default_factory=list)
    cursors: dict[str, StreamCursor] = field(default_factory=dict)
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    stated: dict[str, int] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)

    @property
    def ids(self) -> set[str]:
        return {event.id for event in self.events}

    @property
    def by_id(self) -> dict[str, SourceEvent]:
        return {event.id: event for event in self.events}

    def of(self, event_type: str) -> list[SourceEvent]:
        return sorted((event for event in self.events if event.event_type == event_type), key=lambda event: event.id)


def time(seconds: int) -> Timestamp:
    return from_milliseconds(seconds * 1000)


def source_of(server: GitHubServer, run: Run, now: Timestamp | None = None, **options: Any) -> GitHubSource:
    environ = {"GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": server.api_url, **options.pop("environ", {})}
    context = SourceContext(
        node_id="4f8a7f4e-53b1-4b3e-9a7b-0d5b1f0f6c11",
        scope_id="default",
        node_root="",
        cache_dir="",
        now=lambda: now or time(server.world.now),
        environ=environ,
        secret=options.pop("secret", SECRET),
        tell=run.told.append,
        wait=run.waits.append,
    )
    loaded = GitHubOptions.load({"repositories": [NAME], **options}, "scopes/default.yaml")
    return GitHubSource("code", loaded, context)


def taken(run: Run, stream: str, source: GitHubSource, window: Window, pages: Iterator[Page]) -> None:
    """Does with pages what a flow does: events first, then the cursor that stands for them; the last count holds."""
    for page in pages:
        run.pages.append(page)
        events = [event for raw in page.items for event in source.parse(json.loads(json.dumps(raw)))]
        run.events += [event for event in events if event.event_time in window]
        run.counts[stream] = Counter(page.counts)
        run.stated[stream] = page.stated if page.stated is not None else run.stated[stream]
        run.gaps += page.gaps
        held = run.cursors.get(stream, StreamCursor())
        covered = [*held.covered, *([page.covered] if page.covered else [])]
        run.cursors[stream] = StreamCursor(tuple(merge(covered)), held.state if page.state is None else page.state)


def collect(
    server: GitHubServer,
    before: Run | None = None,
    window: Window = WEEK,
    cut: int | None = None,
    only: str = "",
    now: Timestamp | None = None,
    **options: Any,
) -> Run:
    """One run over all streams, from where `before` stopped; `cut`: killed after so many pages of each stream."""
    run = Run(cursors=dict(before.cursors) if before else {})
    source = source_of(server, run, now, **options)
    try:
        for stream in source.streams():
            if stream.endswith(only):
                pages = source.fetch(stream, window, run.cursors.get(stream, StreamCursor()))
                taken(run, stream, source, window, islice(pages, cut))
    finally:
        source.close()
    return run


def world() -> World:
    """An empty repository, at the end of the week by GitHub's own clock."""
    made = World(to_milliseconds(WEEK.end) // 1000)
    made.repository(NAME)
    return made


def merged(repository: Repository, at: int, author: Actor | None = ANNA, **fields: Any) -> PullRequest:
    """A pull request that was merged an hour after it was opened."""
    pull = repository.pull(author, at - HOUR, **fields)
    pull.merge(at)
    return pull


def busy(repository: Repository, count: int = 30) -> None:
    """A week of everything: each kind of thing, by each kind of account, some of it many pages long."""
    for n in range(count):
        at = MONDAY + HOUR + n * 1000
        pull = repository.pull((ANNA, BEN, DEPENDABOT, None)[n % 4], at, f"Change {n} \x1b[2J", BODY)
        pull.label("bug", 'a "label", with all')
        for who, state in ((BEN, "APPROVED"), (ANNA, "COMMENTED"), (CAT, "DISMISSED")):
            review = pull.review(who, state, at + 10, BODY)
            if n % 3 == 0:
                review.comment(who, f"{BODY} {n}", at + 11)
        pull.review(CAT, "PENDING", None, BODY, created=at)
        pull.comment(CAT, BODY, at + 12)
        if n % 5:
            pull.merge(
                at + 20,
                f"Change\n\nCo-authored-by: Dora <{ADDRESS}>\nco-authored-by: Cat <103+cat@users.noreply.github.com>",
            )
        issue = repository.issue(CAT, at + 1, f"Issue {n}", BODY)
        issue.comment(BEN, BODY, at + 30)
        if n % 2:
            issue.close(at + 40, ("COMPLETED", "NOT_PLANNED", "DUPLICATE", None)[n // 2 % 4])
    for n in range(3):
        repository.release(ANNA, f"v{n}", MONDAY + DAY + n, description=BODY)
