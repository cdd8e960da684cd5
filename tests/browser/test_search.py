"""The search in a real browser: it finds what is in the record, says what a result is, and leads to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.site.search import words_of
from tests.browser.support import Watched, needs_browser, served, watched

pytestmark = needs_browser
STRANGE = ["Dário Ñandú", "a\u200bdmin", "谷口 健", "\U0001d4d0lpha", "İstanbul ß", "x" * 40, "fix_it HTTP/2", "١٢٣ ²"]


@pytest.fixture
def seen(browser: object, sites: dict[str, Path]) -> Iterator[Watched]:
    with served(sites["golden"]) as origin, watched(browser, base_url=origin) as found:
        yield found
        assert found.problems == []
        assert found.foreign(origin) == []


def found(seen: Watched, text: str) -> list[tuple[str, str, str]]:
    """Kind, title and address of each result."""
    seen.page.goto(f"search/?q={text}")
    seen.page.get_by_role("status").filter(has_text="found.").wait_for()
    items = seen.page.locator(".results li")
    items.first.wait_for()
    return [
        (item.locator(".badge").inner_text(), item.locator("a").inner_text(), item.locator("a").get_attribute("href"))
        for item in items.all()
    ]


def test_people_accounts_acts_epochs_and_hashes_are_found(seen: Watched, sites: dict[str, Path]) -> None:
    api = sites["golden"] / "api/v1/ledger"
    alice = "7a921390-31f3-5c67-a8de-020b9bff7a6e"
    page = ("person", "alice", f"../contributors/{alice}/")
    assert found(seen, "alic")[0] == found(seen, alice[:8])[0] == page
    statement = json.loads((api / "epochs/default/2/statement.json").read_bytes())
    assert found(seen, "4069f5502e7d47d1815b")[0] == ("epoch", "Epoch 2 of The cooperative", "../epochs/default/2/")
    assert statement["activity_count"] == 4
    kind, _, address = found(seen, "w6")[0]
    assert (kind, address.partition("#")[0]) == ("event", "../epochs/default/2/")
    seen.page.locator(".results a").first.click()
    seen.page.locator(address.rpartition("/")[2]).wait_for(state="attached")
    assert found(seen, "epoch 3")[0][1] == "Epoch 3 of The cooperative"
    assert ("page", "Glossary", "../glossary/") in found(seen, "glossary")


def test_an_account_that_nobody_has_claimed_leads_to_what_waits_for_it(seen: Watched) -> None:
    kind, _, address = found(seen, "heidi")[0]
    assert kind == "unclaimed account"
    seen.page.locator(".results a").first.click()
    seen.page.locator("#unresolved").wait_for()
    assert address.endswith("#unresolved")


def test_what_is_not_there_is_said_and_a_query_is_kept_in_the_address(seen: Watched) -> None:
    seen.page.goto("")
    seen.page.get_by_role("link", name="Search", exact=True).click()
    seen.page.locator("#search-field:focus").fill("nobody-called-zzqx")
    seen.page.get_by_text("Nothing is like that.").wait_for()
    assert seen.page.url.endswith("search/?q=nobody-called-zzqx")
    seen.page.get_by_role("searchbox").fill("x")
    seen.page.get_by_text("Two letters at least.").wait_for()


def test_the_script_takes_words_from_a_text_as_the_builder_does(seen: Watched) -> None:
    seen.page.goto("search/")
    call = """async (texts) => {
      const { wordsOf } = await import(new URL("../assets/ui/search.js", document.baseURI));
      return texts.map((text) => wordsOf(text, 16));
    }"""
    assert seen.page.evaluate(call, STRANGE) == [words_of(text) for text in STRANGE]
