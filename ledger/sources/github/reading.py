"""One stream of one repository in one run: pages are asked for, checked, completed, reduced to items and counted.

Holds that a listed name still leads to the same repository, that nothing is covered beyond GitHub's own clock, and
that every thing GitHub states is either an item or counted under the rule that leaves it out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, NamedTuple

from ledger.core.canonical import clean_text
from ledger.core.errors import SourceError
from ledger.core.values import Timestamp, parse_time
from ledger.core.windows import HOUR, Window, gaps, later
from ledger.sources.github import polled
from ledger.sources.github.client import PAGE, Client
from ledger.sources.github.nested import Connection, Missing, Nested, connection, torn
from ledger.sources.github.places import require_same
from ledger.sources.github.rules import Found, Place, Rules
from ledger.sources.github.walk import MOST_RESTARTS, Listing, Node, Note, digest, walk
from ledger.sources.port import Page, Raw, SourceContext

LOOK_BACK_MS = HOUR
"""How far before an uncovered stretch is read again: GitHub's lists may lag behind what happened."""
BEGINNING = Timestamp("2008-01-01T00:00:00.000Z")
"""Nothing on GitHub is older."""
LOOK_PAGES = 3
"""Pages of open pull requests, and of others, whose last reviews and comments are held against what was read."""
MOST_WITHHELD = 100
"""Things that a stream may note for asking again; more of them is a failure of the whole."""
PRIVATE = "Its titles and names would be published. Set `private: true` in the scope's file if that is meant."


_NONE: Mapping[str, Any] = {"nodes": ()}
REDUCERS = {"discussions": polled.discussion, "issues": polled.issue, "pulls": polled.pull}
"""What makes items of a thing, by the list that it is of."""


class Withheld(NamedTuple):
    """A thing that GitHub did not give: the moment that is not covered for it, and its number (0: not known)."""

    time: Timestamp
    number: int


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

    `fresh`: nothing before `since` is covered either, so that no earlier reading may be built upon. `again`: the ids of
    things that GitHub withheld so far, each with the moment that is not covered for it; `left`: such moments of things
    that are asked for no more.
    """

    client: Client
    rules: Rules
    repository: Repository
    context: SourceContext
    window: Window
    since: Timestamp
    state: Mapping[str, Any]
    fresh: bool
    again: Mapping[str, Withheld] = field(default_factory=dict)
    left: Sequence[Window] = ()
    _place: Place | None = None
    _until: Timestamp | None = None
    _stated: int = 0
    _counts: Counter[str] = field(default_factory=Counter)
    _missing: dict[str, tuple[Withheld, list[str]]] = field(default_factory=dict)
    _unnamed: list[str] = field(default_factory=list)
    _walked: set[str] = field(default_factory=set)
    _total: int = 0

    def walked(self, part: str) -> Iterator[Page]:
        """The pages of `pulls` or `issues`, after what earlier runs were not given (`again`).

        Each such thing is asked for alone. What GitHub withholds all the same stays in the note, its moment is not
        covered, and words name it: so it ends itself alone, and the next run asks again.
        """
        yield from self._asked_again(part)
        if self.since < self.window.end:
            note = Note.read(self.state)
            if self.fresh and not note.serves(self._floor, self.window.end):
                note = Note()
            for step in walk(lambda most, after: self._listing(part, most, after), self._floor, self.window.end, note):
                found = self._completed(part, step.nodes)
                if step.gap:
                    self._unnamed.append(step.gap)
                note = step.note
                yield self._page(found, note.state())
            if self.window.end.endswith("T00:00:00.000Z"):
                yield from self._second_look(part)
            state = {} if self._unnamed else note.state()
        else:
            state = {name: value for name, value in self.state.items() if name != "again"}
        yield from self._ended(state)

    def _asked_again(self, part: str) -> Iterator[Page]:
        """What earlier runs were not given, each alone."""
        for node_id, held in self.again.items():
            content = self._alone(part, {"id": node_id, "number": held.number}, held.time)
            yield self._page(self._made(part, [content] if content else []), None)

    def _second_look(self, part: str) -> Iterator[Page]:
        """Things that were reviewed, commented on or reacted to although GitHub does not call them touched since then.

        At the end of a window, among those that were touched last; all that the walk has read are known already. A
        reaction touches nothing, so issues are looked at where reactions are wanted.
        """
        if len(self._walked) >= self._total or part == "discussions" or (part == "issues" and not self._likes):
            return
        asked: dict[str, Any] = dict(self._named)
        looks: list[tuple[str, dict[str, Any]]] = [("recent_issues", asked)]
        if part == "pulls":
            asked["reactions"] = self._likes
            looks = [("recent", {**asked, "states": states}) for states in (["OPEN"], ["CLOSED", "MERGED"])]
        for query, given in looks:
            after: str | None = None
            for _ in range(LOOK_PAGES):
                page = self.client.ask(query, {**given, "after": after}, _recent)
                for node_id in [node["id"] for node in page["nodes"] if node is not None and self._missed(node)]:
                    content = self._alone(part, {"id": node_id, "number": 0}, self.since)
                    yield self._page(self._made(part, [content] if content else []), None)
                after = page["pageInfo"]["endCursor"]
                if not page["pageInfo"]["hasNextPage"]:
                    break

    def _missed(self, node: Mapping[str, Any]) -> bool:
        if parse_time(node["updatedAt"]) >= self._floor:
            return False
        times = [one["submittedAt"] for one in (node.get("reviews") or {"nodes": ()})["nodes"] if one]
        times += [one["createdAt"] for one in node["comments"]["nodes"] if one and "createdAt" in one]
        lists = [node, *(node.get("last") or node["comments"])["nodes"]]
        times += [
            like["createdAt"] for one in lists if one for like in (one.get("reactions") or _NONE)["nodes"] if like
        ]
        return any(time is not None and parse_time(time) >= self._floor for time in times)

    def _completed(self, part: str, nodes: Sequence[Node]) -> list[Found]:
        """The items of a page's nodes; one of which something is withheld is first asked for alone."""
        contents = [
            self._alone(part, node.content, node.touched) if torn(node.content) else node.content for node in nodes
        ]
        return self._made(part, [content for content in contents if content is not None])

    def _made(self, part: str, nodes: Sequence[dict[str, Any]]) -> list[Found]:
        """The items of nodes, their lists followed to their ends; what is withheld all the same is noted."""
        wants, pulls = self.rules.wants, part == "pulls"
        nested = Nested(
            self.client,
            diff=pulls and (self._likes or wants("review_comment_created")),
            commits=pulls and wants("pr_coauthored"),
            authors=pulls and wants("pr_commit_authored"),
            reactions=self._likes,
            discussions=part == "discussions",
        )
        for missing in nested.complete(nodes):
            node = next(node for node in nodes if node["id"] == missing.id)
            self._withheld(missing, node["updatedAt"], node["number"])
        return self._reduced(REDUCERS[part], nodes)

    def _alone(self, part: str, content: Mapping[str, Any], touched: Timestamp) -> dict[str, Any] | None:
        """One node by its id; None where it is gone from the repository, or withheld whole, which is noted then."""
        variables = {"id": content["id"], **self._wanted(part)}

        def check(data: Mapping[str, Any]) -> tuple[dict[str, Any] | None, bool]:
            node = data["node"]
            if node is not None and node["repository"]["databaseId"] != self._placed.number:
                return None, False  # transferred to another repository
            return node, "withheld" in data

        node, withheld = self.client.ask(f"one_{part.removesuffix('s')}", variables, check)
        if node is None and withheld:
            what = {"pulls": "pull request"}.get(part, part.removesuffix("s"))
            name = f"number {content['number']}" if content["number"] else f"the {what} with the id {content['id']}"
            self._withheld(Missing(content["id"], f"{name}: GitHub withholds it"), touched, content["number"])
        return node

    def _withheld(self, missing: Missing, touched: str, number: int) -> None:
        time = min(max(self.window.start, parse_time(touched)), later(self._until_now, -1))
        words = self._missing.setdefault(missing.id, (Withheld(time, number), []))[1]
        words.append(missing.words)
        if len(self._missing.keys() - self.again.keys()) > MOST_WITHHELD:
            raise SourceError(
                f"GitHub withholds over {MOST_WITHHELD} things of {self.repository.listed}, the last: {missing.words}",
                hint="What was read before is kept. Check what the token may read. See docs/sources.md.",
            )

    @property
    def _until_now(self) -> Timestamp:
        """Up to when anything may be covered: the window's end, or GitHub's own clock."""
        return min(self.window.end, self._until or self.window.end)

    def _ended(self, state: Mapping[str, Any]) -> Iterator[Page]:
        """The last pages: what is covered, stretch by stretch, and in words what is not."""
        held = sorted((one, node_id) for node_id, (one, _) in self._missing.items())
        again = {node_id: one for one, node_id in held[-MOST_WITHHELD:]}
        if again:
            state = {**state, "again": json.dumps(again, sort_keys=True)}
        words = [word for _, texts in self._missing.values() for word in texts] + self._unnamed
        if self._until_now <= self.window.start:
            words.append("GitHub's clock stands before the window; nothing is taken for complete")
        elif not self._unnamed:
            holes = [*self.left, *(Window(time, later(time, 1)) for (time, _), _ in held)]
            for covered in gaps(Window(self.window.start, self._until_now), holes):
                yield replace(self._page((), state), covered=covered)
        if words:
            yield replace(self._page((), state), gaps=tuple(words))

    def commented_commits(self) -> Iterator[Page]:
        """The pages of comments on commits, the oldest first. A list whose length changes meanwhile is read anew."""
        known = self.state.get("comments_total") if not self.fresh else None
        first = self._commit_comments(None) if known is None else self._commit_comments(None, 1)
        if known is not None and first["totalCount"] == known:
            yield from self._ended({"comments_total": known})
            return
        for _ in range(MOST_RESTARTS):
            page = self._commit_comments(None)
            total, numbers = page["totalCount"], set[int]()
            while True:
                given = [node for node in page["nodes"] if node is not None]
                numbers.update(node["databaseId"] for node in given)
                yield self._page(self._reduced(polled.commit_comment, given), None)
                if not page["pageInfo"]["hasNextPage"]:
                    break
                page = self._commit_comments(page["pageInfo"]["endCursor"])
            if len(numbers) == total == page["totalCount"]:
                break
        else:
            self._unnamed.append(f"comments on commits: GitHub states {total} and lists {len(numbers)}")
        yield from self._ended({} if self._unnamed else {"comments_total": total})

    def _commit_comments(self, after: str | None, most: int = PAGE) -> Connection:
        def check(data: Mapping[str, Any]) -> Connection:
            self._accept(data["repository"])
            return connection(data["repository"]["found"])

        page = self.client.ask("commit_comments", {**self._named, "after": after}, check, most)
        self._until = self._until or self.client.server_time
        return page

    def released(self) -> Iterator[Page]:
        """The pages of releases. Where the newest hundred changed, or drafts lie deeper, all are read.

        For GitHub lists them by when they were made, and a draft may be published long after that.
        """
        first = self._first_releases()
        state = {"head": digest(first), "deep_drafts": int(self.state.get("deep_drafts") or 0)}
        if not self.fresh and not state["deep_drafts"] and state["head"] == self.state.get("head"):
            yield from self._ended(state)
            return
        for _ in range(MOST_RESTARTS):
            nodes: dict[int, Mapping[str, Any]] = {}
            deep: list[bool] = []
            page: Connection | None = first
            while page is not None:
                given = [node for node in page["nodes"] if node is not None]
                nodes |= {node["databaseId"]: node for node in given}
                deep += [node["isDraft"] for node in given if page is not first]
                yield self._page(self._reduced(polled.release, given), None)
                total, info = page["totalCount"], page["pageInfo"]
                page = self._release_page(info["endCursor"]) if info["hasNextPage"] else None
            if len(nodes) == first["totalCount"] == total:
                break
            first = self._release_page(None)
        if len(nodes) != total:
            self._unnamed.append(f"releases: GitHub states {total} and lists {len(nodes)}")
        published = [node["publishedAt"] for node in nodes.values() if node["publishedAt"]]
        taken = all(parse_time(time) < self.window.end for time in published)
        state = {"head": digest(first), "deep_drafts": sum(deep)} if taken and not self._unnamed else {}
        yield from self._ended(state)

    @property
    def _floor(self) -> Timestamp:
        """From where on things must have been touched to matter."""
        return max(BEGINNING, later(max(BEGINNING, self.since), -LOOK_BACK_MS))

    @property
    def _placed(self) -> Place:
        number = self.state.get("repository")
        if self._place is None and isinstance(number, int):
            return Place(self.repository.listed, number)
        if self._place is None:
            raise SourceError("GitHub's answer names no repository", hint="Run collect again later.")
        return self._place

    def _listing(self, part: str, most: int, after: str | None) -> Listing:
        """A page of pull requests or issues, the last touched first."""
        variables: dict[str, Any] = {**self._named, "after": after, **self._wanted(part)}
        if part == "issues":
            variables |= {"releases": after is None and self.rules.wants("release_published")}

        def check(data: Mapping[str, Any]) -> Listing:
            self._accept(data["repository"])
            page = connection(data["repository"]["found"])
            nodes = [Node(parse_time(node["updatedAt"]), node) for node in page["nodes"] if node is not None]
            withheld.append(len(page["nodes"]) - len(nodes))
            if any(above.touched < below.touched for above, below in pairwise(nodes)):
                raise ValueError("not sorted")
            if page["pageInfo"]["hasNextPage"] and page["pageInfo"]["endCursor"] == after:
                raise ValueError("a cursor that leads nowhere")
            return Listing(
                nodes, page["totalCount"], page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None
            )

        withheld: list[int] = []
        listing = self.client.ask(part, variables, check, most)
        self._until = self._until or self.client.server_time
        self._total = listing.total
        self._walked.update(node.content["id"] for node in listing.nodes)
        if withheld[-1]:
            names = self._names(part, variables, len(listing.nodes) + withheld[-1])
            unknown = [node for node in names if node.content["id"] not in {n.content["id"] for n in listing.nodes}]
            if len(unknown) < withheld[-1]:
                self._unnamed.append(f"{part}: GitHub withholds {withheld[-1] - len(unknown)} without naming them")
            nodes = sorted([*listing.nodes, *unknown], key=lambda node: node.touched, reverse=True)
            return listing._replace(nodes=nodes)
        return listing

    def _names(self, part: str, variables: Mapping[str, Any], most: int) -> list[Node]:
        """The same page by name only, so that what it withholds can be asked for alone."""

        def check(data: Mapping[str, Any]) -> list[Node]:
            nodes = [node for node in data["repository"]["found"]["nodes"] if node is not None]
            return [Node(parse_time(n["updatedAt"]), {k: n[k] for k in ("id", "number")}) for n in nodes]

        return self.client.ask(f"{part.removesuffix('s')}_names", variables, check, most)

    def _wanted(self, part: str) -> dict[str, bool]:
        """Which lists inside the things are asked for."""
        wants = self.rules.wants
        if part == "discussions":
            return {"reactions": self._likes}
        around = {"reactions": self._likes, "references": wants("item_referenced")}
        if part == "issues":
            return {"comments": self._likes or wants("comment_created"), **around}
        diff = self._likes or wants("review_comment_created")
        return {
            "comments": self._likes or wants("comment_created"),
            "reviews": diff or wants("review_submitted"),
            "diff": diff,
            "files": self.repository.paths,
            **around,
        }

    @property
    def _likes(self) -> bool:
        """Whether reactions are wanted."""
        return self.rules.wants("reaction_given", "reaction_received")

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

    def _page(self, found: Sequence[Found], state: Mapping[str, Any] | None) -> Page:
        """A page of items, with the totals of the run so far."""
        raws = items(found)
        self._stated += len(found)
        self._counts += left_out(found)
        self._counts += Counter(outside_window=sum(raw["time"] not in self.window for raw in raws))
        return Page(
            raws,
            self.context.now(),
            state=None if state is None else {**state, "repository": self._placed.number},
            stated=self._stated,
            counts=dict(self._counts),
        )


def items(found: Sequence[Found]) -> list[Raw]:
    """What became an item, oldest first."""
    return sorted(
        (one for one in found if not isinstance(one, str)), key=lambda raw: (raw["time"], raw["kind"], raw["key"])
    )


def left_out(found: Sequence[Found]) -> Counter[str]:
    """How many things each rule left out; a kept machine counts as a bot, and under its name."""
    words = [one for one in found if isinstance(one, str)]
    return Counter(words) + Counter(bots_left_out=sum(word.startswith("machine_") for word in words))


def _recent(data: Mapping[str, Any]) -> Connection:
    return connection(data["repository"]["found"])
