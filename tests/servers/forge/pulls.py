"""Pull requests: opened, reviewed, merged into the real repository, and moved along by what is pushed."""

from __future__ import annotations

import re
from typing import Any

from . import shapes
from .bare import MAIN, ZERO, MergeConflict
from .state import settled
from .talk import Talk, checked_text, checked_title
from .world import Account, Issue, Pull, Refused, Repository, Review, Thread, invalid

_CLOSES = re.compile(r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):? #([1-9][0-9]{0,8})\b", re.I)
_CODE = re.compile(r"(`+).+?\1", re.S)


class Pulls(Talk):
    """What is done with pull requests."""

    @settled
    def open_pull(
        self, login: str, head: str, title: str, body: str = "", *, base: str = "main", draft: bool = False
    ) -> int:
        """Open a pull request from the branch `head` (`login:branch` for that of a fork); returns its number."""
        by = self.who(login)
        owner, _, branch = head.rpartition(":")
        repository = self._source(owner)
        if by is self.who("actions") and not self.settings.can_approve_pull_request_reviews:
            raise Refused(403, "GitHub Actions is not permitted to create or approve pull requests.")
        if repository is self.repository and not by.may("write"):
            raise Refused(403, "Resource not accessible by personal access token")
        checked_title(title, "PullRequest")
        checked_text(body, "PullRequest", blank=True)
        ours = self.repository.bare
        base_sha, head_sha = ours.tip(base), repository.bare.tip(branch)
        for name, sha in (("base", base_sha), ("head", head_sha)):
            if sha is None:
                raise Refused(422, "Validation Failed", [{"resource": "PullRequest", "field": name, "code": "invalid"}])
        assert base_sha and head_sha
        self._refuse_second(repository, branch, base)
        number = len(self.threads) + 1
        self._take(repository, branch, number)
        if not ours.between(base_sha, head_sha):
            ours.git("update-ref", "-d", f"refs/pull/{number}/head")
            raise invalid(f"No commits between {base} and {branch}")
        pull = Pull(by, body, self.now, number, title, head=branch, base=base, head_sha=head_sha)
        pull.head_repository, pull.draft = repository, draft
        self.threads[number] = pull
        self._thread_event("opened", by, pull)
        return number

    def _source(self, owner: str) -> Repository:
        for one in (self.repository, *self.forks):
            if not owner or one.owner.login.lower() == owner.lower():
                return one
        raise Refused(422, "Validation Failed", [{"resource": "PullRequest", "field": "head", "code": "invalid"}])

    def _refuse_second(self, repository: Repository | None, head: str, base: str) -> None:
        for one in self.threads.values():
            if not isinstance(one, Pull) or one.state != "open" or repository is None:
                continue
            if (one.head_repository, one.head, one.base) == (repository, head, base):
                raise invalid(f"A pull request already exists for {repository.owner.login}:{head}.")

    @settled
    def set_draft(self, number: int, login: str, draft: bool) -> Pull:
        """Convert to a draft, or mark as ready for review."""
        pull = self.pull(number)
        by = self._editor(pull, login)
        if pull.state != "open":
            raise Refused(422, "Pull request is not open")
        if pull.draft != draft:
            pull.draft, pull.updated_at = draft, self.now
            self._thread_event("converted_to_draft" if draft else "ready_for_review", by, pull)
        return pull

    @settled
    def request_reviewers(self, number: int, login: str, reviewers: list[str]) -> Pull:
        """Ask collaborators for their review."""
        pull, by = self.pull(number), self._needs(login, "write")
        try:
            found = [self.who(one) for one in reviewers]
        except Refused:
            found = []
        if len(found) != len(reviewers) or not all(one.may("write") and one.type == "User" for one in found):
            raise Refused(
                422,
                "Reviews may only be requested from collaborators. One or more of the users or teams you specified is "
                f"not a collaborator of the {self.repository.full_name} repository.",
            )
        if pull.by in found:
            raise Refused(422, "Review cannot be requested from pull request author.")
        for one in found:
            if one not in pull.requested:
                pull.requested.append(one)
                self._thread_event("review_requested", by, pull, requested_reviewer=shapes.user(self, one))
        return pull

    @settled
    def review(self, number: int, login: str, state: str, body: str = "", commit: str | None = None) -> Review:
        """Submit a review; `state`: APPROVED, CHANGES_REQUESTED, COMMENTED or PENDING (not submitted)."""
        pull, by = self.pull(number), self.who(login)
        if state not in ("APPROVED", "CHANGES_REQUESTED", "COMMENTED", "PENDING"):
            raise Refused(422, "Unprocessable Entity", [f"{state} is no state of a review"])
        if pull.by is by and state in ("APPROVED", "CHANGES_REQUESTED"):
            what = "approve" if state == "APPROVED" else "request changes on"
            raise Refused(422, "Unprocessable Entity", [f"Can not {what} your own pull request"])
        if by is self.who("actions") and not self.settings.can_approve_pull_request_reviews and state == "APPROVED":
            raise Refused(422, "Unprocessable Entity", ["GitHub Actions is not permitted to approve pull requests."])
        if state in ("COMMENTED", "CHANGES_REQUESTED") and not body.strip():
            raise Refused(422, "Unprocessable Entity", ["Body can't be blank"])
        checked_text(body, "PullRequestReview", blank=True)
        at = commit or pull.head_sha
        if self.repository.bare.commit(at) != at:
            raise Refused(422, "Unprocessable Entity", [f"No commit found for SHA: {at}"])
        if state == "PENDING" and any(one.by is by and one.state == "PENDING" for one in pull.reviews):
            raise Refused(422, "Unprocessable Entity", ["User can only have one pending review per pull request"])
        review = Review(by, body, self.now, number, state, at, None if state == "PENDING" else self.now)
        pull.reviews.append(review)
        if state != "PENDING":
            self._submitted(pull, review)
        return review

    @settled
    def submit_review(self, review: Review, state: str, body: str | None = None) -> Review:
        """Submit a review that was pending."""
        if review.state != "PENDING":
            raise Refused(422, "Unprocessable Entity", ["Can not submit a review that was submitted"])
        review.state, review.submitted_at = state, self.now
        review.body = review.body if body is None else body
        self._submitted(self.pull(review.number), review)
        return review

    def _submitted(self, pull: Pull, review: Review) -> None:
        pull.updated_at = self.now
        if review.by in pull.requested:
            pull.requested.remove(review.by)
        self._review_event("submitted", review.by, review)

    @settled
    def edit_review(self, review: int | Review, body: str, login: str | None = None) -> Review:
        """Edit a review's text, as its author or as somebody who may write."""
        found = review if isinstance(review, Review) else self.find_review(review)
        by = self._editor(found, login)
        changes = {"body": {"from": found.body}}
        self._edit(found, body)
        if found.state != "PENDING":
            self._review_event("edited", by, found, changes=changes)
        return found

    @settled
    def dismiss_review(self, review: int | Review, login: str = "maintainer", message: str = "Outdated") -> Review:
        """Dismiss an approval or a request for changes."""
        found = review if isinstance(review, Review) else self.find_review(review)
        by = self._needs(login, "write")
        if found.state not in ("APPROVED", "CHANGES_REQUESTED"):
            raise Refused(422, "Unprocessable Entity", ["Can not dismiss a commented pull request review"])
        if not message:
            raise Refused(422, "Unprocessable Entity", ["Message can't be blank"])
        found.state, found.updated_at = "DISMISSED", self.now
        self._review_event("dismissed", by, found)
        return found

    @settled
    def merge(
        self,
        number: int,
        login: str,
        *,
        sha: str | None = None,
        method: str = "squash",
        title: str | None = None,
        message: str | None = None,
    ) -> str:
        """Merge a pull request into its base, which really gets the commit; returns the commit."""
        pull, by = self.pull(number), self._needs(login, "write")
        if pull.merged or pull.state != "open":
            raise Refused(405, "Pull Request is not mergeable")
        if sha is not None and sha != pull.head_sha:
            raise Refused(409, "Head branch was modified. Review and try the merge again.")
        if pull.draft:
            raise Refused(405, "Pull Request is still a draft")
        if method not in ("squash", "merge"):
            raise Refused(405, "Rebase merges are not allowed on this repository.")
        if not (self.settings.allow_squash_merge if method == "squash" else self.settings.allow_merge_commit):
            kind = "Squash merges" if method == "squash" else "Merge commits"
            raise Refused(405, f"{kind} are not allowed on this repository.")
        self._refuse_by_rules(pull)
        bare = self.repository.bare
        base = bare.tip(pull.base)
        assert base is not None
        try:
            tree = bare.merges(base, pull.head_sha)
        except MergeConflict:
            raise Refused(405, "Pull Request has merge conflicts") from None
        parents = [base] if method == "squash" else [base, pull.head_sha]
        text = self._message(pull, base, method, title, message)
        author = by if method == "merge" else pull.by
        commit = bare.write(tree, parents, text, (author.login, shapes.email(author)), self.now)
        bare.move(f"refs/heads/{pull.base}", commit, base)
        self._merged(pull, by, commit)
        self._moved(by, self.repository, f"refs/heads/{pull.base}", base, commit)
        if self.settings.delete_branch_on_merge and pull.head_repository is self.repository:
            self._delete_branch(pull.head, self.who("actions"))
        return commit

    def _message(self, pull: Pull, base: str, method: str, title: str | None, message: str | None) -> str:
        """The message of the merge as asked for; else what GitHub puts together from the branch's own messages."""
        bare = self.repository.bare
        told = [bare.message(commit).strip() for commit in bare.between(base, pull.head_sha)]
        if method == "merge":
            default = (f"Merge pull request #{pull.number} from {self.repository.owner.login}/{pull.head}", pull.title)
        elif len(told) == 1:
            first, _, rest = told[0].partition("\n")
            default = (f"{first} (#{pull.number})", rest.strip())
        else:
            default = (f"{pull.title} (#{pull.number})", "\n\n".join(f"* {text}" for text in told))
        parts = (title or default[0], default[1] if message is None else message)
        return "\n\n".join(part for part in parts if part) + "\n"

    def _close_named(self, text: str, by: Account) -> None:
        """Close the issues that a text says to close; what stands in code is not read."""
        for match in _CLOSES.finditer(_CODE.sub(" ", text)):
            found = self.threads.get(int(match[1]))
            if isinstance(found, Issue) and found.state == "open":
                self._set_state(found, by, "closed")

    def _merged(self, pull: Pull, by: Account, commit: str) -> None:
        pull.state, pull.merged_at, pull.closed_at = "closed", self.now, self.now
        pull.merged_by, pull.closed_by, pull.merge_commit = by, by, commit
        self._thread_event("closed", by, pull)
        self._close_named(pull.body, by)

    def _refuse_by_rules(self, pull: Pull) -> None:
        """What the rules of the base branch ask for before a merge."""
        for rule in self.rules(pull.base):
            wanted = rule.get("parameters", {})
            if rule["type"] == "required_status_checks":
                states = {one.context: one.state for one in self.latest(pull.head_sha)}
                for check in wanted["required_status_checks"]:
                    if states.get(check["context"]) != "success":
                        raise Refused(405, f'Required status check "{check["context"]}" is expected.')
            if rule["type"] == "pull_request":
                last = {one.by: one.state for one in pull.reviews if one.state not in ("COMMENTED", "PENDING")}
                approvals = sum(state == "APPROVED" and by.may("write") for by, state in last.items())
                if approvals < wanted.get("required_approving_review_count", 0):
                    raise Refused(405, "At least 1 approving review is required by reviewers with write access.")

    def rules(self, branch: str) -> list[dict[str, Any]]:
        """The rules in force for a branch, as GitHub lists them: those of every active ruleset that includes it."""
        found = []
        for ruleset in self.settings.rulesets:
            names = ruleset.get("conditions", {}).get("ref_name", {}).get("include", [])
            wanted = {"~ALL", f"refs/heads/{branch}"} | ({"~DEFAULT_BRANCH"} if branch == "main" else set())
            if ruleset["enforcement"] == "active" and ruleset["target"] == "branch" and wanted & set(names):
                source = {
                    "ruleset_source_type": "Repository",
                    "ruleset_source": self.repository.full_name,
                    "ruleset_id": ruleset["id"],
                }
                found += [{**rule, **source} for rule in ruleset["rules"]]
        return found

    def _delete_branch(self, branch: str, by: Account) -> None:
        old = self.repository.bare.tip(branch)
        assert old is not None
        self.repository.bare.delete(branch)
        self._moved(by, self.repository, f"refs/heads/{branch}", old, ZERO)

    def _set_state(self, thread: Thread, by: Account, state: str, reason: str | None = None) -> None:
        """A pull request can be opened again only while its branch is there, and no other one is open for it."""
        if isinstance(thread, Pull) and state == "open" and thread.state == "closed":
            if thread.merged or self._head(thread) is None:
                raise invalid("state cannot be changed. The pull request cannot be reopened.", field="state")
            self._refuse_second(thread.head_repository, thread.head, thread.base)
        super()._set_state(thread, by, state, reason)

    def _moved(self, by: Account, repository: Repository, ref: str, old: str, new: str) -> None:
        """Heads of pull requests move along; what is in its base now is merged, what has no branch is closed."""
        super()._moved(by, repository, ref, old, new)
        if repository is self.repository and ref == MAIN and ZERO not in (old, new):
            for commit in repository.bare.between(old, new):
                self._close_named(repository.bare.message(commit), by)
        kind, _, branch = ref.removeprefix("refs/").partition("/")
        for pull in self.pulls():
            if kind != "heads" or pull.state != "open":
                continue
            if (pull.head_repository, pull.head) == (repository, branch):
                self._head_moved(pull, by, old, new)
            elif repository is self.repository and pull.base == branch and repository.bare.contains(new, pull.head_sha):
                self._merged(pull, by, new)

    def _head_moved(self, pull: Pull, by: Account, old: str, new: str) -> None:
        assert pull.head_repository is not None
        if new == ZERO:
            self._set_state(pull, by, "closed")
            return
        self._take(pull.head_repository, pull.head, pull.number)
        pull.head_sha, pull.updated_at = new, self.now
        base = self.repository.bare.tip(pull.base)
        self._thread_event("synchronize", by, pull, before=old, after=new)
        if base is not None and not self.repository.bare.between(base, new):
            self._set_state(pull, by, "closed")

    def _take(self, repository: Repository, branch: str, number: int) -> None:
        """Keep the head of a pull request in the repository itself, as `refs/pull/N/head`."""
        kept = f"refs/pull/{number}/head"
        self.repository.bare.git("fetch", "--quiet", "--no-tags", repository.bare.url, f"+refs/heads/{branch}:{kept}")

    def _head(self, pull: Pull) -> str | None:
        return pull.head_repository.bare.tip(pull.head) if pull.head_repository else None

    def _review_event(self, action: str, by: Account, review: Review, **more: Any) -> None:
        pull = self.pull(review.number)
        self._emit(
            "pull_request_review",
            by,
            lambda: {
                "action": action,
                "review": shapes.review_in_event(self, review),
                "pull_request": shapes.pull_simple(self, pull),
                **more,
            },
        )
