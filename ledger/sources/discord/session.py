"""One logged-in client of discord.py without its gateway, and every question that the collector asks it.

Answers are checked for their shape before anyone uses them: an HTML page, a cut body or an empty answer is never
taken for "nothing there". Waits are told, and their sum is bounded. Knows nothing of windows, cursors or events.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import re
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import aiohttp
import discord
from discord.http import HTTPClient, Route

from ledger.core.errors import CredentialsError, SourceError
from ledger.core.values import Timestamp, timestamp
from ledger.sources.address import api_address
from ledger.sources.port import GOES_ON, SourceContext

PAGE = 100
"""Messages or threads a page: the most that Discord gives."""
ATTEMPTS = 6
LIMIT_SECONDS = 60.0
"""Rate limits up to this long are waited for inside the client; longer ones here, where each wait is told."""
REQUEST_SECONDS = 180.0
"""How long one answer may take, the client's own waits and repetitions included."""
SLOW_SECONDS = 2.0
"""An answer that took longer than this was a wait, whatever the reason, and counts as one."""

_ID = re.compile(r"[0-9]{1,20}", re.ASCII)
_LONG = re.compile(r"[0-9]{15,}", re.ASCII)
_Object = dict[str, Any]
T = TypeVar("T")


class Malformed(Exception):
    """A successful answer that is not what Discord documents for this request."""


class Denied(SourceError):
    """The bot may not read this channel (403)."""


class Gone(SourceError):
    """The channel or thread does not exist any more (404)."""


class _Teller(logging.Handler):
    """Passes the client's own warnings about rate limits on, so that no wait is silent."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Tells the warning, without ids: those of messages and of threads tell when somebody wrote."""
        self._tell(f"Discord: {_LONG.sub('…', record.getMessage())}")


class Session:
    """A client on an event loop of its own, driven from plain code one question at a time.

    `patience` bounds, in seconds, the sum of all waits; past it, questions end in SourceError. The address of the API
    comes from `DISCORD_API_URL` in the caller's environment, the token from `DISCORD_TOKEN`.
    """

    def __init__(self, context: SourceContext, patience: float) -> None:
        token = context.environ.get("DISCORD_TOKEN", "")
        if not token:
            raise CredentialsError(
                "DISCORD_TOKEN is not set", hint="Make a bot and pass its token in DISCORD_TOKEN. See docs/sources.md."
            )
        public = "https://discord.com/api/v10"
        Route.BASE = api_address(context.environ, "DISCORD_API_URL", public, public)
        self._context = context
        self._patience = patience
        self._waited = 0.0
        self._loop = asyncio.new_event_loop()
        self._clients: list[discord.Client] = []
        self.server_time: Timestamp | None = None
        """Discord's clock, as its last answer had it."""
        teller = _Teller(context.tell)
        logging.getLogger("discord.http").addHandler(teller)
        self.close = weakref.finalize(self, _close, self._loop, self._clients, teller)
        try:
            self._client = self._ask("login", lambda: self._login(token), lambda client: client)
        except BaseException:
            self.close()
            raise

    async def _login(self, token: str) -> discord.Client:
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(self._answered)
        client = discord.Client(
            intents=discord.Intents(guilds=True), max_ratelimit_timeout=LIMIT_SECONDS, http_trace=trace
        )
        self._clients.append(client)
        try:
            await client.login(token)
        except BaseException as error:
            self._clients.remove(client)
            await client.close()
            if isinstance(error, (TypeError, KeyError, AttributeError)):  # an HTML page instead of the bot's user
                raise Malformed("login was not answered with the bot's user") from None
            raise
        return client

    async def _answered(self, _session: object, _context: object, answer: aiohttp.TraceRequestEndParams) -> None:
        with contextlib.suppress(KeyError, TypeError, ValueError):
            self.server_time = timestamp(parsedate_to_datetime(answer.response.headers["Date"]).astimezone(UTC))

    @property
    def user_id(self) -> str:
        """The bot's own account id."""
        assert self._client.user is not None  # noqa: S101 - login has set it
        return str(self._client.user.id)

    @property
    def sees_content(self) -> bool:
        """Whether the message content intent is on; without it Discord blanks all texts, also over REST."""
        flags = self._client.application.flags if self._client.application else discord.ApplicationFlags()
        return flags.gateway_message_content or flags.gateway_message_content_limited

    def guild(self, guild: str) -> _Object:
        """The guild with its roles."""
        return self._http("guild", lambda http: http.get_guild(int(guild), with_counts=False), _guild)

    def member(self, guild: str) -> _Object:
        """The bot's own member object, which names its roles."""
        return self._http("own member", lambda http: http.get_member(int(guild), int(self.user_id)), _member)

    def channels(self, guild: str) -> list[_Object]:
        """All channels of the guild, also those of types that discord.py does not know; threads are not in it."""
        return self._http("channels", lambda http: http.get_all_guild_channels(int(guild)), _channels)

    def exists(self, thread: int) -> bool:
        """Whether a thread is still there, by its own object: an answer that does not hang on its messages'."""
        try:
            self._http("a thread", lambda http: http.get_channel(thread), _channel)
        except Gone:
            return False
        return True

    def active_threads(self, guild: str) -> list[_Object]:
        """All threads of the guild that are not archived and that the bot may see."""
        return self._http("active threads", lambda http: http.get_active_threads(int(guild)), _active)

    def archived_threads(self, channel: int, kind: str, before: str | None) -> tuple[list[_Object], bool]:
        """A page of archived threads, and whether there are more. `kind`: `public`, `private`, or `joined` (private).

        `before` is a time for the first two, an id for `joined`.
        """

        def request(http: HTTPClient) -> Awaitable[Any]:
            get = {
                "public": http.get_public_archived_threads,
                "private": http.get_private_archived_threads,
                "joined": http.get_joined_private_archived_threads,
            }[kind]
            return get(channel, before, PAGE)

        return self._http(f"archived threads of channel {channel}", request, _archived)

    def messages(self, channel: int, after: int, shown: str) -> list[_Object]:
        """The oldest hundred messages with an id above `after`, oldest first. `shown`: how words call the place."""
        return self._http(
            f"messages of {shown}",
            lambda http: http.logs_from(channel, PAGE, after=after),
            lambda page: _messages(page, channel, after, PAGE),
        )

    def reactors(self, channel: int, message: int, emoji: str, shown: str) -> list[_Object]:
        """Everybody who gave a message this emoji (`name:id` of a guild's own, else the character), by account."""
        found: list[_Object] = []
        while True:
            page = self._reactors_after(channel, message, emoji, shown, int(found[-1]["id"]) if found else None)
            found += page
            if len(page) < PAGE:
                return found

    def _reactors_after(self, channel: int, message: int, emoji: str, shown: str, after: int | None) -> list[_Object]:
        return self._http(
            f"reactions in {shown}",
            lambda http: http.get_reaction_users(channel, message, emoji, PAGE, after),
            lambda answer: _users(answer, after or 0),
        )

    def roles(self, guild: str, account: str) -> list[str]:
        """The roles that a member has now; none for who has left."""
        try:
            member = self._http("a member", lambda http: http.get_member(int(guild), int(account)), _member)
        except Gone:
            return []
        return [str(role) for role in member["roles"]]

    def newest(self, channel: int, shown: str) -> int | None:
        """The id of the newest message that there is, or None."""
        page = self._http(
            f"newest message of {shown}",
            lambda http: http.logs_from(channel, 1),
            lambda page: _messages(page, channel, 0, 1),
        )
        return int(page[0]["id"]) if page else None

    def pause(self, seconds: float, why: str) -> None:
        """Waits, tells so, and raises SourceError where the sum of the waits would pass the bound."""
        if self._waited + seconds > self._patience:
            raise SourceError(
                f"Discord: {why}; waiting {math.ceil(seconds)} s more would pass the bound of {self._patience:.0f} s",
                hint=GOES_ON,
            )
        self._waited += seconds
        self._context.tell(f"Discord: {why}; waiting {seconds:.1f} s ({self._waited:.0f} of {self._patience:.0f} s)")
        self._context.wait(seconds)

    def _http(self, what: str, request: Callable[[HTTPClient], Awaitable[Any]], check: Callable[[Any], T]) -> T:
        return self._ask(what, lambda: request(self._client.http), check)

    def _ask(self, what: str, request: Callable[[], Awaitable[Any]], check: Callable[[Any], T]) -> T:
        """The checked answer. Tries again what may pass; the client's own tries and waits come on top, inside."""
        why = ""
        for attempt in range(ATTEMPTS):
            pause = float(2**attempt)
            began = self._loop.time()
            try:
                return check(self._run(_bounded(request)))
            except discord.LoginFailure:
                raise CredentialsError(
                    "Discord refused DISCORD_TOKEN", hint="Copy the bot's token anew from the developer portal."
                ) from None
            except discord.RateLimited as error:
                pause, why = error.retry_after, f"rate limited on {what}"
            except discord.HTTPException as error:
                why = self._http_error(what, error)
                pause = _retry_after(error) or pause
            except (aiohttp.ClientError, json.JSONDecodeError, OSError, Malformed) as error:
                why = f"{what}: {type(error).__name__} {str(error)[:100]}".rstrip()
            finally:
                took = self._loop.time() - began
                self._waited += took if took > SLOW_SECONDS else 0.0
            if attempt + 1 < ATTEMPTS:
                self.pause(pause, why)
        raise SourceError(
            f"Discord did not answer after {ATTEMPTS} tries: {why}",
            hint=GOES_ON,
        )

    @staticmethod
    def _http_error(what: str, error: discord.HTTPException) -> str:
        """In words, what is worth another try; raises for what is final."""
        if error.status == 401:
            raise CredentialsError(
                "Discord refuses DISCORD_TOKEN since this run began",
                hint="It was reset or its bot removed: copy the bot's token anew from the developer portal.",
            ) from None
        if error.status == 403:
            raise Denied(f"Discord denies {what} (code {error.code})") from None
        if error.status == 404:
            raise Gone(f"Discord knows nothing of {what} (code {error.code})") from None
        if error.status == 429 or error.status >= 500:
            return f"{what}: HTTP {error.status}"
        raise SourceError(
            f"Discord refused the request for {what}: HTTP {error.status}, code {error.code}",
            hint="Check the guild and channel ids in the scope's file.",
        ) from None

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)


async def _bounded(request: Callable[[], Awaitable[T]]) -> T:
    async with asyncio.timeout(REQUEST_SECONDS):
        return await request()


def _close(loop: asyncio.AbstractEventLoop, clients: list[discord.Client], teller: _Teller) -> None:
    logging.getLogger("discord.http").removeHandler(teller)
    with contextlib.suppress(aiohttp.ClientError, OSError):
        for client in clients:
            loop.run_until_complete(client.close())
    loop.close()


def _retry_after(error: discord.HTTPException) -> float | None:
    """The seconds that an error's Retry-After header asks for; None without one that makes sense."""
    try:
        seconds = float(error.response.headers.get("Retry-After", ""))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _need(holds: bool, what: str) -> None:
    if not holds:
        raise Malformed(f"the answer is not {what}")


def _id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None and int(value) < 2**64


def _objects(value: Any, what: str) -> list[_Object]:
    _need(isinstance(value, list) and all(isinstance(item, dict) and _id(item.get("id")) for item in value), what)
    return list(value)


def _guild(answer: Any) -> _Object:
    _need(isinstance(answer, dict) and _id(answer.get("id")), "a guild")
    for role in _objects(answer.get("roles"), "a guild with roles"):
        _need(_bits(role.get("permissions")), "a guild with roles")
    return dict(answer)


def _bits(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit()


def _member(answer: Any) -> _Object:
    _need(isinstance(answer, dict) and isinstance(answer.get("roles"), list), "a member")
    _need(isinstance(answer.get("user"), dict) and _id(answer["user"].get("id")), "a member")
    return dict(answer)


def _channel(answer: Any) -> _Object:
    _need(isinstance(answer, dict) and _id(answer.get("id")) and isinstance(answer.get("type"), int), "a channel")
    for name in ("last_message_id", "parent_id"):
        _need(answer.get(name) is None or _id(answer[name]), "a channel")
    for overwrite in _objects(answer.get("permission_overwrites") or [], "a channel with overwrites"):
        _need(_bits(overwrite.get("allow")) and _bits(overwrite.get("deny")), "a channel with overwrites")
    return dict(answer)


def _channels(answer: Any) -> list[_Object]:
    channels = [_channel(channel) for channel in _objects(answer, "a list of channels")]
    _need(bool(channels), "a list of channels: a guild without any cannot be")
    return channels


def _active(answer: Any) -> list[_Object]:
    _need(isinstance(answer, dict), "a list of threads")
    return [_thread(thread) for thread in _objects(answer.get("threads"), "a list of threads")]


def _archived(answer: Any) -> tuple[list[_Object], bool]:
    threads = _active(answer)
    more = answer.get("has_more")
    _need(isinstance(more, bool) and (bool(threads) or not more), "a page of archived threads")
    for thread in threads:
        try:
            stamp = datetime.fromisoformat(thread["thread_metadata"]["archive_timestamp"])
        except (KeyError, TypeError, ValueError):
            raise Malformed("a thread of the archive has no archive stamp") from None
        _need(stamp.tzinfo is not None, "a page of archived threads")
    return threads, more


def _thread(answer: Any) -> _Object:
    _need(_id(answer.get("parent_id")), "a thread")
    return _channel(answer)


def _users(answer: Any, after: int) -> list[_Object]:
    users = _objects(answer, "a list of accounts")
    ids = [int(user["id"]) for user in users]
    _need(len(ids) <= PAGE and ids == sorted(set(ids)) and (not ids or ids[0] > after), "a list of accounts by id")
    return users


def _messages(answer: Any, channel: int, after: int, limit: int) -> list[_Object]:
    """A page of messages, oldest first; Discord sends the newest first."""
    page = _objects(answer, "a page of messages")
    ids = [int(message["id"]) for message in page]
    _need(len(page) <= limit and ids == sorted(set(ids), reverse=True), "a page of messages, newest first")
    _need(not ids or ids[-1] > after, "a page of messages after the last one")
    for message in page:
        author, reactions = message.get("author"), message.get("reactions") or []
        reference = message.get("message_reference") or {}
        _need(
            message.get("channel_id") == str(channel)
            and isinstance(message.get("type"), int)
            and isinstance(message.get("content"), str)
            and isinstance(message.get("attachments", []), list)
            and isinstance(author, dict)
            and _id(author.get("id"))
            and isinstance(author.get("username", ""), str)
            and isinstance(reactions, list)
            and all(isinstance(r, dict) and isinstance(r.get("count"), int) for r in reactions)
            and all(isinstance(r.get("emoji", {}), dict) for r in reactions)
            and isinstance(message.get("mentions", []), list)
            and all(isinstance(m, dict) and _id(m.get("id")) for m in message.get("mentions", ()))
            and isinstance(reference, dict)
            and all(reference.get(name) is None or _id(reference[name]) for name in ("message_id", "channel_id")),
            "a page of messages",
        )
    return page[::-1]
