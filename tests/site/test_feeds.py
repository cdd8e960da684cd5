"""Both feeds are what their formats ask for, say the same, and hold their dates from the record."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urljoin
from xml.etree import ElementTree

import pytest
from syrupy.assertion import SnapshotAssertion

from ledger.core.config import NodeSettings
from ledger.core.values import NodeId, parse_time
from ledger.site.feeds import MOST, Entry, news, write_feeds
from ledger.store.node import load_node
from tests.nodes import GOLDEN, NODE_ID

ATOM = "{http://www.w3.org/2005/Atom}"
HOSTILE = '<script>alert(1)</script> & "quotes" ]]> \ufffe \uffff \u202e é 😀'


def entries() -> list[Entry]:
    found = []
    node = load_node(GOLDEN)
    for scope_id in node.scopes:
        for folder in node.epochs(scope_id):
            statement = folder.statement()
            assert statement is not None
            found += news(scope_id, statement, folder.transitions())
    return found


def feeds(settings: NodeSettings, found: list[Entry]) -> tuple[ElementTree.Element, dict[str, Any]]:
    written = write_feeds(settings, found)
    return ElementTree.fromstring(written["feed.xml"]), json.loads(written["feed.json"])  # noqa: S314 - our own


@pytest.mark.parametrize("site_url", ["", "https://ledger.example.org/here", "https://ledger.example.org/here/"])
def test_both_feeds_hold_what_their_formats_require_and_tell_the_same(site_url: str) -> None:
    settings = NodeSettings(node_id=NodeId(NODE_ID), name=HOSTILE, site_url=site_url)
    atom, feed = feeds(settings, entries())
    items = feed["items"]
    assert atom.tag == f"{ATOM}feed"
    for parent in (atom, *atom.iter(f"{ATOM}entry")):  # RFC 4287, sections 4.1.1 and 4.1.2
        for tag in ("id", "title", "updated"):
            assert len(parent.findall(f"{ATOM}{tag}")) == 1
            assert parent.findtext(f"{ATOM}{tag}")
    assert atom.find(f"{ATOM}author/{ATOM}name") is not None
    links = {link.attrib["rel"]: link.attrib["href"] for link in atom.findall(f"{ATOM}link")}
    assert links.keys() == {"self", "alternate"}
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert isinstance(feed["title"], str)
    assert feed.get("home_page_url", "").startswith(site_url) if site_url else "home_page_url" not in feed
    told = [
        (
            entry.findtext(f"{ATOM}id"),
            entry.findtext(f"{ATOM}title"),
            entry.findtext(f"{ATOM}summary"),
            entry.findtext(f"{ATOM}updated"),
            entry.find(f"{ATOM}link").attrib["href"],  # type: ignore[union-attr]
        )
        for entry in atom.iter(f"{ATOM}entry")
    ]
    assert told == [(i["id"], i["title"], i["content_text"], i["date_published"], i["url"]) for i in items]
    assert len({item["id"] for item in items}) == len(items) == 12
    base = site_url.rstrip("/") + "/" if site_url else "https://elsewhere.example/"
    for item in items:
        page = urljoin(base, item["url"])
        assert page.startswith(f"{base}epochs/")
        assert page.endswith("/")
        assert parse_time(item["date_published"]) == item["date_published"]
    assert [item["date_published"] for item in items] == sorted((i["date_published"] for i in items), reverse=True)


def test_ids_stay_when_the_site_moves_and_entries_are_dated_by_their_transition() -> None:
    here = NodeSettings(node_id=NodeId(NODE_ID), name="a", site_url="https://a.example.org/")
    there = NodeSettings(node_id=NodeId(NODE_ID), name="b", site_url="https://b.example.org/")
    one, two = (feeds(settings, entries())[1]["items"] for settings in (here, there))
    assert [item["id"] for item in one] == [item["id"] for item in two]
    folder = load_node(GOLDEN).epoch("default", 1)
    steps = {line.to: line.at for line in folder.transitions()}
    mine = {item["tags"][0]: item["date_published"] for item in one if item["title"].startswith("Epoch 1 of default")}
    assert mine == {"review": steps["review"], "finalized": steps["finalized"]}


def test_what_xml_cannot_hold_is_replaced() -> None:
    settings = NodeSettings(node_id=NodeId(NODE_ID), name="node")
    entry = Entry("2026-01-12T00:00:00.000Z", "default", 1, "review", HOSTILE, HOSTILE)
    atom, _ = feeds(settings, [entry])
    assert atom.findtext(f"{ATOM}entry/{ATOM}title") == HOSTILE.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")


def test_a_feed_holds_the_newest_only_and_a_node_without_news_has_one_too() -> None:
    settings = NodeSettings(node_id=NodeId(NODE_ID), name="node")
    many = [Entry(f"2026-01-12T00:00:00.{n:03d}Z", "default", n, "review", f"epoch {n}", "") for n in range(1, 300)]
    atom, feed = feeds(settings, many)
    assert len(atom.findall(f"{ATOM}entry")) == MOST
    assert atom.findtext(f"{ATOM}entry/{ATOM}title") == "epoch 299"
    atom, feed = feeds(settings, [])
    assert (atom.findall(f"{ATOM}entry"), feed["items"]) == ([], [])
    assert atom.findtext(f"{ATOM}updated") == settings.epoch.anchor


def test_an_epoch_that_is_open_is_no_news() -> None:
    folder = load_node(GOLDEN).epoch("default", 1)
    statement = folder.statement()
    assert statement is not None
    assert list(news("default", statement, folder.transitions()[:1])) == []
    assert [entry.state for entry in news("default", statement, folder.transitions()[:2])] == ["review"]


def test_the_feeds_of_the_golden_node(snapshot: SnapshotAssertion) -> None:
    settings = load_node(GOLDEN).settings
    written = write_feeds(settings, entries())
    assert written == write_feeds(settings, entries()[::-1])
    assert {name: data.decode() for name, data in written.items()} == snapshot
