"""The git side of the loop: main, the branches of epochs in progress, and a place to work on one of them.

A branch is always main's tree with the folder of one epoch or amendment laid over it, and what it adds to its scope's
logs: what else stands on it is dropped when it is rebuilt, and reported. Nothing is rebased and nothing is forced: a
push that lost a race raises `LostRace`, and the caller starts again from what is there now.
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger.core.errors import InputError, LedgerError, SourceError
from ledger.core.place import Place, parse_branch
from ledger.core.values import Timestamp, from_milliseconds

MAIN = "refs/remotes/origin/main"
_NAME = "ledger"
_EMAIL = "41898282+github-actions[bot]@users.noreply.github.com"


class LostRace(LedgerError):
    """Somebody else pushed first; nothing is lost, start again from what is there."""


@dataclass(frozen=True)
class Workspace:
    """A working tree of main's commit `main`; `root` is the node in it."""

    top: Path
    root: Path
    main: str


class Clone:
    """The repository around the node at `root`, with its remote `origin`. `environ` holds the token for the remote."""

    def __init__(self, root: Path, environ: Mapping[str, str]) -> None:
        self._environ = git_environment(environ)
        self.top = Path(self._git(root, "rev-parse", "--show-toplevel"))
        self.prefix = self._git(root, "rev-parse", "--show-prefix")

    def fetch(self) -> None:
        """Bring main and all epoch branches up to date; SourceError when the remote does not answer."""
        refs = [
            f"+refs/heads/{name}:refs/remotes/origin/{name}" for name in ("main", "epoch/*", "amend/*", "bindings*")
        ]
        self._git(self.top, "worktree", "prune")  # what killed runs left behind
        shallow = self._git(self.top, "rev-parse", "--is-shallow-repository") == "true"
        self._remote("fetch", "--quiet", "--prune", "--no-tags", *(["--unshallow"] if shallow else []), "origin", *refs)

    def main(self) -> str:
        """The commit that main stands on."""
        return self._git(self.top, "rev-parse", "--verify", f"{MAIN}^{{commit}}")

    def branches(self) -> dict[Place, str]:
        """The branches of epochs and amendments in progress, with their commits."""
        found = {}
        for line in self._git(self.top, "for-each-ref", "--format=%(objectname) %(refname)").splitlines():
            commit, _, name = line.partition(" ")
            if (place := parse_branch(name.removeprefix("refs/remotes/origin/"))) is not None:
                found[place] = commit
        return dict(sorted(found.items()))

    @contextmanager
    def workspace(self) -> Iterator[Workspace]:
        """Main as it stands on the remote, in a working tree of its own; gone when the block ends."""
        main = self.main()
        with tempfile.TemporaryDirectory(prefix="ledger-") as name:
            top = Path(name).resolve() / "work"
            self.worktree(top, main)
            try:
                yield Workspace(top, top / self.prefix, main)
            finally:
                self._git(self.top, "worktree", "remove", "--force", str(top))

    def worktree(self, top: Path, commit: str) -> None:
        """A working tree of `commit` at `top`, which must not exist."""
        self._git(self.top, "worktree", "add", "--quiet", "--detach", str(top), commit)

    def lay(self, top: Path, folder: str, commit: str, logs: Sequence[str] = ()) -> None:
        """Put the node's `folder`, as it stands in `commit`, into the working tree at `top`.

        Of `logs`, which main has too, only what `commit` adds to main's is taken: where main went on otherwise, main's
        stay, and what the epoch adds is written anew.
        """
        for path in (folder, *logs):
            if path != folder:
                file = top / self.prefix / path
                if not (self.read(commit, path) or b"").startswith(file.read_bytes() if file.is_file() else b""):
                    continue
            if self.has(commit, path):
                self._git(top, "checkout", "--quiet", commit, "--", f":(literal){self.prefix}{path}")

    def has(self, commit: str, path: str) -> bool:
        """Whether a commit holds the node's file or folder `path`."""
        return bool(self._git(self.top, "ls-tree", "--full-tree", commit, "--", f"{self.prefix}{path}"))

    def read(self, commit: str, path: str) -> bytes | None:
        """A file of the node as it stands in `commit`; None when the commit or the file is not known here."""
        if re.fullmatch(r"[0-9a-f]{40,64}", commit) is None:
            return None
        asked = self._run(self.top, "cat-file", "blob", f"{commit}:{self.prefix}{path}")
        return asked.stdout if asked.returncode == 0 else None

    def contains(self, branch: str, commit: str) -> bool:
        """Whether `commit` lies on the way to `branch`."""
        return (
            re.fullmatch(r"[0-9a-f]{40,64}", commit) is not None
            and self._run(self.top, "merge-base", "--is-ancestor", commit, branch).returncode == 0
        )

    def commit(self, work: Workspace, paths: Sequence[str], before: str | None, message: str, at: Timestamp) -> str:
        """Commit these files and folders of the node over main; returns `before`, the branch, where nothing changed.

        The parents are the branch so far and, where it is new to the branch, main.
        """
        there = [f":(literal){self.prefix}{path}" for path in paths if (work.root / path).exists()]
        self._git(work.top, "add", "--force", "--", *there)
        tree = self._git(work.top, "write-tree")
        if before is not None and tree == self._git(self.top, "rev-parse", f"{before}^{{tree}}"):
            return before
        parents = [work.main] if before is None else [before]
        if before is not None and not self.contains(before, work.main):
            parents.append(work.main)
        when = {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at}
        arguments = [part for parent in parents for part in ("-p", parent)]
        return self._git(work.top, "commit-tree", tree, *arguments, "-m", message, extra=when)

    def remote_branch(self, name: str) -> str | None:
        """The commit on which a branch of the remote stands, None where there is none."""
        found = self._run(self.top, "rev-parse", "--verify", "--quiet", f"refs/remotes/origin/{name}^{{commit}}")
        return found.stdout.decode().strip() or None

    def time_of(self, commit: str) -> Timestamp:
        """When a commit was made."""
        seconds = int(self._git(self.top, "show", "--no-patch", "--format=%ct", commit))
        return from_milliseconds(seconds * 1000)

    def push_branch(self, commit: str, name: str, before: str | None) -> None:
        """Bring a branch from `before` (None: it must not exist) to `commit` (empty: away); LostRace when it moved."""
        ref = f"refs/heads/{name}"
        done = self._run(
            self.top, "push", "--quiet", f"--force-with-lease={ref}:{before or ''}", "origin", f"{commit}:{ref}"
        )
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace")
            if "refusing to allow" in said:
                hint = "Main's workflows changed, which a job's token may not push: press `Update branch` on the page."
                raise SourceError(f"git push failed: {_last(said)}", hint=hint)
            if "rejected" in said or "cannot lock ref" in said or "failed to update ref" in said:
                raise LostRace(f"{name} moved meanwhile", hint="Run this again.")
            raise SourceError(
                f"git push failed: {_last(said)}", hint="See docs/operate.md for the token's permissions."
            )

    def commit_file(self, work: Workspace, path: str, message: str) -> str:
        """Commit one file of the node over main, and nothing else; returns main where the file is as there.

        The commit has main's own time, so that the same file over the same main is the same commit.
        """
        if not (work.root / path).is_file():
            return work.main
        self._git(work.top, "add", "--force", "--", f":(literal){self.prefix}{path}")
        tree = self._git(work.top, "write-tree")
        if tree == self._git(self.top, "rev-parse", f"{work.main}^{{tree}}"):
            return work.main
        at = self._git(self.top, "show", "--no-patch", "--format=%cI", work.main)
        when = {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at}
        return self._git(work.top, "commit-tree", tree, "-p", work.main, "-m", message, extra=when)

    def remote_head(self, branch: str) -> str | None:
        """The commit that a branch of the remote stands on; None where there is none."""
        return self._git(self.top, "ls-remote", "origin", f"refs/heads/{branch}").partition("\t")[0] or None

    def push_to(self, branch: str, commit: str, before: str | None) -> None:
        """Bring a branch of the ledger's own from `before` (None: it must not exist) to `commit`; LostRace."""
        ref = f"refs/heads/{branch}"
        lease = f"--force-with-lease={ref}:{before or ''}"
        done = self._run(self.top, "push", "--quiet", lease, "origin", f"+{commit}:{ref}")
        if done.returncode:
            said = _last(done.stderr.decode("utf-8", "replace"))
            if "rejected" in said or "stale" in said or "failed" in said:
                raise LostRace(f"{branch} moved meanwhile ({said})", hint="Run this again.")
            raise SourceError(f"git push failed: {said}", hint="See docs/operate.md for the token's permissions.")

    def delete(self, branch: str, commit: str) -> None:
        """Remove the branch of what is on main or was given up, unless it moved meanwhile."""
        ref = f"refs/heads/{branch}"
        self._run(self.top, "push", "--quiet", f"--force-with-lease={ref}:{commit}", "origin", f":{ref}")

    def history(self, branch: str) -> Iterator[tuple[str, str | None, str | None]]:
        """The commits of a branch since main, oldest first: commit, what it stands on, and main where it took it in.

        None for what a commit without a parent stands on.
        """
        log = self._git(self.top, "rev-list", "--first-parent", "--reverse", "--parents", f"{MAIN}..{branch}")
        for line in log.splitlines():
            commit, first, main, *_ = [*line.split(" "), None, None]
            yield str(commit), first, main

    def head(self) -> str:
        """The commit that is checked out."""
        return self._git(self.top, "rev-parse", "--verify", "HEAD^{commit}")

    def merge_base(self, one: str, other: str) -> str:
        """The commit from which two went their ways."""
        return self._git(self.top, "merge-base", one, other)

    def changed(self, old: str, new: str) -> list[str]:
        """Paths of the node that differ between two commits."""
        listed = self._run(self.top, "diff-tree", "-r", "-z", "--no-renames", "--name-only", old, new).stdout
        paths = [os.fsdecode(path) for path in listed.split(b"\0")[:-1]]
        return [path[len(self.prefix) :] for path in paths if path.startswith(self.prefix)]

    def on_main(self, commit: str) -> bool:
        """Whether a commit is part of main."""
        return self.contains(MAIN, commit)

    def foreign(self, old: str, new: str, folder: str, logs: Sequence[str] = ()) -> list[str]:
        """Paths outside the node's `folder` and `logs` in which two commits differ."""
        listed = self._run(self.top, "diff-tree", "-r", "-z", "--no-renames", "--name-only", old, new).stdout
        paths = [os.fsdecode(path) for path in listed.split(b"\0")[:-1]]
        allowed = {f"{self.prefix}{path}" for path in logs}
        return [path for path in paths if not path.startswith(f"{self.prefix}{folder}/") and path not in allowed]

    def _remote(self, *arguments: str) -> None:
        done = self._run(self.top, *arguments)
        if done.returncode:
            raise SourceError(
                f"git {arguments[0]} failed: {_last(done.stderr.decode('utf-8', 'replace'))}",
                hint="Check the remote `origin` and the token; nothing was changed.",
            )

    def _git(self, folder: Path, *arguments: str, extra: Mapping[str, str] | None = None) -> str:
        done = self._run(folder, *arguments, extra=extra)
        if done.returncode:
            raise InputError(
                f"git {arguments[0]} failed: {_last(done.stderr.decode('utf-8', 'replace'))}",
                hint="Run this inside a clone with its full history and a remote named origin.",
            )
        return done.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")

    def _run(
        self, folder: Path, *arguments: str, extra: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["git", "-C", str(folder), "-c", "core.hooksPath=/dev/null", "-c", "core.autocrlf=false", *arguments],
            env={**self._environ, **(extra or {})},
            capture_output=True,
            check=False,
        )


def git_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without what points git elsewhere; the token goes by a header, not by an argument."""
    kept = {name: value for name, value in environ.items() if not name.startswith("GIT_")}
    kept |= {"GIT_TERMINAL_PROMPT": "0", "GIT_NO_REPLACE_OBJECTS": "1", "LC_ALL": "C"}
    for who in ("AUTHOR", "COMMITTER"):
        kept |= {f"GIT_{who}_NAME": _NAME, f"GIT_{who}_EMAIL": _EMAIL}
    server, token = environ.get("GITHUB_SERVER_URL", ""), environ.get("GITHUB_TOKEN", "")
    if server and token:
        secret = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        kept |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{server.rstrip('/')}/.extraheader",
            "GIT_CONFIG_VALUE_0": f"AUTHORIZATION: basic {secret}",
        }
    return kept


def _last(said: str) -> str:
    lines = [line for line in said.strip().splitlines() if line]
    return lines[-1] if lines else "no reason given"
