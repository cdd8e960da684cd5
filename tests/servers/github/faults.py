"""The ways in which the server can fail. A fault answers in the healthy answer's stead, whose bytes it is given."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Answer:
    """What goes out: bytes, and how. `cut` bytes are kept back; `hang` holds the rest until the server ends."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0
    hang: bool = False
    reset: bool = False


Fault = Callable[[bytes], Answer | None]
"""Gets the healthy body; None lets a healthy answer, computed anew, go out."""


def status(code: int, *, headers: Mapping[str, str] | None = None, body: Any = None) -> Fault:
    """An HTTP error with a JSON body, or with `body` as it is where that is text."""
    content = body if isinstance(body, str) else json.dumps(body or {"message": "Server Error"})
    return lambda _healthy: Answer(code, content.encode(), dict(headers or {}))


def too_many(retry_after: int | None = None) -> Fault:
    """A 429, with or without `Retry-After`."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return status(429, headers=headers, body={"message": "Too many requests"})


def secondary_limit(retry_after: int | None = None) -> Fault:
    """A 403 of the secondary limit, with or without `Retry-After`."""
    message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return status(403, headers=headers, body={"message": message})


def graphql_limit(reset: int, *, form: str = "RATE_LIMITED") -> Fault:
    """The primary limit as GraphQL says it, with a 200: `RATE_LIMITED`, or `RATE_LIMIT` with its newer code."""
    error: dict[str, Any] = {"type": form, "message": "API rate limit already exceeded for user ID 900."}
    if form == "RATE_LIMIT":
        error["extensions"] = {"code": "graphql_rate_limit"}
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Limit": "5000", "X-RateLimit-Reset": str(reset)}
    return status(200, headers=headers, body={"errors": [error]})


def partial(code: str = "RESOURCE_LIMITS_EXCEEDED", change: Callable[[Any], None] | None = None) -> Fault:
    """A 200 with data and errors: `change` takes away from the data what the error is about."""

    def fault(healthy: bytes) -> Answer:
        body = json.loads(healthy)
        if change is not None:
            change(body["data"])
        body["errors"] = [{"type": code, "message": "Resource limits for this query exceeded.", "path": ["repository"]}]
        return Answer(body=json.dumps(body).encode())

    return fault


def rewritten(change: Callable[[Any], Any]) -> Fault:
    """A 200 with other content: `change` gets the healthy body and returns what is sent."""
    return lambda healthy: Answer(body=json.dumps(change(json.loads(healthy))).encode())


def no_review(number: int) -> Fault:
    """Null in the place of the first review of one pull request, wherever it stands."""

    def change(thing: dict[str, Any]) -> None:
        if thing["reviews"]["nodes"]:
            thing["reviews"]["nodes"][0] = None

    return _withheld(number, change, "reviews")


def no_thing(number: int) -> Fault:
    """Null in the place of one issue or pull request, with or without its contents; its name is still given."""
    return _withheld(number, None, "title")


def forbidden(number: int, name: str) -> Fault:
    """No access to one list of one pull request: null, and an error that names its place."""
    return _withheld(number, lambda thing: thing.update({name: None}), name)


def _withheld(number: int, change: Callable[[dict[str, Any]], None] | None, name: str) -> Fault:
    """Changes what an answer holds of the thing with a number, where it has the field `name`; None: no thing at all."""

    def fault(healthy: bytes) -> Answer | None:
        body = json.loads(healthy)
        data = body.get("data") or {}
        found = ((data.get("repository") or {}).get("found") or {}).get("nodes") or []
        for nodes, at in [(found, n) for n in range(len(found))] + [(data, "node")]:
            thing = nodes[at] if at != "node" else nodes.get(at)
            if isinstance(thing, dict) and thing.get("number") == number and name in thing:
                path = ["repository", "found", "nodes", at] if at != "node" else ["node"]
                if change is None:
                    nodes[at] = None
                    body.setdefault("errors", []).append({"type": "FORBIDDEN", "message": "Not yours.", "path": path})
                    continue
                change(thing)
                if thing[name] is None:
                    error = {"type": "FORBIDDEN", "message": "Resource not accessible.", "path": [*path, name]}
                    body.setdefault("errors", []).append(error)
        return Answer(body=json.dumps(body).encode())

    return fault


def empty() -> Fault:
    """A 200 without a body."""
    return status(200, body="")


def html(code: int = 200) -> Fault:
    """A page for people where JSON should be."""
    return status(code, headers={"Content-Type": "text/html"}, body="<html>Unicorn! We had issues.</html>")


def truncated() -> Fault:
    """A body that ends in the middle of what Content-Length promised."""
    return lambda healthy: Answer(body=healthy, cut=len(healthy) // 2)


def bad_json() -> Fault:
    """A whole 200 whose JSON ends in the middle."""
    return lambda healthy: Answer(body=healthy[: len(healthy) // 2])


def slow() -> Fault:
    """Half of the body, then nothing more."""
    return lambda healthy: Answer(body=healthy, cut=len(healthy) // 2, hang=True)


def reset() -> Fault:
    """The connection is reset (TCP RST) before a byte of the answer."""
    return lambda _healthy: Answer(reset=True)


def before(change: Callable[[], object]) -> Fault:
    """No failure: the world changes just before this answer."""

    def fault(_healthy: bytes) -> None:
        change()

    return fault


def send(answer: Answer, connection: socket.socket, head: bytes, ended: threading.Event) -> None:
    """Writes the answer to the connection in the way that it asks for."""
    if answer.reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        return
    connection.sendall(head + answer.body[: len(answer.body) - answer.cut])
    if answer.hang:
        ended.wait(30)
    if answer.cut:
        connection.close()
