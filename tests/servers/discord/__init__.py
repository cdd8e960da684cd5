"""A Discord on loopback: an in-memory guild behind the REST paths that a bot without a gateway uses."""

from .faults import (
    Fault,
    after,
    bad_json,
    empty_page,
    hang,
    html,
    rate_limited,
    reset,
    rewritten,
    status,
    truncated,
)
from .server import TOKEN, DiscordServer, Request
from .world import (
    MANAGE_THREADS,
    READ_MESSAGE_HISTORY,
    VIEW_CHANNEL,
    Channel,
    Guild,
    Message,
    Overwrite,
    User,
    snowflake,
)

__all__ = [
    "MANAGE_THREADS",
    "READ_MESSAGE_HISTORY",
    "TOKEN",
    "VIEW_CHANNEL",
    "Channel",
    "DiscordServer",
    "Fault",
    "Guild",
    "Message",
    "Overwrite",
    "Request",
    "User",
    "after",
    "bad_json",
    "empty_page",
    "hang",
    "html",
    "rate_limited",
    "reset",
    "rewritten",
    "snowflake",
    "status",
    "truncated",
]
