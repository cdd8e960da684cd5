"""One git repository on disk and the only way we call git: by argument lists, cut off from everyone's settings.

A repository's owner, its commits and its remote are strangers: no hook, pager, alias, replaced object, graft or
setting of theirs (or of the operator's own account) may change what is read. Knows no events. Everything that git
says goes through `_public` before a person sees it, because it may hold addresses and passwords.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from ledger.core.canonical import clean_text, sha256_hex
from ledger.core.errors import SourceError

CHUNK = 1 << 20
"""Bytes read from git at a time."""
OID = re.compile(r"[0-9a-f]{40}")
"""An object id as the event ids of the specification (section 3) hold it: SHA-1, 40 hex digits."""

_FIXED = {
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",  # no ext::, which runs commands
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_READING = {"GIT_CONFIG_GLOBAL": os.devnull}
_SETTINGS = {
    "color.ui": "false",
    "core.commentChar": "#",  # decides where a message's trailers begin
    "core.hooksPath": os.devnull,
    "core.quotePath": "true",
    "i18n.logOutputEncoding": "UTF-8",
    "log.mailmap": "true",
    "log.showSignature": "false",
    "mailmap.file": "",
    "trailer.separators": ":",
}
_ALSO_FOR_FETCH = ("GIT_ASKPASS", "GIT_HTTP", "GIT_PROXY", "GIT_SSH", "GIT_SSL")


_EMPTY_PHRASES = ("please make sure you have the correct access rights", "and the repository exists.")


def _public(text: str) -> str:
    """Git's words in one line, without what stands before an @ (addresses, user names and passwords of URLs).

    The reason often stands in the first line and a phrase that says nothing in the last.
    """
    lines = [line.strip() for line in text.splitlines()]
    said = "; ".join(line for line in lines if line and line.lower() not in _EMPTY_PHRASES)
    return re.sub(r"[^\s/'\"<]+@", "", clean_text(said))[:300] if said else "it gave no reason"


def _arguments(git_dir: Path, settings: Mapping[str, str], arguments: Sequence[str]) -> list[str]:
    pairs = [word for key, value in {**_SETTINGS, **settings}.items() for word in ("-c", f"{key}={value}")]
    return ["git", "--no-pager", "--bare", f"--git-dir={git_dir}", *pairs, *arguments]


class Repository:
    """A repository to read. `shown` is how errors call it; `environ` lends PATH and nothing else."""

    def __init__(self, git_dir: Path, shown: str, environ: Mapping[str, str]) -> None:
        self.shown = shown
        self._git_dir = git_dir
        self._environ = {"PATH": environ.get("PATH", os.defpath), **_FIXED, **_READING}

    def check(self, deepen: str) -> None:
        """Refuse what would be read wrongly or in part; SourceError says what to do instead (`deepen`: if shallow)."""
        status, answer = self.ask("rev-parse", "--is-shallow-repository", "--show-object-format")
        if status != 0:
            raise SourceError(
                f"{self.shown} is no git repository that git can read",
                hint="Give the top folder of a clone, a bare repository, or a clone URL.",
            )
        shallow, hashes = answer.decode().split()
        if shallow == "true":
            raise SourceError(
                f"{self.shown} is a shallow clone: history before its cut would be missing without a trace",
                hint=deepen,
            )
        if hashes != "sha1":
            raise SourceError(
                f"{self.shown} names its commits by {clean_text(hashes)}; event ids hold 40 hex digits (SHA-1) only",
                hint="Repositories with SHA-256 object ids cannot be collected by this version.",
                rule="specification, section 3",
            )

    def tip(self, *names: str) -> str | None:
        """The commit that the first of these full names to exist points at; None where none does.

        SourceError where a name exists and its commit cannot be read, which is another thing than none.
        """
        for name in names:
            words = ("rev-parse", "--verify", "--quiet", "--end-of-options")
            status, answer = self.ask(*words, f"{name}^{{commit}}")
            if status == 0 and OID.fullmatch(found := answer.decode().strip()):
                return found
            if self.ask(*words, name)[0] == 0:
                raise SourceError(f"{name} of {self.shown} names a commit that cannot be read", hint=self._mend())
        return None

    def require_empty(self) -> None:
        """SourceError unless there is no commit at all: a HEAD that names nothing is no sign of that."""
        _, refs = self.ask("for-each-ref", "--count=20", "--format=%(refname)")
        branches = ", ".join(clean_text(line) for line in refs.decode("utf-8", "replace").split())
        if branches:
            _, head = self.ask("symbolic-ref", "--quiet", "HEAD")
            named = clean_text(head.decode("utf-8", "replace").strip()) or "no branch"
            raise SourceError(
                f"HEAD of {self.shown} names {named}, which is not there; there are {branches}",
                hint="Set `branch` in the scope's file, or put HEAD right: `git symbolic-ref HEAD refs/heads/NAME`.",
            )
        kinds = self.stream("cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objecttype)")
        if any(b"commit" in chunk for chunk in kinds):
            raise SourceError(f"{self.shown} holds commits, but no branch that can be read", hint=self._mend())

    def _mend(self) -> str:
        """What to do about a repository that lacks a part of itself."""
        partial, _ = self.ask("config", "--get-regexp", r"^remote\..*\.(promisor|partialclonefilter)$")
        if partial == 0:
            return "This is a partial clone, and what it left out is needed: clone it again without --filter."
        return "Check the repository with `git fsck`, or clone it again."

    def commits(self, tip: str, without: str) -> list[str]:
        """The ids of the commits behind `tip` that are not also behind `without`."""
        return b"".join(self.stream("rev-list", tip, f"^{without}", "--")).decode().split()

    def ask(self, *arguments: str, given: bytes = b"", settings: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Exit status and answer of a short call; a failure is the caller's to judge."""
        try:
            done = subprocess.run(
                _arguments(self._git_dir, settings or {}, arguments),
                input=given, capture_output=True, env=self._environ, cwd=self._git_dir.parent, check=False,
            )  # fmt: skip
        except OSError as error:
            raise _not_started(error) from None
        return done.returncode, done.stdout

    def stream(self, *arguments: str, settings: Mapping[str, str] | None = None) -> Iterator[bytes]:
        """What git writes, piece by piece; SourceError when it ends badly, so that a cut answer never counts."""
        with tempfile.TemporaryFile() as words:  # a pipe that nobody reads would stop git once it is full
            try:
                process = subprocess.Popen(
                    _arguments(self._git_dir, settings or {}, arguments),
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=words,
                    env=self._environ, cwd=self._git_dir.parent,
                )  # fmt: skip
            except OSError as error:
                raise _not_started(error) from None
            with process:
                assert process.stdout is not None  # noqa: S101 - asked for two lines above
                try:
                    while chunk := process.stdout.read(CHUNK):
                        yield chunk
                except BaseException:
                    process.kill()
                    raise
            if process.returncode != 0:
                words.seek(0)
                said = _public(words.read().decode("utf-8", "replace"))
                raise SourceError(
                    f"git could not read the history of {self.shown}: {said}",
                    hint=self._mend(),
                )


def _not_started(error: OSError) -> SourceError:
    return SourceError(f"git could not be started ({error.strerror})", hint="Install git 2.31 or newer, on PATH.")


def local(path: Path, shown: str, environ: Mapping[str, str]) -> Repository:
    """The repository whose clone or bare folder is `path`, not one above it; SourceError where there is none."""
    if not path.is_dir():
        raise SourceError(f"there is no folder {shown}", hint="`repository` is a path from the node's root, or a URL.")
    git_dir = path / ".git"
    found = Repository(git_dir if git_dir.exists() else path, shown, environ)
    found.check(f"Fetch all of it: `git -C {shown} fetch --unshallow` (in Actions: `fetch-depth: 0`).")
    return found


def fetched(
    url: str, refs: Mapping[str, str], cache: Path, environ: Mapping[str, str], tell: Callable[[str], None]
) -> Repository:
    """Our bare copy of `url` under `cache` with these refs (theirs to ours) brought up to date, and no tags.

    The copy is made beside its place and renamed, so that a killed run leaves none that is half there. The operator's
    own git settings (credentials, proxies) work here and only here. SourceError: the remote could not be read.
    """
    place = cache / "git" / f"{sha256_hex(url.encode())}.git"
    kept = {k: v for k, v in environ.items() if not k.startswith("GIT_") or k.startswith(_ALSO_FOR_FETCH)}
    calm = {"GIT_SSH_COMMAND": "ssh -oBatchMode=yes", **kept, **_FIXED}
    tell(f"fetching {url}")
    try:
        if place.is_dir():
            _fetch(place, url, refs, calm, f" Or delete our copy of it, {place}.")
            found = Repository(place, url, environ)
            found.check(f"The remote is shallow itself: give another, and delete our copy of this one, {place}.")
            return found
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="new-", dir=place.parent) as beside:
            fresh = Path(beside) / "clone.git"
            _transport(fresh, url, calm, "", "init", "--quiet", "--template=")
            _fetch(fresh, url, refs, calm, "")
            Repository(fresh, url, environ).check("The remote is shallow itself: give another.")
            if not place.exists():  # else another run was faster, and its copy is as good
                fresh.rename(place)
    except OSError as error:
        raise SourceError(
            f"no copy of {url} could be kept in {cache}: {error.strerror}",
            hint="Set LEDGER_CACHE to a folder that you may write to.",
        ) from None
    return Repository(place, url, environ)


def _fetch(git_dir: Path, url: str, refs: Mapping[str, str], environ: Mapping[str, str], advice: str) -> None:
    specs = [f"+{theirs}:{ours}" for theirs, ours in refs.items()]
    words = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
    # Without --update-shallow git leaves a shallow remote's branches out and calls that a success.
    _transport(git_dir, url, environ, advice, *words, "--update-shallow", "--end-of-options", url, *specs)


def _transport(git_dir: Path, url: str, environ: Mapping[str, str], advice: str, *arguments: str) -> None:
    slow = {"http.lowSpeedLimit": "1000", "http.lowSpeedTime": "60"}  # bytes a second, seconds: a dead remote ends
    command = _arguments(git_dir, slow, arguments)
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=environ, check=False)
    except OSError as error:
        raise _not_started(error) from None
    said = done.stderr.decode("utf-8", "replace")
    if "couldn't find remote ref" in said:
        raise SourceError(
            f"{url} has no such branch, or no commit yet", hint="Set `branch` in the scope's file to one that it has."
        )
    if done.returncode != 0:
        raise SourceError(
            f"{url} could not be fetched: {_public(said)}", hint=f"Try `git ls-remote {url}` by hand.{advice}"
        )
