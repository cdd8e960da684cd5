"""The GitHub collector: what is read of each repository, from where on, and what is said about what was not read.

Three streams a repository: pull requests, issues, releases. Serves ACTIVITY_IDEMPOTENT (ids are GitHub's own numbers
under the listed name), CURSOR_STATE_PERSISTED (each page carries where to go on) and completeness: every connection
is followed to its end and held against the count that GitHub states for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from ledger.core.canonical import foreign_json
from ledger.core.config import Settings
from ledger.core.errors import CredentialsError, InputError, LedgerError, SourceError
from ledger.core.values import Text, parse_time
from ledger.core.windows import Window, gaps, later
from ledger.sources.github import webhook
from ledger.sources.github.client import Client
from ledger.sources.github.nested import connection, is_merge
from ledger.sources.github.places import require_same
from ledger.sources.github.reading import PRIVATE, Reading, Repository, Withheld, items, left_out
from ledger.sources.github.rules import Found, Place, Rules, event_of
from ledger.sources.kinds import KindAs, answerable, kind_of
from ledger.sources.options import WebAddress
from ledger.sources.port import Page, Raw, SourceContext, SourceEvent, StreamCursor

Kind = Literal[
    "comment_created",
    "commit_comment_created",
    "discussion_answered",
    "discussion_comment_created",
    "discussion_opened",
    "issue_closed",
    "issue_opened",
    "item_referenced",
    "pr_coauthored",
    "pr_commit_authored",
    "pr_merged",
    "pr_merged_by",
    "reaction_given",
    "reaction_received",
    "release_published",
    "review_comment_created",
    "review_submitted",
]
ASKED_FOR = (
    "commit_comment_created",
    "discussion_answered",
    "discussion_comment_created",
    "discussion_opened",
    "item_referenced",
    "pr_commit_authored",
    "pr_merged_by",
    "reaction_given",
    "reaction_received",
)
"""Kinds that are read only where the scope's file lists them."""
STREAMS = {
    "pulls": (
        "comment_created",
        "item_referenced",
        "pr_coauthored",
        "pr_commit_authored",
        "pr_merged",
        "pr_merged_by",
        "reaction_given",
        "reaction_received",
        "review_comment_created",
        "review_submitted",
    ),
    "issues": (
        "comment_created",
        "issue_closed",
        "issue_opened",
        "item_referenced",
        "reaction_given",
        "reaction_received",
    ),
    "discussions": ("discussion_answered", "discussion_comment_created", "discussion_opened"),
    "commit_comments": ("commit_comment_created",),
    "releases": ("release_published",),
}
"""The streams of a repository, in order, each with the event types that it brings."""

FullName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,99}/[A-Za-z0-9._-]{1,100}$"),
    AfterValidator(str.lower),
]


class GitHubOptions(Settings):
    """A GitHub source in a scope's file; docs/sources.md explains each option.

    `moved` says where a listed repository is found now, for when its old name leads elsewhere.
    """

    repositories: Annotated[tuple[FullName, ...], Field(min_length=1)]
    kinds: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind not in ASKED_FOR)
    bots: tuple[Annotated[Text, Field(min_length=1)], ...] = ()
    machines: bool = False
    kinds_as: tuple[KindAs, ...] = ()
    logins: Literal["show", "hide"] = "show"
    ids: Literal["plain", "keyed"] = "plain"
    private: bool = False
    paths: bool = False
    moved: dict[FullName, FullName] = Field(default_factory=dict)
    web: WebAddress = "https://github.com"
    max_wait_seconds: Annotated[int, Field(ge=1, le=86_400)] = 900

    @model_validator(mode="after")
    def _answerable(self) -> GitHubOptions:
        answerable(self.kinds_as, GitHubSource.facets(self))
        return self


class GitHubSource:
    """What people did in repositories on GitHub: pull requests, reviews, comments, issues, releases."""

    kind: ClassVar[str] = "github"
    version: ClassVar[str] = "1"
    Options: ClassVar[type[Settings]] = GitHubOptions

    def __init__(self, name: str, options: GitHubOptions, context: SourceContext) -> None:
        self.name = name
        self._options = options
        self._context = context
        self._clients: dict[str, Client] = {}
        self._repositories = {
            listed: Repository(listed, options.moved.get(listed, listed), options.private, options.paths)
            for listed in options.repositories
        }
        self._rules = Rules(
            options.kinds,
            options.bots,
            logins=options.logins == "show",
            key=context.secret if options.ids == "keyed" else None,
            text_key=context.secret if options.private else None,
            machines=options.machines,
            host=urlsplit(options.web).hostname or "",
        )

    @classmethod
    def origins(cls, options: GitHubOptions) -> frozenset[str]:
        """The repositories, as listed."""
        return frozenset(f"github:{repository}" for repository in options.repositories)

    @classmethod
    def facets(cls, options: GitHubOptions) -> frozenset[str]:
        """Files only where they are asked for, which costs."""
        return frozenset({"emoji", "labels", "repositories", *(("paths",) if options.paths else ())})

    def streams(self) -> Sequence[str]:
        """`<repository>:pulls`, `:issues` and `:releases` of each, as far as their event types are wanted."""
        return [
            f"{repository}:{part}"
            for repository in self._repositories
            for part, kinds in STREAMS.items()
            if self._rules.wants(*kinds)
        ]

    def close(self) -> None:
        """Ends the connections."""
        for client in self._clients.values():
            client.close()

    def fetch(self, stream: str, window: Window, cursor: StreamCursor) -> Iterator[Page]:
        """What one stream holds of the window and the cursor has not covered; the last touched first.

        The order is the other way round than usual because only so nothing is lost that changes meanwhile. Only the
        last page covers. An hour before the uncovered stretch is read again.
        """
        self._check_secret()
        listed, _, part = stream.partition(":")
        end = min(window.end, self._context.now())
        holes = gaps(Window(window.start, end), list(cursor.covered)) if window.start < end else []
        again = _again(cursor)
        ends, starts = {one.end for one in cursor.covered}, {one.start for one in cursor.covered}
        withheld = [  # a millisecond between what is covered: how `Reading` marks such a thing
            hole for hole in holes if hole.end == later(hole.start, 1) and hole.start in ends and hole.end in starts
        ]
        missing = [hole for hole in holes if hole not in withheld]
        if missing or any(held.time in hole for held in again.values() for hole in withheld):
            reading = Reading(
                client=self.client(listed),
                rules=self._rules,
                repository=self._repositories[listed],
                context=self._context,
                window=Window(window.start, end),
                since=missing[0].start if missing else end,
                state=cursor.state or {},
                again=again,
                left=[hole for hole in withheld if hole.start not in {held.time for held in again.values()}],
                fresh=bool(missing) and (missing[-1].start == window.start or len(missing) > 1 or missing[0].end < end),
            )
            read = {"commit_comments": reading.commented_commits, "releases": reading.released}.get(part)
            yield from read() if read is not None else reading.walked(part)

    def parse(self, raw: Raw) -> Iterable[SourceEvent]:
        """The one event of an item; what rules leave out never becomes an item."""
        event = event_of(raw, self._options.web.rstrip("/"))
        return (event._replace(event_type=kind_of(self._options.kinds_as, event)),)

    def webhook(self, payload: Mapping[str, Any]) -> Page | None:
        """What a webhook's payload tells: the very events that polling gives. None: of no repository listed here.

        `gaps` say what is left to polling. Co-authors stand in the merge commit's message, which is asked for; where
        that fails they too are left. Raises InputError for what is no payload, CredentialsError without the secret.
        """
        self._check_secret()
        payload = webhook.unwrapped(payload)
        try:
            place = self._place(payload["repository"])
            if place is None:
                return None
            self._require_same(place)
            if payload["repository"]["private"] and not self._options.private:
                raise InputError("the payload's repository is private", hint=PRIVATE)
            if self._options.paths and webhook.touches_pull(payload):
                return self._told((), "routing needs the files of the pull request, which are left to polling")
            found = webhook.items(payload, place, self._rules)
            if found is None:
                return self._told((), "the payload brings no event by itself; what follows from it is left to polling")
            if not webhook.merges(payload) or not self._rules.wants("pr_coauthored"):
                return self._told(found)
            try:
                commit = self._merge_commit(place.name, payload["pull_request"]["number"])
            except LedgerError as error:
                return self._told(found, f"co-authors are left to polling: {error}")
            return self._told([*found, *webhook.coauthored(payload, place, self._rules, commit)])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"the payload is not one that GitHub sends ({type(error).__name__}: {str(error)[:80]})",
                hint="Pass the event's file as GitHub wrote it (GITHUB_EVENT_PATH).",
            ) from None

    def _require_same(self, place: Place) -> None:
        """SourceError for another repository than was read under this name, or one that was read under another name."""
        mine = [stream for stream in self.streams() if stream.rpartition(":")[0] == place.name]
        notes = self._context.lately(mine[0]) if mine else {}
        read = {stream: notes[stream] for stream in mine if notes.get(stream, {}).get("repository")}
        require_same(place.name, place.number, read or self._context.notes())

    def _told(self, found: Sequence[Found], *left: str) -> Page:
        return Page(items(found), self._context.now(), counts=left_out(found), gaps=left)

    def _merge_commit(self, listed: str, number: int) -> Mapping[str, Any]:
        """`oid` of the commit that merged a pull request, and the `messages` where its co-authors stand; may be empty.

        Raises SourceError where there are more messages than one answer holds.
        """
        owner, _, name = self._repositories[listed].asked.partition("/")
        asked = {"owner": owner, "name": name, "number": number, "authors": False}

        def check(data: Mapping[str, Any]) -> Mapping[str, Any]:
            pull = data["repository"]["pullRequest"]
            commit, brought = pull["mergeCommit"] or {"oid": None, "message": ""}, connection(pull["commits"])
            messages = [commit["message"]]
            if is_merge(pull["mergeCommit"]):
                if brought["pageInfo"]["hasNextPage"] or None in brought["nodes"]:
                    raise SourceError("the pull request has more commits than one answer holds")
                messages += (one["commit"]["message"] for one in brought["nodes"])
            return {"oid": commit["oid"], "messages": messages}

        return self.client(listed).ask("merge", asked, check)

    def _place(self, repository: Mapping[str, Any]) -> Place | None:
        """The listed repository that a payload is about; after a rename `moved` must say so."""
        name = str(repository["full_name"]).lower()
        for listed in self._repositories:
            if name == self._options.moved.get(listed, listed):
                return Place(listed, webhook.number(repository["id"]))
        return None

    def _check_secret(self) -> None:
        needing = "ids: keyed" if self._options.ids == "keyed" else "private: true" if self._options.private else ""
        if needing and not self._context.secret:
            raise CredentialsError(
                f"`{needing}` needs the node's secret", hint="Set LEDGER_SECRET. See docs/privacy.md."
            )

    def client(self, listed: str) -> Client:
        """The way to GitHub; an app may have another installation for each owner."""
        asked = self._repositories[listed].asked
        owner = asked.partition("/")[0]
        if owner not in self._clients:
            self._clients[owner] = Client(self._context, float(self._options.max_wait_seconds), asked)
        return self._clients[owner]


def _again(cursor: StreamCursor) -> dict[str, Withheld]:
    """What the note says that GitHub withheld, by its id; only what is not covered since."""
    try:
        noted = foreign_json(str((cursor.state or {}).get("again") or "{}"))
        found = {str(one): Withheld(parse_time(time), int(number)) for one, (time, number) in noted.items()}
    except (AttributeError, TypeError, ValueError):
        return {}
    return {one: held for one, held in found.items() if not any(held.time in window for window in cursor.covered)}
