"""The server: REST paths over a Guild, rate limit buckets, and a plan of faults.

Runs aiohttp in a thread on a free port of 127.0.0.1. What it answers follows Discord's API version 10: statuses,
error codes, orders and bounds of pages. A test that wants a failure says which request it hits (`fail`).
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlencode

from aiohttp import web

from .faults import VIA, Fault, rate_limited
from .world import (
    ANNOUNCEMENT,
    ANNOUNCEMENT_THREAD,
    FORUM,
    MANAGE_THREADS,
    MEDIA,
    PRIVATE_THREAD,
    PUBLIC_THREAD,
    READ_MESSAGE_HISTORY,
    THREADS,
    VIEW_CHANNEL,
    Channel,
    Guild,
    iso,
)

TOKEN = "test-token"


class Refused(Exception):
    """An error answer of the API: HTTP status and Discord's own code."""

    def __init__(self, http: int, code: int, message: str) -> None:
        super().__init__(message)
        self.http = http
        self.body = {"message": message, "code": code}


@dataclass(frozen=True)
class Request:
    """One request as it came in; `line` is what fault plans match, e.g. `GET /channels/7/messages?limit=100`."""

    line: str
    status: int


@dataclass
class _Planned:
    pattern: re.Pattern[str]
    fault: Fault
    skip: int
    times: int


@dataclass
class _Bucket:
    remaining: int
    resets_at: float


@dataclass
class DiscordServer:
    """`with DiscordServer(guild) as server:` serves the guild at `server.base_url` until the block ends.

    `rate_limit` is (requests, seconds) per path, as Discord's buckets are; `global_limit` is over all of them.
    """

    guild: Guild
    rate_limit: tuple[int, float] = (1_000_000, 5.0)
    global_limit: tuple[int, float] = (1_000_000, 5.0)
    requests: list[Request] = field(default_factory=list)
    base_url: str = ""
    date: str | None = None
    """What its answers state as their `Date`; None: this machine's clock."""
    _plan: list[_Planned] = field(default_factory=list)
    _buckets: dict[str, _Bucket] = field(default_factory=dict)

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

    def __enter__(self) -> DiscordServer:
        started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, args=(started,), daemon=True)
        self._thread.start()
        if not started.wait(10):
            raise RuntimeError("the Discord test server did not start within 10 s")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        self.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        query = f"?{urlencode(request.query)}" if request.query else ""
        line = f"{request.method} {request.path}{query}"
        status, body = self._answer(request)
        response: web.StreamResponse | None = None
        for planned in self._plan:
            if planned.times > 0 and planned.pattern.search(line):
                if planned.skip > 0:
                    planned.skip -= 1
                    continue
                planned.times -= 1
                response = await planned.fault(request, body)
                status, body = self._answer(request)
                break
        bucket, everywhere = self._bucket(request.path, self.rate_limit), self._bucket("", self.global_limit)
        if response is None:
            for empty in (limit for limit in (everywhere, bucket) if limit.remaining == 0):
                left = empty.resets_at - time.monotonic()
                response = await rate_limited(left, everywhere=empty is everywhere)(request, body)
                break
        if response is None:
            everywhere.remaining -= 1
            bucket.remaining -= 1
            headers = {"Content-Type": "application/json", **VIA, **self._limits(request.path, bucket)}
            if self.date is not None:
                headers["Date"] = self.date
            response = web.Response(status=status, body=body, headers=headers)
        self.requests.append(Request(line, response.status))
        return response

    def _bucket(self, path: str, allowed: tuple[int, float]) -> _Bucket:
        limit, seconds = allowed
        now = time.monotonic()
        bucket = self._buckets.setdefault(path, _Bucket(limit, now + seconds))
        if bucket.resets_at <= now:
            bucket.remaining, bucket.resets_at = limit, now + seconds
        return bucket

    def _limits(self, path: str, bucket: _Bucket) -> dict[str, str]:
        """Discord's headers. The bucket's name stands for the shape of the route; the ids in it go without saying."""
        left = max(0.0, bucket.resets_at - time.monotonic())
        return {
            "X-RateLimit-Limit": str(self.rate_limit[0]),
            "X-RateLimit-Remaining": str(bucket.remaining),
            "X-RateLimit-Reset": f"{time.time() + left:.3f}",
            "X-RateLimit-Reset-After": f"{left:.3f}",
            "X-RateLimit-Bucket": re.sub(r"/\d+", "/:id", path).strip("/").replace("/", "-"),
        }

    def _answer(self, request: web.Request) -> tuple[int, bytes]:
        """The healthy answer to a request: status and JSON bytes."""
        try:
            if request.headers.get("Authorization") != f"Bot {TOKEN}":
                raise Refused(401, 0, "401: Unauthorized")
            for pattern, handler in _ROUTES:
                found = re.fullmatch(pattern, request.path)
                if request.method == "GET" and found:
                    arguments = [int(group) if group.isdigit() else group for group in found.groups()]
                    return 200, json.dumps(handler(self.guild, request, *arguments)).encode()
            raise Refused(404, 0, "404: Not Found")
        except Refused as refused:
            return refused.http, json.dumps(refused.body).encode()


def _number(request: web.Request, name: str, low: int, high: int, default: int) -> int:
    text = request.query.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,20}", text) or not low <= int(text) <= high:
        raise Refused(400, 50035, "Invalid Form Body")
    return int(text)


def _guild_of(guild: Guild, guild_id: int) -> Guild:
    if guild_id != guild.id:
        raise Refused(404, 10004, "Unknown Guild")
    return guild


def _channel(guild: Guild, channel_id: int, needs: int = VIEW_CHANNEL) -> Channel:
    channel = guild.channels.get(channel_id)
    if channel is None:
        raise Refused(404, 10003, "Unknown Channel")
    if not guild.visible(channel):
        raise Refused(403, 50001, "Missing Access")
    if guild.allowed(channel) & needs != needs:
        raise Refused(403, 50013, "Missing Permissions")
    return channel


def _channels(guild: Guild, request: web.Request, guild_id: int) -> Any:
    """Get Guild Channels lists all of them, also those that the bot cannot see into; threads are not in it."""
    return [channel.payload() for channel in _guild_of(guild, guild_id).channels.values() if not channel.is_thread]


def _member(guild: Guild, request: web.Request, guild_id: int, user_id: int) -> Any:
    if user_id == _guild_of(guild, guild_id).bot.id:
        return guild.bot_member()
    if user_id not in guild.member_roles:
        raise Refused(404, 10007, "Unknown Member")
    return {"user": {"id": str(user_id), "username": "x"}, "roles": [str(r) for r in guild.member_roles[user_id]]}


def _reactors(guild: Guild, request: web.Request, channel_id: int, message_id: int, emoji: str) -> Any:
    """Who reacted with one emoji, by account."""
    channel = _channel(guild, channel_id, VIEW_CHANNEL | READ_MESSAGE_HISTORY)
    found = next((message for message in channel.messages if message.id == message_id), None)
    if found is None:
        raise Refused(404, 10008, "Unknown Message")
    users = sorted(found.by_emoji.get(unquote(emoji), ()), key=lambda user: user.id)
    after = _number(request, "after", 0, 2**64 - 1, 0)
    return [user.payload() for user in users if user.id > after][: _number(request, "limit", 1, 100, 25)]


def _messages(guild: Guild, request: web.Request, channel_id: int) -> Any:
    channel = _channel(guild, channel_id)
    if channel.kind in (FORUM, MEDIA):
        raise Refused(400, 50024, "Cannot execute action on this channel type")
    limit = _number(request, "limit", 1, 100, 50)
    places = {
        name: _number(request, name, 0, 2**64 - 1, 0) if name in request.query else None
        for name in ("before", "after", "around")
    }
    # Without READ_MESSAGE_HISTORY Discord answers with an empty list, not with an error.
    if not guild.allowed(channel) & READ_MESSAGE_HISTORY:
        return []
    visible = guild.application_flags & (1 << 18 | 1 << 19) != 0
    return [message.payload(channel, visible) for message in channel.page(limit, **places)]


def _active(guild: Guild, request: web.Request, guild_id: int) -> Any:
    threads = [t for t in _guild_of(guild, guild_id).threads(THREADS, archived=False) if guild.visible(t)]
    threads.sort(key=lambda thread: -thread.id)
    members = [_joined(guild, t) for t in threads if t.joined]
    return {"threads": [t.payload() for t in threads], "members": members, "has_more": False}


def _joined(guild: Guild, thread: Channel) -> dict[str, Any]:
    return {"id": str(thread.id), "user_id": str(guild.bot.id), "join_timestamp": iso(0), "flags": 0}


def _archived(guild: Guild, request: web.Request, parent: Channel, kinds: tuple[int, ...]) -> Any:
    """Ordered by archive stamp, newest first; `before` is strict, so equal stamps at a page's edge can be lost."""
    limit = _number(request, "limit", 2, 100, 50)
    threads = guild.threads(kinds, parent, archived=True)
    if "before" in request.query:
        try:
            before = datetime.fromisoformat(request.query["before"].replace(" ", "+"))
        except ValueError:
            raise Refused(400, 50035, "Invalid Form Body") from None
        threads = [t for t in threads if datetime.fromisoformat(iso(t.archived_ms or 0)) < before]
    threads.sort(key=lambda thread: (-(thread.archived_ms or 0), -thread.id))
    page = threads[:limit]
    return {
        "threads": [t.payload() for t in page],
        "members": [_joined(guild, t) for t in page if t.joined],
        "has_more": len(threads) > limit,
    }


def _archived_public(guild: Guild, request: web.Request, channel_id: int) -> Any:
    parent = _channel(guild, channel_id, READ_MESSAGE_HISTORY)
    kind = ANNOUNCEMENT_THREAD if parent.kind == ANNOUNCEMENT else PUBLIC_THREAD
    return _archived(guild, request, parent, (kind,))


def _archived_private(guild: Guild, request: web.Request, channel_id: int) -> Any:
    parent = _channel(guild, channel_id, READ_MESSAGE_HISTORY | MANAGE_THREADS)
    return _archived(guild, request, parent, (PRIVATE_THREAD,))


def _joined_private(guild: Guild, request: web.Request, channel_id: int) -> Any:
    """Private archived threads that the bot was invited to: ordered by id, newest first; `before` is an id."""
    parent = _channel(guild, channel_id, READ_MESSAGE_HISTORY)
    limit = _number(request, "limit", 2, 100, 50)
    before = _number(request, "before", 0, 2**64 - 1, 2**64 - 1)
    threads = [t for t in guild.threads((PRIVATE_THREAD,), parent, archived=True) if t.joined and t.id < before]
    threads.sort(key=lambda thread: -thread.id)
    page = threads[:limit]
    return {
        "threads": [t.payload() for t in page],
        "members": [_joined(guild, t) for t in page],
        "has_more": len(threads) > limit,
    }


_ROUTES: list[tuple[str, Callable[..., Any]]] = [
    (r"/users/@me", lambda guild, request: {**guild.bot.payload(), "mfa_enabled": False, "locale": "en-US"}),
    (r"/oauth2/applications/@me", lambda guild, request: guild.application()),
    (r"/guilds/(\d+)", lambda guild, request, guild_id: _guild_of(guild, guild_id).payload()),
    (r"/guilds/(\d+)/channels", _channels),
    (r"/guilds/(\d+)/roles", lambda guild, request, guild_id: _guild_of(guild, guild_id).roles()),
    (r"/guilds/(\d+)/members/(\d+)", _member),
    (r"/guilds/(\d+)/threads/active", _active),
    (r"/channels/(\d+)", lambda guild, request, channel_id: _channel(guild, channel_id).payload()),
    (r"/channels/(\d+)/messages", _messages),
    (r"/channels/(\d+)/messages/(\d+)/reactions/([^/]+)", _reactors),
    (r"/channels/(\d+)/threads/archived/public", _archived_public),
    (r"/channels/(\d+)/threads/archived/private", _archived_private),
    (r"/channels/(\d+)/users/@me/threads/archived/private", _joined_private),
]
