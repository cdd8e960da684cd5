"""The git side: a bare repository that refuses pushes to main, keeps a log of pushes, and merges without a checkout.

Like GitHub's, main can be created by a push but is changed only by pull requests: the hook lets through what carries
the door's word. What is pushed is written down by a hook, for the forge to see who moved which branch.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ZERO = "0" * 40
MAIN = "refs/heads/main"
DOOR = "FORGE_DOOR"
_UPDATE = f"""#!/bin/sh
if [ "$1" = {MAIN} ] && [ "$2" != {ZERO} ] && [ "${DOOR}" != "%s" ]; then
  echo "error: GH006: Protected branch update failed for {MAIN}." >&2
  echo "error: Changes must be made through a pull request." >&2
  exit 1
fi
"""
_POST_RECEIVE = """#!/bin/sh
while read old new ref; do
  echo "$old $new $ref ${REMOTE_USER:-${GITHUB_TOKEN:--}}" >> pushes
done
"""


class Push(NamedTuple):
    """One branch moved by a push; `who` is a login, a token, or `-`."""

    old: str
    new: str
    ref: str
    who: str


class MergeConflict(Exception):
    """Two commits do not merge by themselves."""


@dataclass
class Bare:
    """A bare repository at `path`. `word` opens main to a push; `read_pushes` is how much of the log is known."""

    path: Path
    word: str
    read_pushes: int = 0

    @classmethod
    def make(cls, path: Path, word: str) -> Bare:
        """An empty repository whose default branch is main."""
        path.parent.mkdir(parents=True, exist_ok=True)
        bare = cls(path, word)
        subprocess.run(
            ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(path)], check=True, env=bare._environ()
        )
        bare.git("config", "http.receivepack", "true")
        bare.git("config", "receive.hideRefs", "refs/pull")
        bare.git("config", "receive.denyDeleteCurrent", "ignore")  # the hook has its own words
        bare.git("config", "uploadpack.allowAnySHA1InWant", "true")
        for name, text in (("update", _UPDATE % word), ("post-receive", _POST_RECEIVE)):
            hook = path / "hooks" / name
            hook.parent.mkdir(exist_ok=True)
            hook.write_text(text, "utf-8")
            hook.chmod(0o755)
        return bare

    @property
    def url(self) -> str:
        return self.path.as_uri()

    def git(self, *arguments: str, given: bytes | None = None, extra: Mapping[str, str] | None = None) -> str:
        """What git prints, without the line end; RuntimeError where it fails."""
        done = self._run(*arguments, given=given, extra=extra)
        if done.returncode:
            raise RuntimeError(f"git {arguments[0]}: {done.stderr.decode('utf-8', 'replace')}")
        return done.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")

    def tip(self, branch: str) -> str | None:
        """The commit of a branch, None where there is none."""
        done = self._run("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}")
        return done.stdout.decode().strip() or None

    def commit(self, name: str) -> str | None:
        """The commit that a branch, tag or hash stands for."""
        for wanted in (f"refs/heads/{name}", f"refs/tags/{name}", name):
            done = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{wanted}^{{commit}}")
            if done.returncode == 0:
                return done.stdout.decode().strip()
        return None

    def read(self, commit: str, path: str) -> bytes | None:
        """A file as it stands in a commit."""
        done = self._run("cat-file", "blob", f"{commit}:{path}")
        return done.stdout if done.returncode == 0 else None

    def contains(self, commit: str, other: str) -> bool:
        """Whether `other` is `commit` or one of its ancestors."""
        return self._run("merge-base", "--is-ancestor", other, commit).returncode == 0

    def message(self, commit: str) -> str:
        """The message of a commit."""
        return self.git("show", "--no-patch", "--format=%B", commit)

    def between(self, base: str, head: str) -> list[str]:
        """The commits of `head` that `base` has not, oldest first."""
        return self.git("rev-list", "--reverse", f"{base}..{head}").split()

    def merges(self, base: str, head: str) -> str:
        """The tree of the merge; MergeConflict."""
        done = self._run("merge-tree", "--write-tree", base, head)
        if done.returncode == 1:
            raise MergeConflict(done.stdout.decode("utf-8", "replace"))
        if done.returncode:
            raise RuntimeError(done.stderr.decode("utf-8", "replace"))
        return done.stdout.decode().split("\n", 1)[0]

    def write(self, tree: str, parents: list[str], message: str, author: tuple[str, str], at: str) -> str:
        """A commit of `tree`; the committer is GitHub, as for everything that is done on its pages."""
        who = {
            "GIT_AUTHOR_NAME": author[0], "GIT_AUTHOR_EMAIL": author[1], "GIT_AUTHOR_DATE": at,
            "GIT_COMMITTER_NAME": "GitHub", "GIT_COMMITTER_EMAIL": "noreply@github.com", "GIT_COMMITTER_DATE": at,
        }  # fmt: skip
        arguments = [part for parent in parents for part in ("-p", parent)]
        return self.git("commit-tree", tree, *arguments, given=message.encode(), extra=who)

    def with_files(self, base: str, files: Mapping[str, str | bytes | None]) -> str:
        """The tree of `base` with these files written, or removed where they are None."""
        index = {"GIT_INDEX_FILE": str(self.path / "forge-index")}
        self.git("read-tree", base, extra=index)
        for name, content in files.items():
            mode, blob = "0", ZERO
            if content is not None:
                given = content.encode() if isinstance(content, str) else content
                mode, blob = "100644", self.git("hash-object", "-w", "--stdin", given=given)
            self.git("update-index", "--index-info", given=f"{mode} {blob}\t{name}\n".encode(), extra=index)
        return self.git("write-tree", extra=index)

    def move(self, ref: str, new: str, old: str | None = None) -> None:
        """Set a ref, if it still stands at `old`."""
        self.git("update-ref", ref, new, *([old] if old is not None else []))

    def delete(self, branch: str) -> None:
        """Remove a branch."""
        self.git("update-ref", "-d", f"refs/heads/{branch}")

    def pushes(self) -> list[Push]:
        """What was pushed since this was last asked."""
        try:
            log = (self.path / "pushes").read_bytes()
        except FileNotFoundError:
            return []
        whole = log[self.read_pushes : log.rfind(b"\n") + 1]
        self.read_pushes += len(whole)
        return [Push(*line.split(" ", 3)) for line in whole.decode().splitlines()]

    def _run(
        self, *arguments: str, given: bytes | None = None, extra: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        command = ["git", "-c", "core.quotePath=false", *arguments]
        return subprocess.run(
            command,
            cwd=self.path,
            input=given,
            env={**self._environ(), **(extra or {})},
            capture_output=True,
            check=False,
        )

    def _environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        return {**kept, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
