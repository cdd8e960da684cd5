"""Real git repositories for tests, written by `git fast-import`: thousands of commits in the time of a few commands."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from ledger.core.values import Timestamp, parse_time, to_milliseconds

ENVIRON = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
ANN, BEN, CAT = ("Ann", "ann@example.org"), ("Ben", "ben@example.org"), ("Cat", "cat@example.org")
Who = tuple[str, str]


def at(time: str) -> Timestamp:
    """A time as people write it, in canonical form."""
    return parse_time(time)


def git(where: Path, *arguments: str, given: bytes | None = None) -> bytes:
    """What git answers in a repository; raises when git refuses."""
    command = ["git", "-C", str(where), *arguments]
    return subprocess.run(command, input=given, capture_output=True, env=ENVIRON, check=True).stdout


@dataclass
class GitWorld:
    """A bare repository under `path` that tests add commits to; `write` makes them real and moves a branch."""

    path: Path
    oids: dict[int, str] = field(default_factory=dict)
    _script: list[bytes] = field(default_factory=list)
    _next: int = 1

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True)
        git(self.path, "init", "--quiet", "--bare", "--template=", "--initial-branch=main", ".")

    def commit(
        self,
        time: str | int,
        message: str | bytes = "Work",
        *parents: int,
        author: Who = ANN,
        files: dict[str, str] | None = None,
        encoding: str | None = None,
        committed: int = 1700000000,
    ) -> int:
        """Prepare one commit (author time as text or in seconds); its number names it as a parent and in `oids`.

        `committed`: the committer's clock in seconds, by which git lists commits.
        `files` are those that it changes: none given, a file of its own; an empty dictionary makes an empty commit.
        """
        number, self._next = self._next, self._next + 1
        seconds = to_milliseconds(at(time)) // 1000 if isinstance(time, str) else time
        text = message.encode() if isinstance(message, str) else message
        name, address = (part.encode("utf-8", "surrogateescape") for part in author)
        script = [b"commit refs/made\nmark :%d" % number, b"author %s <%s> %d +0000" % (name, address, seconds)]
        script += [b"committer C <c@example.org> %d +0000" % committed]
        script += [b"encoding " + encoding.encode()] if encoding else []
        script += [b"data %d\n%s" % (len(text), text)]
        script += [b"%s :%d" % (b"merge" if place else b"from", parent) for place, parent in enumerate(parents)]
        for path, content in ({"work": str(number)} if files is None else files).items():
            script.append(b"M 100644 inline %s\ndata %d\n%s" % (path.encode(), len(content.encode()), content.encode()))
        if not parents:
            script.insert(0, b"reset refs/made")
        self._script.append(b"\n".join(script) + b"\n")
        return number

    def write(self, tip: int | None = None, branch: str = "main") -> str:
        """Make the prepared commits and point `branch` at one (None: the last); gives its id."""
        tip = tip or self._next - 1
        marks = self.path / "marks"
        marks.touch()
        script = b"\n".join([*self._script, b"reset refs/heads/%s\nfrom :%d\n" % (branch.encode(), tip), b"done\n"])
        marked = (f"--import-marks={marks}", f"--export-marks={marks}")
        git(self.path, "fast-import", "--quiet", "--force", "--done", *marked, given=script)
        self._script.clear()
        self.oids = {int(mark[1:]): oid for mark, oid in map(str.split, marks.read_text().splitlines())}
        return self.oids[tip]

    def raw_commit(self, body: bytes, branch: str = "main") -> str:
        """A commit object byte for byte as given after its tree line, however wrong; `branch` points at it."""
        tree = git(self.path, "hash-object", "-w", "-t", "tree", "--stdin", given=b"").strip()
        body = b"tree " + tree + b"\n" + body
        oid = git(self.path, "hash-object", "-w", "-t", "commit", "--literally", "--stdin", given=body).decode().strip()
        (self.path / "refs" / "heads" / branch).write_text(oid + "\n")
        return oid
