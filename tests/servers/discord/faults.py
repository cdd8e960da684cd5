"""The ways in which the server can fail. A fault gets the healthy answer's bytes and answers badly in its stead."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

VIA = {"Via": "1.1 google"}
"""Discord's own answers carry it; its absence is how a client tells Cloudflare's blocks from Discord's limits."""

Fault = Callable[[web.Request, bytes], Awaitable[web.StreamResponse | None]]
"""Returns the answer to send, or None to let the healthy one, computed anew, go out."""


def status(code: int, *, headers: Mapping[str, str] = VIA, body: str = '{"message": "fault", "code": 0}') -> Fault:
    """An HTTP error with a JSON body."""

    async def fault(request: web.Request, healthy: bytes) -> web.StreamResponse:
        return web.Response(status=code, body=body.encode(), headers={"Content-Type": "application/json", **headers})

    return fault


def rate_limited(retry_after: float, *, everywhere: bool = False, via: bool = True, headers: bool = True) -> Fault:
    """A 429. `everywhere`: the global limit. Without `via` it is Cloudflare's; without `headers` it is bare text."""
    if not headers:
        return status(429, headers={"Content-Type": "text/plain"}, body="error code: 1015")
    scope = "global" if everywhere else "user"
    told = {"Retry-After": str(retry_after), "X-RateLimit-Scope": scope, **(VIA if via else {})}
    if everywhere:
        told["X-RateLimit-Global"] = "true"
    body = {"message": "You are being rate limited.", "retry_after": retry_after, "global": everywhere}
    return status(429, headers=told, body=json.dumps(body))


def html(code: int = 200) -> Fault:
    """A page for people where JSON should be, as a proxy in between gives it."""
    return status(code, headers={"Content-Type": "text/html"}, body="<html>Just a moment...</html>")


def bad_json() -> Fault:
    """A whole 200 whose body is not JSON."""
    return status(200, body='[{"id": "1",')


def rewritten(change: Callable[[Any], Any]) -> Fault:
    """A 200 with another content than the healthy answer's: `change` gets that and returns what is sent."""

    async def fault(request: web.Request, healthy: bytes) -> web.StreamResponse:
        body = json.dumps(change(json.loads(healthy))).encode()
        return web.Response(body=body, headers={"Content-Type": "application/json", **VIA})

    return fault


def empty_page() -> Fault:
    """A 200 that claims that there is nothing here (of the shape that the healthy answer has)."""
    return rewritten(
        lambda page: (
            [] if isinstance(page, list) else {k: [] if isinstance(v, list) else False for k, v in page.items()}
        )
    )


def truncated() -> Fault:
    """A body that ends in the middle of what Content-Length promised."""

    async def fault(request: web.Request, healthy: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json", **VIA})
        response.content_length = len(healthy)
        await response.prepare(request)
        await response.write(healthy[: len(healthy) // 2])
        if request.transport is not None:
            request.transport.close()
        return response

    return fault


def reset() -> Fault:
    """The connection is reset (TCP RST) before a byte of the answer."""

    async def fault(request: web.Request, healthy: bytes) -> web.StreamResponse:
        transport = request.transport
        if transport is not None:
            peer: socket.socket = transport.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        return web.Response()

    return fault


def hang() -> Fault:
    """Headers and half of the body come, then nothing more until the client gives up."""

    async def fault(request: web.Request, healthy: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json", **VIA})
        response.content_length = len(healthy)
        await response.prepare(request)
        await response.write(healthy[: len(healthy) // 2])
        while request.transport is not None and not request.transport.is_closing():
            await asyncio.sleep(0.005)
        return response

    return fault


def after(change: Callable[[], object]) -> Fault:
    """No failure: the world changes (a message deleted, edited, written) just before this answer."""

    async def fault(request: web.Request, healthy: bytes) -> None:
        change()

    return fault
