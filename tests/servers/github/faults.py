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
