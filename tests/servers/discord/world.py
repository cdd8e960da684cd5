"""The guild that the server shows: people, channels, threads, messages, permissions, all in memory.

Field names, channel types, message types and permission bits are those of Discord's API version 10
(https://docs.discord.com/developers/reference). Times are milliseconds since 1970, UTC.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

DISCORD_EPOCH_MS = 1_420_070_400_000
"""The first millisecond of 2015, from which snowflakes count."""

ADMINISTRATOR = 1 << 3
VIEW_CHANNEL = 1 << 10
READ_MESSAGE_HISTORY = 1 << 16
MANAGE_THREADS = 1 << 34
MESSAGE_CONTENT_FLAG = 1 << 18
"""Application flag GATEWAY_MESSAGE_CONTENT: without it Discord blanks what people write, also over REST."""

TEXT, VOICE, CATEGORY, ANNOUNCEMENT, STAGE, FORUM, MEDIA = 0, 2, 4, 5, 13, 15, 16
ANNOUNCEMENT_THREAD, PUBLIC_THREAD, PRIVATE_THREAD = 10, 11, 12
THREADS = (ANNOUNCEMENT_THREAD, PUBLIC_THREAD, PRIVATE_THREAD)


def snowflake(at_ms: int, sequence: int = 0) -> int:
    """The id that Discord gives to something made at `at_ms`; `sequence` (22 bits) tells apart what shares the ms."""
    return (at_ms - DISCORD_EPOCH_MS) << 22 | sequence


def iso(at_ms: int) -> str:
    """Discord's way to write a time: `2026-01-05T00:00:00.000000+00:00`."""
    moment = datetime.fromtimestamp(at_ms // 1000, UTC).replace(microsecond=at_ms % 1000 * 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")


@dataclass(frozen=True)
class User:
    """One account; a deleted account keeps its id and is called `Deleted User <hex>`."""

    id: int
    name: str
    bot: bool = False

    def payload(self) -> dict[str, Any]:
        """The user object."""
        return {
            "id": str(self.id), "username": self.name, "discriminator": "0", "global_name": self.name,
            "avatar": None, "bot": self.bot, "system": False, "public_flags": 0, "flags": 0, "primary_guild": None,
        }  # fmt: skip

    @classmethod
    def deleted(cls, user_id: int) -> User:
        """What Discord shows of an account that its owner deleted."""
        return cls(user_id, f"Deleted User {user_id:x}")


@dataclass
class Message:
    """One message; `kind` is Discord's message type (0 ordinary, 19 reply, everything else is special)."""

    id: int
    author: User
    content: str = ""
    kind: int = 0
    attachments: int = 0
    reactions: tuple[int, ...] = ()
    reply_to: int | None = None
    webhook_id: int | None = None
    thread: Channel | None = None
    edited_ms: int | None = None
    by_emoji: dict[str, list[User]] = field(default_factory=dict)
    """Who reacted, by the emoji as it is asked for: a character, or `name:id`."""
    mentions: tuple[User, ...] = ()
    poll_answers: int = 0

    def payload(self, channel: Channel, content_visible: bool) -> dict[str, Any]:
        """The message object, as Get Channel Messages gives it."""
        at_ms = (self.id >> 22) + DISCORD_EPOCH_MS
        out: dict[str, Any] = {
            "id": str(self.id), "channel_id": str(channel.id), "type": self.kind, "author": self.author.payload(),
            "content": self.content if content_visible else "", "timestamp": iso(at_ms),
            "edited_timestamp": None if self.edited_ms is None else iso(self.edited_ms),
            "tts": False, "mention_everyone": False, "mentions": [], "mention_roles": [], "embeds": [],
            "pinned": False, "flags": 32 if self.thread else 0, "components": [], "attachments": [],
        }  # fmt: skip
        if content_visible:
            out["attachments"] = [
                {
                    "id": str(self.id + n),
                    "filename": f"{n}.png",
                    "size": 9,
                    "url": "http://x/",
                    "proxy_url": "http://x/",
                }
                for n in range(1, self.attachments + 1)
            ]
        if self.reactions:
            out["reactions"] = [
                {
                    "emoji": {"id": None, "name": chr(0x1F600 + n)}, "count": count, "me": False, "me_burst": False,
                    "count_details": {"burst": 0, "normal": count}, "burst_colors": [],
                }
                for n, count in enumerate(self.reactions)
            ]  # fmt: skip
        if self.by_emoji:
            pairs = [(*emoji.partition(":")[::2], len(users)) for emoji, users in self.by_emoji.items()]
            out["reactions"] = [
                {"emoji": {"id": number or None, "name": name}, "count": count, "me": False}
                for name, number, count in pairs
            ]
        out["mentions"] = [user.payload() for user in self.mentions]
        if self.poll_answers:
            out["poll"] = {
                "question": {"text": "Which?"},
                "answers": [{"answer_id": n} for n in range(self.poll_answers)],
            }
        if self.webhook_id is not None:
            out["webhook_id"] = str(self.webhook_id)
        if self.reply_to is not None:
            out["message_reference"] = {
                "type": 0, "message_id": str(self.reply_to), "channel_id": str(channel.id),
                "guild_id": str(channel.guild_id),
            }  # fmt: skip
        if self.kind in (18, 21) and self.thread is not None:
            out["message_reference"] = {"type": 0, "channel_id": str(self.thread.id), "guild_id": str(channel.guild_id)}
        elif self.thread is not None:
            out["thread"] = self.thread.payload()
        return out


@dataclass(frozen=True)
class Overwrite:
    """What one role (`kind` 0) or member (`kind` 1) is given or denied in a channel."""

    id: int
    kind: int
    allow: int = 0
    deny: int = 0


@dataclass
class Channel:
    """A channel or a thread, with its messages in the order of their ids."""

    id: int
    guild_id: int
    name: str
    kind: int
    parent: Channel | None = None
    overwrites: list[Overwrite] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    archived_ms: int | None = None
    joined: bool = False
    last_id: int | None = None
    """Id of the last message ever sent (of the last post in a forum): it stays when that message is deleted."""
    applied_tags: list[str] = field(default_factory=list)

    @property
    def is_thread(self) -> bool:
        """True for the three thread types."""
        return self.kind in THREADS

    def say(self, author: User, content: str = "", *, at_ms: int, sequence: int = 0, **more: Any) -> Message:
        """Adds a message; `more` are fields of Message. Messages may come in any order of time."""
        message = Message(snowflake(at_ms, sequence), author, content, **more)
        self.add(message)
        return message

    def add(self, message: Message) -> None:
        """Puts a message in its place among the others."""
        place = bisect_left(self.messages, message.id, key=lambda held: held.id)
        self.messages.insert(place, message)
        self.last_id = max(self.last_id or 0, message.id)

    def delete(self, message_id: int) -> None:
        """Takes a message away; as on Discord, `last_message_id` goes on naming it."""
        self.messages = [held for held in self.messages if held.id != message_id]

    def page(self, limit: int, before: int | None, after: int | None, around: int | None) -> list[Message]:
        """Get Channel Messages: newest first; `after` gives the oldest `limit` that follow it, still newest first."""

        def key(held: Message) -> int:
            return held.id

        held = self.messages
        if around is not None:
            low = max(0, bisect_left(held, around, key=key) - limit // 2)
            chosen = held[low : low + limit]
        elif after is not None:
            low = bisect_right(held, after, key=key)
            chosen = held[low : low + limit]
        else:
            high = len(held) if before is None else bisect_left(held, before, key=key)
            chosen = held[max(0, high - limit) : high]
        return chosen[::-1]

    def payload(self) -> dict[str, Any]:
        """The channel object."""
        out: dict[str, Any] = {
            "id": str(self.id), "type": self.kind, "guild_id": str(self.guild_id), "name": self.name,
            "parent_id": str(self.parent.id) if self.parent else None, "flags": 0,
            "last_message_id": None if self.last_id is None else str(self.last_id), "rate_limit_per_user": 0,
        }  # fmt: skip
        if self.is_thread:
            stamp = self.archived_ms if self.archived_ms is not None else (self.id >> 22) + DISCORD_EPOCH_MS
            out |= {
                **({"applied_tags": self.applied_tags} if self.applied_tags else {}),
                "owner_id": "1", "message_count": len(self.messages), "member_count": 1,
                "total_message_sent": len(self.messages),
                "thread_metadata": {
                    "archived": self.archived_ms is not None, "archive_timestamp": iso(stamp), "locked": False,
                    "auto_archive_duration": 1440, "create_timestamp": iso((self.id >> 22) + DISCORD_EPOCH_MS),
                },
            }  # fmt: skip
            return out
        out |= {
            "position": 0, "nsfw": False,
            "permission_overwrites": [
                {"id": str(o.id), "type": o.kind, "allow": str(o.allow), "deny": str(o.deny)} for o in self.overwrites
            ],
        }  # fmt: skip
        if self.kind in (VOICE, STAGE):
            out |= {"bitrate": 64000, "user_limit": 0, "rtc_region": None}
        elif self.kind != CATEGORY:
            out["topic"] = None
        if self.kind in (FORUM, MEDIA):
            out |= {"available_tags": [], "default_reaction_emoji": None, "default_sort_order": None}
        return out


@dataclass
class Guild:
    """The whole world of a test: one guild, its bot, and what the bot is allowed.

    `permissions` is what the @everyone role grants; channels change it by their overwrites.
    """

    id: int = snowflake(DISCORD_EPOCH_MS + 1)
    name: str = "Test guild"
    bot: User = User(snowflake(DISCORD_EPOCH_MS + 2), "collector", bot=True)
    bot_roles: dict[int, int] = field(default_factory=dict)
    """Role id to permission bits, of the roles that the bot has besides @everyone."""
    permissions: int = VIEW_CHANNEL | READ_MESSAGE_HISTORY
    application_flags: int = MESSAGE_CONTENT_FLAG
    channels: dict[int, Channel] = field(default_factory=dict)
    member_roles: dict[int, list[int]] = field(default_factory=dict)
    """The roles of members other than the bot, by account."""
    made: int = 2

    def channel(self, name: str, kind: int = TEXT, *overwrites: Overwrite, parent: Channel | None = None) -> Channel:
        """Adds a channel of any type, known or unknown."""
        self.made += 1
        channel = Channel(snowflake(DISCORD_EPOCH_MS + self.made), self.id, name, kind, parent, list(overwrites))
        self.channels[channel.id] = channel
        return channel

    def thread(
        self, parent: Channel, name: str, *, at_ms: int, sequence: int = 0, kind: int = PUBLIC_THREAD,
        archived_ms: int | None = None, joined: bool = False, starter: Message | None = None,
    ) -> Channel:  # fmt: skip
        """Opens a thread. `starter`, a message of the parent, gives the thread its own id, as on Discord."""
        thread_id = starter.id if starter else snowflake(at_ms, sequence)
        thread = Channel(thread_id, self.id, name, kind, parent, archived_ms=archived_ms, joined=joined)
        self.channels[thread.id] = thread
        if starter is not None:
            starter.thread = thread
        if parent.kind in (FORUM, MEDIA):
            parent.last_id = max(parent.last_id or 0, thread.id)
        return thread

    def allowed(self, channel: Channel) -> int:
        """The bot's permissions in a channel, in Discord's order: everyone, roles, then the member itself."""
        base = self.permissions
        for granted in self.bot_roles.values():
            base |= granted
        if base & ADMINISTRATOR:
            return (1 << 53) - 1
        place = channel.parent if channel.is_thread and channel.parent else channel
        for chosen in (
            [o for o in place.overwrites if o.id == self.id],
            [o for o in place.overwrites if o.kind == 0 and o.id in self.bot_roles],
            [o for o in place.overwrites if o.kind == 1 and o.id == self.bot.id],
        ):
            for overwrite in chosen:
                base &= ~overwrite.deny
            for overwrite in chosen:
                base |= overwrite.allow
        return base

    def visible(self, channel: Channel) -> bool:
        """May the bot see this channel? A private thread also needs an invitation or MANAGE_THREADS."""
        allowed = self.allowed(channel)
        if channel.kind == PRIVATE_THREAD and not channel.joined and not allowed & MANAGE_THREADS:
            return False
        return bool(allowed & VIEW_CHANNEL)

    def threads(self, kinds: Iterable[int], parent: Channel | None = None, *, archived: bool) -> list[Channel]:
        """The threads of some kinds, of one parent or of all, that are archived or not."""
        return [
            c for c in self.channels.values()
            if c.kind in kinds and (c.archived_ms is not None) == archived and (parent is None or c.parent is parent)
        ]  # fmt: skip

    def payload(self) -> dict[str, Any]:
        """The guild object, with the fields that a bot over REST gets."""
        nothing: dict[str, Any] = dict.fromkeys(
            (
                "icon", "splash", "discovery_splash", "description", "banner", "afk_channel_id", "application_id",
                "system_channel_id", "rules_channel_id", "public_updates_channel_id", "vanity_url_code",
                "incidents_data", "home_header", "widget_channel_id", "max_presences", "safety_alerts_channel_id",
            )
        )  # fmt: skip
        return nothing | {
            "id": str(self.id), "name": self.name, "owner_id": "1", "region": "deprecated", "afk_timeout": 300,
            "verification_level": 0, "default_message_notifications": 0, "explicit_content_filter": 0, "mfa_level": 0,
            "nsfw_level": 0, "system_channel_flags": 0, "premium_tier": 0, "preferred_locale": "en-US",
            "roles": self.roles(), "emojis": [], "features": [], "stickers": [], "premium_progress_bar_enabled": False,
            "approximate_member_count": 3, "approximate_presence_count": 1, "max_members": 500000,
            "max_stage_video_channel_users": 50, "max_video_channel_users": 25, "premium_subscription_count": 0,
            "widget_enabled": False, "nsfw": False,
        }  # fmt: skip

    def roles(self) -> list[dict[str, Any]]:
        """The role objects: @everyone, whose id is the guild's, and the bot's own."""
        return [
            {
                "id": str(role_id), "name": f"role-{role_id}", "color": 0, "hoist": False, "position": 0,
                "permissions": str(bits), "managed": False, "mentionable": False, "flags": 0, "icon": None,
                "unicode_emoji": None,
                "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
            }
            for role_id, bits in {self.id: self.permissions, **self.bot_roles}.items()
        ]  # fmt: skip

    def bot_member(self) -> dict[str, Any]:
        """The member object of the bot itself."""
        return {
            "user": self.bot.payload(), "nick": None, "avatar": None, "roles": [str(r) for r in self.bot_roles],
            "joined_at": iso(DISCORD_EPOCH_MS), "premium_since": None, "deaf": False, "mute": False, "flags": 0,
            "pending": False, "communication_disabled_until": None, "banner": None,
        }  # fmt: skip

    def application(self) -> dict[str, Any]:
        """The application object that discord.py asks for at login."""
        return {
            "id": str(self.bot.id), "name": self.bot.name, "icon": None, "description": "", "type": None,
            "bot_public": False, "bot_require_code_grant": False, "verify_key": "0" * 64,
            "flags": self.application_flags, "flags_new": str(self.application_flags), "team": None,
            "owner": User(1, "owner").payload(), "redirect_uris": [], "interactions_endpoint_url": None,
            "role_connections_verification_url": None, "approximate_guild_count": 1, "explicit_content_filter": 0,
            "approximate_user_install_count": 0, "approximate_user_authorization_count": 0,
            "eligible_oauth2_scopes": [],
        }  # fmt: skip
