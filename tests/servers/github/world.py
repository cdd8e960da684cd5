"""What GitHub holds, in memory: plain objects whose attributes are GitHub's field names in snake case.

Times are whole seconds since 1970 as GitHub has them. A method that adds something moves `updated_at` of the issue or
pull request that it belongs to, as GitHub does. Tests change the objects directly to edit, delete, rename or transfer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any

_IDS = count(2**31 + 7)
"""Reviews, comments and the like: real ids have left the 32-bit range, so these have too."""


@dataclass(frozen=True)
class Actor:
    """An account. `typename`: User, Bot, Mannequin, Organization or EnterpriseUserAccount."""

    login: str
    database_id: int
    typename: str = "User"

    @property
    def id(self) -> str:
        return f"{self.typename}_{self.database_id}"


@dataclass(frozen=True)
class Label:
    """A label of an issue or pull request."""

    name: str
    created_at: int = 0
    typename: str = "Label"

    @property
    def id(self) -> str:
        return f"LA_{self.name}"


@dataclass(frozen=True)
class Commit:
    """A commit that a merge made; `message` may hold trailers."""

    oid: str
    message: str
    parents: tuple[str, ...] = ("0" * 40,)
    typename: str = "Commit"
    author: Any = None
    authored_date: int = 0

    @property
    def id(self) -> str:
        return f"C_{self.oid}"


@dataclass(frozen=True)
class PullRequestCommit:
    """A commit of a pull request's branch."""

    commit: Commit
    typename: str = "PullRequestCommit"

    @property
    def id(self) -> str:
        return f"PRC_{self.commit.oid}"


@dataclass(frozen=True)
class ChangedFile:
    """A file that a pull request touches."""

    path: str
    typename: str = "PullRequestChangedFile"


@dataclass(eq=False)
class Reaction:
    """One reaction: `content` is one of GitHub's eight, `user` None once the account is deleted."""

    user: Actor | None
    content: str
    created_at: int
    number: int = field(default_factory=lambda: next(_IDS))
    typename: str = "Reaction"

    @property
    def id(self) -> str:
        return f"REA_{self.number}"


@dataclass(eq=False)
class CrossReferencedEvent:
    """Something referred to an issue or pull request."""

    actor: Actor | None
    source: Any
    created_at: int
    typename: str = "CrossReferencedEvent"

    @property
    def id(self) -> str:
        return f"CRE_{self.source.id}_{self.created_at}"


@dataclass(eq=False)
class Text:
    """Anything that somebody wrote: an author (None once the account is deleted), a body and a time."""

    author: Actor | None
    body: str
    created_at: int
    full_database_id: int = field(default_factory=lambda: next(_IDS))
    reactions: list[Reaction] = field(default_factory=list, kw_only=True)

    @property
    def id(self) -> str:
        return f"{type(self).__name__}_{self.full_database_id}"

    @property
    def database_id(self) -> int:
        return self.full_database_id - 2**31

    @property
    def reaction_groups(self) -> list[dict[str, Any]]:
        names = sorted({one.content for one in self.reactions})
        return [{"reactors": {"totalCount": sum(one.content == name for one in self.reactions)}} for name in names]

    def react(self, user: Actor | None, content: str, at: int) -> Reaction:
        """Somebody reacts; as on GitHub this touches nothing."""
        self.reactions.append(Reaction(user, content, at))
        return self.reactions[-1]


@dataclass(eq=False)
class IssueComment(Text):
    """A comment on an issue or on the conversation of a pull request."""

    typename: str = "IssueComment"


@dataclass(eq=False)
class ReviewComment(Text):
    """A comment on a line of a pull request's diff."""

    path: str = "src/main.py"
    typename: str = "PullRequestReviewComment"


@dataclass(eq=False)
class Review(Text):
    """A review; PENDING ones have no `submitted_at`."""

    state: str = "COMMENTED"
    submitted_at: int | None = None
    comments: list[ReviewComment] = field(default_factory=list)
    typename: str = "PullRequestReview"
    touch: Any = None

    def comment(self, author: Actor | None, body: str, at: int) -> ReviewComment:
        """Adds a comment on the diff."""
        self.comments.append(ReviewComment(author, body, at))
        self.touch(at)
        return self.comments[-1]


@dataclass(eq=False)
class Thread(Text):
    """What issues and pull requests share."""

    number: int = 0
    title: str = ""
    updated_at: int = 0
    closed_at: int | None = None
    labels: list[Label] = field(default_factory=list)
    comments: list[IssueComment] = field(default_factory=list)
    timeline_items: list[CrossReferencedEvent] = field(default_factory=list, kw_only=True)

    def refer(self, actor: Actor | None, source: Any, at: int) -> None:
        """Something refers to it."""
        self.timeline_items.append(CrossReferencedEvent(actor, source, at))
        self.touch(at)

    def touch(self, at: int) -> None:
        """Something happened to it."""
        self.updated_at = max(self.updated_at, at)

    def comment(self, author: Actor | None, body: str, at: int) -> IssueComment:
        """Adds a comment to the conversation."""
        self.comments.append(IssueComment(author, body, at))
        self.touch(at)
        return self.comments[-1]

    def label(self, *names: str) -> None:
        """Sets its labels; this alone does not move `updated_at` here, so that tests stay simple."""
        self.labels[:] = [Label(name) for name in names]


@dataclass(eq=False)
class Issue(Thread):
    """An issue. `state_reason` is COMPLETED, NOT_PLANNED, DUPLICATE, REOPENED or None."""

    state_reason: str | None = None
    repository: Any = None
    typename: str = "Issue"

    @property
    def state(self) -> str:
        return "OPEN" if self.closed_at is None else "CLOSED"

    def close(self, at: int, reason: str | None = "COMPLETED") -> None:
        """Closes it for a reason."""
        self.closed_at, self.state_reason = at, reason
        self.touch(at)

    def reopen(self, at: int) -> None:
        """Opens it again."""
        self.closed_at, self.state_reason = None, "REOPENED"
        self.touch(at)


@dataclass(eq=False)
class PullRequest(Thread):
    """A pull request: open, merged (`merged_at`), or closed without."""

    merged_at: int | None = None
    merge_commit: Commit | None = None
    merged_by: Actor | None = None
    is_draft: bool = False
    base_ref_name: str = "main"
    additions: int = 10
    deletions: int = 2
    changed_files: int = 1
    is_cross_repository: bool = False
    head_repository: Any = None
    files: list[ChangedFile] = field(default_factory=lambda: [ChangedFile("src/main.py")])
    reviews: list[Review] = field(default_factory=list)
    commits: list[PullRequestCommit] = field(default_factory=list)
    repository: Any = None
    typename: str = "PullRequest"

    @property
    def state(self) -> str:
        if self.merged_at is not None:
            return "MERGED"
        return "OPEN" if self.closed_at is None else "CLOSED"

    @property
    def merged(self) -> bool:
        return self.merged_at is not None

    def merge(self, at: int, message: str = "", *, parents: int = 1) -> None:
        """Merges it with a commit whose message may hold `Co-authored-by` trailers; two `parents`: a merge commit."""
        self.merged_at = self.closed_at = at
        oids = tuple(f"{n:040x}" for n in range(parents))
        self.merge_commit = Commit(f"{self.full_database_id:040x}", message or f"{self.title} (#{self.number})", oids)
        self.touch(at)

    def close(self, at: int) -> None:
        """Closes it without merging."""
        self.closed_at = at
        self.touch(at)

    def review(self, author: Actor | None, state: str, at: int | None, body: str = "", created: int = 0) -> Review:
        """Adds a review; `at` None: PENDING, not submitted yet."""
        review = Review(author, body, created or at or self.updated_at, state=state, submitted_at=at, touch=self.touch)
        self.reviews.append(review)
        self.touch(at or 0)
        return review

    def commit(self, message: str, user: Actor | None = None, email: str | None = None, at: int = 0) -> None:
        """Adds a commit to its branch."""
        oid = f"{self.full_database_id * 1000 + len(self.commits):040x}"
        author = {"name": user.login if user else "Somebody", "email": email, "user": user}
        self.commits.append(PullRequestCommit(Commit(oid, message, author=author, authored_date=at)))

    def touches(self, *paths: str) -> None:
        """Sets the files that it changes."""
        self.files[:] = [ChangedFile(path) for path in paths]
        self.changed_files = len(paths)


@dataclass(eq=False)
class DiscussionComment(Text):
    """A comment on a discussion, or a reply to one."""

    deleted_at: int | None = None
    replies: list[DiscussionComment] = field(default_factory=list)
    typename: str = "DiscussionComment"


@dataclass(eq=False)
class Discussion(Thread):
    """A discussion; `answer` is the comment that was chosen."""

    answer: DiscussionComment | None = None
    answer_chosen_at: int | None = None
    category: Any = field(default_factory=lambda: {"name": "Q&A"})
    repository: Any = None
    typename: str = "Discussion"

    def say(self, author: Actor | None, body: str, at: int, to: DiscussionComment | None = None) -> DiscussionComment:
        """Adds a comment, or a reply to one."""
        said = DiscussionComment(author, body, at)
        (self.comments if to is None else to.replies).append(said)  # type: ignore[arg-type]
        self.touch(at)
        return said

    def choose(self, comment: DiscussionComment, at: int) -> None:
        """Takes a comment as the answer."""
        self.answer, self.answer_chosen_at = comment, at
        self.touch(at)


@dataclass(eq=False)
class CommitComment(Text):
    """A comment on a commit."""

    commit: Commit | None = None
    typename: str = "CommitComment"


@dataclass(eq=False)
class Release:
    """A release; drafts are seen only by those who may push."""

    author: Actor | None
    tag_name: str
    name: str | None
    description: str | None
    created_at: int
    published_at: int | None
    is_draft: bool = False
    is_prerelease: bool = False
    database_id: int = field(default_factory=lambda: next(_IDS) - 2**31)
    typename: str = "Release"

    @property
    def id(self) -> str:
        return f"RE_{self.database_id}"


@dataclass(eq=False)
class Repository:
    """A repository. `former` holds the full names that it had before it was renamed or transferred."""

    full_name: str
    database_id: int
    is_private: bool = False
    parent: Repository | None = None
    former: list[str] = field(default_factory=list)
    pull_requests: list[PullRequest] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)
    discussions: list[Discussion] = field(default_factory=list)
    commit_comments: list[CommitComment] = field(default_factory=list)
    typename: str = "Repository"
    _numbers: Any = field(default_factory=lambda: count(1))

    @property
    def id(self) -> str:
        return f"R_{self.database_id}"

    @property
    def name_with_owner(self) -> str:
        return self.full_name

    @property
    def is_fork(self) -> bool:
        return self.parent is not None

    def rename(self, full_name: str) -> None:
        """Renames or transfers it; the former name redirects."""
        self.former.append(self.full_name)
        self.full_name = full_name

    def pull(self, author: Actor | None, at: int, title: str = "Add a thing", body: str = "") -> PullRequest:
        """Opens a pull request."""
        pull = PullRequest(author, body, at, number=next(self._numbers), title=title, updated_at=at, repository=self)
        self.pull_requests.append(pull)
        return pull

    def issue(self, author: Actor | None, at: int, title: str = "It breaks", body: str = "") -> Issue:
        """Opens an issue."""
        issue = Issue(author, body, at, number=next(self._numbers), title=title, updated_at=at, repository=self)
        self.issues.append(issue)
        return issue

    def discussion(self, author: Actor | None, at: int, title: str = "How?", body: str = "") -> Discussion:
        """Opens a discussion."""
        made = Discussion(author, body, at, number=next(self._numbers), title=title, updated_at=at, repository=self)
        self.discussions.append(made)
        return made

    def release(self, author: Actor | None, tag: str, at: int, **more: Any) -> Release:
        """Publishes a release."""
        fields: dict[str, Any] = {"name": tag, "description": "", "created_at": at, "published_at": at}
        self.releases.append(Release(author, tag, **{**fields, **more}))
        return self.releases[-1]


@dataclass
class World:
    """All repositories, who asks (`viewer`), and GitHub's own clock (seconds since 1970)."""

    now: int
    repositories: list[Repository] = field(default_factory=list)
    viewer: Actor = field(default_factory=lambda: Actor("collector", 900))

    def repository(self, full_name: str, **more: Any) -> Repository:
        """Makes a repository."""
        found = Repository(full_name, 5000 + len(self.repositories), **more)
        self.repositories.append(found)
        return found

    def find(self, full_name: str) -> tuple[Repository | None, bool]:
        """The repository of a name, and whether that is a former name: present names go first, case does not matter."""
        wanted = full_name.lower()
        for repository in self.repositories:
            if repository.full_name.lower() == wanted:
                return repository, False
        for repository in self.repositories:
            if wanted in (name.lower() for name in repository.former):
                return repository, True
        return None, False

    def nodes(self) -> dict[str, Any]:
        """Everything that a query may ask for by its global id."""
        found: dict[str, Any] = {}
        for repository in self.repositories:
            for thread in (*repository.pull_requests, *repository.issues, *repository.discussions):
                found[thread.id] = thread
                for one in (*thread.comments, *getattr(thread, "reviews", ())):
                    found[one.id] = one
                    inner = (*getattr(one, "comments", ()), *getattr(one, "replies", ()))
                    found.update((each.id, each) for each in inner)
        return found
