"""What counts on GitHub and what is kept of it: pure functions, the same for polled objects and for webhooks.

Each thing that GitHub shows becomes an item, or the name of the rule that leaves it out (`bots_left_out` …), so that a
run can account for all of it. No text is kept but titles: of a body its length and SHA-256 (specification, section 3).
Knows no client, clock or disk, and neither GraphQL's nor the webhooks' names of fields.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ledger.core.canonical import clean_text, encode, sha256_hex
from ledger.core.identity import GHOST
from ledger.core.values import Timestamp, parse_time
from ledger.sources.keyed import keyed_text
from ledger.sources.machines import kept
from ledger.sources.options import glob
from ledger.sources.port import Raw, SourceEvent
from ledger.sources.titles import one_line
from ledger.sources.trailers import Contact, read_coauthors

PREFIXES = {
    "comment_created": "comment",
    "commit_comment_created": "commit_comment",
    "discussion_answered": "answer",
    "discussion_comment_created": "discussion_comment",
    "discussion_opened": "discussion",
    "issue_closed": "issue",
    "issue_opened": "issue_opened",
    "item_referenced": "reference",
    "pr_coauthored": "coauthor",
    "pr_commit_authored": "commit",
    "pr_merged": "pr",
    "pr_merged_by": "merge",
    "reaction_given": "reaction",
    "reaction_received": "reaction_to",
    "release_published": "release",
    "review_comment_created": "review_comment",
    "review_submitted": "review",
}
"""Event types, each with the second part of its ids."""

Found = Raw | str
"""An item, or the name of the rule that leaves the thing out."""

ADDRESS = re.compile(r"[^\s@<>]+@[^\s@<>]+")
"""Anything that looks like an address, for titles of commits."""
_NOREPLY = re.compile(r"([1-9][0-9]{0,18})\+([^@\s]+)@users\.noreply\.(.+)", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Who:
    """An account: its number as text (or GHOST), its name, and whether GitHub itself says that it is a program."""

    account: str
    login: str | None
    bot: bool = False
    address: str | None = None
    """Of a co-author; it leaves this module as a hash alone."""

    @classmethod
    def of(cls, number: int | None, login: str | None, *, bot: bool) -> Who:
        """An account as an API shows it; without a number, or named `ghost`, it is GHOST. A bot's name gets `[bot]`."""
        if number is None or login is None or login.lower() == GHOST:
            return cls(GHOST, None)
        bot = bot or login.endswith("[bot]")
        shown = login if not bot or login.endswith("[bot]") else f"{login}[bot]"
        return cls(str(number), one_line(shown), bot)


@dataclass(frozen=True, slots=True)
class Place:
    """The repository: its name as the scope's file lists it (lower case), and GitHub's number of it."""

    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Subject:
    """The issue or pull request that things hang on. `labels` and `paths` serve routing."""

    place: Place
    number: int
    pull: bool
    author: Who
    labels: tuple[str, ...]
    paths: tuple[str, ...] = ()
    discussion: bool = False
    category: str = ""

    @property
    def kind(self) -> str:
        """What it is, in one word of metadata."""
        return "discussion" if self.discussion else "pull_request" if self.pull else "issue"

    @property
    def link(self) -> str:
        """Its address below the repository's."""
        if self.discussion:
            return f"discussions/{self.number}"
        return f"{'pull' if self.pull else 'issues'}/{self.number}"


class Rules:
    """The options of a scope's file that decide about single things.

    `key`: with it, account ids become HMAC-SHA-256 under it (`ids: keyed`). `text_key`: with it, so do the hashes of
    texts (`private: true`). `host`: GitHub's own, for its noreply addresses. `machines`: whether those of the kept list
    count.
    """

    def __init__(
        self,
        kinds: Collection[str],
        bots: Sequence[str],
        *,
        logins: bool,
        key: bytes | None,
        text_key: bytes | None,
        host: str,
        machines: bool,
    ) -> None:
        self.kinds = frozenset(kinds)
        self._bots = re.compile("|".join(map(glob, bots)) or r"(?!)", re.DOTALL | re.IGNORECASE)
        self._logins = logins
        self._key, self._text_key = key, text_key
        self._machines = None if machines else kept()
        self._host = host.lower()

    def wants(self, *kinds: str) -> bool:
        """Whether any of the event types is asked for."""
        return not self.kinds.isdisjoint(kinds)

    def merged(self, subject: Subject, at: str, title: str, body: str | None, facts: Mapping[str, Any]) -> list[Found]:
        """A merged pull request. `facts`: additions, base_branch, changed_files, deletions, merge_commit."""
        metadata = {**facts, **self._titled(subject, title), **self._text(body, str(subject.number))}
        return self._found("pr_merged", subject, str(subject.number), at, subject.author, metadata)

    def merged_by(self, subject: Subject, at: str, title: str, who: Who) -> list[Found]:
        """Who merged a pull request, where that is not its author."""
        if not self.wants("pr_merged_by"):
            return []
        if who.account == subject.author.account != GHOST:
            return ["merged_by_author"]
        metadata = {"number": subject.number, "title": one_line(title)}
        return self._found("pr_merged_by", subject, str(subject.number), at, who, metadata)

    def coauthored(self, subject: Subject, at: str, title: str, commit: str, messages: Sequence[str]) -> list[Found]:
        """The co-authors that the message of the merge commit names, numbered by their addresses' first appearance.

        `messages`: that one, then those of the commits that it brought. Every address has a number, also one that is
        left out, so that no other option moves a number.
        """
        people: dict[str, Contact] = {}
        found: list[Found] = []
        for message in messages:
            coauthors = read_coauthors(message)
            found += ["coauthors_without_address"] * coauthors.unreadable
            for contact in coauthors.people:
                people.setdefault(contact.address.lower(), contact)
        for number, (name, address) in enumerate(people.values(), start=1):
            who = self._contact(name, address)
            if who.account == subject.author.account:
                found.append("coauthor_is_author")
                continue
            metadata = {"merge_commit": commit, "number": subject.number, "title": one_line(title)}
            found += self._found("pr_coauthored", subject, f"{subject.number}:{number}", at, who, metadata)
        return found

    def reviewed(
        self, subject: Subject, number: int, state: str, at: str | None, who: Who, body: str | None
    ) -> list[Found]:
        """A submitted review, whatever became of it (`dismissed` too). Not: pending ones, and the author's own."""
        if not self.wants("review_submitted"):
            return []
        if at is None or state.lower() == "pending":
            return ["reviews_pending"]
        if who.account == subject.author.account != GHOST:
            return ["reviews_by_author"]
        metadata = {"number": subject.number, "state": state.lower(), **self._text(body, str(number))}
        link = f"{subject.link}#pullrequestreview-{number}"
        return self._found("review_submitted", subject, f"{subject.number}:{number}", at, who, metadata, link)

    def commented(self, subject: Subject, number: int, at: str, who: Who, body: str | None) -> list[Found]:
        """A comment on an issue or on the conversation of a pull request."""
        on = "pull_request" if subject.pull else "issue"
        metadata = {"number": subject.number, "on": on, **self._text(body, str(number))}
        link = f"{subject.link}#issuecomment-{number}"
        return self._found("comment_created", subject, str(number), at, who, metadata, link)

    def diff_commented(
        self, subject: Subject, number: int, review: int | None, at: str, who: Who, body: str | None
    ) -> list[Found]:
        """A comment on a line of a pull request, the author's own too."""
        metadata = {"number": subject.number, "review_id": review, **self._text(body, str(number))}
        link = f"{subject.link}#discussion_r{number}"
        return self._found("review_comment_created", subject, str(number), at, who, metadata, link)

    def opened(self, subject: Subject, at: str, title: str, body: str | None) -> list[Found]:
        """An issue, for the one who opened it."""
        metadata = {**self._titled(subject, title), **self._text(body, str(subject.number))}
        return self._found("issue_opened", subject, str(subject.number), at, subject.author, metadata)

    def closed(self, subject: Subject, at: str, title: str, reason: str | None) -> list[Found]:
        """A closed issue, for who opened it. `reason` marks `not_planned` and `duplicate`; old ones have none."""
        metadata = {**self._titled(subject, title), "reason": None if reason is None else reason.lower()}
        return self._found("issue_closed", subject, str(subject.number), at, subject.author, metadata)

    def committed(
        self, subject: Subject, oid: str, at: str, message: str, who: Who | None, contact: tuple[str, str]
    ) -> list[Found]:
        """A commit of a merged pull request, for its author: an account, else known by the address alone."""
        title = one_line(message.partition("\n")[0])
        if who is None and not contact[1]:
            return ["commits_without_address"]
        author = who or self._contact(*contact)
        metadata = {"commit": oid, "number": subject.number, "title": ADDRESS.sub("\u2026", title)[:200]}
        key = f"{subject.number}:{oid}"
        return self._found("pr_commit_authored", subject, key, at, author, metadata, f"commit/{oid}")

    def discussed(self, subject: Subject, at: str, title: str, body: str | None) -> list[Found]:
        """A discussion, for the one who opened it."""
        metadata = {
            **self._titled(subject, title),
            "category": one_line(subject.category),
            **self._text(body, str(subject.number)),
        }
        return self._found("discussion_opened", subject, str(subject.number), at, subject.author, metadata)

    def discussion_commented(
        self, subject: Subject, number: int, at: str, who: Who, body: str | None, *, reply: bool
    ) -> list[Found]:
        """A comment on a discussion, or a reply to one."""
        metadata = {"number": subject.number, "reply": reply, **self._text(body, str(number))}
        link = f"{subject.link}#discussioncomment-{number}"
        return self._found("discussion_comment_created", subject, str(number), at, who, metadata, link)

    def answered(self, subject: Subject, number: int, at: str, who: Who) -> list[Found]:
        """The answer that was chosen, for who gave it; not for one's own question."""
        if not self.wants("discussion_answered"):
            return []
        if who.account == subject.author.account != GHOST:
            return ["answers_to_oneself"]
        metadata = {"comment_id": number, "number": subject.number}
        link = f"{subject.link}#discussioncomment-{number}"
        return self._found("discussion_answered", subject, f"{subject.number}:{number}", at, who, metadata, link)

    def commit_commented(
        self, place: Place, number: int, oid: str | None, at: str, who: Who, body: str | None
    ) -> list[Found]:
        """A comment on a commit."""
        subject = Subject(place, 0, False, who, ())
        metadata = {"commit": oid, **self._text(body, str(number))}
        link = f"commit/{oid}#commitcomment-{number}" if oid else ""
        return self._found("commit_comment_created", subject, str(number), at, who, metadata, link or "commits")

    def reacted(self, subject: Subject, number: str, content: str, at: str, who: Who, author: Who) -> list[Found]:
        """A reaction: one event for who gave it, one for who wrote what it was given to. Not to oneself.

        `number`: GitHub's global id of it, for its numeric one has left the range that GraphQL tells.
        """
        if who.account == author.account != GHOST:
            return ["reactions_to_oneself"]
        metadata = {"emoji": content.lower(), "number": subject.number, "on": subject.kind}
        given = self._found("reaction_given", subject, number, at, who, metadata)
        if self._left(who) is not None:
            return given
        return given + self._found("reaction_received", subject, number, at, author, metadata)

    def referenced(self, subject: Subject, source: tuple[str | None, int, int], at: str, who: Who) -> list[Found]:
        """Somebody referred to a thing from another one: for who wrote the thing that was referred to.

        `source`: the repository's name (None: it is private, and stays unnamed), its number, and the thing's number.
        """
        if not self.wants("item_referenced"):
            return []
        if who.account == subject.author.account != GHOST:
            return ["references_to_oneself"]
        if self._left(who) is not None:
            return ["references_by_bots"]
        name, repository, number = source
        if name is None:
            return ["references_from_private_places"]
        metadata = {"from": one_line(f"{name}#{number}"), "number": subject.number, "on": subject.kind}
        key = f"{subject.number}:{repository}:{number}"
        return self._found("item_referenced", subject, key, at, subject.author, metadata)

    def released(
        self, place: Place, number: int, tag: str, name: str | None, at: str | None, who: Who, *, draft: bool,
        prerelease: bool, body: str | None,
    ) -> list[Found]:  # fmt: skip
        """A published release; drafts are not."""
        if not self.wants("release_published"):
            return []
        if draft or at is None:
            return ["release_drafts"]
        subject = Subject(place, 0, False, who, ())
        title = None if name is None else one_line(name)
        tag = clean_text(tag)
        metadata = {"prerelease": prerelease, "tag": tag, "title": title, **self._text(body, str(number))}
        return self._found("release_published", subject, str(number), at, who, metadata, f"releases/tag/{quote(tag)}")

    def _text(self, body: str | None, key: str) -> dict[str, Any]:
        """What is kept of a text; where it is not public, its hash is keyed, since a short one could be guessed."""
        facts = text_facts(body)
        if self._text_key is not None:
            del facts["text_sha256"]
            facts["text_hmac"] = keyed_text(self._text_key, key, body or "")
        return facts

    def _titled(self, subject: Subject, title: str) -> dict[str, Any]:
        return {"labels": encode(list(subject.labels)).decode(), "number": subject.number, "title": one_line(title)}

    def _contact(self, name: str, address: str) -> Who:
        """Whom an address names: an account by its GitHub noreply address, else the hash of the address."""
        bot = self._bots.fullmatch(clean_text(address)) is not None
        match = _NOREPLY.fullmatch(address)
        if match is not None and match[3].lower() == self._host:
            who = Who.of(int(match[1]), match[2], bot=bot)
            return Who(who.account, who.login, bot or who.bot)
        shown = one_line(name)
        told = "@" in shown or address.lower() in shown.lower()
        account = sha256_hex(clean_text(address).lower().encode())
        return Who(account, None if told else shown or None, bot or shown.endswith("[bot]"), address)

    def _machine(self, who: Who) -> str | None:
        """The kept machine that an account is, by its number or, for a co-author known by it alone, its address."""
        if self._machines is None:
            return None
        number = int(who.account) if who.account.isdigit() else None
        return self._machines.of_github(number, who.login if number else None) or (
            self._machines.of_address(who.address) if who.address else None
        )

    def _left(self, who: Who) -> str | None:
        """The rule that leaves an account out; None where it counts."""
        if who.bot or (who.login is not None and self._bots.fullmatch(who.login)):
            return "bots_left_out"
        machine = self._machine(who)
        return f"machine_{machine}" if machine else None

    def _found(
        self, kind: str, subject: Subject, key: str, at: str, who: Who, metadata: Mapping[str, Any], link: str = ""
    ) -> list[Found]:
        if kind not in self.kinds:
            return []
        if (why := self._left(who)) is not None:
            return [why]
        account = who.account
        if self._key is not None and account != GHOST:
            account = hmac.new(self._key, account.encode(), hashlib.sha256).hexdigest()
        return [
            {
                "account": account,
                "key": key,
                "kind": kind,
                "labels": list(subject.labels),
                "link": link or subject.link,
                "login": who.login if self._logins else None,
                "metadata": {**metadata, "repository_id": subject.place.number},
                "paths": list(subject.paths),
                "repository": subject.place.name,
                "time": parse_time(at),
            }
        ]


def labels_of(names: Sequence[str]) -> tuple[str, ...]:
    """Labels as they are kept: cleaned, each once, sorted by their bytes."""
    return tuple(sorted({one_line(name) for name in names}, key=str.encode))


def text_facts(body: str | None) -> dict[str, Any]:
    """What is kept of a text: its characters' number, and the SHA-256 of its cleaned UTF-8. No text is an empty one."""
    text = clean_text(body or "")
    return {"length": len(text), "text_sha256": sha256_hex(text.encode())}


def event_of(raw: Raw, web: str) -> SourceEvent:
    """The event of an item. Its address is made of the listed name, so that a renamed repository changes no event."""
    repository, kind, key = raw["repository"], raw["kind"], raw["key"]
    return SourceEvent(
        artifact_url=f"{web}/{repository}/{raw['link']}",
        event_time=Timestamp(raw["time"]),
        event_type=kind,
        id=f"github:{PREFIXES[kind]}:{repository}:{key}",
        metadata=raw["metadata"],
        platform_login=raw["login"],
        platform_user_id=raw["account"],
        source="github",
        facets={
            "labels": tuple(raw["labels"]),
            "paths": tuple(raw["paths"]),
            "repositories": (repository,),
            **({"emoji": (raw["metadata"]["emoji"],)} if "emoji" in raw["metadata"] else {}),
        },
    )
