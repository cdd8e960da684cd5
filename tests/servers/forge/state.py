"""The state of the forge and how it is looked up: accounts, tokens, threads, statuses; and the list of events.

What starts workflows is noted in `events`: never what the job's own token does, except a dispatch.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from . import shapes, shapes_git
from .bare import ZERO, Push
from .world import (
    ACTIONS,
    Account,
    Comment,
    Dispatch,
    Issue,
    Pull,
    Refused,
    Repository,
    Review,
    Settings,
    Status,
    Text,
    Thread,
    Token,
)

_SKIP = re.compile(r"\[(skip ci|ci skip|no ci|skip actions|actions skip)\]|\n\n\nskip-checks: ?true\s*\Z")
"""What a message says to start no workflow on push and pull_request (GitHub's page "Skipping workflow runs")."""
P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="State")


def settled(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """One at a time, and after what was pushed meanwhile has had its effects."""

    @wraps(method)
    def run(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.lock:
            self.settle()
            return method(self, *args, **kwargs)

    return run


class State:
    """One repository, its forks, and everybody there. `now` is GitHub's clock and may be set."""

    def __init__(self, repository: Repository, now: str, url: Callable[[], str]) -> None:
        self.repository = repository
        self.now = now
        self.url = url
        self.lock = threading.RLock()
        self.accounts: dict[int, Account] = {repository.owner.id: repository.owner}
        self.tokens: dict[str, Token] = {}
        self.threads: dict[int, Thread] = {}
        self.forks: list[Repository] = []
        self.statuses: list[Status] = []
        self.dispatches: list[Dispatch] = []
        self.deleted_branches: list[str] = []
        self.settings = Settings()
        self._noted: list[tuple[str, dict[str, Any]]] = []
        self.account(ACTIONS, 41898282, "Bot", permission="write")
        self.account("maintainer", 1001, permission="admin")

    def account(self, login: str, number: int, type: str = "User", *, permission: str = "read") -> Account:
        """Make an account."""
        if number in self.accounts or any(one.login.lower() == login.lower() for one in self.accounts.values()):
            raise ValueError(f"the account {login} or its id {number} exists already")
        found = self.accounts[number] = Account(login, number, type, permission)
        return found

    def rename_account(self, login: str, new: str) -> None:
        """Give an account another login; its id stays."""
        self.who(login).login = new

    def delete_account(self, login: str) -> None:
        """Delete an account: what it wrote stays, by nobody."""
        self.who(login).deleted = True

    def who(self, login: str) -> Account:
        """The account of a login; `actions` is that of the job's own token. Refused (404) for nobody."""
        wanted = ACTIONS if login == "actions" else login
        for one in self.accounts.values():
            if one.login.lower() == wanted.lower() and not one.deleted:
                return one
        raise Refused(404, "Not Found")

    def token(self, login: str, permissions: Mapping[str, str] | None = None) -> str:
        """A token of an account; `permissions` limits it as a job's `permissions:` does (`{"contents": "read"}`)."""
        account = self.who(login)
        name = f"{'ghs' if account.type == 'Bot' else 'ghp'}_{account.id}"
        if permissions is not None:
            name += "_" + "_".join(f"{key}-{value}" for key, value in sorted(permissions.items()))
        self.tokens[name] = Token(account, None if permissions is None else dict(permissions))
        return name

    @property
    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """What would start workflows so far, oldest first: (name of the event, payload)."""
        with self.lock:
            self.settle()
            return self._noted

    @settled
    def thread(self, number: int) -> Thread:
        """The issue or pull request of that number; Refused (404)."""
        if number not in self.threads:
            raise Refused(404, "Not Found")
        return self.threads[number]

    def pull(self, number: int) -> Pull:
        """The pull request of that number; Refused (404)."""
        found = self.thread(number)
        if not isinstance(found, Pull):
            raise Refused(404, "Not Found")
        return found

    def issue(self, number: int) -> Issue:
        """The issue of that number; Refused (404), also for a pull request."""
        found = self.thread(number)
        if not isinstance(found, Issue):
            raise Refused(404, "Not Found")
        return found

    @settled
    def pulls(self) -> list[Pull]:
        """All pull requests, oldest first."""
        return [one for one in self.threads.values() if isinstance(one, Pull)]

    @settled
    def issues(self) -> list[Issue]:
        """All issues that are no pull requests, oldest first."""
        return [one for one in self.threads.values() if isinstance(one, Issue)]

    @settled
    def find_comment(self, number: int) -> Comment:
        """The comment of that id; Refused (404)."""
        for thread in self.threads.values():
            for comment in thread.comments:
                if comment.id == number:
                    return comment
        raise Refused(404, "Not Found")

    @settled
    def find_review(self, number: int) -> Review:
        """The review of that id; Refused (404)."""
        for pull in self.pulls():
            for review in pull.reviews:
                if review.id == number:
                    return review
        raise Refused(404, "Not Found")

    def latest(self, sha: str) -> list[Status]:
        """The last status of each context, newest first."""
        found: dict[str, Status] = {}
        for status in self.statuses:
            if status.sha == sha:
                found.pop(status.context, None)
                found[status.context] = status
        return list(reversed(found.values()))

    @settled
    def status(self, sha: str, context: str) -> dict[str, Any]:
        """The status of a commit in a context, as REST shows it; empty where there is none."""
        return next((shapes_git.status(self, one) for one in self.latest(sha) if one.context == context), {})

    def settle(self) -> None:
        """Let everything that was pushed since the last time have its effects."""
        with self.lock:
            for repository in (self.repository, *self.forks):
                for push in repository.bare.pushes():
                    self._moved(self._pusher(push), repository, push.ref, push.old, push.new)

    def _pusher(self, push: Push) -> Account:
        if push.who in self.tokens:
            return self.tokens[push.who].account
        try:
            return self.who(push.who)
        except Refused:
            return self.who("maintainer")

    def _moved(self, by: Account, repository: Repository, ref: str, old: str, new: str) -> None:
        """A branch or tag went from one commit to another; ZERO stands for none."""
        if repository is self.repository:
            if ref.startswith("refs/heads/") and new == ZERO:
                self.deleted_branches.append(ref.removeprefix("refs/heads/"))
            told = None if new == ZERO else new
            self._emit("push", by, lambda: shapes_git.push(self, by, ref, old, new), told)

    def _needs(self, login: str, permission: str) -> Account:
        by = self.who(login)
        if not by.may(permission):
            raise Refused(403, f"Must have {permission} rights to Repository.")
        return by

    def _editor(self, text: Text, login: str | None) -> Account:
        """Who edits: the author, or somebody who may write."""
        by = text.by if login is None else self.who(login)
        if by is not text.by and not by.may("write"):
            raise Refused(403, "Must have write rights to Repository.")
        return by

    def _edit(self, text: Text, body: str) -> None:
        text.body, text.last_edited_at, text.updated_at = body, self.now, self.now

    def _emit(self, event: str, by: Account, payload: Callable[[], dict[str, Any]], commit: str | None = None) -> None:
        """Note an event; its payload shows the world as it is now. The message of `commit` may say to start nothing."""
        if by.login == ACTIONS and event != "workflow_dispatch":
            return
        if commit is not None and _SKIP.search(self.repository.bare.message(commit)):
            return
        about = {"repository": shapes.repository(self, self.repository), "sender": shapes.user(self, by)}
        self._noted.append((event, {**payload(), **about}))

    def _thread_event(self, action: str, by: Account, thread: Thread, **more: Any) -> None:
        def payload() -> dict[str, Any]:
            if isinstance(thread, Pull):
                return {"action": action, "number": thread.number, "pull_request": shapes.pull(self, thread), **more}
            return {"action": action, "issue": shapes.issue(self, thread), **more}

        if isinstance(thread, Pull):
            self._emit("pull_request", by, payload, thread.head_sha)
        else:
            self._emit("issues", by, payload)
