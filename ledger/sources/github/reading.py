"""One stream of one repository in one run: pages are asked for, checked, completed, reduced to items and counted.

Holds that a listed name still leads to the same repository, that nothing is covered beyond GitHub's own clock, and
that every thing GitHub states is either an item or counted under the rule that leaves it out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from ledger.core.canonical import clean_text
from ledger.core.errors import SourceError
from ledger.core.values import Timestamp, parse_time
from ledger.core.windows import HOUR, Window, later
from ledger.sources.github import polled
from ledger.sources.github.client import Client
from ledger.sources.github.nested import Connection, Nested, connection
from ledger.sources.github.places import require_same
from ledger.sources.github.rules import Found, Place, Rules
from ledger.sources.github.walk import MOST_RESTARTS, Listing, Node, Note, digest, walk
from ledger.sources.port import Page, Raw, SourceContext

LOOK_BACK_MS = HOUR
"""How far before an uncovered stretch is read again: GitHub's lists may lag behind what happened."""
BEGINNING = Timestamp("2008-01-01T00:00:00.000Z")
"""Nothing on GitHub is older."""
PRIVATE = "Its titles and names would be published. Set `private: true` in the scope's file if that is meant."


@dataclass
class Repository:
    """A listed repository: the name in the scope's file, the name it is asked for by, and what the options allow.

    `releases` is the answer that brought the newest releases along with the issues, with GitHub's time, until used.
    """

    listed: str
    asked: str
    private: bool
    paths: bool
    releases: tuple[Mapping[str, Any], Timestamp | None] | None = None
    told: bool = False


@dataclass
class Reading:
    """Reads `window`, of which nothing from `since` on is covered; `state` is the cursor's note.

    `fresh`: nothing before `since` is covered either, so that no earlier reading may be built upon.
    """

    client: Client
    rules: Rules
    repository: Repository
    context: SourceContext
    window: Window
    since: Timestamp
    state: Mapping[str, Any]
    fresh: bool
    _place: Place | None = None
    _until: Timestamp | None = None
    _stated: int = 0
    _counts: Counter[str] = field(default_factory=Counter)

    def walked(self, part: str) -> Iterator[Page]:
        """The pages of `pulls` or `issues`."""
        note = Note.read(self.state)
        if self.fresh and not note.serves(self._floor, self.window.end):
            note = Note()
        nested = Nested(self.client, diff=part == "pulls" and self.rules.wants("review_comment_created"))
        reduce = polled.pull if part == "pulls" else polled.issue
        for step in walk(lambda most, after: self._listing(part, most, after), self._floor, self.window.end, note):
            contents = [node.content for node in step.nodes]
            missing = nested.complete(contents)
            found = self._reduced(reduce, contents)
            missing += (step.gap,) if step.gap else ()
            yield self._page(found, step.note.state(), done=not step.note.base, missing=missing)

    def released(self) -> Iterator[Page]:
        """The pages of releases. Where the newest hundred changed, or drafts lie deeper, all are read.

        For GitHub lists them by when they were made, and a draft may be published long after that.
        """
        first = self._first_releases()
        state = {"head": digest(first), "deep_drafts": int(self.state.get("deep_drafts") or 0)}
        if not self.fresh and not state["deep_drafts"] and state["head"] == self.state.get("head"):
            yield self._page((), state, done=True)
            return
        for _ in range(MOST_RESTARTS):
            nodes: dict[int, Mapping[str, Any]] = {}
            deep: list[bool] = []
            page: Connection | None = first
            while page is not None:
                nodes |= {node["databaseId"]: node for node in page["nodes"]}
                deep += [node["isDraft"] for node in page["nodes"] if page is not first]
                yield self._page(self._reduced(polled.release, page["nodes"]), None)
                total, info = page["totalCount"], page["pageInfo"]
                page = self._release_page(info["endCursor"]) if info["hasNextPage"] else None
            if len(nodes) == first["totalCount"] == total:
                break
            first = self._release_page(None)
        missing = () if len(nodes) == total else (f"releases: GitHub states {total} and lists {len(nodes)}",)
        published = [node["publishedAt"] for node in nodes.values() if node["publishedAt"]]
        taken = all(parse_time(time) < self.window.end for time in published)
        state = {"head": digest(first), "deep_drafts": sum(deep)} if taken else {}
        yield self._page((), state, done=True, missing=missing)

    @property
    def _floor(self) -> Timestamp:
        """From where on things must have been touched to matter."""
        return max(BEGINNING, later(max(BEGINNING, self.since), -LOOK_BACK_MS))

    @property
    def _placed(self) -> Place:
        if self._place is None:
            raise SourceError("GitHub's answer names no repository", hint="Run collect again later.")
        return self._place

    def _listing(self, part: str, most: int, after: str | None) -> Listing:
        """A page of pull requests or issues, the last touched first."""
        wants = self.rules.wants
        variables: dict[str, Any] = {**self._named, "after": after, "comments": wants("comment_created")}
        if part == "pulls":
            diff = wants("review_comment_created")
            variables |= {"reviews": diff or wants("review_submitted"), "diff": diff, "files": self.repository.paths}
        else:
            variables |= {"releases": after is None and wants("release_published")}

        def check(data: Mapping[str, Any]) -> Listing:
            self._accept(data["repository"])
            page = connection(data["repository"]["found"])
            nodes = [Node(parse_time(node["updatedAt"]), node) for node in page["nodes"]]
            if any(above.touched < below.touched for above, below in pairwise(nodes)):
                raise ValueError("not sorted")
            if page["pageInfo"]["hasNextPage"] and page["pageInfo"]["endCursor"] == after:
                raise ValueError("a cursor that leads nowhere")
            return Listing(
                nodes, page["totalCount"], page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None
            )

        listing = self.client.ask(part, variables, check, most)
        self._until = self._until or self.client.server_time
        return listing

    def _first_releases(self) -> Connection:
        """The newest releases: those that came along with the issues, else asked for."""
        brought, self.repository.releases = self.repository.releases, None
        if brought is None:
            return self._release_page(None)
        repository, self._until = brought
        self._accept(repository)
        return connection(repository["releases"])

    def _release_page(self, after: str | None) -> Connection:
        def check(data: Mapping[str, Any]) -> Connection:
            self._accept(data["repository"])
            return connection(data["repository"]["releases"])

        page = self.client.ask("releases", {**self._named, "after": after}, check)
        self._until = self._until or self.client.server_time
        return page

    @property
    def _named(self) -> dict[str, str]:
        owner, _, name = self.repository.asked.partition("/")
        return {"owner": owner, "name": name}

    def _accept(self, found: Mapping[str, Any]) -> None:
        """Refuses another repository under the listed name, and a private one; tells of a new name."""
        listed, number, name = self.repository.listed, found["databaseId"], str(found["nameWithOwner"])
        if not isinstance(number, int):
            raise TypeError("a repository without its number")
        known = self._place.number if self._place else self.state.get("repository")
        require_same(listed, number, {f"{listed}:": {"repository": known}} if known else self.context.notes())
        if found["isPrivate"] and not self.repository.private:
            raise SourceError(f"{listed} is private", hint=PRIVATE)
        if name.lower() != self.repository.asked and not self.repository.told:
            self.repository.told = True
            self.context.tell(
                f"{listed} is named {clean_text(name)} now; keep the listed name, event ids are made of it"
            )
        if "releases" in found and "found" in found:
            self.repository.releases = found, self.client.server_time
        self._place = Place(listed, number)

    def _reduced(
        self, reduce: Callable[[Mapping[str, Any], Place, Rules], list[Found]], nodes: Sequence[Mapping[str, Any]]
    ) -> list[Found]:
        try:
            return [found for node in nodes for found in reduce(node, self._placed, self.rules)]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise SourceError(
                f"GitHub's answer about {self.repository.listed} has another form than documented ({error!r:.80})",
                hint="What was read before is kept. Please report it.",
            ) from None

    def _page(
        self,
        found: Sequence[Found],
        state: Mapping[str, Any] | None,
        *,
        done: bool = False,
        missing: tuple[str, ...] = (),
    ) -> Page:
        """A page of items, with the totals of the run so far; the last one covers, up to GitHub's own clock."""
        raws = items(found)
        self._stated += len(found)
        self._counts += left_out(found)
        self._counts += Counter(outside_window=sum(raw["time"] not in self.window for raw in raws))
        until = min(self.window.end, self._until or self.window.end)
        covered = Window(self.window.start, until) if done and self.window.start < until else None
        if done and covered is None:
            missing += ("GitHub's clock stands before the window; nothing is taken for complete",)
        return Page(
            raws,
            self.context.now(),
            covered=covered,
            state=None if state is None else {**state, "repository": self._placed.number},
            stated=self._stated,
            counts=dict(self._counts),
            gaps=missing,
        )


def items(found: Sequence[Found]) -> list[Raw]:
    """What became an item, oldest first."""
    return sorted(
        (one for one in found if not isinstance(one, str)), key=lambda raw: (raw["time"], raw["kind"], raw["key"])
    )


def left_out(found: Sequence[Found]) -> Counter[str]:
    """How many things each rule left out."""
    return Counter(one for one in found if isinstance(one, str))
