"""What each command prints with --json, by name: the one list of it. `ledger schema NAME` gives each as JSON Schema.

A number after the name is the version: a field that is added, dropped or changed gives the output the next one, and
CHANGELOG.md says so. Amounts are text, times UTC, everything else as `ledger.cli.shapes.shape` says.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any, get_type_hints

from ledger.cli.shapes import shape
from ledger.core.shapes import (
    AMOUNT,
    BOOLEAN,
    COUNT,
    HASH,
    NUMBER,
    SCOPE,
    SIGNED,
    TEXT,
    TIME,
    USER,
    Schema,
    array,
    mapping,
    obj,
    or_null,
)

Fields = dict[str, Schema]
Named = dict[str, tuple[str, Fields]]


@cache
def schemas() -> Named:
    """Every output: the command that prints it, and its fields besides `schema`."""
    return dict(sorted((_general() | _epochs() | _people() | _money() | _receipts() | _forge()).items()))


def _of(kind: type, **instead: Schema) -> Fields:
    """The fields of a dataclass that is printed as the whole output."""
    found: Fields = shape(kind, **instead)["properties"]
    return found


def _hint(owner: Any, name: str) -> Schema:
    """The shape of a field, or with `return` of what a function gives: types of rooms that are not imported here."""
    return shape(get_type_hints(owner)[name])


def _general() -> Named:
    from ledger.core.evaluate import Finding
    from ledger.flows.demo import Demo
    from ledger.flows.trial import Trial, list_kinds
    from ledger.flows.verify import Verification
    from ledger.site.compare import Comparison

    findings = array(shape(Finding))
    error: Fields = {"exit_code": COUNT, "hint": TEXT, "line": or_null(COUNT), "message": TEXT}
    return {
        "demo/1": ("ledger demo", {**_of(Demo), "ok": BOOLEAN, "site": or_null(TEXT)}),
        "error/1": ("any that fails", {**error, **{name: or_null(TEXT) for name in ("path", "rule")}}),
        "guard/1": ("ledger guard", {"findings": findings, "ok": BOOLEAN}),
        "init/1": ("ledger init", {"path": TEXT, "written": array(TEXT)}),
        "schemas/1": ("ledger schema", {"schemas": mapping(TEXT)}),
        "site-compare/1": ("ledger site compare", {**_of(Comparison), "ok": BOOLEAN}),
        "site/1": (
            "ledger site build",
            {"bytes": COUNT, "files": COUNT, "out": TEXT, "pages": COUNT, "verified": BOOLEAN},
        ),
        "sources-try/1": ("ledger sources try", _of(Trial, errors=array(TEXT))),
        "sources/1": ("ledger sources list", {"sources": _hint(list_kinds, "return")}),
        "verify/1": ("ledger verify", {**_of(Verification), "ok": BOOLEAN}),
    }


def _epochs() -> Named:
    from ledger.core.approvers import Progress
    from ledger.core.evaluate import EventOutcome, Finding, Total, UnresolvedAccount
    from ledger.core.records.approvers import ApproverSet, ApproverSignature
    from ledger.core.records.decisions import Award, Curation, Override, PoolComponent
    from ledger.core.records.statement import Signature, Statement
    from ledger.flows.amend import Amendment
    from ledger.flows.attest import Attested
    from ledger.flows.collect import Collected, CollectRun
    from ledger.flows.streamrun import StreamReport
    from ledger.flows.views import EpochStatus, EventView, Person
    from ledger.flows.witness import Witnessed

    statement, waits = shape(Statement), shape(ApproverSet)
    draft: Fields = {"changed": BOOLEAN, "statement_hash": or_null(HASH), "voided_signatures": COUNT}
    event = shape(EventOutcome, units=AMOUNT)
    person = shape(Person, events=array(event), final_units=or_null(AMOUNT))
    kinds = array(shape(Total, units=AMOUNT))
    place: Fields = {"epoch_id": NUMBER, "scope_id": SCOPE}
    status = shape(EpochStatus, pool_total_credits=AMOUNT)
    stream = status["properties"]["streams"]["items"]
    stream.update(obj(**stream["properties"], complete=BOOLEAN, quiet=BOOLEAN))
    delta = obj(after=AMOUNT, before=AMOUNT, key=TEXT, name=TEXT)
    amendment: Fields = {"deltas": array(delta), "kind": TEXT, "overpaid_credits": AMOUNT, "reason": TEXT}
    amendment |= {"state": _hint(Amendment, "state"), "statement": statement, "taken_back_credits": AMOUNT}
    collected = obj(
        **place,
        held_back=or_null(TEXT),
        opened=_hint(Collected, "opened"),
        reviewed=_hint(Collected, "reviewed"),
        streams=array(shape(StreamReport, error=or_null(TEXT))),
    )
    one = obj(approver_set_hash=HASH, line_hash=HASH, set=waits, since=or_null(TIME))
    return {
        "amendment-abandoned/1": ("ledger amend abandon", {"path": TEXT, "version": NUMBER}),
        "amendment-begun/1": ("ledger amend begin", {"path": TEXT, "version": NUMBER}),
        "amendment/1": ("ledger amend status", {**place, **amendment, "version": NUMBER}),
        "approvers-list/1": ("ledger approvers list", {"root": or_null(HASH), "sets": array(one)}),
        "approvers-message/1": (
            "ledger approvers message",
            {"approver_set_hash": HASH, "message": TEXT, "set": waits},
        ),
        "approvers-proposal/1": (
            "ledger approvers propose, new-root",
            {"changed": BOOLEAN, "set": or_null(waits)},
        ),
        "approvers-signature/1": (
            "ledger approvers sign",
            {"changed": BOOLEAN, "counts": BOOLEAN, "person": TEXT, "signature": shape(ApproverSignature)},
        ),
        "approvers/1": (
            "ledger approvers status",
            {
                "counts": or_null(waits),
                "notices": array(TEXT),
                "progress": or_null(shape(Progress)),
                "root": or_null(HASH),
                "scope_id": SCOPE,
                "waits": or_null(waits),
            },
        ),
        "attestation-text/1": ("ledger attest --message", {**place, "message": TEXT}),
        "attestation/1": (
            "ledger attest",
            {"attestation": _hint(Attested, "attestation"), "changed": BOOLEAN, "path": TEXT},
        ),
        "collect/1": (
            "ledger collect",
            {"epochs": array(collected), "left": array(TEXT), "waiting": _hint(CollectRun, "waiting")},
        ),
        "decision/1": (
            "ledger curate, override, pool add, award, answer",
            {**draft, "record": {"anyOf": [shape(each) for each in (Curation, Override, PoolComponent, Award)]}},
        ),
        "decisions/1": ("ledger curate --file", {**draft, "changed": COUNT, "rows": COUNT}),
        "epoch/1": (
            "ledger show epoch",
            {
                "decisions": array(shape(Curation)),
                "people": array(person),
                "state": TEXT,
                "statement": statement,
                "statement_hash": HASH,
                "totals": kinds,
                "unresolved": array(shape(UnresolvedAccount, units=AMOUNT)),
            },
        ),
        "event/1": ("ledger show event", _of(EventView, outcome=event)),
        "finalize/1": ("ledger finalize", {"changed": BOOLEAN, "statement": statement, "statement_hash": HASH}),
        "policy/1": ("ledger curate policy", {"excluded": COUNT}),
        "review/1": ("ledger review", {"changed": BOOLEAN, "epoch_id": NUMBER, "statement_hash": or_null(HASH)}),
        "signature/1": ("ledger sign", {"changed": BOOLEAN, "person": TEXT, "signature": shape(Signature)}),
        "statement-view/1": (
            "ledger statement",
            {"message": or_null(TEXT), "state": TEXT, "statement": statement, "statement_hash": HASH},
        ),
        "status/1": ("ledger status", {"epochs": array(status)}),
        "user/1": (
            "ledger show user",
            {"epochs": array(obj(**place, state=TEXT, **person["properties"]))},
        ),
        "witness/1": (
            "ledger witness",
            {
                "epochs": COUNT,
                "findings": array(shape(Finding)),
                "new": _hint(Witnessed, "new"),
                "node_id": USER,
                "ok": BOOLEAN,
                "remembered": COUNT,
            },
        ),
    }


def _people() -> Named:
    from ledger.core.evaluate import UnresolvedAccount
    from ledger.flows.identity import BoundAccount, Owed, OwedTotal
    from ledger.flows.importing.terms import Report
    from ledger.flows.peers import PeerCheck, known_peers

    waiting = shape(Owed, account=shape(UnresolvedAccount, units=AMOUNT))
    peer, last = get_type_hints(known_peers)["return"].__args__[0].__args__
    return {
        "binding/1": ("ledger identity bind, unbind, prove", {"changed": BOOLEAN, "user_id": USER}),
        "bindings/1": ("ledger identity bind --file", {"accounts": COUNT, "changed": COUNT, "users": array(USER)}),
        "challenge/1": ("ledger identity challenge", {"code": TEXT, "nonce": COUNT, "text": TEXT, "user_id": USER}),
        "identities/1": ("ledger identity list", {"accounts": array(shape(BoundAccount))}),
        "import-undo/1": ("ledger import undo", {"changed": BOOLEAN}),
        "import/1": ("ledger import", _of(Report)),
        "owed/1": (
            "ledger identity unresolved --owed",
            {"accounts": array(shape(OwedTotal, credits=AMOUNT, units=AMOUNT))},
        ),
        "peers-verify/1": ("ledger peers verify", {"ok": BOOLEAN, "peers": array(shape(PeerCheck))}),
        "peers/1": ("ledger peers status", {"last": mapping(shape(last)), "peers": array(shape(peer))}),
        "unresolved/1": ("ledger identity unresolved", {"accounts": array(waiting)}),
    }


def _money() -> Named:
    from ledger.core.book import Posting
    from ledger.core.distribution import Plan, PlanSignature, Settlement
    from ledger.flows.many import Brought, Earned, Looked
    from ledger.flows.paying.audit import Audit
    from ledger.flows.paying.instruct import Instructed
    from ledger.flows.paying.opening import sign_openings, waive

    figures = ("allocated", "earned", "moved", "outstanding", "paid")
    row = obj(name=TEXT, user_id=USER, **dict.fromkeys(figures, SIGNED))
    posting = {name: shape(kind) for name, kind in get_type_hints(Posting).items()}
    posting |= {"balance": SIGNED, "credits": SIGNED}
    signature = get_type_hints(sign_openings)["return"].__args__[0]
    plan: Fields = {"plan": shape(Plan), "plan_hash": HASH}
    totals: Fields = dict.fromkeys(("declined", "to_pool", "waived", "waiting"), SIGNED)
    stands = obj(
        asset=TEXT,
        distribution=NUMBER,
        lines=mapping(COUNT),
        open_minor=AMOUNT,
        plan_hash=HASH,
        rail=TEXT,
        stands_at=or_null(TIME),
        state=TEXT,
        total_minor=AMOUNT,
    )
    return {
        "account/1": ("ledger book USER", {"account": row, "postings": array(obj(**posting)), "scope_id": SCOPE}),
        "audit/1": ("ledger audit", {**_of(Audit), "ok": BOOLEAN}),
        "audit-many/1": (
            "ledger audit NODE...",
            {
                "brought": array(obj(**{**_of(Brought), "milli_units": AMOUNT})),
                "earned": array(obj(**{**_of(Earned), "credits": AMOUNT})),
                "nodes": array(obj(**_of(Looked), ok=BOOLEAN)),
                "ok": BOOLEAN,
            },
        ),
        "book/1": ("ledger book", {**totals, "people": array(row), "scope_id": SCOPE, "until": or_null(TIME)}),
        "distribution-abandoned/1": (
            "ledger distribute abandon",
            {"changed": BOOLEAN, "settlement": shape(Settlement)},
        ),
        "distribution-export/1": (
            "ledger distribute export",
            {"files": array(TEXT), "lines": COUNT, "missing": array(USER)},
        ),
        "distribution-plan/1": ("ledger distribute plan", {**plan, "changed": BOOLEAN, "message": TEXT}),
        "distribution-signature/1": (
            "ledger distribute sign",
            {
                "changed": BOOLEAN,
                "people": array(TEXT),
                "person": TEXT,
                "signature": shape(PlanSignature),
                "threshold": NUMBER,
            },
        ),
        "distribution-view/1": ("ledger distribute show", {**plan, "lines": mapping(TEXT), "state": TEXT}),
        "distributions/1": ("ledger distribute status", {"distributions": array(stands)}),
        "instruction/1": (
            "ledger instruct",
            {"changed": BOOLEAN, "instruction": _hint(Instructed, "instruction")},
        ),
        "opening-signature/1": ("ledger opening sign", {"changed": BOOLEAN, "signature": shape(signature)}),
        "opening/1": (
            "ledger opening write",
            {"changed": BOOLEAN, "message": TEXT, "people": COUNT, "total": SIGNED},
        ),
        "settlement/1": ("ledger settle", {"added": array(shape(Settlement)), "open": array(TEXT)}),
        "waiver/1": ("ledger waive", {"waiver": _hint(waive, "return")}),
    }


def _receipts() -> Named:
    from ledger.core.evaluate import Finding
    from ledger.flows.receipts.acts import Acted, Draft
    from ledger.flows.receipts.importing import Line
    from ledger.flows.receipts.views import ReceiptView

    text = obj(**{name: _hint(Draft, name) for name in ("act", "number", "receipt_hash", "text")})
    act = obj(act=_hint(Acted, "act"), changed=BOOLEAN)
    return {
        "receipt-acts/1": (
            "ledger receipt issue, approve, revoke, add",
            {"acts": array(act), "changed": BOOLEAN, "notes": array(TEXT)},
        ),
        "receipt-export/1": ("ledger receipt export", {"files": array(TEXT), "issuer": TEXT}),
        "receipt-import/1": ("ledger receipt import", {"credentials": array(shape(Line))}),
        "receipt-key/1": ("ledger receipt key", {"changed": BOOLEAN, "kid": TEXT}),
        "receipt-texts/1": (
            "ledger receipt issue, approve, revoke without signatures",
            {"repeat_with": TEXT, "texts": array(text)},
        ),
        "receipt-verify/1": (
            "ledger receipt verify",
            {"acts": COUNT, "findings": array(shape(Finding)), "ok": BOOLEAN},
        ),
        "receipts/1": ("ledger receipt list, show", {"receipts": array(shape(ReceiptView))}),
    }


def _forge() -> Named:
    from ledger.forge.checklist import Checklist
    from ledger.forge.ciguard import Guarded
    from ledger.forge.doctor import Item
    from ledger.forge.epoch import Outcome
    from ledger.forge.receipts import Gathered
    from ledger.forge.setup import Change

    counts = obj(missing=COUNT, ok=COUNT, unknown=COUNT)
    looked: Fields = {"counts": counts, "items": array(shape(Item))}
    call = obj(body={"type": ["object", "null"]}, path=TEXT, verb=TEXT)
    gathered = {name: _hint(Gathered, name) for name in ("acts", "changed", "pull", "refused")}
    return {
        "alarm/1": ("ledger ci alarm", {"issue": or_null(NUMBER), "ok": BOOLEAN, "workflow": TEXT}),
        "amendment-branch/1": ("ledger pr amend", {"branch": TEXT, "version": NUMBER}),
        "checklist/1": ("ledger ci checklist", {each.name: _hint(Checklist, each.name) for each in fields(Checklist)}),
        "ci-guard/1": ("ledger ci guard", {**_of(Guarded), "ok": BOOLEAN}),
        "doctor/1": ("ledger doctor", {**looked, "ok": BOOLEAN}),
        "pr-receipts/1": ("ledger pr receipts", gathered),
        "preview/1": ("ledger pr preview", {"epochs": array(TEXT), "path": TEXT}),
        "pulls/1": ("ledger pr status, sync", {"epochs": array(shape(Outcome, errors=array(TEXT)))}),
        "setup/1": (
            "ledger setup",
            {
                "changes": array(shape(Change, calls=array(call))),
                "doctor": or_null(obj(**looked)),
                "made": array(TEXT),
                "there": array(TEXT),
                "undo": array(TEXT),
            },
        ),
        "signed-pull/1": (
            "ledger sign --pr",
            {"epoch": TEXT, "person": TEXT, "pull": NUMBER, "statement_hash": HASH},
        ),
    }
