"""The git collector: the commits of one branch, their authors and co-authors, from a clone on disk or a clone URL.

One stream. Its note is the tip that was read: what a new tip adds is delivered whatever its author date says, so a
commit that was pushed late is not lost. Where the branch was rewritten, the note also says how many times that was
seen. Serves ACTIVITY_IDEMPOTENT (ids are commit ids) and CURSOR_STATE_PERSISTED.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from ledger.core.config import Settings
from ledger.core.errors import SourceError
from ledger.core.values import Text, Timestamp
from ledger.core.windows import Window, gaps
from ledger.sources import git_repository
from ledger.sources.git_history import BY_PATTERN, Commit, History, Judge, read_history
from ledger.sources.git_repository import Repository
from ledger.sources.machines import kept
from ledger.sources.options import WebAddress, glob
from ledger.sources.port import Page, Raw, SourceContext, SourceEvent, StreamCursor

PAGE_SIZE = 5_000
"""Commits a page."""
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<who>[^/]*@)?(?P<rest>.*)"
    r"|[\w.][\w.-]*@[\w.][\w.-]*:.+",  # ssh's short form: user@host:path
    re.ASCII,
)
_SCHEMES = ("file", "git", "http", "https", "ssh")


State = Mapping[str, str | int | bool | None]
"""What a stream notes about itself."""


def _repository(value: str) -> str:
    match = _URL.fullmatch(value)
    if value.startswith("-") or re.match(r"[A-Za-z0-9]+::", value):
        raise ValueError("must be a path or a clone URL, not an option or a transport helper of git")
    if match is None or match["scheme"] is None:
        return value
    if match["scheme"] not in _SCHEMES or match["rest"].startswith("-"):
        raise ValueError(f"must be a path, or a URL of {', '.join(_SCHEMES)}")
    if match["who"] is not None and (match["scheme"] != "ssh" or ":" in match["who"] or match["who"].startswith("-")):
        raise ValueError("must not hold a password or token: the scope's file is public; use git's credential helper")
    return value


def _branch(value: str) -> str:
    if re.search(r"^[-/]|\s|[~^:?*\[\\]|\.\.|@\{|//|/$", value):
        raise ValueError("must be the name of a branch, such as main")
    return value


class GitOptions(Settings):
    """A git source in a scope's file; docs/sources.md explains each option."""

    repository: Annotated[Text, Field(min_length=1), AfterValidator(_repository)]
    branch: Annotated[Text, Field(min_length=1), AfterValidator(_branch)] | None = None
    merges: bool = False
    bots: tuple[Annotated[Text, Field(min_length=1)], ...] = ()
    machines: bool = False
    web: WebAddress | None = None
    logins: Literal["show", "hide"] = "show"


class GitSource:
    """Commits (`commit_authored`) and their co-authors (`commit_coauthored`) of one branch.

    The branch is read once an instance: a run that catches up over many windows sees one state of it.
    """

    kind: ClassVar[str] = "git"
    version: ClassVar[str] = "2"
    Options: ClassVar[type[Settings]] = GitOptions

    def __init__(self, name: str, options: GitOptions, context: SourceContext) -> None:
        self.name = name
        self._options = options
        self._context = context
        bots = re.compile("|".join(map(glob, options.bots)), re.DOTALL | re.IGNORECASE) if options.bots else None
        self._judge = Judge(
            lambda text: bots is not None and bots.fullmatch(text) is not None,
            None if options.machines else kept(),
            context.bound,
        )
        self._seen: tuple[Repository, History] | None = None

    @classmethod
    def origins(cls, options: GitOptions) -> frozenset[str]:
        """The repository, however its address ends."""
        return frozenset({f"git:{_place(options.repository)}"})

    @classmethod
    def facets(cls, options: GitOptions) -> frozenset[str]:
        """What routes may ask for."""
        return frozenset({"repositories"})

    def streams(self) -> Sequence[str]:
        """One stream, named as the source."""
        return (self.name,)

    def fetch(self, stream: str, window: Window, cursor: StreamCursor) -> Iterator[Page]:
        """The commits of the window that the cursor does not stand for, by author date.

        Delivered is what the cursor's tip did not hold, and what no covered window held. A cursor whose tip is not
        behind the branch any more (rewritten history) stands for nothing. Only the last page covers and moves the tip.
        """
        now = self._context.now()
        if min(window.end, now) <= window.start:
            return
        window = Window(window.start, min(window.end, now))
        repository, history = self._look()
        if not history.tip and (cursor.state or {}).get("tip"):
            raise SourceError(
                f"{self._options.repository} had commits when it was last read, and has none now",
                hint="Check the repository with `git fsck`, or clone it again.",
            )
        fresh = self._fresh(repository, history, cursor)
        missing = gaps(window, list(cursor.covered))
        if fresh:
            due = [c for c in history.between(window) if c.oid in fresh or any(c.time in gap for gap in missing)]
        else:
            due = [commit for gap in missing for commit in history.between(gap)]
        kept = [commit for commit in due if self._options.merges or commit.parents < 2]
        counts = Counter(merges_left_out=len(due) - len(kept)) + _out_of_reach(history, fresh, window, now)
        for commit in kept:
            counts["coauthors"] += len(commit.coauthors)
            counts["coauthors_without_address"] += commit.unreadable
            counts["empty_commits"] += commit.empty
            counts["reverts"] += bool(commit.reverts)
            for _, person in commit.people:
                counts["mailmap_bound_kept"] += person.kept
                counts["mailmap_redirected"] += person.written_as is not None
                if person.left_out is not None:
                    counts["bots_left_out"] += 1
                    counts[f"machine_{person.left_out}"] += person.left_out != BY_PATTERN
        state = _note(history, cursor) if history.tip else None
        last = max(len(kept) - 1, 0) // PAGE_SIZE * PAGE_SIZE
        for at in range(0, last, PAGE_SIZE):
            yield Page([self._raw(commit) for commit in kept[at : at + PAGE_SIZE]], now)
        items = [self._raw(commit) for commit in kept[last:]]
        yield Page(items, now, covered=window, state=state, stated=len(due), counts=dict(+counts))

    def parse(self, raw: Raw) -> Iterable[SourceEvent]:
        """The events of a commit's author and co-authors; bots are no longer among them."""
        oid: str = raw["commit"]
        url = address_of(self._options) + oid
        metadata = {"merge": raw["parents"] > 1, "parents": raw["parents"], "title": raw["title"]}
        metadata |= {"empty": True} if raw["empty"] else {}
        metadata |= {"reverts": " ".join(raw["reverts"])} if raw["reverts"] else {}
        facets = {"repositories": (_place(self._options.repository),)}
        for number, account, login, written_as in raw["people"]:
            yield SourceEvent(
                artifact_url=url,
                event_time=raw["time"],
                event_type="commit_coauthored" if number else "commit_authored",
                id=f"git:coauthor:{oid}:{number}" if number else f"git:commit:{oid}",
                metadata=metadata if written_as is None else {**metadata, "written_as": written_as},
                platform_login=login,
                platform_user_id=account,
                source=self.kind,
                facets=facets,
            )

    def present(self, ids: Collection[str]) -> Collection[str]:
        """Those of the events whose commit is behind the branch as this run read it."""
        _, history = self._look()
        return {each for each in ids if each.split("#")[0].split(":")[2] in history}

    def behind(self, tip: str, ids: Collection[str]) -> Collection[str]:
        """Those of the events whose commit the branch had when it stood at `tip`; none where that is gone from it."""
        repository, history = self._look()
        if tip not in history:
            return ()
        since = frozenset(repository.commits(history.tip, without=tip))
        return {each for each in self.present(ids) if each.split("#")[0].split(":")[2] not in since}

    def _raw(self, commit: Commit) -> Raw:
        show = self._options.logins == "show"
        return {
            "commit": commit.oid,
            "empty": commit.empty,
            "parents": commit.parents,
            "people": [
                [number, who.account, who.login if show else None, who.written_as]
                for number, who in commit.people
                if who.left_out is None
            ],
            "reverts": list(commit.reverts),
            "time": commit.time,
            "title": commit.title,
        }

    def _look(self) -> tuple[Repository, History]:
        """The repository and all commits behind the branch, read once; an empty repository has an empty history."""
        if self._seen is None:
            options, context = self._options, self._context
            theirs = "HEAD" if options.branch is None else f"refs/heads/{options.branch}"
            if _URL.fullmatch(options.repository):
                ours = "refs/ledger/HEAD" if options.branch is None else theirs
                cache = Path(context.cache_dir)
                found = git_repository.fetched(options.repository, {theirs: ours}, cache, context.environ, context.tell)
                tip = found.tip(ours)
            else:
                path = Path(context.node_root, options.repository).resolve()
                found = git_repository.local(path, options.repository, context.environ)
                tip = found.tip(theirs, *([f"refs/remotes/origin/{options.branch}"] if options.branch else []))
            if tip is None and options.branch is not None:
                raise SourceError(
                    f"{options.repository} has no branch {options.branch!r}",
                    hint="Set `branch` in the scope's file to one that `git branch --all` lists.",
                )
            if tip is None:
                found.require_empty()
            self._seen = found, read_history(found, tip, self._judge) if tip else History("", (), frozenset())
        return self._seen

    def _fresh(self, repository: Repository, history: History, cursor: StreamCursor) -> Collection[str]:
        """The ids of the commits that the cursor's tip did not hold; all of them where it no longer says anything."""
        known = str((cursor.state or {}).get("tip", ""))
        if known == history.tip:
            return ()
        if known in history:
            return frozenset(repository.commits(history.tip, without=known))
        if known:
            self._context.tell(f"{self.name}: the branch was rewritten; its whole history is read again")
        return history


def address_of(options: GitOptions) -> str:
    """What stands before a commit's id in the address of its events; one for all repositories without a page."""
    return f"{options.web.rstrip('/')}/commit/" if options.web else "git:"


def rewritings(state: State | None) -> int:
    """How many times the branch was seen to be rewritten, by the note of its stream."""
    return int((state or {}).get("rewritten") or 0)


def _note(history: History, cursor: StreamCursor) -> State:
    known = (cursor.state or {}).get("tip")
    times = rewritings(cursor.state) + bool(known and known not in history)
    return {"tip": history.tip, "rewritten": times} if times else {"tip": history.tip}


def _place(repository: str) -> str:
    """The repository as comparable text: without a trailing slash or `.git`."""
    place = repository if _URL.fullmatch(repository) else posixpath.normpath(repository)
    return place.rstrip("/").removesuffix(".git") or place


def _out_of_reach(history: History, fresh: Collection[str], window: Window, now: Timestamp) -> Counter[str]:
    """New commits that no window up to now can hold, by why; each is counted once, when its tip is first read."""
    if not fresh:
        return Counter()
    return Counter(
        dated_ahead=sum(commit.oid in fresh for commit in history.since(now)),
        dated_before_start=sum(commit.oid in fresh for commit in history.before(window.start)),
        undated=sum(oid in fresh for oid in history.undated),
    )
