"""Sites whose every kind of page the browser tests look at: the golden node, and one where every text is an attack."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import yaml

from ledger.cli import main
from ledger.core.receipts import Decision, Receipt, receipt_hash
from ledger.core.records.activity import ActivityEvent, payload_hash
from ledger.core.values import UserId
from ledger.flows.approvers import propose
from ledger.flows.budget import add_component
from ledger.flows.collect import collect
from ledger.flows.decide import curate, override
from ledger.flows.identity import bind
from ledger.flows.questions import answer, ask
from ledger.flows.receipts.acts import draft_decisions, draft_receipts, take
from ledger.flows.session import Session
from ledger.store.append import append_records
from ledger.store.epochfolder import EpochFolder
from tests.nodes import WALLETS, at, make_node, sign_as, sign_sets, signature

HOSTILE = [
    "<script>window.hacked=1</script>",
    '"><img src=x onerror=window.hacked=1>',
    "[click](javascript:window.hacked=1)",
    "{{ 7*7 }}{% raw %}${alert(1)}",
    "`code` **bold** &lt;b&gt; </textarea></title><svg onload=window.hacked=1>",
    "\u202eesrever \u200b\u0430dmin \u2066x\u2069",
    "W" * 10_000,
    "javascript:window.hacked=1",
]
"""Texts as a stranger may write them: markup, Markdown, template syntax, marks that turn text around, endless words."""

_ONE_OF_MANY = [
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "PERSON"),
    (re.compile(r"(?<=receipts/)[0-9a-f]{64}"), "RECEIPT"),
    (re.compile(r"(?:(?<=epochs/)|(?<=embed/))(default|design|guild)(?=/)"), "SCOPE"),
    (re.compile(r"(?<=/)[0-9]+(?=/)"), "NUMBER"),
]


def page_kinds(site: Path) -> dict[str, str]:
    """Every kind of page of a built site, with the last of that kind: `epochs/SCOPE/NUMBER/index.html` to a path."""
    found = {}
    for file in sorted(site.rglob("*.html")):
        path = kind = file.relative_to(site).as_posix()
        for pattern, word in _ONE_OF_MANY:
            kind = pattern.sub(word, kind)
        found[kind] = path
    return found


def build(root: Path, out: Path) -> Path:
    """`ledger site build`, as its user runs it."""
    import sys

    argv, sys.argv = sys.argv, ["ledger", "site", "build", "--node", str(root), "--out", str(out)]
    try:
        assert main() == 0
    finally:
        sys.argv = argv
    return out


def rewrite(path: Path, **fields: object) -> None:
    """Other settings in a YAML file."""
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text("utf-8")) | fields), "utf-8")


def hostile_node(root: Path) -> Path:
    """Epoch 1 of `default` in review, signed by one; names, titles, reasons, questions and evidence are attacks."""
    make_node(root)
    rows = [
        {
            "id": f"r{number}",
            "time": f"2026-01-0{5 + number % 5}T09:00:00Z",
            "event_type": ("design", "community")[number % 2],
            "account": f"acct{number}",
            "login": text,
            "evidence": f"https://example.org/{number}",
            "title": text,
        }
        for number, text in enumerate(HOSTILE)
    ]
    (root / "work.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    rewrite(root / "ledger.yaml", name=HOSTILE[1], repository="example/ledger")
    source = {"source": "file", "name": "work", "options": {"path": "work.jsonl"}}
    issuers = [{"id": who, "wallets": [WALLETS[who]], "can_approve": True} for who in ("ann", "ben")]
    rewrite(root / "scopes/default.yaml", name=HOSTILE[0], sources=[source], issuers=issuers)
    with at(root, "2026-01-05T01:00:00Z", "ann") as session:
        propose(session, "default")
        sign_sets(session, "default", "ann", "ben")
    with at(root, "2026-01-13T12:00:00Z", "ann") as session:
        people = [
            bind(session, "file", f"acct{number}", login=text, evidence=text, actor=text).user_id
            for number, text in enumerate(HOSTILE[:-2])
        ]
        collect(session)
        folder = session.node.epoch("default", 1)
        append_records(root, folder.path("activity.jsonl"), list(_foreign_events(folder)))
        for number, text in enumerate(HOSTILE):
            curate(session, folder, "note", f"file:work:r{number}", note=text, evidence=text)
        curate(session, folder, "exclude", "file:work:r1", note=HOSTILE[0])
        override(session, folder, people[2], 1500, HOSTILE[1], HOSTILE[2])
        add_component(session, folder, "top_up", 7, evidence=HOSTILE[7])
        ask(session, folder, 3, actor=HOSTILE[0], evidence=HOSTILE[7], person=people[0])
        answer(session, folder, 3, HOSTILE[1], evidence=HOSTILE[7])
        ask(session, folder, 4, actor=HOSTILE[4], evidence=HOSTILE[2])
        _vouched(session, people)
    with at(root, "2026-01-14T00:00:00Z", "ann") as session:
        collect(session)
        sign_as(session, session.node.epoch("default", 1), "ann")
    commit(root, HOSTILE[0], author=HOSTILE[5])
    weights = root / "weights/default.yaml"
    rewrite(weights, weights={**yaml.safe_load(weights.read_text("utf-8"))["weights"], "file:design": 7000})
    commit(root, HOSTILE[1], author=HOSTILE[3], committer=HOSTILE[2])
    return root


def _vouched(session: Session, people: list[UserId]) -> None:
    """Receipts of each state, about people and with links, evidence and reasons that are attacks."""
    decided: list[tuple[Decision, str | None]] = [("approved", None), ("revoked", f"gone: {HOSTILE[2]}")]
    for number, text in enumerate((HOSTILE[1], HOSTILE[0], HOSTILE[7])):
        fields = {"role": "author", "scope_id": "default", "work_item_id": f"task.{number}", "work_points": 5}
        receipt = Receipt.read(
            fields | {"artifact_url": text, "estimate": 5, "issued_at": session.now, "user_id": people[number]}
        )
        drafts = draft_receipts(session, [receipt])
        take(session, drafts, [signature(drafts[0].text, "ann")], HOSTILE[number])
        for decision, reason in decided[:number]:
            drafts = draft_decisions(session, [receipt_hash(session.node.node_id, receipt)], decision, reason)
            take(session, drafts, [signature(drafts[0].text, "ben")], HOSTILE[7])


def _foreign_events(folder: EpochFolder) -> Iterator[ActivityEvent]:
    """Facts as an adapter of somebody else may bring them: the core holds an address to be text, not to be a link."""
    known = next(event for _, _, event in folder.events() if event.platform_login == HOSTILE[4])
    for number, address in enumerate((HOSTILE[7], "data:text/html,x", "https://example.org@evil.example/", HOSTILE[1])):
        fields = known.model_dump(mode="json", by_alias=True) | {
            "artifact_url": address,
            "id": f"file:work:x{number}",
            "metadata": {"title": f"foreign {address}"},
        }
        yield ActivityEvent.read(fields | {"payload_hash": payload_hash(fields)})


def commit(root: Path, subject: str, when: str = "2026-01-14T08:00:00Z", *, author: str, committer: str = "") -> None:
    """Everything in the folder as one commit of a repository that is made when there is none."""
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for role, name, mail in (("AUTHOR", author, "a"), ("COMMITTER", committer or author, "c")):
        environ |= {f"GIT_{role}_NAME": name, f"GIT_{role}_EMAIL": f"{mail}@example.org", f"GIT_{role}_DATE": when}
    if not (root / ".git").exists():
        _git(root, environ, "init", "--quiet", "--initial-branch=main")
    _git(root, environ, "add", "--all")
    _git(root, environ, "commit", "--quiet", "--message", subject)


def _git(root: Path, environ: dict[str, str], *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, env=environ, check=True, capture_output=True)
