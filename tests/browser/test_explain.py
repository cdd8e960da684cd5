"""What the pages tell of a node as life makes it: every figure leads to its sources and back."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from tests.browser.harbour import REPOSITORY, WALLETS
from tests.browser.support import needs_browser, served, watched

pytestmark = needs_browser

SUM = re.compile(r"(\d+) × ([\w ]+) at ([\d.]+)( by decision)? = ([\d.]+)")


@pytest.fixture(scope="module")
def origin(sites: dict[str, Path]) -> Iterator[str]:
    """The address of the harbour's site."""
    with served(sites["harbour"]) as address:
        yield address


@pytest.fixture
def page(browser: Any, origin: str) -> Iterator[Any]:
    """A page on it; a script error or a foreign request fails the test."""
    with watched(browser, base_url=origin, viewport={"width": 1280, "height": 900}) as seen:
        yield seen.page
    assert seen.problems == []
    assert seen.foreign(origin) == []


@pytest.fixture(scope="module")
def api(sites: dict[str, Path]) -> Path:
    """The published raw files."""
    return sites["harbour"] / "api/v1/ledger"


def milli(text: str) -> int:
    whole, _, part = text.partition(".")
    return int(whole) * 1000 + int(part)


def rows(table: Any) -> list[list[str]]:
    found: list[list[str]] = table.locator("tbody tr").evaluate_all(
        "all => all.map((row) => [...row.cells].map((cell) => cell.innerText.replace(/\\s+/g, ' ').trim()))"
    )
    return found


def table(page: Any, caption: str) -> Any:
    return page.locator("table", has=page.locator("caption", has_text=caption)).first


def test_two_clicks_lead_from_home_to_anybodys_sum(page: Any) -> None:
    page.goto("")
    page.get_by_role("link", name="Epoch 3").click()
    page.locator("#payouts ~ .scroll").first.get_by_role("row", name="Dário").get_by_role("link", name="500").click()
    shown = page.locator("details[open] .worked")
    shown.wait_for()
    assert "1 × pull request at 8.000 = 8.000" in shown.inner_text()
    assert shown.is_visible()
    page.get_by_role("link", name="Back to the table").and_(page.locator("details[open] a")).click()
    assert re.search(r"#user-[0-9a-f-]{36}$", page.url)


def test_home_tells_the_state_of_every_scope_and_each_readers_next_step(page: Any) -> None:
    page.goto("")
    told = [text.replace("\n", " ") for text in page.locator(".states li").all_inner_texts()]
    (reviewed,) = [text for text in told if "epoch 4 in review, not signed off" in text]
    assert "It waits for 1 more signature of 2." in reviewed
    assert "1 event waits for somebody to claim it" in reviewed
    (running,) = [text for text in told if "epoch 1 open" in text]
    assert "It is open until 2026-02-09" in running
    page.locator("section.card").get_by_role("link", name="Open Harbour, epoch 4").click()
    assert page.url.endswith("epochs/default/4/#sign")
    page.goto("")
    for who in ("I contributed", "I doubt it", "I approve or decide", "I want the data"):
        card = page.locator("section.card", has=page.get_by_role("heading", name=who))
        addresses = card.locator("a").evaluate_all("all => all.map((one) => one.href)")
        assert addresses, f"“{who}” leads nowhere"
        assert all(page.request.get(address).ok for address in addresses)


def test_each_sum_is_worked_out_to_the_credits_that_are_allocated(page: Any, api: Path) -> None:
    seen = 0
    for number in (1, 2, 3, 4):
        page.goto(f"epochs/default/{number}/")
        statement = json.loads((api / f"epochs/default/{number}/statement.json").read_bytes())
        pool = int(statement["pool_total_credits"])
        total = sum(int(payout["total_units"]) for payout in statement["payouts"])
        for payout in statement["payouts"]:
            why = page.locator(f"#why-{payout['user_id']}")
            steps = why.locator(".worked li").all_text_contents()
            terms = SUM.findall(steps[0])
            assert all(int(count) * milli(each) == milli(units) for count, _, each, _, units in terms)
            units = int(payout["total_units"])
            if len(steps) == 3:
                assert sum(milli(units) for *_, units in terms) == units
            else:
                assert len(steps) == 4, "an override is a step of its own"
                assert f"Set to {units // 1000}.{units % 1000:03d} units" in steps[1]
            assert payout["share"] in steps[-2]
            whole = int(re.search(r"rounded down, is (\d+)", steps[-1])[1])  # type: ignore[index]
            assert whole == units * pool // total
            paid = int(payout["amount_credits"])
            assert paid - whole == ("one of the credits left over" in steps[-1])
            assert steps[-1].endswith(f"{paid} credit{'' if paid == 1 else 's'}.")
            seen += 1
    assert seen == 20


def test_the_payout_table_is_sorted_and_filtered_by_keyboard(page: Any) -> None:
    page.goto("epochs/default/2/")
    payouts = table(page, "Allocated in epoch 2")
    names = payouts.get_by_role("button", name="Who")
    names.focus()
    assert names.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert payouts.locator("th").first.get_attribute("aria-sort") == "ascending"
    shown = payouts.locator("bdi").all_inner_texts()
    assert shown == ["ada.lopez", "bea", "chi-wei", "Dário", "emma_k", "fay", "gus", "hal", "ida", "jon"]
    page.get_by_label("Show only rows that contain").first.fill("EMMA")
    assert payouts.locator("bdi").all_inner_texts() == ["emma_k"]


def test_an_event_leads_to_its_line_in_the_raw_file_and_in_git_at_the_commit(
    page: Any, sites: dict[str, Path], api: Path
) -> None:
    node = sites["harbour"].with_name("harbour-node")
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=node, check=True, capture_output=True, text=True)
    page.goto("epochs/default/1/")
    for row in page.locator("tr[id^=event-]").all():
        event = row.locator("td").first.text_content()
        raw, line = row.locator("td").last.locator("a").all()
        number = int(line.text_content().removeprefix("line "))
        place = f"data/epochs/default/0001/{raw.text_content()}"
        address = f"https://github.com/{REPOSITORY}/blob/{head.stdout.strip()}/{place}#L{number}"
        assert line.get_attribute("href") == address
        stored = subprocess.run(["git", "show", f"HEAD:{place}"], cwd=node, check=True, capture_output=True)
        at_line = json.loads(stored.stdout.split(b"\n")[number - 1])
        assert event == at_line["metadata"]["title"] + at_line["id"]
        published = api / "epochs/default/1" / raw.get_attribute("href").rpartition("/")[2]
        assert published.read_bytes() == stored.stdout
        assert row.get_attribute("id") == f"event-1-{number}"
    assert page.locator("tr[id^=event-]").count() == 5


def test_a_permalink_of_user_and_epoch_opens_that_sum(page: Any, api: Path) -> None:
    history = json.loads((api / "epochs/default/2/allocations.json").read_bytes())["allocations"]
    for row in history[:3]:
        page.goto("about:blank")
        page.goto(f"epochs/default/2/#why-{row['user_id']}")
        opened = page.locator("details[open] > summary")
        opened.wait_for()
        assert f"{row['name']}: {int(row['amount_credits']):,} credits" in opened.inner_text()
    promised = re.findall(r"`#([a-z]+)`", (Path(__file__).parents[2] / "docs/api.md").read_text("utf-8"))
    assert len(promised) == 10
    assert all(page.locator(f"#{part}").count() == 1 for part in promised)


def test_decisions_are_told_with_who_when_and_why(page: Any) -> None:
    page.goto("epochs/default/1/")
    assert "Decisions: 4 by people." in page.locator(".lead").inner_text()
    told = [" | ".join(row) for row in rows(table(page, "Decisions"))]
    assert [row[:16] for row in told] == sorted(row[:16] for row in told)
    assert any(
        "2026-01-12 01:00 | maria | left out Add harbour maps | reverted the next day https://example.org/m" in row
        for row in told
    )
    assert any("maria | weighed Fix the tide table at 1.500 units | a small one" in row for row in told)
    assert any("bea set to 6.000 | kept the keys, and the boat" in row for row in told)
    page.locator("a", has_text="Add harbour maps").and_(page.locator("#decisions ~ .scroll a")).first.click()
    assert "excluded" in page.locator("tr:target").text_content()
    page.goto("epochs/default/2/")
    assert "1 by the written rules against spam" in page.locator(".lead").inner_text()
    assert any("the written rules | left out ok" in " | ".join(row) for row in rows(table(page, "Decisions")))


def test_unbound_accounts_are_told_what_they_would_earn_and_how_to_claim(page: Any) -> None:
    page.goto("epochs/default/4/")
    section = rows(table(page, "Accounts without a user"))
    assert section == [["file", "acct-6e6577636f6d", "newcomer", "1", "8.000", "400"]]
    assert 8000 * 1000 // (12000 + 8000) == 400
    assert "ledger identity challenge SOURCE ACCOUNT" in page.locator("#unresolved + p").inner_text()


def test_completeness_pool_questions_and_witnesses_are_told(page: Any) -> None:
    page.goto("epochs/default/2/")
    read = rows(table(page, "What each run read"))
    assert [row[0] for row in read] == ["file: work", "file: radio"]
    assert [row[5] for row in read] == ["none", "contributions/radio.csv: cannot be read: No such file or directory"]
    assert page.get_by_role("heading", name="Gaps accepted at review").is_visible()
    page.goto("epochs/default/3/")
    pool = {row[0]: row[1] for row in rows(table(page, "Every line about the pool"))}
    assert pool == {"base_issuance": "1,000", "top_up": "500"}
    asked = [" ".join(row) for row in rows(table(page, "Questions about this epoch"))]
    assert "asked question 3 about ada.lopez" in asked[0]
    assert "answered question 3: Both were of the same change." in asked[1]
    page.goto("epochs/default/1/")
    witnessed = rows(table(page, "Witnesses"))
    assert [row[0].removesuffix("copy") for row in witnessed] == [WALLETS["witness"]]
    assert "these very bytes" in witnessed[0]


def test_signatures_show_the_address_that_recovers_from_each(page: Any, api: Path) -> None:
    page.goto("epochs/default/1/")
    shown = rows(table(page, "Signatures with"))
    folder = api / "epochs/default/1"
    statement = json.loads((folder / "statement.json").read_bytes())
    digest = hashlib.sha256((folder / "statement.json").read_bytes()).hexdigest()
    lines = [json.loads(line) for line in (folder / "signatures.jsonl").read_bytes().splitlines()]
    text = (
        f"Cogni Payout Statement\nNode: {statement['node_id']}\nScope: default\nEpoch: 1\n"
        f"Allocation Hash: {statement['allocation_set_hash']}\nPool Total: {statement['pool_total_credits']}\n"
        f"Statement Hash: {digest}"
    )
    for row, line in zip(shown, lines, strict=True):
        row[1] = row[1].removesuffix("copy")
        assert row[1] == line["signer_wallet"]
        if line["statement_hash"] == digest:
            assert Account.recover_message(encode_defunct(text=text), signature=line["signature"]) == row[1]
            assert row[3] == "this statement"
        else:
            assert row[3] == "an older draft: does not count"
    assert [row[0] for row in shown] == ["maria", "maria", "tomas"]
    facts = page.locator(".facts").inner_text().split("\n")
    assert facts[facts.index("Signed by") + 1] == "2 of 2"


def test_hashes_are_those_of_the_files_and_the_chain_leads_back(page: Any, api: Path) -> None:
    page.goto("epochs/default/3/#hashes")
    for number in (3, 2, 1):
        page.locator("table.hashes").wait_for()
        statement = hashlib.sha256((api / f"epochs/default/{number}/statement.json").read_bytes()).hexdigest()
        told = {
            row.locator("th").inner_text(): row.locator(".hash").first.text_content()
            if row.locator(".hash").count()
            else row.locator("td").inner_text()
            for row in page.locator("table.hashes tr").all()
        }
        assert told["Statement"] == statement
        assert told["Decisions"] == hashlib.sha256(_bytes(api / f"epochs/default/{number}/curation.jsonl")).hexdigest()
        if number > 1:
            page.locator("table.hashes a[href$='#hashes']").click()
            page.wait_for_url(f"**/epochs/default/{number - 1}/#hashes")
    assert told["Follows statement"] == "none: this is the first"


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def test_the_commands_to_recheck_can_be_copied(browser: Any, origin: str) -> None:
    with watched(browser, permissions=["clipboard-read", "clipboard-write"]) as seen:
        seen.page.goto(f"{origin}epochs/default/2/#own")
        seen.page.locator("#own ~ pre + button").first.click()
        seen.page.wait_for_function("async () => (await navigator.clipboard.readText()).includes('ledger verify')")
        copied = seen.page.evaluate("navigator.clipboard.readText()")
    assert copied.endswith("ledger verify --scope default --epoch 2")
    assert seen.problems == []


def test_question_this_opens_a_form_that_is_filled_in(page: Any, api: Path) -> None:
    form = (Path(__file__).parents[2] / "ledger/flows/scaffold").rglob("question.yml")
    fields = set(re.findall(r"^\s+id: (\w+)", next(form).read_text("utf-8"), re.MULTILINE))
    page.goto("epochs/default/3/")
    for link in page.get_by_role("link", name="Question this", include_hidden=True).all():
        address = urlsplit(link.get_attribute("href"))
        asked = {name: value[0] for name, value in parse_qs(address.query).items()}
        assert f"https://{address.netloc}{address.path}" == f"https://github.com/{REPOSITORY}/issues/new"
        assert asked.pop("template") == "question.yml"
        assert (asked["scope"], asked["epoch"]) == ("default", "3")
        assert asked.keys() <= fields
    people = json.loads((api / "epochs/default/3/allocations.json").read_bytes())["allocations"]
    assert asked["person"] in {row["user_id"] for row in people}


def test_a_contributor_sees_history_events_and_bindings(page: Any) -> None:
    page.goto("contributors/")
    page.get_by_role("link", name="bea").click()
    assert page.locator(".lead").inner_text().startswith("1,009 credits in 2 finalized epochs.")
    bars = page.locator("svg rect title").all_text_contents()
    assert bars == ["epoch 1, 2026-01-05: 774", "epoch 2, 2026-01-12: 235"]
    history = rows(table(page, "Epochs of this person"))
    assert [(row[0], row[6]) for row in history] == [("Open Harbour 2", "235"), ("Open Harbour 1", "774")]
    events = rows(table(page, "Events of this person"))
    titles = ["Work 1", "Speed up the search", "Look at the tide table"]
    assert [row[0].rpartition(" ")[0] for row in events] == titles
    page.locator("#bindings > summary").click()
    told = [row[1] for row in rows(table(page, "Bindings and unbindings"))]
    assert [text.split()[0] for text in told] == ["bind", "bind", "unbind"]
    page.get_by_role("link", name="events and sum").first.click()
    page.locator("details[open] > summary", has_text="bea: 235 credits").wait_for()


def test_the_policy_tells_every_change_with_who_merged_it_and_what_it_would_have_done(page: Any) -> None:
    page.goto("policy/#default")
    weights = {row[0]: row[1] for row in rows(table(page, "Weights of default now"))}
    assert weights == {"file:message": "0.250", "file:pull_request": "8.000", "file:review": "4.000"}
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    text = page.locator(".ledger").inner_text()
    assert "file:review: 3.000 → 4.000" in text
    assert "by Bea, merged by Maria Lopez: “Reviews hold releases up”" in text
    moved = {row[0].split(maxsplit=1)[-1]: row[1:] for row in rows(table(page, "Credits of epoch 3"))}
    assert moved["Dário"] == ["600", "500", "-100"]
    assert moved["fay"] == ["225", "250", "+25"]
    assert "epoch 3 would have allocated more or less to 5 people" in text
    commits = page.locator("details p.quiet a").evaluate_all("all => all.map((one) => one.href)")
    assert all(re.fullmatch(rf"https://github\.com/{REPOSITORY}/commit/[0-9a-f]{{40}}", one) for one in commits)
    assert "2 of 3 wallets" in text, "approvers and threshold over time"
    assert f"joined: tomas, {WALLETS['tomas-2']}" in text
    assert "shorter than 5 characters" in text


def test_late_events_are_listed_and_lead_to_the_row_where_they_count(page: Any) -> None:
    page.goto("late/")
    listed = rows(table(page, "Late events, the last first"))
    assert [row[0] for row in listed] == ["Look at the maps file:work:w6"]
    assert [row[2:4] for row in listed] == [["2026-01-07 09:00", "default 3"]]
    page.get_by_role("link", name="default 3").last.click()
    target = page.locator("tr:target")
    target.wait_for()
    assert "late" in target.text_content()
    assert page.locator("#late").is_visible()


def test_charts_name_their_axes_and_every_bar(page: Any) -> None:
    page.goto("epochs/")
    events = page.locator("figure", has_text="Events recorded").first
    assert events.locator("rect title").all_text_contents() == [
        "epoch 1, 2026-01-05: 5",
        "epoch 2, 2026-01-12: 12",
        "epoch 3, 2026-01-19: 5",
        "epoch 4, 2026-01-26: 3",
    ]
    assert events.locator(".y span").all_inner_texts() == ["20", "10", "0"]
    assert events.locator("svg text").all_text_contents() == ["2026-01-05", "2026-02-02"]
    tall = events.locator("rect").evaluate_all("all => all.map((one) => one.getBoundingClientRect().height)")
    assert [round(20 * one / 120) for one in tall] == [5, 12, 5, 3]
    label = events.get_by_role("img").get_attribute("aria-label")
    assert label == "Events recorded per epoch, from 2026-01-05 to 2026-02-02: 25 in all"


def test_a_phone_shows_the_credits_and_names_each_stacked_figure(browser: Any, origin: str) -> None:
    with watched(browser, base_url=origin, viewport={"width": 390, "height": 800}) as seen:
        seen.page.goto("epochs/default/2/")
        for cell in table(seen.page, "Allocated").locator("tbody td:last-child").all():
            box = cell.bounding_box()
            assert box["x"] + box["width"] <= 390
        decided = table(seen.page, "Decisions").locator("td[data-label='Why']").first
        assert decided.bounding_box()["width"] > 300
        assert "Why" in decided.evaluate("one => getComputedStyle(one, '::before').content")
        seen.page.goto("epochs/?view=table")
        seen.page.get_by_role("button", name="Events").first.click()
        assert rows(table(seen.page, "Epochs of default"))[0][0] == "2"
    assert seen.problems == []


def test_pages_point_to_both_feeds_and_the_words_of_the_glossary(page: Any, origin: str) -> None:
    page.goto("epochs/default/1/")
    for kind in ("application/atom+xml", "application/feed+json"):
        address = page.locator(f"link[type='{kind}']").evaluate("one => one.href")
        assert "Epoch 3 of Open Harbour is finalized" in page.request.get(address).text()
    page.goto("glossary/")
    words = page.locator("dt").all_inner_texts()
    for word in ("node", "scope", "epoch", "activity event", "curation", "allocation", "statement", "unit", "credit"):
        assert word in words


def test_a_lost_reader_finds_the_way_back(page: Any) -> None:
    page.goto("404.html")
    assert page.get_by_role("heading", name="There is no such page").is_visible()
    page.locator(".ledger").get_by_role("link", name="epochs").click()
    page.get_by_role("heading", name="Epochs", exact=True).wait_for()
