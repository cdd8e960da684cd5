"""A node as life makes it: two scopes, four weeks, in a git repository, with everything that a page can tell.

Played through the public flows at fixed times, so that each figure on the pages can be said in advance.
"""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from eth_account import Account
from eth_account.messages import encode_defunct

from ledger.core.nextset import to_sign
from ledger.core.records.approvers import set_text
from ledger.core.signing import signed_text
from ledger.flows.approvers import sign_set
from ledger.flows.attest import attest, message
from ledger.flows.budget import add_component
from ledger.flows.collect import collect
from ledger.flows.decide import curate, override
from ledger.flows.identity import bind, unbind
from ledger.flows.ingest import Ingest
from ledger.flows.questions import answer, ask
from ledger.flows.review import review
from ledger.flows.session import Session
from ledger.flows.sign import current_statement, finalize, sign
from ledger.store.epochfolder import EpochFolder
from ledger.store.files import write_lock
from tests.browser.sites import commit
from tests.nodes import at

REPOSITORY = "open-harbour/ledger"
KEYS = {
    name: "0x" + f"{number:02x}" * 32
    for number, name in enumerate(("maria", "tomas", "tomas-2", "joan", "witness"), 65)
}
"""Published on purpose: these wallets exist for this test only."""
WALLETS = {name: str(Account.from_key(key).address) for name, key in KEYS.items()}
PEOPLE = ("ada.lopez", "bea", "chi-wei", "Dário", "emma_k", "fay", "gus", "hal", "ida", "jon")
WEIGHTS = {"file:pull_request": 8000, "file:review": 3000, "file:message": 250}
WORK = {
    # day: kind, who, title, and how many days later it is found
    "2026-01-05": [
        ("pull_request", "ada.lopez", "Fix the tide table", 0),
        ("review", "bea", "Look at the tide table", 0),
    ],
    "2026-01-06": [("pull_request", "chi-wei", "Add harbour maps", 0), ("message", "gus", "Greetings", 0)],
    "2026-01-07": [("pull_request", "stranger", "Repair a link", 0), ("review", "emma_k", "Look at the maps", 14)],
    "2026-01-12": [("pull_request", "bea", "Speed up the search", 0), ("message", "hal", "ok", 0)],
    "2026-01-13": [(("review", "pull_request")[n % 2], who, f"Work {n}", 0) for n, who in enumerate(PEOPLE)],
    "2026-01-20": [
        ("pull_request", "Dário", "Explain mooring fees", 0),
        ("review", "ada.lopez", "Look at the fees", 0),
    ],
    "2026-01-21": [("review", "fay", "Look again", 0), ("review", "ida", "And again", 0)],
    "2026-01-27": [("pull_request", "emma_k", "Translate the welcome", 0), ("review", "jon", "Look at it", 0)],
    "2026-01-28": [("pull_request", "newcomer", "First steps", 0)],
}


def harbour_node(root: Path) -> Path:
    """Epochs 1 to 3 of `default` finalized, 4 in review with one of two signatures; the first of `design` open."""
    _settings(root)
    commit(root, "Set the node up", "2026-01-05T08:00:00Z", author="Maria Lopez")
    users: dict[str, str] = {}
    with at(root, "2026-01-06T00:00:00Z", "maria") as session:
        for who in PEOPLE:
            evidence = f"https://example.org/people/{PEOPLE.index(who)}"
            users[who] = bind(session, "file", _account(who), login=who, evidence=evidence, actor="maria").user_id
    _week(root, 1, users)
    _weights(root, {**WEIGHTS, "file:review": 4000})
    commit(root, "Reviews hold releases up", "2026-01-16T08:00:00Z", author="Bea", committer="Maria Lopez")
    with at(root, "2026-01-16T09:00:00Z", "maria") as session:
        bind(session, "file", _account("bea-2"), user_id=users["bea"], login="bea", evidence="same key", actor="maria")
        unbind(session, "file", _account("bea-2"), evidence="a mistake", actor="maria")
    _week(root, 2, users)
    _week(root, 3, users)
    _week(root, 4, users)
    with at(root, "2026-02-05T00:00:00Z") as session:
        collect(session, "design")
    commit(root, "Collect", "2026-02-05T01:00:00Z", author="Maria Lopez")
    return root


def _week(root: Path, number: int, users: dict[str, str]) -> None:
    end = ("2026-01-12", "2026-01-19", "2026-01-26", "2026-02-02")[number - 1]
    radio = root / "contributions/radio.csv"
    if number == 2:
        radio.rename(radio.with_suffix(".away"))
    (root / "contributions/work.jsonl").write_text(_rows(end), "utf-8")
    with at(root, f"{end}T01:00:00Z", "maria") as session:
        folder = session.node.epoch("default", number)
        collect(session, "default")
        if number == 1:
            curate(
                session,
                folder,
                "exclude",
                "file:work:w3",
                note="reverted the next day",
                evidence="https://example.org/m",
            )
            curate(session, folder, "weight", "file:work:w1", note="a small one", weight_milli=1500)
            override(session, folder, users["bea"], 5000, "kept the keys", "https://example.org/minutes")
        if number == 3:
            add_component(session, folder, "top_up", 500, "https://example.org/votes/7")
        with write_lock(root):
            review(session, folder, Ingest(session), accepted_gaps=("radio",))
        if number > 2:
            place = f"https://github.com/{REPOSITORY}/issues/{number}"
            ask(session, folder, number, actor="ada.lopez", evidence=place, person=users["ada.lopez"])
            answer(session, folder, number, "Both were of the same change.", evidence=f"{place}#issuecomment-1")
        if number == 4:
            _sign(session, folder, "tomas-2")
    if number == 2:
        radio.with_suffix(".away").rename(radio)
    if number < 4:
        with at(root, f"{end}T12:00:00Z", "maria") as session:
            folder = session.node.epoch("default", number)
            _sign(session, folder, "maria")
            if number == 1:
                override(
                    session, folder, users["bea"], 6000, "kept the keys, and the boat", "https://example.org/minutes"
                )
                _sign(session, folder, "maria")
            _sign(session, folder, "tomas-2")
            finalize(session, folder)
            if number == 1:
                witnessed = _signature(message(session, folder), "witness")
                attest(session, folder, witnessed, evidence="https://example.org/witness")
    commit(root, f"Epoch {number}", f"{end}T13:00:00Z", author="Maria Lopez")


def _settings(root: Path) -> None:
    def approver(name: str, *wallets: str) -> dict[str, object]:
        return {"id": name, "wallets": [WALLETS[wallet] for wallet in wallets]}

    def source(name: str, path: str) -> dict[str, object]:
        return {"source": "file", "name": name, "options": {"path": f"contributions/{path}"}}

    scope = {
        "scope_id": "default",
        "name": "Open Harbour",
        "start": "2026-01-05",
        "approvers": [approver("maria", "maria"), approver("tomas", "tomas", "tomas-2")],
        "threshold": 2,
        "curators": [{"id": "ines"}],
        "pool": {"base_issuance": "1000"},
        "sources": [source("work", "work.jsonl"), source("radio", "radio.csv")],
        "spam": [{"source": "file", "event_types": ["message"], "least_length": 5}],
        "objection_hours": 4,
    }
    design = {
        "scope_id": "design",
        "name": "The studio",
        "start": "2026-02-02",
        "approvers": [approver("joan", "joan")],
        "pool": {"base_issuance": "100"},
        "sources": [source("studio", "studio.csv")],
    }
    node = {
        "node_id": "0b8f6f0a-58a3-4f0b-9f5e-3c1c8a5d7e21",
        "name": "Open Harbour Cooperative",
        "site_url": "https://ledger.openharbour.example/",
        "repository": REPOSITORY,
    }
    for path, settings in (("ledger.yaml", node), ("scopes/default.yaml", scope), ("scopes/design.yaml", design)):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(yaml.safe_dump(settings, sort_keys=False), "utf-8")
    _weights(root, WEIGHTS)
    (root / "contributions").mkdir()
    head = "id,time,event_type,account,login,evidence\n"
    for name in ("radio", "studio"):
        (root / f"contributions/{name}.csv").write_text(head, "utf-8")
    (root / ".gitattributes").write_text("data/** -text\n", "utf-8")
    (root / ".gitignore").write_text("data/.lock\n", "utf-8")
    with (root / "contributions/studio.csv").open("a", encoding="utf-8") as studio:
        studio.write(f"s1,2026-02-03T09:00:00Z,review,{_account('jon')},jon,https://example.org/studio/1\n")


def _weights(root: Path, weights: dict[str, int]) -> None:
    path = root / "weights/default.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump({"algorithm": "weight-sum-v1", "weights": weights}), "utf-8")


def _account(who: str) -> str:
    return f"acct-{who.encode().hex()[:12]}"


def _rows(end: str) -> str:
    """What the file holds at the end of a week: a row that is found late is not there yet."""
    rows, number = [], 0
    for day, acts in WORK.items():
        for hour, (kind, who, title, late) in enumerate(acts, start=8):
            number += 1
            known = f"2026-01-{int(day[-2:]) + late:02d}"
            if known < end:
                length = {"length": len(title), "channel_id": "7"} if kind == "message" else {}
                rows.append(
                    {
                        "id": f"w{number}",
                        "time": f"{day}T{hour:02d}:00:00Z",
                        "event_type": kind,
                        "account": _account(who),
                        "login": who,
                        "evidence": f"https://example.org/work/{number}",
                        "title": title,
                        **length,
                    }
                )
    return "".join(json.dumps(row) + "\n" for row in rows)


def _signature(text: str, who: str) -> str:
    signed = Account.sign_message(encode_defunct(text=text), KEYS[who]).signature.hex()
    return "0x" + str(signed).removeprefix("0x")


def _sign(session: Session, folder: EpochFolder, *people: str) -> None:
    for who in people:
        evidence = f"https://github.com/{REPOSITORY}/pull/{folder.epoch_id}#{who}"
        line = to_sign(folder.chain(), session.node.scope(folder.scope_id))
        if line is not None and folder.chain().may_sign(line, Account.from_key(KEYS[who]).address):
            sign_set(session, folder.scope_id, _signature(set_text(line), who), evidence)
    for who in people:
        line = to_sign(folder.chain(), session.node.scope(folder.scope_id))
        if line is not None:
            sign_set(session, folder.scope_id, _signature(set_text(line), who))
    text = signed_text(current_statement(session, folder))
    for who in people:
        sign(session, folder, _signature(text, who), f"https://github.com/{REPOSITORY}/pull/{folder.epoch_id}#{who}")
