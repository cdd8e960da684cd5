"""What counts and what is kept of a Discord message: pure functions over the API's own objects.

Holds the specification's rule that no text is stored: a message is reduced to its length and a keyed hash as soon
as it arrives, and its author to a keyed id. Knows no client, clock or disk. Field names, numbers of types and
permission bits are those of Discord's API version 10.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ledger.core.canonical import clean_text
from ledger.core.proof import CODE_DIGITS, CODE_PREFIX
from ledger.core.values import Timestamp, from_milliseconds, to_milliseconds
from ledger.sources.keyed import keyed_account, keyed_id, keyed_text
from ledger.sources.port import Raw, SourceEvent

KINDS = {
    0: "text",
    2: "voice",
    5: "announcement",
    10: "announcement_thread",
    11: "public_thread",
    12: "private_thread",
    13: "stage",
    15: "forum",
    16: "media",
}
"""Channel types that hold messages or posts, by Discord's number."""
SILENT_KINDS = frozenset({4, 14})
"""Categories and directories: known, and never with a message in them."""
PARENTS = frozenset({"text", "announcement", "forum", "media"})
"""Kinds that hold threads, and that are read when the scope lists no channels."""
POSTS_ONLY = frozenset({"forum", "media"})
"""Kinds whose messages all lie in threads (posts)."""

ADMINISTRATOR = 1 << 3
VIEW_CHANNEL = 1 << 10
READ_MESSAGE_HISTORY = 1 << 16
MANAGE_THREADS = 1 << 34

_DISCORD_EPOCH_MS = 1_420_070_400_000
_ORDINARY, _REPLY = 0, 19
_BINDING_CODE = re.compile(rf"{CODE_PREFIX}[0-9a-f]{{{CODE_DIGITS}}}")


def first_id(time: Timestamp) -> int:
    """The smallest snowflake of the millisecond `time` (a snowflake is milliseconds since 2015, then 22 bits)."""
    return max(0, to_milliseconds(time) - _DISCORD_EPOCH_MS) << 22


def time_of(snowflake: int) -> Timestamp:
    """When the thing with this id was made, to the millisecond."""
    return from_milliseconds((snowflake >> 22) + _DISCORD_EPOCH_MS)


@dataclass(frozen=True, slots=True)
class Place:
    """Where messages stand: a channel or a thread. `head` is the last message's id as Discord states it, or None."""

    id: int
    kind: str
    parent_id: int | None
    head: int | None
    tags: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """How words call it: the id of a thread is that of the message that it began with, and tells its time."""
        return f"channel {self.id}" if self.parent_id is None else f"a thread of channel {self.parent_id}"

    @classmethod
    def of(cls, channel: Mapping[str, Any]) -> Place | None:
        """The place of a channel object; None for types without messages and for types that we do not know."""
        kind = KINDS.get(channel["type"])
        if kind is None:
            return None
        parent = channel.get("parent_id") if kind.endswith("thread") else None
        head = channel.get("last_message_id")
        tags = tuple(sorted(str(tag) for tag in channel.get("applied_tags") or ()))
        return cls(int(channel["id"]), kind, int(parent) if parent else None, int(head) if head else None, tags)


def is_binding_code(text: str) -> bool:
    """Whether a whole message is the code of a binding challenge: who posts it asks to be on the record."""
    return _BINDING_CODE.fullmatch(text) is not None


def says(words: Iterable[str], text: str) -> bool:
    """Whether one of these words stands in a text as a whole one, in upper or lower case."""
    plain = _folded(text)
    return any(re.search(rf"(?<!\w){re.escape(_folded(word))}(?!\w)", plain) for word in words)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def left_out(message: Mapping[str, Any]) -> str | None:
    """Which rule leaves a message out, by the name of its count, or None: `webhooks`, `bots`, `system_messages`.

    Ordinary messages and replies of people count. Everything that Discord itself writes does not: joins, pins, boosts,
    the notice that a thread was created (type 18) and the copy of its starter (type 21), which stands in the parent.
    """
    if message.get("webhook_id") is not None:
        return "webhooks"
    author = message["author"]
    if author.get("bot"):
        return "bots"
    if message["type"] not in (_ORDINARY, _REPLY) or author.get("system"):
        return "system_messages"
    return None


def reduce_message(
    message: Mapping[str, Any], guild: str, place: Place, secret: bytes, *, keyed: bool, veiled: bool
) -> Raw:
    """What leaves this room of a message: no text, no name but the login, and no account id where `keyed`.

    `veiled`: nothing either that tells of other people's messages, whose ids are times. A thread has the id of the
    message that it began with; so it goes by its channel, and what groups its messages or names what one replies to
    is keyed.
    """
    reference = message.get("message_reference") or {}
    author, thread = message["author"], None if place.parent_id is None else str(place.id)
    reply = reference.get("message_id") if message["type"] == _REPLY else None
    if veiled:
        thread = thread and keyed_id(secret, "thread", thread)
        reply = reply and keyed_id(secret, "message", reply)
    poll = message.get("poll") or {}
    more: dict[str, Any] = {"poll_answers": len(poll.get("answers") or ())} if poll else {}
    if place.tags:
        more["tags"] = list(place.tags)
    return {
        **more,
        "account": keyed_account(secret, author["id"]) if keyed else author["id"],
        "attachments": len(message.get("attachments") or ()),
        "channel": str(place.parent_id if veiled and place.parent_id is not None else place.id),
        "guild": guild,
        "id": message["id"],
        "kind": place.kind,
        "length": len(message["content"]),
        "login": clean_text(author.get("username") or "") or None,
        "parent": None if place.parent_id is None else str(place.parent_id),
        "reactions": sum(reaction["count"] for reaction in message.get("reactions") or ()),
        "reply_to": reply,
        "text_hmac": keyed_text(secret, message["id"], message["content"]),
        "thread": thread,
    }


def emoji_of(emoji: Mapping[str, Any]) -> tuple[str, str, str]:
    """An emoji as Discord is asked for it, as ids hold it (printable ASCII), and as people name it."""
    name = clean_text(str(emoji.get("name") or ""))
    if emoji.get("id") is not None:
        return f"{name or '_'}:{emoji['id']}", f"e{emoji['id']}", name or str(emoji["id"])
    return name, "u" + "_".join(f"{ord(character):x}" for character in name), name


def event_of(raw: Raw, *, show_login: bool) -> SourceEvent:
    """The `message_sent` event of a reduced message (specification, section 3)."""
    guild, channel, message = raw["guild"], raw["channel"], raw["id"]
    parent = raw["parent"]
    more = {name: raw[name] for name in ("poll_answers",) if name in raw}
    if raw.get("tags"):
        more["tags"] = ",".join(raw["tags"])
    return SourceEvent(
        artifact_url=f"https://discord.com/channels/{guild}/{channel}/{message}",
        event_time=time_of(int(message)),
        event_type="message_sent",
        id=f"discord:message:{guild}:{channel}:{message}",
        metadata={
            "attachment_count": raw["attachments"],
            "channel_id": channel,
            "channel_kind": raw["kind"],
            "length": raw["length"],
            "parent_id": parent,
            "reaction_count": raw["reactions"],
            "reply_to": raw["reply_to"],
            "text_hmac": raw["text_hmac"],
            "thread_id": raw["thread"],
            **more,
        },
        platform_login=raw["login"] if show_login else None,
        platform_user_id=raw["account"],
        source="discord",
        facets=_facets(raw),
    )


def _facets(raw: Raw, emoji: tuple[str, ...] = ()) -> Mapping[str, tuple[str, ...]]:
    channel, parent = raw["channel"], raw["parent"]
    found: dict[str, tuple[str, ...]] = {"channels": (channel,) if parent in (None, channel) else (channel, parent)}
    for name, values in (("emoji", emoji), ("tags", raw.get("tags")), ("roles", raw.get("roles"))):
        if values:
            found[name] = tuple(values)
    return found


def thanks_of(raw: Raw, *, show_login: bool) -> Iterable[SourceEvent]:
    """A `props_received` event for each person whom a message that thanks names."""
    for person in raw.get("thanks", ()):
        yield _about(
            raw, "props_received", "props", person["account"], person["login"], person["account"], show_login, {}
        )


def reactions_of(raw: Raw, *, show_login: bool) -> Iterable[SourceEvent]:
    """A reaction: `reaction_given` for who gave it, `reaction_received` for who wrote the message.

    Discord tells no time of it; both have that of the message.
    """
    key, facts, by = f"{raw['emoji_key']}:{raw['by']}", {"emoji": raw["emoji"]}, raw["by"]
    yield _about(raw, "reaction_given", "reaction", key, raw["by_login"], by, show_login, facts)
    yield _about(raw, "reaction_received", "reaction_to", key, raw["login"], raw["account"], show_login, facts)


def _about(
    raw: Raw, kind: str, prefix: str, key: str, login: str | None, account: str, show_login: bool,
    facts: Mapping[str, str],
) -> SourceEvent:  # fmt: skip
    """An event about a message that is on record itself."""
    guild, channel, message = raw["guild"], raw["channel"], raw["id"]
    return SourceEvent(
        artifact_url=f"https://discord.com/channels/{guild}/{channel}/{message}",
        event_time=time_of(int(message)),
        event_type=kind,
        id=f"discord:{prefix}:{guild}:{channel}:{message}:{key}",
        metadata={"channel_id": channel, "channel_kind": raw["kind"], **facts},
        platform_login=login if show_login else None,
        platform_user_id=account,
        source="discord",
        facets=_facets(raw, (facts["emoji"],) if "emoji" in facts else ()),
    )


def permissions(guild: Mapping[str, Any], member: Mapping[str, Any], channel: Mapping[str, Any]) -> int:
    """What a member may do in a channel, as bits, by Discord's order: everyone, roles, then the member itself."""
    everyone, user, roles = guild["id"], member["user"]["id"], set(member["roles"])
    if guild.get("owner_id") == user:
        return ~0
    bits = 0
    for role in guild["roles"]:
        if role["id"] == everyone or role["id"] in roles:
            bits |= int(role["permissions"])
    if bits & ADMINISTRATOR:
        return ~0
    overwrites = channel.get("permission_overwrites") or ()
    for group in (
        [o for o in overwrites if o["id"] == everyone],
        [o for o in overwrites if o["id"] in roles],
        [o for o in overwrites if o["id"] == user],
    ):
        bits = _overwritten(bits, group)
    return bits


def _overwritten(bits: int, group: Iterable[Mapping[str, Any]]) -> int:
    denied = allowed = 0
    for overwrite in group:
        denied |= int(overwrite["deny"])
        allowed |= int(overwrite["allow"])
    return bits & ~denied | allowed
