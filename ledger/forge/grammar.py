"""How people write commands in comments, and what they mean by the names in them.

A command is a line that begins with `/` and its name, in any letter case, anywhere outside quotes and code blocks; a
comment may hold several. Events are named by id, by the link of a pull request, an issue or a commit, or by the start
of a commit's hash; people by name or id; units as people write them. Nothing is guessed: what may mean two things is
answered with both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from ledger.core.errors import InputError, UsageError
from ledger.core.evaluate import EventOutcome
from ledger.core.values import MAX_AMOUNT, parse_amount

FORMS = {
    "exclude": "/exclude EVENT reason",
    "include": "/include EVENT [reason]",
    "weight": "/weight EVENT UNITS reason",
    "resolve": "/resolve ACCOUNT USER",
    "units": "/units USER UNITS reason",
    "award": "/award USER CREDITS reason",
    "pool": "/pool COMPONENT CREDITS evidence",
    "answer": "/answer ISSUE text",
    "accept-gap": "/accept-gap SOURCE",
    "undo": "/undo",
    "why": "/why EVENT",
    "who": "/who USER",
    "sign": "/sign 0x…",
    "repin": "/repin",
    "review": "/review",
    "abandon": "/abandon",
    "status": "/status",
    "help": "/help",
}
MORE_FORMS = {"award": "/award cancel NAME reason", "pool": "/pool withdraw COMPONENT reason"}
READING = frozenset({"status", "help", "why", "who"})
"""What anybody may ask."""
_ARGUMENTS = {
    "exclude": 2,
    "weight": 3,
    "resolve": 2,
    "units": 3,
    "award": 3,
    "pool": 3,
    "answer": 2,
    "accept-gap": 1,
    "why": 1,
    "who": 1,
}
HELP = (
    "`EVENT` is an event's id, or the link of its pull request, issue, comment or commit. `UNITS` are units, such as "
    "`5` or `5.5`; `5000m` is five in milli-units, and `-` clears. `USER` is `@name` or an id, `ACCOUNT` is "
    "`source:account` as the table of unresolved accounts has it, `COMPONENT` is `base_issuance`, `kpi_bonus_v0` or "
    "`top_up`. A comment may hold several commands, each on a line of its own; text around them does not matter. "
    "`/undo` takes back your own last decision. `/review` and `/abandon` are for amendments: the one asks for "
    "signatures, the other gives the amendment up."
)
MOST = 20
"""Commands that one comment may hold."""
SHOWN = 5
"""Events that are named where a link means several."""
_LINE = re.compile(r"/([A-Za-z][A-Za-z-]{0,30})(?:[ \t]+(.*))?", re.ASCII)
_UNITS = re.compile(r"(0|[1-9][0-9]{0,15})(?:\.([0-9]{1,3}))?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{7,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it was written: its name without the slash in lower case, and the rest of its line."""

    name: str
    rest: str

    @property
    def text(self) -> str:
        """The command on one line, as it is quoted in an answer."""
        return f"/{self.name} {self.rest}".strip()

    @property
    def form(self) -> str:
        """How it is to be written."""
        more = MORE_FORMS.get(self.name)
        return FORMS.get(self.name, "/help") + (f" or {more}" if more else "")


def parse(body: str) -> list[Command]:
    """The commands of a comment, in order. Lines of quotes and code blocks are none."""
    found, fenced = [], False
    for raw in re.split(r"\r?\n", body):
        line = raw.strip()
        if line.startswith(("```", "~~~")):
            fenced = not fenced
            continue
        line = line.strip("`").strip()
        match = None if fenced else _LINE.fullmatch(line)
        if match is not None and match[1].lower() != "bind":  # claims have a place of their own
            found.append(Command(match[1].lower(), (match[2] or "").strip()))
    return found[:MOST]


def unknown(command: Command) -> UsageError:
    """What to say to a name that is none."""
    near = get_close_matches(command.name, FORMS, n=1)
    hint = f"Did you mean {FORMS[near[0]]}?" if near else f"There are: {', '.join(FORMS.values())}."
    return UsageError(f"there is no command /{command.name}", hint=hint)


def words_of(command: Command) -> list[str]:
    """The arguments, the last of which takes the rest of the line. UsageError when there are too few or too many."""
    if command.name not in FORMS:
        raise unknown(command)
    if command.name in ("include", "sign"):
        if not command.rest:
            raise wrong(command)
        return [bare(command.rest)] if command.name == "sign" else [command.rest]
    wanted = _ARGUMENTS.get(command.name, 0)
    words = command.rest.split(maxsplit=wanted - 1) if wanted else command.rest.split()
    if len(words) != wanted:
        raise wrong(command)
    return [word.strip() for word in words]


def wrong(command: Command) -> UsageError:
    """What to say to a command in another form."""
    return UsageError(f"/{command.name} needs another form", hint=f"Write it so: {command.form}")


def bare(word: str) -> str:
    """A name without what people put around it."""
    return word.strip().strip("`<>").removesuffix(",")


def milli_units(text: str) -> int | None:
    """Units as people write them (`5`, `5.5`), milli-units with an `m` (`5500m`), None for `-`; else UsageError."""
    word = bare(text)
    if word == "-":
        return None
    if word.endswith("m") and word[:-1].isascii() and word[:-1].isdigit():
        return whole(word[:-1])
    match = _UNITS.fullmatch(word)
    if match is None:
        raise UsageError(
            f"{text[:40]!r} is no number of units", hint="Write 5, 5.5 or 5.125; 5000m is 5 in milli-units."
        )
    milli = int(match[1]) * 1000 + int((match[2] or "").ljust(3, "0"))
    if milli > MAX_AMOUNT:
        raise UsageError(f"{text[:40]!r} is too large", rule="ALL_MATH_BIGINT")
    return milli


def whole(text: str) -> int:
    """A whole number of credits; thousands may be set apart (`1,000`, `1_000`). UsageError for anything else."""
    word = bare(text)
    if re.fullmatch(r"[1-9][0-9]{0,2}([,_][0-9]{3})+", word, re.ASCII):
        word = re.sub("[,_]", "", word)
    try:
        return parse_amount(word)
    except ValueError as error:
        raise UsageError(str(error), rule="ALL_MATH_BIGINT") from None


def event_named(text: str, events: Iterable[EventOutcome]) -> str:
    """The id of the one event that a text names: by id, by its link, by the start of a commit's hash.

    InputError when it names none of these events, or several: then it shows their ids.
    """
    word = bare(text)
    link = word.partition("?")[0].rstrip("/")
    by_link: list[str] = []
    for event in events:
        if event.id == word:
            return event.id
        same = event.artifact_url.rstrip("/") == link or event.artifact_url.rstrip("/") == word
        if same or (_COMMIT.fullmatch(word) and event.id.rpartition(":")[2].startswith(word)):
            by_link.append(event.id)
    if len(by_link) == 1:
        return by_link[0]
    if by_link:
        shown = ", ".join(by_link[:SHOWN]) + (", …" if len(by_link) > SHOWN else "")
        raise InputError(f"{len(by_link)} events lead there", hint=f"Name one by its id: {shown}.")
    raise InputError(
        f"this epoch has no event {word[:200]}",
        hint="Name it by its id or by the link of its pull request, issue or commit, as the preview lists them.",
    )
