"""The Discord collector: which channels are read, from where on, and what is said about what was not read.

One stream for the guild as a whole and one a channel; a channel's threads belong to its stream. Serves
ACTIVITY_IDEMPOTENT (ids are snowflakes), CURSOR_STATE_PERSISTED (each page carries where to go on) and the rule that
no text is stored: pages hold reduced messages only. Anti-spam rules are not known here; they work at computing time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from ledger.core.canonical import clean_text
from ledger.core.config import Settings
from ledger.core.errors import CredentialsError, SourceError
from ledger.core.values import Text, Timestamp, from_milliseconds, to_milliseconds
from ledger.core.windows import Window, gaps
from ledger.sources.discord import rules, walk
from ledger.sources.discord.rules import Place
from ledger.sources.discord.session import Denied, Gone, Session
from ledger.sources.discord.threads import Threads
from ledger.sources.keyed import keyed_account, open_note, seal_note
from ledger.sources.kinds import KindAs, answerable, kind_of
from ledger.sources.options import as_text
from ledger.sources.port import Page, Raw, SourceContext, SourceEvent, StreamCursor

LOOK_BACK_MS = 600_000
"""How far before an uncovered stretch is read again: a message may become visible later than its id says."""


Kind = Literal["message_sent", "props_received", "reaction_given", "reaction_received"]
REACTIONS = frozenset({"reaction_given", "reaction_received"})
Word = Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
Snowflake = Annotated[str, BeforeValidator(as_text), StringConstraints(pattern=r"^[1-9][0-9]{0,18}$")]


class DiscordOptions(Settings):
    """A Discord source in a scope's file. `channels` empty: all text, announcement, forum and media channels.

    `logins`, `ids` and `consent` decide what the public log shows for ever; docs/privacy.md says what each publishes.
    `consent: bound` records only what people wrote while they were bound to a user, and the codes by which they bind
    themselves; other messages are a count a channel and day.
    `max_wait_seconds` bounds the sum of all waits of a run.
    """

    guild: Snowflake
    channels: tuple[Snowflake, ...] = ()
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)] = ("message_sent",)
    props: tuple[Snowflake, ...] = ()
    thanks: Annotated[tuple[Word, ...], Field(max_length=50)] = ()
    private_threads: bool = False
    logins: Literal["hide", "show"] = "hide"
    ids: Literal["keyed", "plain"] = "keyed"
    consent: Literal["bound", "all"] = "bound"
    kinds_as: tuple[KindAs, ...] = ()
    max_wait_seconds: Annotated[int, Field(ge=1, le=86_400)] = 900

    @model_validator(mode="after")
    def _answerable(self) -> DiscordOptions:
        answerable(self.kinds_as, DiscordSource.facets(self))
        if ("props_received" in self.kinds) != bool(self.props or self.thanks):
            raise ValueError("the kind props_received and channels under props or words under thanks go together")
        return self


@dataclass(frozen=True)
class _Snapshot:
    """The guild as it stood when the run began to read it."""

    taken_at: Timestamp
    channels: Mapping[int, Mapping[str, Any]]
    active: Sequence[Mapping[str, Any]]
    allowed: Mapping[int, int]
    threads: Threads

    def may_read(self, channel: int) -> bool:
        """Whether history comes at all: without the permission Discord gives empty lists, not errors."""
        needed = rules.VIEW_CHANNEL | rules.READ_MESSAGE_HISTORY
        return self.allowed[channel] & needed == needed


class DiscordSource:
    """Messages of people in one guild; where asked for, reactions to them and thanks."""

    kind: ClassVar[str] = "discord"
    version: ClassVar[str] = "2"
    Options: ClassVar[type[Settings]] = DiscordOptions

    def __init__(self, name: str, options: DiscordOptions, context: SourceContext) -> None:
        self.name = name
        self._options = options
        self._context = context
        self._session: Session | None = None
        self._roles: dict[str, list[str]] = {}
        self._snapshot: _Snapshot | None = None

    @classmethod
    def origins(cls, options: DiscordOptions) -> frozenset[str]:
        """The guild."""
        return frozenset({f"discord:{options.guild}"})

    @classmethod
    def facets(cls, options: DiscordOptions) -> frozenset[str]:
        """Channels for routes; the rest for kinds of one's own. `tags` are those of a forum's posts, by number."""
        return frozenset({"channels", "emoji", "roles", "tags"})

    def streams(self) -> Sequence[str]:
        """The guild (`guild:<id>`: what its channels are), then each channel (`channel:<id>`) by age.

        Also a channel that was read before and that the bot may no longer see, or that is gone: what it misses of it
        must be told. One that is gone is named until that has been told once.
        """
        snapshot = self._look()
        listed = {int(channel) for channel in self._options.channels}
        if not listed:
            listed = {
                channel for channel, facts in snapshot.channels.items()
                if rules.KINDS.get(facts["type"]) in rules.PARENTS and snapshot.allowed[channel] & rules.VIEW_CHANNEL
            } | self._known(snapshot)  # fmt: skip
        kinds = ["channel", *(("reactions",) if REACTIONS.intersection(self._options.kinds) else ())]
        return [f"guild:{self._options.guild}", *(f"{kind}:{channel}" for kind in kinds for channel in sorted(listed))]

    def _known(self, snapshot: _Snapshot) -> set[int]:
        """The channels of this guild that the scope has read, but for those of which it is on record that they went."""
        found = set()
        for stream, note in self._context.lately(f"guild:{self._options.guild}").items():
            kind, _, number = stream.partition(":")
            if kind == "channel" and note.get("guild") == self._options.guild and not note.get("gone"):
                facts = snapshot.channels.get(int(number))
                if facts is None or rules.KINDS.get(facts["type"]) in rules.PARENTS:
                    found.add(int(number))
        return found

    def close(self) -> None:
        """Ends the session with Discord; the next question opens a new one. Otherwise it ends with this object."""
        if self._session is not None:
            self._session.close()
        self._session = self._snapshot = None

    def fetch(self, stream: str, window: Window, cursor: StreamCursor) -> Iterator[Page]:
        """The messages of one stream, oldest first in each channel and thread, one page an answer of Discord.

        A channel that may not be read gives one page with the gap in words and covers nothing. Reactions are read once
        the window has ended, so that they are counted as they are then.
        """
        snapshot = self._look()
        ended = window.end <= snapshot.taken_at and self._context.boundary(window.end)
        if stream.startswith("reactions:") and not ended:
            return
        end = min(window.end, snapshot.taken_at)
        if end <= window.start:
            yield self._gap("Discord's clock stands before the window; nothing is taken for complete")
            return
        window = Window(window.start, end)
        kind, _, number = stream.partition(":")
        if kind == "guild":
            yield self._guild_page(window)
            return
        facts = snapshot.channels.get(int(number))
        place = None if facts is None else Place.of(facts)
        if place is None:
            gap = self._gap(f"channel {number} is not in the guild, or holds no messages")
            yield replace(gap, state={"guild": self._options.guild, "gone": True}) if cursor.covered else gap
        elif not snapshot.may_read(place.id):
            yield self._gap(f"channel {number}: the bot lacks VIEW_CHANNEL or READ_MESSAGE_HISTORY")
        else:
            counts: Counter[str] = Counter()
            note = open_note(self._context.secret or b"", stream, (cursor.state or {}).get("note", ""))
            for target, resume in _targets(window, cursor, note):
                yield from self._channel(
                    stream, place, target, window.start, bool(cursor.covered), note, resume, counts
                )

    def parse(self, raw: Raw) -> Iterable[SourceEvent]:
        """The events of a reduced message or reaction; what the rules leave out never becomes a raw item."""
        shown = self._options.logins == "show"
        if "emoji_key" in raw:
            found = list(rules.reactions_of(raw, show_login=shown))
        else:
            found = [rules.event_of(raw, show_login=shown), *rules.thanks_of(raw, show_login=shown)]
        return [
            event._replace(event_type=kind_of(self._options.kinds_as, event))
            for event in found
            if event.event_type in self._options.kinds
        ]

    def _look(self) -> _Snapshot:
        """The guild now, once a run; refuses to go on where Discord would show less than people wrote."""
        if self._snapshot is not None:
            return self._snapshot
        if not self._context.secret:
            raise CredentialsError(
                "the Discord source needs the node's secret", hint="Set LEDGER_SECRET. See docs/privacy.md."
            )
        guild = self._options.guild
        session = self._open()
        if not session.sees_content:
            raise SourceError(
                "the bot's message content intent is off, so Discord would show every message as empty",
                hint="Turn on Message Content Intent in the developer portal, under Bot. See docs/sources.md.",
            )
        facts, member = session.guild(guild), session.member(guild)
        now = self._context.now()
        taken_at = min(now, session.server_time or now)  # a clock of ours that runs ahead covers nothing
        channels = {int(channel["id"]): channel for channel in session.channels(guild)}
        active = session.active_threads(guild)
        allowed = {number: rules.permissions(facts, member, channel) for number, channel in channels.items()}
        archives = {n: kinds for n, channel in channels.items() if (kinds := self._archives(channel, allowed[n]))}
        self._snapshot = _Snapshot(
            taken_at=taken_at,
            channels=channels,
            active=active,
            allowed=allowed,
            threads=Threads(session, guild, active, archives),
        )
        return self._snapshot

    def _archives(self, channel: Mapping[str, Any], allowed: int) -> list[str]:
        """Which archives of a channel hold threads that are to be read."""
        kind, listed = rules.KINDS.get(channel["type"]), self._options.channels
        needed = rules.VIEW_CHANNEL | rules.READ_MESSAGE_HISTORY
        if kind not in rules.PARENTS or allowed & needed != needed or (listed and channel["id"] not in listed):
            return []
        if not self._options.private_threads or kind != "text":
            return ["public"]
        return ["public", "private" if allowed & rules.MANAGE_THREADS else "joined"]

    def _open(self) -> Session:
        if self._session is None:
            self._session = Session(self._context, float(self._options.max_wait_seconds))
        return self._session

    def _gap(self, why: str) -> Page:
        return Page((), self._context.now(), gaps=(why,))

    def _guild_page(self, window: Window) -> Page:
        """What the guild's channels are: counts of those that stay out by rule, gaps for those that we cannot know."""
        snapshot = self._look()
        counts: Counter[str] = Counter()
        unknown = []
        for number, channel in sorted(snapshot.channels.items()):
            kind = rules.KINDS.get(channel["type"])
            if kind is None and channel["type"] not in rules.SILENT_KINDS:
                unknown.append(f"channel {number} has type {channel['type']}, which this version cannot read")
            elif kind is not None and not snapshot.allowed[number] & rules.VIEW_CHANNEL:
                counts["channels_hidden_from_the_bot"] += 1
            elif kind in ("voice", "stage") and str(number) not in self._options.channels:
                counts["voice_channels_not_listed"] += 1
        if not self._options.private_threads:
            counts["private_threads"] = sum(thread["type"] == 12 for thread in snapshot.active)
        covered = None if unknown else window
        return Page((), self._context.now(), covered, counts=+counts, gaps=tuple(unknown))

    def _channel(
        self,
        stream: str,
        place: Place,
        target: Window,
        earliest: Timestamp,
        read_before: bool,
        note: Mapping[str, Any],
        resume: tuple[int, int],
        counts: Counter[str],
    ) -> Iterator[Page]:
        """One stretch of a channel and its threads. `resume`: the place and message id that were reached before.

        `counts` goes on through the stream: each page carries the totals of the run so far. Where a thread or a list
        of threads was not given, the stretch is not covered, and the note says where the next run asks again.
        """
        session, now = self._open(), self._context.now
        reduce = self._reacted if stream.startswith("reactions:") else self._reduced
        since = from_milliseconds(max(to_milliseconds(earliest), to_milliseconds(target.start) - LOOK_BACK_MS))
        first, stop = rules.first_id(since), rules.first_id(target.end)
        parts, missing = self._parts(place, since, sure=not read_before)
        unread = [place.id + 1] if missing else []  # any thread: all have later ids than their channel
        for part in parts:
            if part.id < resume[0] or _nothing_new(part, first, stop, target, note):
                continue
            after = max(0, first - 1, resume[1] if part.id == resume[0] else 0)
            try:
                for found, reached in walk.messages(session, part, after, stop):
                    items = reduce(found, part, target.start, counts)
                    state = self._state(stream, _standing(target, part.id, reached))
                    yield Page(items, now(), state=state, counts=dict(counts))
            except (Denied, Gone) as error:
                if part.id == place.id:
                    if isinstance(error, Gone):
                        raise
                    yield self._gap(error.message)
                    return
                if isinstance(error, Gone) and not session.exists(part.id):
                    counts["threads_deleted"] += 1
                    continue
                missing.append(error.message)
                unread.append(part.id)
        if missing:
            state = self._state(stream, _standing(target, min(unread), 0))
            yield Page((), now(), state=state, counts=dict(counts), gaps=tuple(dict.fromkeys(missing)))
        else:
            state = self._state(stream, _done(place, target, stop, note))
            yield Page((), now(), target, state, counts=dict(counts))

    def _state(self, stream: str, note: Mapping[str, str]) -> Mapping[str, str]:
        """The cursor's note: readable is only the guild, since the ids of messages tell when they were written."""
        sealed = seal_note(self._context.secret or b"", stream, note)
        return {"guild": self._options.guild, "note": sealed}

    def _parts(self, place: Place, since: Timestamp, *, sure: bool) -> tuple[list[Place], list[str]]:
        """The channel itself, then its threads that may hold messages from `since` on, by id; and gaps in words."""
        own = [] if place.kind in rules.POSTS_ONLY else [place]
        if place.kind not in rules.PARENTS:
            return own, []
        found = self._look().threads.of(place.id, since, sure=sure)
        private = self._options.private_threads and place.kind == "text"
        parts = [part for number in sorted(found.threads) if (part := Place.of(found.threads[number])) is not None]
        return own + [part for part in parts if private or part.kind != "private_thread"], list(found.gaps)

    def _reduced(
        self, found: Sequence[Mapping[str, Any]], place: Place, start: Timestamp, counts: Counter[str]
    ) -> list[Raw]:
        """The items of a page; what a rule left out is counted (from `start` on: looking back counts once)."""
        options, secret = self._options, self._context.secret or b""
        items: list[Raw] = []
        for message in found:
            time = rules.time_of(int(message["id"]))
            reason = rules.left_out(message)
            if reason is None:
                keyed, veiled = options.ids == "keyed", options.consent == "bound"
                raw = rules.reduce_message(message, options.guild, place, secret, keyed=keyed, veiled=veiled)
                if self._consents(raw["account"], time) or rules.is_binding_code(message["content"]):
                    items.append({**raw, **self._more(message, place, time)})
                    continue
                reason = f"not_bound_{time[:10].replace('-', '_')}"
            counts[reason] += time >= start
        return items

    def _consents(self, account: str, time: Timestamp) -> bool:
        """Whether what this account did at a time may be recorded."""
        bound = self._context.bound.get(account)
        return self._options.consent == "all" or (bound is not None and bound <= time)

    def _account(self, account: str) -> str:
        secret = self._context.secret or b""
        return keyed_account(secret, account) if self._options.ids == "keyed" else account

    def _more(self, message: Mapping[str, Any], place: Place, time: Timestamp) -> dict[str, Any]:
        """The roles of a message's author, where a rule asks for them, and whom it thanks, by channel or word."""
        more: dict[str, Any] = {}
        if any(rule.role is not None for rule in self._options.kinds_as):
            more["roles"] = self._roles_of(message["author"]["id"])
        named, words = message.get("mentions") or (), self._options.thanks
        if {str(place.id), str(place.parent_id)}.isdisjoint(self._options.props) and not (
            named and rules.says(words, message["content"])
        ):
            return more
        people = {each["id"]: each for each in named if not each.get("bot")}
        people.pop(message["author"]["id"], None)
        thanked = [(self._account(number), clean_text(each.get("username") or "") or None)
                   for number, each in sorted(people.items())]  # fmt: skip
        more["thanks"] = [{"account": one, "login": login} for one, login in thanked if self._consents(one, time)]
        return more

    def _roles_of(self, account: str) -> list[str]:
        if account not in self._roles:
            self._roles[account] = self._open().roles(self._options.guild, account)
        return self._roles[account]

    def _reacted(
        self, found: Sequence[Mapping[str, Any]], place: Place, start: Timestamp, counts: Counter[str]
    ) -> list[Raw]:
        """The reactions to the messages of a page. Both, who reacted and who wrote, must have consented."""
        session, items = self._open(), list[Raw]()
        messages = [one for one in found if one.get("reactions") and rules.time_of(int(one["id"])) >= start]
        for message, raw in ((one, raw) for one in messages for raw in self._reduced([one], place, start, Counter())):
            time = rules.time_of(int(message["id"]))
            for reaction in message["reactions"]:
                asked, key, name = rules.emoji_of(reaction["emoji"])
                try:
                    people = session.reactors(place.id, int(message["id"]), asked, place.shown)
                except Gone:
                    counts["reactions_gone_meanwhile"] += 1
                    continue
                for person in people:
                    by = self._account(person["id"])
                    if person.get("bot"):
                        counts["reactions_by_bots"] += 1
                    elif by == raw["account"]:
                        counts["reactions_to_oneself"] += 1
                    elif not self._consents(by, time):
                        counts["reactions_not_bound"] += 1
                    else:
                        login = clean_text(person.get("username") or "") or None
                        items.append({**raw, "by": by, "by_login": login, "emoji": name, "emoji_key": key})
        return items


def _targets(window: Window, cursor: StreamCursor, note: Mapping[str, Any]) -> Iterator[tuple[Window, tuple[int, int]]]:
    """What is not covered yet, each with the place and message that an interrupted run reached in it (or 0, 0)."""
    begun, until = str(note.get("from", "")), Timestamp(str(note.get("to", "")))
    for gap in gaps(window, list(cursor.covered)):
        start = gap.start
        if "place" in note and begun <= start < until <= gap.end:
            yield Window(start, until), (int(note["place"]), int(note["after"]))
            start = until
        if start < gap.end:
            yield Window(start, gap.end), (0, 0)


def _standing(target: Window, place: int, after: int) -> Mapping[str, str]:
    """The note of a stretch that is not read to its end: from which place and message on it is to be read."""
    return {"from": target.start, "to": target.end, "place": str(place), "after": str(after)}


def _seen_before(place: Place, start: Timestamp, note: Mapping[str, Any]) -> bool:
    """Whether an earlier run read, from `start` or before, all up to what is still the channel's last message."""
    return str(note.get("head")) == str(place.head or 0) and str(note.get("since")) <= start


def _nothing_new(part: Place, first: int, stop: int, target: Window, note: Mapping[str, Any]) -> bool:
    """Whether Discord's own word on the last message of a place spares the request for its messages."""
    if part.id >= stop or (part.head is not None and part.head < first):
        return True
    return part.parent_id is None and _seen_before(part, target.start, note)


def _done(place: Place, target: Window, stop: int, note: Mapping[str, Any]) -> Mapping[str, str]:
    """The note once a stretch is read: up to which last message, and since when; as it was where nothing is new."""
    if (place.head or 0) >= stop:
        return {}
    since = str(note["since"]) if _seen_before(place, target.start, note) else target.start
    return {"head": str(place.head or 0), "since": since}
