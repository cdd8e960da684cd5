"""Four weeks of a node, from `ledger init` to a published site, through its workflow files alone.

Two approvers, a curator, a newcomer and an attacker act on a forge on loopback as people do; everything else is done
by the workflows that `ledger init` wrote, run by a runner that knows nothing of the ledger.
"""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from tests.forge.support import ACCOUNTS
from tests.nodes import KEYS, NODE_ID, WALLETS
from tests.servers.forge import Forge
from tests.sources.gitworld import GitWorld
from tests.workflows.runner import Actions, Run
from tests.workflows.warm import warm_ledger

COLLECT, HOURLY = "17 6 * * *", "47 * * * *"
ALICE, BOB, DAN = ("Alice", "alice@example.org"), ("Bob", "bob@example.org"), ("Dan", "dan@example.org")
LEDGER = str(Path(sys.executable).parent / "ledger")


class Town:
    """The node's repository on the forge, its workflows, and everybody who acts there."""

    def __init__(self, folder: Path, hub: Forge, pages_url: str, command: Path) -> None:
        self.folder, self.hub, self.command = folder, hub, command
        self.project = GitWorld(folder / "project.git")
        self.environ = {key: text for key, text in hub.environ().items() if key != "GITHUB_TOKEN"}
        self.remotes = {hub.repository.full_name: hub.http_url}
        self.actions = Actions(
            folder / "actions",
            hub.repository.full_name,
            self.remotes,
            environ=self.environ,
            variables={"LEDGER_REPOSITORY": hub.repository.full_name},
            environments={"collect": {"LEDGER_SECRET": "00" * 32}},
            token=lambda permissions: hub.token("actions", dict(permissions)),
            pages_url=pages_url,
            command=command,
        )
        self.seen = 0
        self.publishing = True
        self.home = folder / "home"

    # Time and events

    def at(self, time: str) -> None:
        self.hub.now = self.environ["LEDGER_NOW"] = time

    def tick(self, cron: str, time: str) -> list[Run]:
        """The clock starts what is scheduled; then whatever follows."""
        self.at(time)
        return [*self.actions.deliver("schedule", {"schedule": cron}), *self.pump()]

    def pump(self) -> list[Run]:
        """Deliver every event that has not been delivered yet, and those that follow from it."""
        runs: list[Run] = []
        while self.seen < len(self.hub.events):
            event, payload = self.hub.events[self.seen]
            self.seen += 1
            if not self.publishing and payload.get("workflow", "").endswith("/publish.yml"):
                continue  # a build takes long: an empty site, the first final epoch and the last day have it
            if payload.get("after") == "0" * 40:
                continue  # a branch that is gone has no workflow files to start
            runs += self.actions.deliver(event, payload, payload.get("ref", "refs/heads/main"))
        return runs

    # People

    def ledger(self, *arguments: str, login: str = "ann", check: bool = True) -> str:
        """A command on somebody's own machine, in his own clone."""
        environ = {**os.environ, **self.hub.environ(login), "LEDGER_NOW": self.hub.now}
        done = subprocess.run(
            [self.command, *arguments], cwd=self.home, env=environ, capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.home), "-c", "user.name=m", "-c", "user.email=m@example.org", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def save(self, message: str) -> None:
        """The maintainer brings a reviewed change to main."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", message)
        self.hub.push_main(self.home)

    def update(self) -> None:
        self.git("fetch", "--quiet", "--prune", "origin", "+refs/heads/*:refs/remotes/origin/*")
        self.git("reset", "--quiet", "--hard", "origin/main")

    def pull(self) -> Any:
        """The pull request in progress."""
        ours = [one for one in self.hub.pulls() if one.head_repository is self.hub.repository and one.state == "open"]
        (found,) = ours
        return found

    def signature(self, name: str) -> str:
        """What the wallet says to the text that its owner's own machine prints after recomputing everything."""
        self.update()
        text = self.ledger("sign", "--pr", str(self.pull().number), login=name).removesuffix("\n")
        assert text.startswith("Cogni Payout Statement\n")
        return by_wallet(text, name)

    def signatures(self, name: str) -> list[str]:
        """The statement's, and on the first epoch that of the approver set that waits beside it."""
        signature, pull = self.signature(name), self.pull()
        if "### Sign the approver set too" not in pull.body:
            return [signature]
        text = self.ledger("sign", "--pr", str(pull.number), "--set", login=name).removesuffix("\n")
        assert text.startswith("Ledger Approver Set\n") and text in pull.body
        return [signature, by_wallet(text, name)]

    def sign_at_home(self, name: str) -> list[Run]:
        given = [part for signature in self.signatures(name) for part in ("--signature", signature)]
        self.ledger("sign", "--pr", str(self.pull().number), *given, "--yes", login=name)
        return self.pump()

    def sign_in_browser(self, name: str) -> list[Run]:
        lines = "\r\n".join(f"/sign {signature}" for signature in self.signatures(name))
        self.hub.review(self.pull().number, name, "APPROVED", f"Looks right.\r\n\r\n{lines}\r\n")
        return self.pump()

    def say(self, name: str, body: str) -> str:
        """Comment on the pull request; returns the answer."""
        comment = self.hub.comment(self.pull().number, name, body)
        self.pump()
        return next(text for text in reversed(self.said()) if str(comment.id) in text.partition("\n")[0])

    def said(self) -> list[str]:
        return [one.body for one in self.pull().comments if one.author == "github-actions[bot]"]

    def alarms(self) -> list[Any]:
        return [one for one in self.hub.issues() if "ledger:alarm" in one.labels and one.state == "open"]

    def statement(self, epoch: int) -> dict[str, Any]:
        """A finalized statement, as main has it."""
        self.update()
        path = f"origin/main:data/epochs/default/{epoch:04d}/statement.json"
        found: dict[str, Any] = json.loads(self.git("show", path))
        return found


@contextmanager
def a_town(folder: Path, *, warm: bool = True) -> Iterator[Town]:
    """The town with an empty repository. `warm`: commands without the second that each start costs."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None: ...

    handler = partial(Quiet, directory=str(folder / "actions" / "pages"))
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
        Forge(folder / "hub") as hub,
        warm_ledger(folder / "warm") if warm else nullcontext(Path(LEDGER)) as command,
    ):
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        for name, number in ACCOUNTS.items():
            hub.account(name, number, permission="write" if name in ("ann", "ben", "cy") else "read")
        yield Town(folder, hub, f"http://127.0.0.1:{server.server_address[1]}/", command)
        server.shutdown()


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with a_town(tmp_path) as made:
        yield made


def by_wallet(text: str, name: str) -> str:
    """What the person's wallet answers to personal_sign."""
    return "0x" + Account.sign_message(encode_defunct(text=text), KEYS[name]).signature.hex().removeprefix("0x")


def failed(runs: list[Run]) -> list[tuple[str, str, str]]:
    """The steps that failed, with what they said."""
    steps = [(run.workflow, step) for run in runs for job in run.jobs for step in job.steps]
    return [(name, step.name, step.output) for name, step in steps if step.conclusion == "failure"]


def make_node(town: Town) -> None:
    """What an operator does once: `ledger init`, push, and the settings of docs/operate.md."""
    town.home.mkdir()
    town.ledger(
        *("init", ".", "--name", "Town", "--threshold", "2", "--start", "2026-01-05", "--node-id", NODE_ID),
        *("--approver", f"ann={WALLETS['ann']}@101", "--approver", f"ben={WALLETS['ben']}@102"),
        *("--node-repository", town.hub.repository.full_name, "--code-owner", "ann"),
        *("--repository", town.project.path.as_uri(), "--site-url", town.actions.pages_url),
    )
    path = town.home / "scopes" / "default.yaml"
    lines = path.read_text("utf-8").splitlines()
    curator = 'curators:\n  - id: "cy"\n    github_id: 103'
    text = "\n".join(curator if line.startswith("curators:") else line for line in lines)
    path.write_text(f"{text}\nobjection_hours: 6\n", "utf-8")
    town.git("init", "--quiet", "--initial-branch=main")
    town.git("remote", "add", "origin", town.hub.http_url)
    for who, email in (("alice", ALICE[1]), ("bob", BOB[1])):
        town.ledger("identity", "bind", "git", email, "--login", who, "--evidence", "a call", "--actor", "ann")
    town.save("A new ledger")
    ruleset = json.loads((town.home / ".github" / "rulesets" / "main.json").read_text("utf-8"))
    town.hub.settings.rulesets.append({"id": 1, **ruleset})
    for label in ("ledger:question", "ledger:alarm", "ledger:bind", "ledger:receipt"):
        town.hub.settings.labels[label] = ("ededed", "")


def test_four_weeks(town: Town) -> None:
    town.at("2026-01-05T08:00:00Z")
    make_node(town)
    town.pump()
    town.publishing = False
    first_week(town)
    second_week(town)
    third_week(town)
    fourth_week(town)
    the_end(town)
    assert max(town.hub.hours.values()) < 500, "GitHub gives the jobs of a repository 1,000 requests an hour"


def first_week(town: Town) -> None:
    """Nothing special: collected in draft, signed by two people, merged and published by itself."""
    one = town.project.commit("2026-01-05T10:00:00Z", "Begin", author=ALICE, files={"a": "1"})
    two = town.project.commit("2026-01-06T10:00:00Z", "Go on ::add-mask::x", one, author=BOB, files={"a": "2"})
    town.project.write(two)
    runs = town.tick(COLLECT, "2026-01-07T06:17:00Z")
    assert failed(runs) == []
    pull = town.pull()
    assert pull.draft and pull.head == "epoch/default/1" and "`alice`" in pull.body
    town.tick(COLLECT, "2026-01-13T06:17:00Z")
    pull = town.pull()
    assert not pull.draft and any("@ann @ben please review and sign" in text for text in town.said())
    town.at("2026-01-13T13:00:00Z")
    town.sign_at_home("ann")
    assert "1 of 2: ann" in town.pull().body
    town.publishing = True
    runs = town.sign_in_browser("ben")
    town.publishing = False
    assert pull.merged and pull.merged_by.login == "github-actions[bot]"
    assert failed(runs) == []
    assert "publish" in {run.workflow for run in runs if run.conclusion == "success"}
    assert (town.actions.pages / "epochs/default/1/index.html").is_file()
    assert [row["amount_credits"] for row in town.statement(1)["payouts"]] == ["5000", "5000"]


def second_week(town: Town) -> None:
    """Curation, a question, a newcomer who binds, signatures that become void, and an attacker who only talks."""
    three = town.project.commit("2026-01-14T10:00:00Z", "More", 2, author=ALICE, files={"a": "3"})
    four = town.project.commit("2026-01-15T10:00:00Z", "First", three, author=DAN, files={"b": "1"})
    town.project.write(four)
    town.tick(COLLECT, "2026-01-20T06:17:00Z")
    number = town.pull().number
    assert "Accounts that nobody claimed" in town.pull().body
    town.at("2026-01-20T08:00:00Z")
    body = "### Scope\n\ndefault\n\n### Epoch\n\n2\n\n### Question\n\nWhere am I? <script>@everyone"
    issue = town.hub.open_issue("dan", "Where am I?", body, ["ledger:question"])
    town.pump()
    assert f"#{issue}" in town.pull().body and "@everyone" not in town.pull().body
    town.update()  # the proof that dan gave is checked by people, and comes to main by a pull request of its own
    town.ledger("identity", "bind", "git", DAN[1], "--login", "dan", "--evidence", "a call", "--actor", "ann")
    town.save("Bind dan's address")
    town.pump()
    assert "`dan`" in town.pull().body and "Accounts that nobody claimed" not in town.pull().body
    town.sign_in_browser("ann")
    event = f"git:commit:{town.project.oids[three]}"
    assert "only approvers and curators" in town.say("eve", f"/exclude {event} mine now")
    answer = town.say("cy", f"/exclude {event} was a revert")
    assert "1 signature(s) over the statement before are void" in answer
    assert "asks" in answer or "please review and sign again" in answer
    assert town.say("ann", "/exclude").startswith("<!-- ledger:answered")
    town.at("2026-01-20T13:00:00Z")
    town.sign_in_browser("ann")
    town.sign_at_home("ben")
    assert not town.hub.pull(number).merged, "a question waits for its answer"
    town.hub.comment(number, "ann", f"/answer {issue} your address was not bound; it is now")
    town.pump()
    assert town.hub.pull(number).merged
    assert town.hub.issue(issue).state == "closed"
    (payout,) = town.statement(2)["payouts"]
    assert payout["amount_credits"] == "10000"


def third_week(town: Town) -> None:
    """An attacker: a fork's pull request, a replayed and an edited review, and a stolen account that may write."""
    five = town.project.commit("2026-01-21T10:00:00Z", "Work", 4, author=BOB, files={"c": "1"})
    six = town.project.commit("2026-01-22T10:00:00Z", "Work", five, author=ALICE, files={"c": "2"})
    town.project.write(six)
    town.update()
    old = json.loads(town.git("show", "origin/main:data/epochs/default/0002/signatures.jsonl").splitlines()[-1])
    town.tick(COLLECT, "2026-01-27T06:17:00Z")
    number = town.pull().number
    town.at("2026-01-27T13:00:00Z")
    files = {
        ".github/workflows/evil.yml": "on: push",
        "data/epochs/default/0002/pool.jsonl": "{}\n",
        "scopes/default.yaml": "approvers: []\n",
        "data/##[add-mask]x": "GitHub obeys this anywhere in a line",
    }
    town.hub.fork_pull("eve", "epoch/default/3", "Helpful $(id) ::set-output name=x::y", files=files)
    town.remotes["eve/" + town.hub.repository.name] = town.hub.forks[0].bare.url
    runs = town.pump()
    assert [job.conclusion for run in runs if run.workflow == "guard" for job in run.jobs if job.id == "guard"] == [
        "failure"
    ]
    assert not any(step.commands for run in runs for job in run.jobs for step in job.steps)
    assert town.pull().number == number, "its branch has our branch's name, and is not taken for ours"
    town.hub.review(number, "eve", "APPROVED", f"/sign {old['signature']}")
    town.hub.review(number, "ann", "APPROVED", f"/sign {old['signature']}")
    review = town.hub.review(number, "ben", "APPROVED", "I am on it")
    town.hub.edit_review(review, f"/sign {town.signature('ben')}", "cy")
    town.pump()
    assert sum("Not counted" in text for text in town.said()) == 3
    assert "0 of 2" in town.pull().body
    stolen(town)
    town.at("2026-01-28T13:00:00Z")
    town.sign_in_browser("ann")
    town.sign_in_browser("ben")
    assert len(town.statement(3)["payouts"]) == 2
    assert town.alarms() == []


def stolen(town: Town) -> None:
    """Somebody with a stolen account drops an event from the branch; the ledger stops, people throw the branch away."""
    number, branch = town.pull().number, "epoch/default/3"
    town.update()
    path = "data/epochs/default/0003/activity.jsonl"
    lines = town.git("show", f"origin/{branch}:{path}").splitlines(keepends=True)
    town.hub.commit("cy", branch, {path: "".join(lines[1:]) + "\n"}, "tidy up [skip ci] closes #1")
    runs = town.tick(HOURLY, "2026-01-27T13:47:00Z")
    assert [run.conclusion for run in runs if run.workflow == "statement"] == ["failure"]
    town.tick(HOURLY, "2026-01-27T14:47:00Z")
    assert len(town.alarms()) == 1, "one issue, however often it fails"
    town.hub.delete_branch(branch, "maintainer")
    town.tick(COLLECT, "2026-01-28T06:17:00Z")
    town.tick(HOURLY, "2026-01-28T06:47:00Z")
    assert town.pull().number != number and town.alarms() == []


def fourth_week(town: Town) -> None:
    """An outage of two weeks: as soon as one window is merged, the next is in review, and nobody waits for a day."""
    seven = town.project.commit("2026-01-29T10:00:00Z", "Work", 6, author=BOB, files={"d": "1"})
    eight = town.project.commit("2026-02-05T10:00:00Z", "Work", seven, author=DAN, files={"d": "2"})
    town.project.write(eight)
    town.tick(COLLECT, "2026-02-12T06:17:00Z")
    assert town.pull().head == "epoch/default/4" and not town.pull().draft
    town.at("2026-02-12T13:00:00Z")
    town.sign_in_browser("ann")
    town.publishing = True
    town.sign_in_browser("ben")
    assert town.pull().head == "epoch/default/5" and "`dan`" in town.pull().body
    page = (town.actions.pages / "epochs/default/5/index.html").read_text("utf-8")
    assert "in review" in page


def the_end(town: Town) -> None:
    """A stranger clones it: everything recomputes; every step of main is one that the log allows."""
    fresh = town.hub.clone(town.folder / "stranger", http=True)
    done = subprocess.run([LEDGER, "verify", "--node", str(fresh)], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "verified: 4 epochs" in done.stdout, done.stdout
    town.update()
    steps = town.git("rev-list", "--first-parent", "--reverse", "origin/main").splitlines()
    for before, after in pairwise(steps):
        done = subprocess.run(
            [LEDGER, "guard", "--node", str(fresh), "--base", before, "--head", after], capture_output=True, check=False
        )
        assert done.returncode == 0, done.stdout
