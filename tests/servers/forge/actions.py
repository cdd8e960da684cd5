"""All that people and programs do at the forge. Tests call it to act as people; REST and GraphQL call the same.

Each method raises `Refused` where GitHub would, and lets follow what follows there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import shapes
from .bare import ZERO
from .pulls import Pulls
from .state import settled
from .world import Account, Dispatch, Refused, Repository, Status, invalid

MOST_DESCRIPTION = 140


class World(Pulls):
    """Rules, commit statuses, dispatches, branches and forks, besides issues and pull requests."""

    def add_ruleset(self, name: str, *rules: Any, enforcement: str = "active", **more: Any) -> int:
        """Set rules for main: names of types, or whole rules (`type`, `parameters`); returns the ruleset's id."""
        number = 9000 + len(self.settings.rulesets)
        whole = [{"type": rule} if isinstance(rule, str) else rule for rule in rules]
        ruleset = {"id": number, "name": name, "target": "branch", "enforcement": enforcement, "rules": whole}
        ruleset["conditions"] = {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}}
        self.settings.rulesets.append({**ruleset, "bypass_actors": [], **more})
        return number

    @settled
    def set_status(
        self, sha: str, login: str, context: str, state: str, description: str | None = None, url: str | None = None
    ) -> Status:
        """Say how a check went on a commit."""
        by = self._needs(login, "write")
        if state not in ("error", "failure", "pending", "success"):
            raise invalid("State is not included in the list", "Status")
        if description is not None and len(description) > MOST_DESCRIPTION:
            raise invalid("description is too long (maximum is 140 characters)", "Status", field="description")
        if self.repository.bare.commit(sha) != sha:
            raise Refused(422, f"No commit found for SHA: {sha}")
        status = Status(by, sha, context or "default", state, description, url, self.now)
        self.statuses.append(status)
        return status

    @settled
    def dispatch(self, login: str, workflow: str, ref: str = "main", inputs: dict[str, Any] | None = None) -> None:
        """Start a workflow on a branch; it must be there, and be started so (`on: workflow_dispatch`)."""
        by = self._needs(login, "write")
        commit = self.repository.bare.commit(ref)
        if commit is None:
            raise Refused(422, f"No ref found for: {ref}")
        path = f".github/workflows/{workflow}"
        text = self.repository.bare.read(self.repository.bare.tip("main") or "", path)
        if text is None:
            raise Refused(404, "Not Found")
        if b"workflow_dispatch" not in text:
            raise Refused(422, "Workflow does not have 'workflow_dispatch' trigger")
        self.dispatches.append(Dispatch(workflow, ref, inputs or {}, by.login))
        payload = {"inputs": inputs or None, "ref": f"refs/heads/{ref}", "workflow": path}
        self._emit("workflow_dispatch", by, lambda: payload)

    @settled
    def make_branch(self, branch: str, sha: str, login: str) -> None:
        """Make a branch at a commit."""
        by = self._needs(login, "write")
        self.repository.bare.move(f"refs/heads/{branch}", sha, ZERO)
        self._moved(by, self.repository, f"refs/heads/{branch}", ZERO, sha)

    @settled
    def delete_branch(self, branch: str, login: str) -> None:
        """Delete a branch; the default one cannot be deleted."""
        self._needs(login, "write")
        if self.repository.bare.tip(branch) is None:
            raise Refused(422, "Reference does not exist")
        if branch == "main":
            raise Refused(422, "Cannot delete this branch")
        self._delete_branch(branch, self.who(login))

    @settled
    def commit(
        self,
        login: str,
        branch: str,
        files: Mapping[str, str | bytes | None],
        message: str = "Change",
        *,
        fork: bool = False,
    ) -> str:
        """Commit files to a branch (made from main where it is new) as with GitHub's editor; returns the commit."""
        by = self.who(login)
        repository = self._fork(by) if fork else self.repository
        if not fork and (not by.may("write") or branch == "main"):
            raise Refused(403, "Changes must be made through a pull request." if by.may("write") else "Forbidden")
        bare = repository.bare
        old = bare.tip(branch)
        base = old or bare.tip("main")
        assert base is not None, "an empty repository has no branch to start from"
        new = bare.write(bare.with_files(base, files), [base], message + "\n", (by.login, shapes.email(by)), self.now)
        bare.move(f"refs/heads/{branch}", new, old or ZERO)
        self._moved(by, repository, f"refs/heads/{branch}", old or ZERO, new)
        return new

    @settled
    def fork_pull(
        self, login: str, branch: str, title: str, body: str = "", files: Mapping[str, str | bytes | None] | None = None
    ) -> int:
        """Open a pull request from a branch of one's own fork, which is made; returns its number."""
        self.commit(login, branch, files or {"mine.txt": f"{title}\n"}, title, fork=True)
        return self.open_pull(login, f"{login}:{branch}", title, body)

    @settled
    def delete_fork(self, login: str) -> None:
        """Delete somebody's fork; its pull requests lose their head repository."""
        by = self.who(login)
        self.forks = [one for one in self.forks if one.owner is not by]
        for pull in self.pulls():
            if pull.head_repository is not None and pull.head_repository.owner is by:
                pull.head_repository = None
                self._set_state(pull, by, "closed")

    def _fork(self, by: Account) -> Repository:
        """The fork of an account; made, and brought up to date with main."""
        for one in self.forks:
            if one.owner is by:
                break
        else:
            ours = self.repository
            bare = ours.bare.make(ours.bare.path.parents[1] / by.login / ours.bare.path.name, ours.bare.word)
            one = Repository(by, ours.name, ours.id + 1 + len(self.forks), bare, self.now, ours)
            self.forks.append(one)
        one.bare.git("fetch", "--quiet", self.repository.bare.url, "+refs/heads/main:refs/heads/main")
        return one
