"""What somebody does who believes nothing: the published site, a clone, a question; no account of the ledger's."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.browser.conftest import browser as browser
from tests.browser.sites import build, rewrite
from tests.browser.support import needs_browser, served, watched
from tests.forge.test_bindings import said, sync
from tests.forge.test_clone import git
from tests.forge.test_loop import REVIEW, SOON, Town, founded
from tests.workflows.test_four_weeks import LEDGER

pytestmark = needs_browser


def published(town: Town, out: Path) -> Path:
    """What is there before the sceptic comes: one signed month, as the site tells it."""
    rewrite(town.checkout / "ledger.yaml", repository="team/ledger")
    git(town.checkout, "commit", "--quiet", "--all", "-m", "Say where the ledger lies")
    town.hub.push_main(town.checkout)
    number = town.open(REVIEW).pull
    assert number is not None
    for name in ("ann", "ben"):
        town.sign(name, number)
    assert town.sync(SOON).merged
    git(town.checkout, "pull", "--quiet", "--ff-only", "origin", "main")
    return build(town.checkout, out)


def verified(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [LEDGER, "verify", "--node", str(clone), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def asked(page: Any) -> str:
    """Press nothing on a foreign site: read where *Question this* leads, and fill in that form."""
    link = page.locator("details[open]").get_by_role("link", name="Question this").get_attribute("href")
    fields = {name: one for name, (one,) in parse_qs(urlsplit(link).query).items()}
    assert fields["template"] == "question.yml"
    told = (f"### {name.title()}\n\n{fields[name]}" for name in ("scope", "epoch", "person"))
    return "\n\n".join((*told, "### Question\n\nWhy as much as bob?"))


def test_a_sceptic_follows_a_figure_rechecks_it_twice_asks_about_it_and_is_told_of_one_altered_byte(
    browser: Any, tmp_path: Path
) -> None:
    with founded(tmp_path) as town:
        site = published(town, tmp_path / "site")
        with served(site) as origin, watched(browser) as seen:
            page = seen.page

            # From the first page to alice's figure, and from it to each event with its evidence.
            page.goto(origin)
            page.get_by_role("link", name="Epoch 1").first.click()
            page.get_by_role("row", name="alice").get_by_role("link", name="5,000").first.click()
            sums = page.locator("details[open]").filter(has=page.locator(".worked"))
            assert "1 × governance at 4.000 = 4.000" in sums.locator(".worked").inner_text()
            assert sums.locator("a[href='https://example.org/1']").count() > 0
            question = asked(page)

            # The browser recomputes it.
            page.get_by_role("button", name="Recheck in this browser").click()
            page.locator("[data-recheck][data-verdict=pass]").wait_for()

            # The site says with whom it all began.
            page.goto(f"{origin}policy/")
            found = re.search(r"Root of default: ([0-9a-f]{64})", page.locator("main").inner_text())
            assert found is not None
            assert seen.problems == [] and seen.foreign(origin) == []

        # A clone recomputes, and begins with the approvers whom the site names.
        clone = town.hub.clone(tmp_path / "stranger", http=True)
        done = verified(clone, "--root", found[1])
        assert done.returncode == 0 and "verified: 1 epoch" in done.stdout, done.stdout + done.stderr

        # A question is answered with its state, and by whom it was closed.
        issue = town.hub.open_issue("eve", "Why?", question, ["ledger:question"])
        sync(town, "2026-01-14T08:00:00Z")
        assert "question is **open**" in said(town, issue)[-1]
        town.hub.comment(issue, "ann", "/answer Governance and design weigh the same.")
        sync(town, "2026-01-14T09:00:00Z")
        assert "Answered by `ann`: `Governance and design weigh the same.`" in said(town, issue)[-1]
        assert town.hub.thread(issue).state == "closed"

        # One byte, and it is named by file and line.
        log = clone / "data/epochs/default/0001/activity.jsonl"
        log.write_bytes(log.read_bytes().replace(b'"Second"', b'"Secund"'))
        number = next(at for at, line in enumerate(log.read_bytes().splitlines(), start=1) if b"Secund" in line)
        done = verified(clone)
        assert done.returncode == 1 and re.search(rf"activity\.jsonl\D+{number}\b", done.stdout), done.stdout
