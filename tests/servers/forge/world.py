"""What the forge holds beside git, in memory: accounts, pull requests, reviews, comments, issues, statuses, settings.

Times are as GitHub writes them (`2026-01-07T06:00:00Z`). Ids of what people write have left the 32-bit range, as at
GitHub. Nothing here decides: who may do what, and what follows from it, is in `actions.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any

from .bare import Bare

ACTIONS = "github-actions[bot]"
_IDS = count(2**31 + 7)
RANKS = {"none": 0, "read": 1, "write": 2, "admin": 3}


class Refused(Exception):
    """GitHub says no: the status and the message of its answer, with the list `errors` of a 422."""

    def __init__(self, status: int, message: str, errors: list[Any] | None = None) -> None:
        super().__init__(f"{status} {message} {errors or ''}".strip())
        self.status, self.message, self.errors = status, message, errors


def invalid(message: str, resource: str = "PullRequest", **more: str) -> Refused:
    """A 422 as GitHub's own checks give it."""
    return Refused(422, "Validation Failed", [{"resource": resource, "code": "custom", "message": message, **more}])


@dataclass(eq=False)
class Account:
    """An account: the login may change, the id never. `permission`: none, read, write or admin on the repository."""

    login: str
    id: int
    type: str = "User"
    permission: str = "read"
    deleted: bool = False

    @property
    def node_id(self) -> str:
        return f"{self.type}_{self.id}"

    def may(self, permission: str) -> bool:
        """Whether its role holds that permission."""
        return RANKS[self.permission] >= RANKS[permission]


@dataclass(frozen=True)
class Token:
    """A token: whose it is, and what it may do (None: whatever the account may)."""

    account: Account
    permissions: dict[str, str] | None = None


@dataclass(eq=False)
class Text:
    """Anything that somebody wrote."""

    by: Account
    body: str
    created_at: str
    id: int = field(default_factory=lambda: next(_IDS), kw_only=True)
    updated_at: str = field(default="", kw_only=True)
    last_edited_at: str | None = field(default=None, kw_only=True)
    editor: Account | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        self.updated_at = self.updated_at or self.created_at

    @property
    def account(self) -> Account | None:
        """Who wrote it, None once the account is deleted."""
        return None if self.by.deleted else self.by

    @property
    def author(self) -> str | None:
        """The login of who wrote it, None once the account is deleted."""
        return None if self.by.deleted else self.by.login


@dataclass(eq=False)
class Comment(Text):
    """A comment on the conversation of the issue or pull request `number`."""

    number: int


@dataclass(eq=False)
class Review(Text):
    """A review; a PENDING one has no `submitted_at` and is seen by its author alone."""

    number: int
    state: str
    commit: str
    submitted_at: str | None


@dataclass(eq=False)
class Thread(Text):
    """What issues and pull requests share."""

    number: int
    title: str
    labels: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    state: str = "open"
    state_reason: str | None = None
    closed_at: str | None = None
    closed_by: Account | None = None


@dataclass(eq=False)
class Issue(Thread):
    """An issue."""


@dataclass(eq=False)
class Repository:
    """A repository with its git side; `parent` where it is a fork."""

    owner: Account
    name: str
    id: int
    bare: Bare
    created_at: str
    parent: Repository | None = None

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"


@dataclass(eq=False)
class Pull(Thread):
    """A pull request: `head` and `base` are branches, `head_sha` is the head's commit as last seen."""

    head: str = ""
    base: str = "main"
    head_sha: str = ""
    head_repository: Repository | None = None
    draft: bool = False
    reviews: list[Review] = field(default_factory=list)
    requested: list[Account] = field(default_factory=list)
    merged_at: str | None = None
    merged_by: Account | None = None
    merge_commit: str | None = None

    @property
    def merged(self) -> bool:
        return self.merged_at is not None


@dataclass(frozen=True)
class Status:
    """A commit status; of each context the last one counts."""

    by: Account
    sha: str
    context: str
    state: str
    description: str | None
    target_url: str | None
    created_at: str
    id: int = field(default_factory=lambda: next(_IDS))


@dataclass(frozen=True)
class Dispatch:
    """A workflow that was started by hand or by another one."""

    workflow: str
    ref: str
    inputs: dict[str, Any]
    by: str


@dataclass(frozen=True)
class Environment:
    """A deployment environment: for all branches, for protected ones, or for those that fit one of `branches`."""

    branches: tuple[str, ...] | None = None
    protected_branches: bool = False
    reviewers: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


@dataclass(eq=False)
class Settings:
    """What an administrator switches on. As in a fresh repository, except that Actions may open pull requests.

    `rulesets` and `pages` hold what the API answers about them, in part: what is missing is filled in.
    `selected_actions` are patterns, besides GitHub's own, where `allowed_actions` is `selected`; `workflow_states` are
    those that are not `active`, by the name of the file.
    """

    private: bool = False
    allow_squash_merge: bool = True
    allow_merge_commit: bool = True
    delete_branch_on_merge: bool = False
    actions_enabled: bool = True
    allowed_actions: str = "all"
    selected_actions: tuple[str, ...] = ()
    workflow_states: dict[str, str] = field(default_factory=dict)
    sha_pinning_required: bool = False
    default_workflow_permissions: str = "read"
    can_approve_pull_request_reviews: bool = True
    rulesets: list[dict[str, Any]] = field(default_factory=list)
    pages: dict[str, Any] | None = None
    environments: dict[str, Environment] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    labels: dict[str, tuple[str, str]] = field(default_factory=lambda: {"bug": ("d73a4a", "Something isn't working")})
