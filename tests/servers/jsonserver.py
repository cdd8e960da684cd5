"""An HTTP server on loopback whose answers are JSON made by a function, with the faults of GitHub's server."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from tests.servers.github.faults import Answer, Fault, send

Handle = Callable[[str, Mapping[str, str], Any], tuple[int, Any]]
"""Path, headers and body of a request to status and body of the answer."""


@dataclass
class JsonServer:
    """`with JsonServer(handle, clock) as server:` serves at `server.url`. `name` is what fault plans match."""

    handle: Handle
    clock: Callable[[], int]
    name: Callable[[str, Any], str] = lambda path, _body: path
    requests: list[str] = field(default_factory=list)
    url: str = ""
    _plan: list[list[Any]] = field(default_factory=list)

    def fail(self, pattern: str, fault: Fault, *, skip: int = 0, times: int = 1) -> None:
        """From the request number `skip` on that fits the pattern, `times` ones get the fault."""
        self._plan.append([re.compile(pattern), fault, skip, times])

    def heal(self) -> None:
        """Forgets all planned faults."""
        self._plan.clear()

    def answer(self, path: str, headers: Mapping[str, str], raw: bytes) -> Answer:
        """The healthy answer, or what a fault makes of it."""
        body = json.loads(raw) if raw else None
        named = self.name(path, body)
        self.requests.append(named)
        for planned in self._plan:
            if planned[0].search(named) and planned[3] > 0:
                if planned[2] > 0:
                    planned[2] -= 1
                    continue
                planned[3] -= 1
                made: Answer | None = planned[1](self._healthy(path, headers, body).body)
                if made is not None:
                    return made
                break
        return self._healthy(path, headers, body)

    def _healthy(self, path: str, headers: Mapping[str, str], body: Any) -> Answer:
        status, content = self.handle(path, headers, body)
        return Answer(status, json.dumps(content).encode())

    def __enter__(self) -> JsonServer:
        self._ended, self._lock = threading.Event(), threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"served": self}))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(10)


class _Handler(BaseHTTPRequestHandler):
    served: JsonServer

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.served._lock:
            answer = self.served.answer(self.path, dict(self.headers), body)
        fields = {"Content-Type": "application/json", "Content-Length": str(len(answer.body))}
        fields |= {"Date": formatdate(self.served.clock(), usegmt=True)} | answer.headers
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.close_connection = True
        send(answer, self.connection, f"HTTP/1.1 {answer.status} -\r\n{head}\r\n".encode(), self.served._ended)

    do_GET = do_POST = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read `requests` instead."""
