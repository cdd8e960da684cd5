"""Feeds of the node: Atom (RFC 4287) and JSON Feed 1.1, an entry when an epoch enters review and when it is finalized.

All dates are those of the recorded transitions, so that the same node gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ledger.core.canonical import encode
from ledger.core.config import NodeSettings
from ledger.core.records.epoch import Transition
from ledger.core.records.statement import Statement
from ledger.core.values import name_uuid

ATOM, JSON = "feed.xml", "feed.json"
MOST = 100
"""Entries that a feed holds, the newest."""
_NAMESPACE = "http://www.w3.org/2005/Atom"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, order=True)
class Entry:
    """One piece of news; ordered by its time."""

    at: str
    scope_id: str
    epoch_id: int
    state: str
    title: str
    text: str


def news(scope_name: str, statement: Statement, transitions: Sequence[Transition]) -> Iterator[Entry]:
    """What one epoch has to tell so far."""
    name = f"Epoch {statement.epoch_id} of {scope_name}"
    window = f"{statement.period_start[:10]} to {statement.period_end[:10]}"
    entered = next((line for line in transitions if line.to == "review"), None)
    if entered is not None:
        text = f"{statement.activity_count} events were recorded from {window}. The approvers look at it and sign."
        yield Entry(entered.at, statement.scope_id, statement.epoch_id, "review", f"{name} is in review", text)
    closed = next((line for line in transitions if line.to == "finalized"), None)
    if closed is not None:
        people = sum(payout.amount_credits > 0 for payout in statement.payouts)
        credits = sum(payout.amount_credits for payout in statement.payouts)
        who = f"{people} {'person' if people == 1 else 'people'}"
        text = (
            f"Nothing was recorded from {window}, and nobody gets anything. Statement {closed.statement_hash}."
            if not (statement.activity_count or credits)
            else f"{credits} credits for {who}, from {statement.activity_count} events of {window}. "
            f"Statement {closed.statement_hash}."
        )
        yield Entry(closed.at, statement.scope_id, statement.epoch_id, "finalized", f"{name} is finalized", text)


def write_feeds(settings: NodeSettings, entries: Sequence[Entry]) -> dict[str, bytes]:
    """Both feeds by their path in the site. Addresses are relative where the node has no `site_url`."""
    base = f"{settings.site_url.rstrip('/')}/" if settings.site_url else ""
    newest = sorted(entries, reverse=True)[:MOST]
    return {ATOM: _atom(settings, base, newest), JSON: _json(settings, base, newest)}


def _id(settings: NodeSettings, entry: Entry) -> str:
    """The same for ever, wherever the site moves."""
    return f"urn:uuid:{name_uuid(settings.node_id, f'feed/{entry.scope_id}/{entry.epoch_id}/{entry.state}')}"


def _page(base: str, entry: Entry) -> str:
    return f"{base}epochs/{entry.scope_id}/{entry.epoch_id}/"


def _atom(settings: NodeSettings, base: str, entries: Sequence[Entry]) -> bytes:
    feed = Element("feed", xmlns=_NAMESPACE)
    _add(feed, "id", f"urn:uuid:{settings.node_id}")
    _add(feed, "title", settings.name)
    _add(feed, "updated", entries[0].at if entries else settings.epoch.anchor)
    _add(SubElement(feed, "author"), "name", settings.name)
    SubElement(feed, "link", rel="self", type="application/atom+xml", href=f"{base}{ATOM}")
    SubElement(feed, "link", rel="alternate", type="text/html", href=base or "./")
    for entry in entries:
        item = SubElement(feed, "entry")
        _add(item, "id", _id(settings, entry))
        _add(item, "title", entry.title)
        _add(item, "updated", entry.at)
        SubElement(item, "link", rel="alternate", type="text/html", href=_page(base, entry))
        SubElement(item, "category", term=entry.state)
        _add(item, "summary", entry.text)
    indent(feed)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + tostring(feed, encoding="unicode").encode() + b"\n"


def _add(parent: Element, tag: str, text: str) -> None:
    SubElement(parent, tag).text = _NOT_XML.sub("\ufffd", text)


def _json(settings: NodeSettings, base: str, entries: Sequence[Entry]) -> bytes:
    items = [
        {
            "content_text": entry.text,
            "date_published": entry.at,
            "id": _id(settings, entry),
            "tags": [entry.state],
            "title": entry.title,
            "url": _page(base, entry),
        }
        for entry in entries
    ]
    known = {"feed_url": f"{base}{JSON}", "home_page_url": base} if base else {}
    feed = {"authors": [{"name": settings.name}], "items": items, "title": settings.name, **known}
    return encode({**feed, "version": "https://jsonfeed.org/version/1.1"}) + b"\n"
