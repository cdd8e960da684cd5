"""README alone, from nothing to signed and published epochs: what an operator, an approver and a contributor do.

Nobody here reads a file of the node or calls a function of the ledger: README's block is run as it stands, everything
else happens in a browser with a wallet, and on GitHub's pages as the stand-in keeps them. docs/decisions/0013 has the
times.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ledger.core.install import install_line
from tests.browser.conftest import browser as browser
from tests.browser.support import needs_browser
from tests.browser.test_sign import PROVIDER, Wallet
from tests.forge.test_bindings import form
from tests.nodes import WALLETS
from tests.workflows.test_four_weeks import ALICE, COLLECT, Town, a_town, failed

pytestmark = needs_browser

ROOT = Path(__file__).parents[2]
SITE = "https://team.github.io/ledger/"
DORA = ("Dora", "dora@example.org")
GH = f"""#!{sys.executable} -IS
import os, sys
if sys.argv[1:] == ["auth", "token"]:
    print(os.environ["TOKEN"])
elif sys.argv[1:] != ["auth", "login"]:
    sys.exit(f"gh {{sys.argv[1:]}}")
"""
PIP = f"""#!{sys.executable} -IS
import shlex, sys
if shlex.join(["pip", *sys.argv[1:]]) != shlex.join(shlex.split({install_line("all")!r})):
    sys.exit(f"pip {{sys.argv[1:]}}")
"""
"""What README installs is here already; any other line would install something else."""


def readme_block(town: Town) -> str:
    """What README says to type, with the words in capitals filled in."""
    text = (ROOT / "README.md").read_text("utf-8")
    block = re.search(r"## Start your own.*?```sh\n(.*?)```", text, re.DOTALL)
    assert block is not None
    filled = block[1].replace("https://github.com/OWNER/PROJECT", town.project.path.as_uri())
    for word, said in (
        ("OWNER/NAME", "team/ledger"),
        ("DAY", "2026-01-05"),
        ("0xADDRESS", WALLETS["ann"]),
        ("LOGIN", "ann"),
    ):
        filled = filled.replace(word, said)
    return filled


def type_it(town: Town) -> str:
    """Type the block into a shell, press Enter at what is asked, and agree to the plan; returns what was shown."""
    tools = town.folder / "tools"
    tools.mkdir()
    for name, program in (("gh", GH), ("pip", PIP)):
        (tools / name).write_text(program, "utf-8")
        (tools / name).chmod(0o755)
    (tools / "ledger").symlink_to(town.command)
    environ = {**os.environ, **town.hub.environ("ann"), "LEDGER_NOW": town.hub.now}
    environ |= {f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environ |= {"PATH": f"{tools}:{os.environ['PATH']}", "TOKEN": environ.pop("GITHUB_TOKEN")}
    del environ["GITHUB_REPOSITORY"]
    keyboard, terminal = pty.openpty()
    command = ["bash", "-euo", "pipefail", "-c", readme_block(town)]
    shown = b""
    with subprocess.Popen(
        command, cwd=town.folder, env=environ, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as shell:
        assert shell.stdout is not None
        while said := os.read(shell.stdout.fileno(), 65536):
            shown += said
            if shown.endswith(b": "):  # whoever follows README takes what is proposed, and agrees to the plan
                os.write(keyboard, b"y\n" if shown.endswith(b"[y/N]: ") else b"\n")
    assert shell.returncode == 0, shown.decode()
    return shown.decode()


@contextmanager
def visitor(browser: Any, town: Town, wallet: Wallet) -> Iterator[Any]:
    """Somebody's browser: the ledger's address shows what was deployed, and the wallet is there."""

    def answer(route: Any) -> None:
        path = town.actions.pages / route.request.url.partition("#")[0].removeprefix(SITE)
        path = path / "index.html" if path.is_dir() else path
        route.fulfill(path=path) if path.is_file() else route.fulfill(status=404)

    context = browser.new_context()
    context.route(f"{SITE}**", answer)
    page = context.new_page()
    page.expose_function("__wallet", wallet)
    page.add_init_script(PROVIDER.replace("ANNOUNCED", "true"))
    try:
        yield page
    finally:
        context.close()


def settle(town: Town, *, publish: bool = True) -> None:
    """Let everything run; the site is built once, though each change asks for it."""
    town.publishing = False
    assert failed(town.pump()) == []
    if publish:
        town.publishing = True
        town.hub.dispatch("maintainer", "publish.yml")
        assert failed(town.pump()) == []


def sign(town: Town, page: Any) -> None:
    """On the signing page: press, copy, paste into an approving review."""
    page.locator("[data-sign][data-verdict=pass]").wait_for()
    page.get_by_role("button", name="Sign with").click()
    lines = page.locator("#ledger-sign-line").inner_text()
    pull = town.pull()
    town.hub.review(pull.number, "ann", "APPROVED", lines)
    settle(town)
    assert pull.merged


def test_from_readme_to_three_signed_weeks_and_three_claimed_accounts(browser: Any, tmp_path: Path) -> None:
    with a_town(tmp_path) as town:
        town.hub.who("ann").permission = "admin"
        town.actions.variables = town.hub.settings.variables
        commits: list[int] = []
        for number in range(3):
            day = f"2026-01-{6 + 7 * number:02d}T10:00:00Z"
            author = DORA if number else ALICE
            files = {f"a{number}": "1"}
            commits.append(town.project.commit(day, f"Work {number}", *commits[-1:], author=author, files=files))
        town.project.write(commits[-1])
        town.at("2026-01-28T08:00:00Z")

        # the operator
        shown = type_it(town)
        assert "0 missing, 0 unknown" in shown
        settle(town)

        # the approver: three late weeks, each led to by the one before
        with visitor(browser, town, Wallet("ann")) as page:
            body = town.pull().body
            link = re.search(rf"\[the signing page\]\(({re.escape(SITE)}\S+)\)", body)
            assert link is not None, body
            page.goto(link[1])
            sign(town, page)
            for number in (2, 3):
                page.get_by_role("button", name="Look for the next epoch").click()
                page.get_by_role("link", name=f"Sign default/{number} next").click()
                page.wait_for_url(f"**/sign/default/{number}/")
                sign(town, page)
            page.goto(f"{SITE}epochs/default/3/")
            assert "finalized" in page.locator("h1, .badge").all_inner_texts().__str__()

        # the contributor: an issue, a signature on the site, a commit made in GitHub's editor
        claim(browser, town, commits[-1])
        town.home = town.hub.clone(tmp_path / "stranger")
        assert "verified: 3 epochs" in town.ledger("verify")


def claim(browser: Any, town: Town, last: int) -> None:
    """Dora binds her GitHub account, her wallet and her git address."""
    others = f"git {DORA[1]}"
    issue = town.hub.open_issue("eve", "Bind my accounts", form(WALLETS["eve"], "", others), ["ledger:bind"])
    settle(town, publish=False)
    (said,) = [one.body for one in town.hub.thread(issue).comments if one.author == "github-actions[bot]"]
    text = said.split("```text\n")[1].split("\n```")[0]
    page_of_proof = re.search(r"\]\((\S+#prove)\)", said)
    code = re.search(r"post exactly this, alone, where the ledger collects: `([^`]+)`", said)
    assert page_of_proof is not None and code is not None, said
    with visitor(browser, town, Wallet("eve")) as page:
        page.goto(page_of_proof[1])
        page.get_by_label("The text from the answer").fill(text)
        page.get_by_role("button", name="Sign with").click()
        signature = page.locator("#ledger-proof-signature").inner_text()
    proof = town.project.commit("2026-01-28T09:00:00Z", code[1], last, author=DORA, files={"proof": "1"})
    town.project.write(proof)
    town.publishing = False
    town.tick(COLLECT, "2026-01-29T06:17:00Z")
    link = f"git:commit:{town.project.oids[proof]}"
    town.hub.edit_thread(issue, "eve", body=form(WALLETS["eve"], signature, f"{others} {link}"))
    settle(town, publish=False)
    said = [one.body for one in town.hub.thread(issue).comments if one.author == "github-actions[bot]"][-1]
    assert said.count("is proved (") == 3, said
    (number,) = [one.number for one in town.hub.pulls() if one.head == "bindings" and one.state == "open"]
    town.hub.merge(number, "ann")
    settle(town, publish=False)
    assert town.hub.issue(issue).state == "closed"
