"""The server: GraphQL over the published schema, the few REST paths that the client needs, limits, and planned faults.

Runs in threads on a free port of 127.0.0.1. A test that wants a failure says which request it hits (`fail`): requests
are named `graphql <operation>` or `<METHOD> <path>`.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import jwt

from .faults import Answer, Fault, send
from .schema import Execution, iso, operation_of, run
from .world import Repository, World

TOKEN = "ghp_test-token"
INSTALLATION = 77


@dataclass(frozen=True)
class Request:
    """One request as it came in, what it cost, and what it was answered with."""

    line: str
    variables: Mapping[str, Any]
    cost: int
    status: int


@dataclass
class _Planned:
    pattern: re.Pattern[str]
    fault: Fault
    skip: int
    times: int


@dataclass
class GitHubServer:
    """`with GitHubServer(world) as server:` serves the world at `server.api_url` until the block ends.

    `cursors`: whether pages are found by key (as GitHub does) or by place (pages shift). `limit` is in points, and
    `unit` that of an hour. `app_key` is the public key (PEM) of the one GitHub App, number 12, if there is any.
    """

    world: World
    cursors: str = "keyset"
    limit: int = 5000
    app_key: str = ""
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    requests: list[Request] = field(default_factory=list)
    used: int = 0
    api_url: str = ""
    dated: bool = True
    _plan: list[_Planned] = field(default_factory=list)

    def fail(self, pattern: str, fault: Fault, *, skip: int = 0, times: int = 1) -> None:
        """From the request number `skip` on that matches `pattern` (a regular expression), `times` ones get `fault`.

        Faults for the same request are used up in the order in which they were planned.
        """
        self._plan.append(_Planned(re.compile(pattern), fault, skip, times))

    def heal(self) -> None:
        """Forgets all faults that are still planned."""
        self._plan.clear()

    def count(self, pattern: str = "") -> int:
        """How many requests matched `pattern`, failed ones included."""
        return sum(1 for request in self.requests if re.search(pattern, request.line))

    @property
    def points(self) -> int:
        """What all requests so far cost."""
        return sum(request.cost for request in self.requests)

    def __enter__(self) -> GitHubServer:
        self._ended = threading.Event()
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"github": self})
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

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer to one request, or what a planned fault makes of it."""
        with self._lock:
            asked = json.loads(body) if body else {}
            line = f"{method} {path}"
            if path.rstrip("/").endswith("/graphql"):
                line = f"graphql {operation_of(asked.get('query', ''))}"
            answer, cost = self._healthy(method, path, headers, asked)
            for planned in self._plan:
                if planned.times > 0 and planned.pattern.search(line):
                    if planned.skip > 0:
                        planned.skip -= 1
                        continue
                    planned.times -= 1
                    faulty = planned.fault(answer.body)
                    if faulty is not None:
                        answer, cost = faulty, 0
                        break
                    answer, cost = self._healthy(method, path, headers, asked)
            self.used += cost
            self.requests.append(Request(line, asked.get("variables") or {}, cost, answer.status))
            answer.headers = {**self._limits(), **answer.headers}
            return answer

    def _limits(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(0, self.limit - self.used)),
            "X-RateLimit-Used": str(self.used),
            "X-RateLimit-Reset": str(self.world.now + 3600),
        }

    def _healthy(
        self, method: str, path: str, headers: Mapping[str, str], asked: Mapping[str, Any]
    ) -> tuple[Answer, int]:
        token = headers.get("Authorization", "").partition(" ")[2]
        if path.startswith("/app/") or path.endswith("/installation"):
            return self._app(method, path, token), 0
        if token not in self.tokens:
            return _json({"message": "Bad credentials"}, 401), 0
        if path.rstrip("/").endswith("/graphql"):
            return self._graphql(asked)
        if path == "/user":
            return _json({"login": self.world.viewer.login, "id": self.world.viewer.database_id, "type": "User"}), 0
        if path == "/rate_limit":
            core = {"limit": self.limit, "remaining": self.limit - self.used, "reset": self.world.now + 3600}
            return _json({"resources": {"core": core, "graphql": core}, "rate": core}), 0
        return self._repository(path), 0

    def _graphql(self, asked: Mapping[str, Any]) -> tuple[Answer, int]:
        if self.used >= self.limit:
            message = "API rate limit already exceeded for user ID 900."
            return _json({"errors": [{"type": "RATE_LIMITED", "message": message}]}), 0
        limits = {"limit": self.limit, "remaining": self.limit - self.used, "used": self.used}
        call = Execution(self.world, self.cursors, {**limits, "resetAt": iso(self.world.now + 3600)})
        body = run(call, asked["query"], asked.get("variables") or {})
        return _json(body), call.cost

    def _repository(self, path: str) -> Answer:
        if match := re.fullmatch(r"/repositories/(\d+)", path):
            found = next((r for r in self.world.repositories if r.database_id == int(match[1])), None)
            return _missing() if found is None else _json(rest_repository(found))
        match = re.fullmatch(r"/repos/([^/]+/[^/?]+)", path)
        found, former = self.world.find(match[1]) if match else (None, False)
        if found is None:
            return _missing()
        if former:
            location = f"{self.api_url}/repositories/{found.database_id}"
            return Answer(301, json.dumps({"message": "Moved Permanently"}).encode(), {"Location": location})
        return _json(rest_repository(found))

    def _app(self, method: str, path: str, token: str) -> Answer:
        """What a GitHub App asks for, with a signed token (RS256) that names it as its issuer."""
        try:
            jwt.decode(token, self.app_key, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False})
        except (jwt.PyJWTError, ValueError):
            return _json({"message": "A JSON web token could not be decoded"}, 401)
        if path == f"/app/installations/{INSTALLATION}/access_tokens" and method == "POST":
            minted = f"ghs_minted-{len(self.tokens)}"
            self.tokens.add(minted)
            fields = {"token": minted, "expires_at": iso(self.world.now + 3600), "permissions": {}}
            return _json({**fields, "repository_selection": "all"}, 201)
        if match := re.fullmatch(r"/repos/([^/]+/[^/]+)/installation", path):
            found, former = self.world.find(match[1])
            if found is None:
                return _missing()
            if former:
                location = f"{self.api_url}/repositories/{found.database_id}/installation"
                return Answer(301, b'{"message": "Moved Permanently"}', {"Location": location})
        if path.endswith("/installation"):
            return _json({"id": INSTALLATION, "app_id": 12, "target_type": "Organization"})
        return _missing()


def rest_repository(repository: Repository) -> dict[str, Any]:
    """A repository as REST and webhooks show it, in the fields that matter here."""
    owner, _, name = repository.full_name.partition("/")
    return {
        "id": repository.database_id,
        "node_id": repository.id,
        "name": name,
        "full_name": repository.full_name,
        "private": repository.is_private,
        "fork": repository.is_fork,
        "owner": {"login": owner, "id": 1, "type": "Organization"},
    }


def _json(body: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(body).encode())


def _missing() -> Answer:
    return _json({"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}, 404)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    github: GitHubServer

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.github.answer(self.command, self.path, self.headers, body)  # type: ignore[arg-type]
        fields = {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(answer.body))}
        if self.github.dated:
            fields["Date"] = formatdate(self.github.world.now, usegmt=True)
        fields |= answer.headers
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.close_connection = bool(answer.reset or answer.cut)
        send(answer, self.connection, f"HTTP/1.1 {answer.status} -\r\n{head}\r\n".encode(), self.github._ended)

    do_GET = do_POST = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read `requests` instead."""
