"""Recheck in the browser: a second implementation, held to `ledger verify` on what is right and on what was changed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from ledger.core.evaluate import Finding
from ledger.core.invariants import INVARIANTS
from ledger.flows.sign import finalize
from ledger.flows.verify import verify
from tests.browser.support import ASSETS, Watched, needs_browser, publish, served, watched, write_page
from tests.browser.tampers import HELD_TAMPERS, HOSTILE, TAMPERS, attested, line
from tests.flows.test_amend import HOME, begun, lapsed_node, reviewed
from tests.flows.test_amend import TAMPERS as AMENDMENT_TAMPERS
from tests.flows.test_amend import amended_node as amended_node
from tests.flows.test_amend import closed_node as closed_node
from tests.nodes import WALLETS, at, golden_copy, sign_as

pytestmark = needs_browser

EPOCHS = [("default", 1), ("default", 2), ("default", 3), ("design", 1), ("guild", 1), ("guild", 2)]


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
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
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
        page.get_by_text("Every rule and its verdict").wait_for()


@dataclass
class Bench(Watched):
    """One page for all changed copies, and a server: each copy in a folder of its own, so that no cache can answer."""

    root: Path = Path()
    origin: str = ""
    copies: int = 0

    def show(self, node: Path, scope: str, epoch: int) -> None:
        """Publish a copy and open the page that rechecks an epoch of it; the scripts are the same for all."""
        self.copies += 1
        folder = publish(node, self.root / str(self.copies))
        name = write_page(folder, "recheck", scope, epoch, assets="/assets")
        self.page.goto(f"{self.origin}{folder.name}/{name}")


@pytest.fixture(scope="module")
def bench(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    root = tmp_path_factory.mktemp("copies")
    (root / "assets").symlink_to(ASSETS)
    with served(root) as origin, watched(browser) as seen:
        yield Bench(seen.page, seen.problems, seen.requests, root, origin)


CASES = [(name, "default", 1) for name in TAMPERS] + [(name, "guild", 2) for name in HELD_TAMPERS]


def told_by_verify(root: Path, scope: str, epoch: int) -> set[tuple[Any, ...]]:
    """What `ledger verify` finds in the epoch, about it among its neighbours, and in the logs of its scope."""
    with at(root, "2026-02-01") as session:
        found = verify(session, scope, epoch)
    places = (f"data/epochs/{scope}/{epoch:04d}", f"data/approvers/{scope}.", f"data/log/{scope}.")
    ours = [finding for finding in found.findings if finding.path.startswith(places)]
    checks = [finding for each in found.epochs for check in each.checks for finding in check.findings]
    return {told(asdict(finding)) for finding in [*ours, *checks] if not out_of_reach(finding, scope, epoch)}


def out_of_reach(finding: Finding, scope: str, epoch: int) -> bool:
    """What the browser says that it does not look at: the statements of other epochs in the log."""
    of_another = str(finding.actual).startswith("data/epochs/") and f"/{scope}/{epoch:04d}/" not in str(finding.actual)
    return finding.rule == "STATEMENT_LOGGED" and of_another


def told(finding: dict[str, Any]) -> tuple[Any, ...]:
    """A finding without what only one side writes: Python shows a record in its own notation, the browser as JSON."""
    values = (finding["expected"], finding["actual"])
    plain = [None if str(value).startswith(("{", "[", "(")) else value for value in values]
    return (finding["rule"], finding["message"], finding["path"], finding["line"], *plain)


@pytest.mark.parametrize(("tamper", "scope", "epoch"), CASES)
def test_a_changed_copy_is_told_as_ledger_verify_tells_it(
    tamper: str, scope: str, epoch: int, bench: Bench, tmp_path: Path
) -> None:
    forged = golden_copy(tmp_path / "node")
    {**TAMPERS, **HELD_TAMPERS}[tamper](forged / f"data/epochs/{scope}/{epoch:04d}")
    held_to_verify(forged, scope, epoch, bench)


@pytest.mark.parametrize("tamper", [name for name in AMENDMENT_TAMPERS if name != "a foreign file"])
def test_a_changed_amendment_is_told_as_ledger_verify_tells_it(
    tamper: str, amended_node: Path, bench: Bench, tmp_path: Path
) -> None:
    forged = Path(shutil.copytree(amended_node, tmp_path / "node"))
    AMENDMENT_TAMPERS[tamper](forged / HOME)
    held_to_verify(forged, "default", 1, bench)


def test_an_amendment_that_gives_away_what_lapsed_is_told(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = lapsed_node(tmp_path / "node")
    for place in ("amend", "sign"):  # a ledger of another's, which does not refuse it
        monkeypatch.setattr(f"ledger.flows.{place}.require_single_pay", lambda *_: None)
    with at(root, "2026-01-21T00:00:00Z", "ann") as session:
        folder = begun(session)
        reviewed(session, folder)
        sign_as(session, folder, "ann", "ben")
        finalize(session, folder)
    held_to_verify(root, "default", 1, bench)


def test_an_amended_epoch_passes_with_every_version(amended_node: Path, bench: Bench, tmp_path: Path) -> None:
    site = publish(amended_node, tmp_path / "site")
    name = write_page(site, "recheck", "default", 1)
    page = bench.page
    with served(site) as origin:
        page.goto(origin + name)
        page.evaluate("addEventListener('ledger-report', ({ detail }) => { window.report = detail; })")
        page.get_by_role("button", name="Recheck in this browser").click()
        page.locator("[data-recheck][data-verdict=pass]").wait_for()
    (second,) = page.evaluate("window.report.amendments")
    assert (second["version"], second["state"], len(second["signers"])) == (2, "finalized", 2)
    assert {check["verdict"] for check in page.evaluate("window.report.checks")} == {"pass", "not applicable"}


def held_to_verify(forged: Path, scope: str, epoch: int, bench: Bench) -> None:
    """The browser says of a changed copy what `ledger verify` says, and shows it."""
    wanted = told_by_verify(forged, scope, epoch)
    assert wanted, "ledger verify found nothing"
    page = bench.page
    bench.show(forged, scope, epoch)
    page.evaluate("addEventListener('ledger-report', ({ detail }) => { window.report = detail; })")
    page.get_by_role("button", name="Recheck in this browser").click()
    page.locator("[data-recheck][data-verdict=fail]").wait_for()
    report = page.evaluate("window.report")
    mine = {told(finding) for check in report["checks"] for finding in check["findings"]}
    assert mine == wanted
    assert {check["invariant"] for check in report["checks"] if check["verdict"] == "fail"} == {
        rule for rule, *_ in wanted
    }
    shown = page.locator("[data-recheck]").inner_text()
    for rule, message, path, line_number, *_ in wanted:
        assert rule in shown
        place = path if line_number is None else f"{path}:{line_number}"
        assert f"{place}: {message}" in shown
    assert page.evaluate("window.hacked") is None
    assert bench.problems == []


def test_an_epoch_that_witnesses_attested_passes_and_names_them(bench: Bench, tmp_path: Path) -> None:
    root = golden_copy(tmp_path / "node")
    attested()(root / "data/epochs/default/0001")
    site = publish(root, tmp_path / "site")
    name = write_page(site, "recheck", "default", 1)
    page = bench.page
    with served(site) as origin:
        page.goto(origin + name)
        page.evaluate("addEventListener('ledger-report', ({ detail }) => { window.report = detail; })")
        page.get_by_role("button", name="Recheck in this browser").click()
        page.locator("[data-recheck][data-verdict=pass]").wait_for()
    witness = {"signer_wallet": WALLETS["eve"], "tool": "ledger", "tool_version": "0.1.0"}
    assert page.evaluate("window.report.witnesses") == [witness]
    assert bench.problems == []


def test_an_epoch_before_that_cannot_be_read_is_told_with_its_place(bench: Bench, tmp_path: Path) -> None:
    """`ledger verify` tells it of that epoch; who rechecks one epoch only must learn that windows were not compared."""
    root = golden_copy(tmp_path / "node")
    path = root / "data/epochs/default/0001/epoch.json"
    path.write_bytes(path.read_bytes().replace(b'"schema"', b'"scheme"'))
    site = publish(root, tmp_path / "site")
    name = write_page(site, "recheck", "default", 2)
    page = bench.page
    with served(site) as origin:
        page.goto(origin + name)
        page.get_by_role("button", name="Recheck in this browser").click()
        page.locator("[data-recheck][data-verdict=fail]").wait_for()
        finding = page.locator(".ledger-finding")
        assert "data/epochs/default/0001/epoch.json:1: schema: missing field" in finding.inner_text()
    assert bench.problems == []


def test_the_offending_line_is_shown_as_text(browser: Any, tmp_path: Path) -> None:
    root = golden_copy(tmp_path / "node")
    forge = line("activity.jsonl", 2, lambda record: record["metadata"].update(title=HOSTILE))
    forge(root / "data/epochs/default/0001")
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
