"""A source for the contribution ledger: messages of a mailing list, from its archive in mbox form.

Copy it, rename it, and replace `_items`: the rest is what every source needs. `fetch` reads the world and reduces it to
items; `parse` makes events of items and is pure. No text is kept: of a body its length, of an address its hash.
"""

from __future__ import annotations

import mailbox
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import Path
from typing import Annotated, ClassVar, Literal
from urllib.parse import quote

from pydantic import Field

from ledger.core.canonical import clean_text, sha256_hex
from ledger.core.config import Settings
from ledger.core.errors import SourceError
from ledger.core.values import Text, Timestamp, timestamp
from ledger.core.windows import Window, gaps
from ledger.sources.port import Page, Raw, SourceContext, SourceEvent, StreamCursor

PAGE_SIZE = 500


class MboxOptions(Settings):
    """What stands under `options` in a scope's file. Unknown keys and wrong types are refused with a clear message."""

    path: Annotated[Text, Field(min_length=1)]
    """The archive, from the node's folder."""
    web: Annotated[Text, Field(pattern=r"^https?://[!-~]+$")]
    """Where the list can be read: a link is `<web>/<message id>`."""
    logins: Literal["hide", "show"] = "hide"


class MboxSource:
    """Messages on one mailing list, as `message_sent` events."""

    kind: ClassVar[str] = "mbox"  # `source` of its events, and the name in weights: `mbox:message_sent`
    version: ClassVar[str] = "1"  # stored with each event: change it when the same message would give another event
    Options: ClassVar[type[Settings]] = MboxOptions

    @classmethod
    def kind_names(cls) -> Mapping[str, str]:
        """What one of its events is called on pages."""
        return {"message_sent": "message on a list"}

    def __init__(self, name: str, options: MboxOptions, context: SourceContext) -> None:
        self.name = name
        self._options = options
        self._context = context

    @classmethod
    def origins(cls, options: MboxOptions) -> frozenset[str]:
        """What it reads, so that the ledger knows when two scopes read the same place."""
        return frozenset({f"mbox:{options.path}"})

    @classmethod
    def facets(cls, options: MboxOptions) -> frozenset[str]:
        """What routes may ask about its events, of repositories, paths, labels and channels."""
        return frozenset({"channels"})

    def streams(self) -> Sequence[str]:
        """The parts that have a cursor of their own; one list is one stream."""
        return [self.name]

    def fetch(self, stream: str, window: Window, cursor: StreamCursor) -> Iterator[Page]:
        """What the archive holds of the window, oldest first.

        An archive may gain an old message at any time, so a changed file is read whole again: ids do not change, and
        the ledger skips what it knows. Only the last page says what is covered, so a run that dies is not believed.
        """
        try:
            digest = sha256_hex(self._path.read_bytes())
        except OSError as error:
            raise SourceError(f"cannot read {self._options.path}: {error.strerror}", hint="See `path`.") from None
        if (cursor.state or {}).get("archive") == digest and not gaps(window, list(cursor.covered)):
            return
        left_out: Counter[str] = Counter()
        found = [item for item in self._items(left_out) if item["time"] in window]
        found.sort(key=lambda item: (item["time"], item["id"]))
        now = self._context.now()
        for start in range(0, len(found), PAGE_SIZE):
            yield Page(found[start : start + PAGE_SIZE], now)
        yield Page((), now, covered=window, state={"archive": digest}, stated=len(found), counts=dict(left_out))

    def parse(self, raw: Raw) -> Iterable[SourceEvent]:
        """The one event of an item. Pure: no clock, no network, no disk."""
        yield SourceEvent(
            artifact_url=f"{self._options.web}/{quote(raw['message'], safe='')}",
            event_time=Timestamp(raw["time"]),
            event_type="message_sent",
            id=f"mbox:message:{raw['id']}",
            metadata={"length": raw["length"], "title": raw["title"]},
            platform_login=raw["login"],
            platform_user_id=raw["account"],
            source=self.kind,
            facets={"channels": (self.name,)},
        )

    @property
    def _path(self) -> Path:
        return Path(self._context.node_root, self._options.path)

    def _items(self, left_out: Counter[str]) -> Iterator[Raw]:
        """Each message once, reduced to what may be kept. What a rule leaves out is counted under the rule's name."""
        known: set[str] = set()
        archive = mailbox.mbox(self._path, create=False)
        try:
            for message in archive:
                item = self._item(message)
                if isinstance(item, str):
                    left_out[item] += 1
                elif item["id"] in known:
                    left_out["repeated"] += 1
                else:
                    known.add(item["id"])
                    yield item
        finally:
            archive.close()

    def _item(self, message: Message) -> Raw | str:
        name, address = parseaddr(_text(message, "From"))
        identifier = clean_text(_text(message, "Message-ID")).strip().strip("<>")
        if not identifier:
            return "without_id"
        try:
            sent = timestamp(parsedate_to_datetime(_text(message, "Date")).replace(microsecond=0).astimezone(UTC))
        except (OverflowError, TypeError, ValueError):
            return "undated"
        shown = clean_text(name).strip()
        return {
            "account": sha256_hex(clean_text(address).lower().encode()),
            "id": sha256_hex(identifier.encode()),
            "length": sum(len(part.get_payload(decode=True) or b"") for part in _texts(message)),
            "login": shown if shown and "@" not in shown and self._options.logins == "show" else None,
            "message": identifier,
            "time": sent,
            "title": clean_text(_text(message, "Subject"))[:200],
        }


def _texts(message: Message) -> Iterator[Message]:
    return (part for part in message.walk() if part.get_content_maintype() == "text")


def _text(message: Message, header: str) -> str:
    """A header as text; as it stands where its encoding is wrong."""
    value = str(message.get(header, ""))
    try:
        return str(make_header(decode_header(value)))
    except (LookupError, ValueError):
        return value
