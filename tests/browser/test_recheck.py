"""Recheck in the browser: a second implementation, held to `ledger verify` on what is right and on what was changed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.core.canonical import encode, sha256_hex
from ledger.core.invariants import INVARIANTS
from ledger.core.records import payload_hash
from ledger.core.signing import CURVE_ORDER
from ledger.flows.checksums import checksums
from ledger.flows.verify import verify
from tests.browser.support import needs_browser, publish, served, watched, write_page
from tests.nodes import at, golden_copy, signature

pytestmark = needs_browser

EPOCHS = [("default", 1), ("default", 2), ("default", 3), ("design", 1)]
HOSTILE = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"


@pytest.fixture(scope="module")
def golden(golden_site: Path) -> Iterator[str]:
    for scope, epoch in EPOCHS:
        write_page(golden_site, "recheck", scope, epoch)
    with served(golden_site) as origin:
        yield origin


@pytest.mark.parametrize(("scope", "epoch"), EPOCHS)
def test_every_golden_epoch_passes(browser: Any, golden: str, scope: str, epoch: int) -> None:
    with watched(browser) as seen:
        page = seen.page
        page.goto(f"{golden}recheck-{scope}-{epoch}.html")
        page.get_by_role("button", name="Recheck in this browser").click()
        page.locator("[data-recheck][data-verdict]").wait_for()
        rows = page.locator("tbody tr").all_inner_texts()
        verdicts = {re.search(r"[A-Z_]{6,}", row)[0]: row.split("\t")[0].strip() for row in rows}  # type: ignore[index]
        assert list(verdicts) == list(INVARIANTS)
        assert {name for name, verdict in verdicts.items() if verdict != "pass"} == {"ADAPTERS_NOT_IN_CORE"}
        assert "Nothing differs" in page.get_by_role("status").inner_text()
        assert seen.problems == []
        assert seen.foreign(golden) == []


def test_the_button_works_by_keyboard_and_tells_screen_readers(browser: Any, golden: str) -> None:
    with watched(browser) as seen:
        page = seen.page
        page.goto(f"{golden}recheck-default-1.html")
        button = page.get_by_role("button", name="Recheck in this browser")
        button.wait_for()
        page.keyboard.press("Tab")
        assert button.evaluate("one => one === document.activeElement")
        page.keyboard.press("Enter")
        page.locator("[data-recheck][data-verdict=pass]").wait_for()
        assert button.evaluate("one => one === document.activeElement"), "the check took the focus away"
        assert page.get_by_role("status").get_attribute("aria-live") == "polite"
        page.keyboard.press("Enter")  # again, without loading the page anew
        page.locator("[data-recheck] table").wait_for()


Tamper = Callable[[Path], None]


def replace(name: str, old: str, new: str, count: int = 1) -> Tamper:
    def act(folder: Path) -> None:
        path = folder / name if "/" not in name else folder.parents[3] / name
        data = path.read_bytes()
        assert old.encode() in data
        path.write_bytes(data.replace(old.encode(), new.encode(), count))

    return act


def line(name: str, number: int, change: Callable[[dict[str, Any]], object]) -> Tamper:
    """Change one record and write it canonically, as a careful forger would."""

    def act(folder: Path) -> None:
        lines = (folder / name).read_bytes().split(b"\n")
        record = json.loads(lines[number - 1])
        change(record)
        lines[number - 1] = encode(record)
        (folder / name).write_bytes(b"\n".join(lines))

    return act


def payload(folder: Path) -> None:
    def forge(record: dict[str, Any]) -> None:
        record["metadata"]["title"] = HOSTILE
        record["payload_hash"] = payload_hash(record)

    line("activity.jsonl", 2, forge)(folder)


def high_s(record: dict[str, Any]) -> None:
    raw = bytes.fromhex(record["signature"][2:])
    s = CURVE_ORDER - int.from_bytes(raw[32:64])
    record["signature"] = "0x" + (raw[:32] + s.to_bytes(32) + bytes([55 - raw[64]])).hex()


def by_stranger(record: dict[str, Any]) -> None:
    record["signature"] = signature("another text", "eve")


def other_epochs(folder: Path) -> None:
    """The signature of the same person over the epoch after."""
    other = json.loads((folder.parent / "0002/signatures.jsonl").read_bytes().split(b"\n")[0])
    line("signatures.jsonl", 1, lambda record: record.update(signature=other["signature"]))(folder)


def resealed(folder: Path) -> None:
    """A forger who also writes the checksums anew."""
    replace("pool.jsonl", '"amount_credits":"10000"', '"amount_credits":"99999"')(folder)
    root = folder.parents[3]
    with at(root, "2026-02-01") as session:
        (folder / "sha256sums.txt").write_text(checksums(session.node.epoch("default", 1)), "utf-8")


def repinned(folder: Path) -> None:
    def forge(record: dict[str, Any]) -> None:
        record["approvers"] = record["approvers"][:2]
        record["approver_set_hash"] = sha256_hex(",".join(sorted(a.lower() for a in record["approvers"])).encode())

    line("transitions.jsonl", 2, forge)(folder)


def torn(folder: Path) -> None:
    (folder / "activity.jsonl").write_bytes((folder / "activity.jsonl").read_bytes()[:-1])


def twice(folder: Path) -> None:
    data = (folder / "activity.jsonl").read_bytes()
    (folder / "activity.jsonl").write_bytes(data + data.split(b"\n")[0] + b"\n")


def duplicate_key(folder: Path) -> None:
    replace("activity.jsonl", '"event_type":', '"event_time":"x","event_type":')(folder)


TAMPERS: dict[str, Tamper] = {
    "an activity line": payload,
    "a payload hash": line("activity.jsonl", 1, lambda record: record.update(payload_hash=record["payload_hash"][::-1])),
    "a payload without its hash": line("activity.jsonl", 3, lambda record: record["metadata"].update(title="x")),
    "an event of another node": line("activity.jsonl", 1, lambda record: record.update(node_id="0" * 8 + record["node_id"][8:])),
    "an event of another scope": line("activity.jsonl", 1, lambda record: record.update(scope_id="design")),
    "an event taken in late": line("activity.jsonl", 1, lambda record: record.update(ingested_at="2026-03-01T00:00:00.000Z")),
    "an event of a later window": line("activity.jsonl", 1, lambda record: record.update(event_time="2026-03-01T00:00:00.000Z")),
    "an event twice": twice,
    "a duplicate key": duplicate_key,
    "a torn last line": torn,
    "a fraction": replace("epoch.json", '"file:design":4000', '"file:design":4000.5'),
    "a weight": replace("epoch.json", '"file:design":4000', '"file:design":4001'),
    "a decision": line("curation.jsonl", 1, lambda record: record.update(note=HOSTILE)),
    "a decision after the end": line("curation.jsonl", 1, lambda record: record.update(at="2026-03-01T00:00:00.000Z")),
    "a decision without a reason": line("curation.jsonl", 1, lambda record: record.update(note=None)),
    "an override": replace("overrides.jsonl", '"final_units":"', '"final_units":"9'),
    "an override's amount as a number": line("overrides.jsonl", 1, lambda record: record.update(final_units=7)),
    "the pool": replace("pool.jsonl", '"amount_credits":"10000"', '"amount_credits":"10001"'),
    "the pool and the checksums": resealed,
    "a pool past 64 bits": replace("pool.jsonl", '"amount_credits":"10000"', '"amount_credits":"9223372036854775808"'),
    "a pool component's id": line("pool.jsonl", 1, lambda record: record.update(id="0" * 8 + record["id"][8:])),
    "the bindings": replace("data/identities.jsonl", "people/alice", "people/alyce"),
    "fewer bindings than pinned": lambda folder: (folder.parents[3] / "data/identities.jsonl").write_bytes(b""),
    "a byte of the statement": replace("statement.json", '"undistributed_credits":"0"', '"undistributed_credits":"1"'),
    "a payout": replace("statement.json", '"amount_credits":"4444"', '"amount_credits":"4445"'),
    "a statement that is not canonical": replace("statement.json", '"gaps":[]', '"gaps": []'),
    "a signature by a stranger": line("signatures.jsonl", 1, by_stranger),
    "a signature with a high s": line("signatures.jsonl", 1, high_s),
    "a signature of another epoch": other_epochs,
    "a signature with v 0": line("signatures.jsonl", 1, lambda record: record.update(signature=record["signature"][:-2] + "00")),
    "a signer who was not pinned": line("signatures.jsonl", 1, lambda record: record.update(signer_wallet="0x84415AA5e058cE4c95436455D405C4bDC70E01fc")),
    "an address without its checksum": line("signatures.jsonl", 1, lambda record: record.update(signer_wallet=record["signer_wallet"].lower())),
    "all signatures": lambda folder: (folder / "signatures.jsonl").write_bytes(b""),
    "the pinned approvers": repinned,
    "the threshold": line("transitions.jsonl", 2, lambda record: record.update(threshold=1)),
    "a step back": line("transitions.jsonl", 3, lambda record: record.update({"to": "open"})),
    "the last step": lambda folder: (folder / "transitions.jsonl").write_bytes(b"\n".join((folder / "transitions.jsonl").read_bytes().split(b"\n")[:2]) + b"\n"),
    "the allocations": replace("allocations.jsonl", '"proposed_units":"', '"proposed_units":"1'),
    "the cursors": replace("cursors.jsonl", '"stream":"work"', '"stream":" "'),
    "the collection": replace("collection.jsonl", '"events_seen":5', '"events_seen":6'),
    "the checksums": replace("sha256sums.txt", "  pool.jsonl", "  tool.jsonl"),
    "no checksums": lambda folder: (folder / "sha256sums.txt").unlink(),
}
"""What somebody may have changed in the golden epoch default/1."""


@pytest.fixture
def forged(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    root = golden_copy(tmp_path / "node")
    TAMPERS[request.param](root / "data/epochs/default/0001")
    return root


def told(finding: dict[str, Any]) -> tuple[Any, ...]:
    """A finding without what only one side writes: Python shows a record in its own notation, the browser as JSON."""
    values = [None if str(value).startswith(("{", "[", "(")) else value for value in (finding["expected"], finding["actual"])]
    return (finding["rule"], finding["message"], finding["path"], finding["line"], *values)


@pytest.mark.parametrize("forged", TAMPERS, indirect=True)
def test_a_changed_copy_is_told_as_ledger_verify_tells_it(browser: Any, forged: Path, tmp_path: Path) -> None:
    with at(forged, "2026-02-01") as session:
        found = verify(session, "default", 1).epochs[0]
    wanted = {told(vars_of(finding)) for check in found.checks for finding in check.findings}
    assert wanted, "ledger verify found nothing"
    site = publish(forged, tmp_path / "site")
    name = write_page(site, "recheck", "default", 1)
    with served(site) as origin, watched(browser) as seen:
        page = seen.page
        page.goto(origin + name)
        page.evaluate("addEventListener('ledger-report', ({ detail }) => { window.report = detail; })")
        page.get_by_role("button", name="Recheck in this browser").click()
        page.locator("[data-recheck][data-verdict=fail]").wait_for()
        report = page.evaluate("window.report")
        mine = {told(finding) for check in report["checks"] for finding in check["findings"]}
        assert mine == wanted
        assert {check["invariant"] for check in report["checks"] if check["verdict"] == "fail"} == {
            check.invariant for check in found.checks if check.verdict == "fail"
        }
        shown = page.locator("[data-recheck]").inner_text()
        for rule, message, path, line_number, *_ in wanted:
            assert rule in shown
            assert f"{path}:{line_number}: {message}" in shown or (line_number is None and f"{path}: {message}" in shown)
        assert page.evaluate("window.hacked") is None
        assert seen.problems == []


def vars_of(finding: Any) -> dict[str, Any]:
    return {name: getattr(finding, name) for name in ("rule", "message", "path", "line", "expected", "actual")}


def test_the_offending_line_is_shown_as_text(browser: Any, tmp_path: Path) -> None:
    root = golden_copy(tmp_path / "node")
    line("activity.jsonl", 2, lambda record: record["metadata"].update(title=HOSTILE))(root / "data/epochs/default/0001")
    site = publish(root, tmp_path / "site")
    name = write_page(site, "recheck", "default", 1)
    with served(site) as origin, watched(browser) as seen:
        seen.page.goto(origin + name)
        seen.page.get_by_role("button", name="Recheck in this browser").click()
        found = seen.page.locator(".ledger-finding", has_text="activity.jsonl:2: wrong payload hash")
        assert HOSTILE in found.inner_text()
        assert found.locator("a").get_attribute("href") == f"{origin}api/v1/ledger/epochs/default/1/activity.jsonl"
        assert seen.page.locator("img").count() == 0
        assert seen.page.evaluate("window.hacked") is None
        assert seen.problems == []


def test_files_of_another_site_are_never_read(browser: Any, golden: str) -> None:
    with watched(browser) as seen:
        seen.page.goto(f"{golden}recheck-default-1.html")
        seen.page.evaluate("document.querySelector('[data-recheck]').dataset.base = 'https://elsewhere.example/'")
        seen.page.evaluate("""async () => {
            const { attachRecheck } = await import("/assets/ui/recheck.js");
            const one = document.querySelector("[data-recheck]");
            one.replaceChildren(); attachRecheck(one);
        }""")
        seen.page.get_by_role("button", name="Recheck in this browser").click()
        seen.page.locator("[data-recheck][data-verdict=error]").wait_for()
        assert "another site" in seen.page.get_by_role("status").inner_text()
        assert seen.foreign(golden) == []


def test_an_epoch_that_is_not_published_is_told(browser: Any, golden_site: Path, golden: str) -> None:
    name = write_page(golden_site, "recheck", "default", 99)
    with watched(browser) as seen:
        seen.page.goto(golden + name)
        seen.page.get_by_role("button", name="Recheck in this browser").click()
        seen.page.locator("[data-recheck][data-verdict=error]").wait_for()
        assert "default/99 is not in epochs.json" in seen.page.get_by_role("status").inner_text()
