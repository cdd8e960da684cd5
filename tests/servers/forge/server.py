"""The forge on loopback: REST, GraphQL and git's smart HTTP over one world, with planned faults.

Runs in threads on a free port of 127.0.0.1. Requests are named `graphql <operation>`, `git <service>` or
`<METHOD> <path>`; a test says which of them fails (`fail`).
"""

from __future__ import annotations

import base64
import copy
import json
import os
import re
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from tests.servers.github.faults import Answer, Fault, send
from tests.servers.github.schema import operation_of

from . import graphql, openapi, paths
from .actions import World
from .bare import DOOR, MAIN, Bare
from .world import ACTIONS, Account, Refused, Repository, Token

HOURLY = 1000
"""Requests that the jobs' token of a repository may make in an hour, as in GitHub's documentation."""
_GIT = re.compile(r"/([^/]+/[^/]+?)(?:\.git)?/(info/refs|git-upload-pack|git-receive-pack)")


@dataclass(frozen=True)
class Request:
    """One request as it came in, who sent it, what it sent, and what it was answered with."""

    line: str
    login: str
    body: Any
    status: int


@dataclass
class _Planned:
    pattern: re.Pattern[str]
    fault: Fault
    skip: int
    times: int
    done: bool


@dataclass
class _Served:
    """What the server has besides the world."""

    requests: list[Request] = field(default_factory=list)
    plan: list[_Planned] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    hours: Counter[str] = field(default_factory=Counter)


class Forge(World):
    """`with Forge(folder) as forge:` serves `owner/name` until the block ends; `folder` holds its git side.

    A push to main is refused unless it creates it, or comes by `push_main`. With `validate` each answer is held to
    GitHub's OpenAPI description, and leaving the block raises AssertionError for those that do not fit.
    """

    def __init__(
        self, folder: Path, name: str = "team/ledger", *, now: str = "2026-01-05T00:00:00Z", validate: bool = True
    ) -> None:
        owner, _, short = name.partition("/")
        self.folder = folder.resolve()
        bare = Bare.make(self.folder / owner / f"{short}.git", "open-sesame")
        repository = Repository(Account(owner, 1000, "Organization", "admin"), short, 5000, bare, now)
        self.api_url = ""
        super().__init__(repository, now, lambda: self.api_url)
        self.validate = validate
        self._served = _Served()

    # What tests use besides the world

    @property
    def git_url(self) -> str:
        """The repository as a file URL."""
        return self.repository.bare.url

    @property
    def http_url(self) -> str:
        """The repository as git reaches it by HTTP."""
        return f"{self.api_url}/{self.repository.full_name}.git"

    def environ(self, login: str = "actions", permissions: Mapping[str, str] | None = None) -> dict[str, str]:
        """What a job of Actions finds in its environment; `permissions` as in its `permissions:`, None for all."""
        return {
            "GITHUB_API_URL": self.api_url,
            "GITHUB_GRAPHQL_URL": f"{self.api_url}/graphql",
            "GITHUB_SERVER_URL": self.api_url,
            "GITHUB_REPOSITORY": self.repository.full_name,
            "GITHUB_REPOSITORY_ID": str(self.repository.id),
            "GITHUB_REPOSITORY_OWNER": self.repository.owner.login,
            "GITHUB_TOKEN": self.token(login, permissions),
            "GITHUB_ACTOR": self.who(login).login,
        }

    def clone(self, path: Path, *, http: bool = False) -> Path:
        """A working clone of main with the remote `origin`, by file URL or by HTTP; returns `path`."""
        url = self.http_url if http else self.git_url
        self._git("clone", "--quiet", self.git_url, str(path))
        self._git("-C", str(path), "remote", "set-url", "origin", url)
        return path

    def push_main(self, path: Path, commit: str = "HEAD", *, login: str = "maintainer", force: bool = False) -> str:
        """Bring main to a commit of the working clone at `path`, past all rules; returns the commit."""
        refspec = f"{'+' if force else ''}{commit}:{MAIN}"
        self._git("-C", str(path), "push", "--quiet", self.git_url, refspec, REMOTE_USER=login)
        self.settle()
        found = self.repository.bare.tip("main")
        assert found is not None
        return found

    def fail(self, pattern: str, fault: Fault, *, skip: int = 0, times: int = 1, done: bool = False) -> None:
        """From the request number `skip` on that matches `pattern` (a regular expression), `times` ones get `fault`.

        `done`: whether what the request asks for is done before its answer is spoilt. Reading is always done.
        """
        self._served.plan.append(_Planned(re.compile(pattern), fault, skip, times, done))

    def kept(self, *clones: Path) -> Callable[[], None]:
        """Keep this moment, the working clones at `clones` too; calling what is returned goes back to it."""
        own = {"lock", "api_url", "_served", "_http", "_thread", "_ended"}
        world = copy.deepcopy({name: value for name, value in vars(self).items() if name not in own})
        places = [(place, place.with_name(f"{place.name}.kept")) for place in (self.folder, *clones)]
        for place, kept in places:
            shutil.copytree(place, kept, symlinks=True)

        def back() -> None:
            with self.lock:
                vars(self).update(copy.deepcopy(world))
                self._served.plan.clear()
                for place, kept in places:
                    shutil.rmtree(place)
                    shutil.copytree(kept, place, symlinks=True)

        return back

    def heal(self) -> None:
        """Forget all faults that are still planned."""
        self._served.plan.clear()

    @property
    def requests(self) -> list[Request]:
        """Everything that was asked, oldest first."""
        return self._served.requests

    @property
    def hours(self) -> Counter[str]:
        """How many requests the jobs' token made, by hour (`2026-01-05T06`)."""
        return self._served.hours

    def count(self, pattern: str = "") -> int:
        """How many requests matched `pattern`, failed ones included."""
        return sum(1 for request in self.requests if re.search(pattern, request.line))

    # Serving

    def __enter__(self) -> Forge:
        self._ended = threading.Event()
        handler = type("Handler", (_Handler,), {"forge": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self.api_url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(10)
        if problems := self._served.problems:
            said = "answers of the test forge that GitHub's description does not allow:\n" + "\n".join(problems)
            if error is None:
                raise AssertionError(said)
            error.add_note(said)

    def answer(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> Answer:
        """The answer to one request, or what a planned fault makes of it."""
        with self.lock:
            try:
                body = json.loads(content) if content else {}
            except ValueError:
                return _json(paths.refusal(Refused(400, "Problems parsing JSON")))
            line = f"{method} {target}"
            if urlsplit(target).path.rstrip("/").endswith("/graphql"):
                body = body if isinstance(body, dict) else {}
                line = f"graphql {operation(body)}"
            token = self.tokens.get(headers.get("Authorization", "").partition(" ")[2])
            if token is None and "Authorization" not in headers and method == "GET" and target.startswith("/users/"):
                token = Token(Account("nobody", 0, permission="none"), {})  # as GitHub shows accounts to everybody
            reading = method == "GET" or (line.startswith("graphql") and not is_mutation(body))
            answer = None
            for planned in self._served.plan:
                if planned.times > 0 and planned.pattern.search(line):
                    if planned.skip > 0:
                        planned.skip -= 1
                        continue
                    planned.times -= 1
                    healthy = b"{}"
                    if planned.done or reading:
                        healthy = self._healthy(token, method, target, body).body
                    answer = planned.fault(healthy)
                    if answer is not None:
                        break
            answer = answer or self._healthy(token, method, target, body)
            self.requests.append(Request(line, token.account.login if token else "", body, answer.status))
            return answer

    def _healthy(self, token: Token | None, method: str, target: str, body: Any) -> Answer:
        if token is None or token.account.deleted:
            return _json(paths.refusal(Refused(401, "Bad credentials")))
        if token.account.login == ACTIONS:
            hour = self.now[:13]
            self._served.hours[hour] += 1
            if self._served.hours[hour] > HOURLY:
                return self._used_up(hour)
        if urlsplit(target).path.rstrip("/").endswith("/graphql"):
            found = graphql.run(self, token, str(body.get("query", "")), body.get("variables") or {})
            return Answer(200, json.dumps(found).encode())
        reply, route = paths.answer(self, token, method, target, body)
        if self.validate and route is not None:
            operation = f"{route.method} {route.template}"
            self._served.problems += openapi.wrong_answer(operation, reply.status, reply.body)
        return _json(reply)

    def _used_up(self, hour: str) -> Answer:
        refused = _json(
            paths.refusal(Refused(403, f"API rate limit exceeded for installation ID {self.repository.id}."))
        )
        ends = datetime.fromisoformat(f"{hour}:00:00+00:00") + timedelta(hours=1)
        limit = {"X-RateLimit-Limit": str(HOURLY), "X-RateLimit-Remaining": "0"}
        return Answer(403, refused.body, {**limit, "X-RateLimit-Reset": str(int(ends.timestamp()))})

    def git_environ(self, headers: Mapping[str, str], service: str, full_name: str) -> dict[str, str]:
        """What `git http-backend` needs to serve a request; Refused (401, 403, 404)."""
        kind, _, secret = headers.get("Authorization", "").partition(" ")
        token = None
        if kind.lower() == "basic":
            token = self.tokens.get(base64.b64decode(secret).decode().partition(":")[2])
        found = next((one for one in (self.repository, *self.forks) if one.full_name == full_name), None)
        if found is None:
            raise Refused(404, "Not Found")
        if service == "git-receive-pack":
            if token is None:
                raise Refused(401, "Authentication required")
            held = token.permissions
            may = token.account.may("write") if found is self.repository else found.owner is token.account
            if not may or (held is not None and held.get("contents") != "write"):
                raise Refused(403, f"Permission to {full_name}.git denied to {token.account.login}.")
        elif self.settings.private and token is None:
            raise Refused(401, "Authentication required")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") and name != DOOR}
        user = {"REMOTE_USER": token.account.login} if token else {}
        return {**kept, **user, "GIT_PROJECT_ROOT": str(found.bare.path), "GIT_HTTP_EXPORT_ALL": "1"}

    def _git(self, *arguments: str, **extra: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        git = shutil.which("git")
        assert git is not None
        subprocess.run(
            [git, *arguments], env={**kept, DOOR: self.repository.bare.word, **extra}, check=True, capture_output=True
        )


def operation(body: Mapping[str, Any]) -> str:
    """The name of a query or mutation, which fault plans match."""
    query = str(body.get("query", ""))
    named = re.search(r"\bmutation\s+(\w+)", query)
    return named[1] if named else operation_of(query)


def is_mutation(body: Mapping[str, Any]) -> bool:
    """Whether GraphQL is asked to change something."""
    return re.match(r"\s*mutation\b", str(body.get("query", ""))) is not None


def _json(reply: paths.Reply) -> Answer:
    body = b"" if reply.body is None else json.dumps(reply.body).encode()
    return Answer(reply.status, body, dict(reply.headers))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    forge: Forge

    def _serve(self) -> None:
        content = self._content()
        match = _GIT.fullmatch(urlsplit(self.path).path)
        answer = (
            self._git(match[1], match[2], content)
            if match
            else self.forge.answer(self.command, self.path, self.headers, content)  # type: ignore[arg-type]
        )
        fields = {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(answer.body))}
        if answer.status == 204:
            fields = {}
        fields |= answer.headers
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.close_connection = bool(answer.reset or answer.cut)
        send(answer, self.connection, f"HTTP/1.1 {answer.status} -\r\n{head}\r\n".encode(), self.forge._ended)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve

    def _content(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        content = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def _git(self, full_name: str, end: str, content: bytes) -> Answer:
        """Git's smart HTTP, by git's own program."""
        query = urlsplit(self.path).query
        service = query.partition("service=")[2] if end == "info/refs" else end
        try:
            environ = self.forge.git_environ(self.headers, service, full_name)  # type: ignore[arg-type]
        except Refused as error:
            ask = {"WWW-Authenticate": 'Basic realm="GitHub"'} if error.status == 401 else {}
            return Answer(error.status, error.message.encode(), {"Content-Type": "text/plain", **ask})
        environ |= {
            "PATH_INFO": f"/{end}",
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(content)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(["git", "http-backend"], env=environ, input=content, capture_output=True, check=False)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
        status = int(fields.pop("Status", "200").split()[0])
        self.forge.requests.append(Request(f"git {service}", environ.get("REMOTE_USER", ""), {}, status))
        return Answer(status, body, fields)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read `requests` instead."""
