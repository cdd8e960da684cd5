"""Issues and comments, with GitHub's rules for who may write, edit, label and close."""

from __future__ import annotations

from typing import Any

from . import shapes
from .state import State, settled
from .world import Account, Comment, Issue, Pull, Refused, Thread, invalid

MOST_TEXT, MOST_TITLE = 65536, 256


def checked_text(body: str, resource: str, *, blank: bool = False) -> None:
    if not blank and not body.strip():
        raise invalid("Body cannot be blank", resource, field="body")
    if len(body) > MOST_TEXT:
        raise invalid(f"body is too long (maximum is {MOST_TEXT} characters)", resource, field="body")


def checked_title(title: str, resource: str) -> None:
    if not title.strip():
        raise Refused(422, "Validation Failed", [{"resource": resource, "field": "title", "code": "missing_field"}])
    if len(title) > MOST_TITLE:
        raise invalid("title is too long (maximum is 256 characters)", resource, field="title")


class Talk(State):
    """What is said and done on issues, and on what pull requests share with them."""

    @settled
    def comment(self, number: int, login: str, body: str) -> Comment:
        """Comment on an issue or pull request."""
        by, thread = self.who(login), self.thread(number)
        checked_text(body, "IssueComment")
        comment = Comment(by, body, self.now, number)
        thread.comments.append(comment)
        self._comment_event("created", by, comment)
        return comment

    @settled
    def edit_comment(self, comment: int | Comment, body: str, login: str | None = None) -> Comment:
        """Edit a comment, as its author or as somebody who may write."""
        found = comment if isinstance(comment, Comment) else self.find_comment(comment)
        by = self._editor(found, login)
        checked_text(body, "IssueComment")
        changes = {"body": {"from": found.body}}
        self._edit(found, body)
        self._comment_event("edited", by, found, changes=changes)
        return found

    @settled
    def delete_comment(self, comment: int | Comment, login: str | None = None) -> None:
        """Delete a comment, as its author or as somebody who may write."""
        found = comment if isinstance(comment, Comment) else self.find_comment(comment)
        by = self._editor(found, login)
        self._comment_event("deleted", by, found)
        self.threads[found.number].comments.remove(found)

    @settled
    def open_issue(self, login: str, title: str, body: str = "", labels: list[str] | None = None) -> int:
        """Open an issue; returns its number. The labels of an issue form are set whoever fills it in."""
        return self._open_issue(self.who(login), title, body, labels or []).number

    def _open_issue(self, by: Account, title: str, body: str, labels: list[str]) -> Issue:
        checked_title(title, "Issue")
        checked_text(body, "Issue", blank=True)
        issue = Issue(by, body, self.now, len(self.threads) + 1, title)
        self.threads[issue.number] = issue
        issue.labels = self._labels(labels)
        self._thread_event("opened", by, issue)
        for name in issue.labels:
            self._thread_event("labeled", by, issue, label=shapes.label(self, name))
        return issue

    @settled
    def edit_thread(
        self,
        number: int,
        login: str,
        *,
        title: str | None = None,
        body: str | None = None,
        state: str | None = None,
        labels: list[str] | None = None,
        state_reason: str | None = None,
    ) -> Thread:
        """Change an issue or pull request: its author may, and who may write; labels are for the latter alone."""
        thread = self.thread(number)
        by = self._editor(thread, login)
        resource = "PullRequest" if isinstance(thread, Pull) else "Issue"
        changes: dict[str, Any] = {}
        if title is not None and title != thread.title:
            checked_title(title, resource)
            changes["title"] = {"from": thread.title}
            thread.title = title
        if body is not None and body != thread.body:
            checked_text(body, resource, blank=True)
            changes["body"] = {"from": thread.body}
            self._edit(thread, body)
            thread.editor = by
        if changes:
            self._thread_event("edited", by, thread, changes=changes)
        if labels is not None and by.may("write"):
            before, thread.labels = thread.labels, self._labels(labels)
            for name in thread.labels:
                if name not in before:
                    self._thread_event("labeled", by, thread, label=shapes.label(self, name))
            for name in before:
                if name not in thread.labels:
                    self._thread_event("unlabeled", by, thread, label=shapes.label(self, name))
        if state is not None:
            self._set_state(thread, by, state, state_reason)
        thread.updated_at = self.now
        return thread

    def close(self, number: int, login: str) -> Thread:
        """Close an issue or pull request without more."""
        return self.edit_thread(number, login, state="closed")

    def _set_state(self, thread: Thread, by: Account, state: str, reason: str | None = None) -> None:
        if state not in ("open", "closed"):
            raise invalid(f"{state} is no state", "Issue")
        if state == thread.state:
            return
        thread.state = state
        thread.closed_at, thread.closed_by = (self.now, by) if state == "closed" else (None, None)
        if isinstance(thread, Issue):
            thread.state_reason = (reason or "completed") if state == "closed" else "reopened"
        self._thread_event("closed" if state == "closed" else "reopened", by, thread)

    def _labels(self, names: list[str]) -> list[str]:
        """Labels by name, each once; a name that is new makes a label, as the API does."""
        for name in names:
            self.settings.labels.setdefault(name, ("ededed", ""))
        return list(dict.fromkeys(names))

    def _comment_event(self, action: str, by: Account, comment: Comment, **more: Any) -> None:
        thread = self.threads[comment.number]
        thread.updated_at = self.now
        self._emit(
            "issue_comment",
            by,
            lambda: {
                "action": action,
                "issue": shapes.issue(self, thread),
                "comment": shapes.comment(self, comment),
                **more,
            },
        )
