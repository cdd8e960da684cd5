"""`guard` as a workflow runs it: what the event says decides what the change is compared with, and which rules hold.

The event is a file that a stranger's pull request helps to write: only numbers, commits and branch names leave it, each
by its form. What may be merged is decided by comparing trees, never by what a title or a label says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.core.errors import InputError, LedgerError
from ledger.core.evaluate import Finding
from ledger.core.place import parse_branch
from ledger.core.values import Timestamp
from ledger.flows.amend import newest
from ledger.flows.guard import guard
from ledger.flows.session import open_session
from ledger.flows.trust import trust_of
from ledger.forge.clone import Clone

_RULES = ("ledger.yaml", "scopes/", "weights/", ".github/", "data/identities.jsonl", "data/approvers/")
_LATER = "/attestations.jsonl"


@dataclass(frozen=True)
class Guarded:
    """What the check found. `notices`: what people should look at, though the log allows it."""

    compared: str
    findings: tuple[Finding, ...]
    notices: tuple[str, ...]


def ci_guard(root: Path, now: Timestamp, environ: Mapping[str, str]) -> Guarded:
    """Check the checkout at `root` by the event of this run (GITHUB_EVENT_NAME, GITHUB_EVENT_PATH).

    InputError for an event that cannot be read or has another form than GitHub's.
    """
    event, clone = _event(environ), Clone(root, environ)
    try:
        match environ.get("GITHUB_EVENT_NAME", ""):
            case "pull_request":
                return _pull_request(root, now, clone, event["pull_request"])
            case "push":
                return _push(root, now, clone, event)
    except (LookupError, TypeError, ValueError) as error:
        if isinstance(error, LedgerError):
            raise
        raise InputError("the event has another form than GitHub's", path=environ.get("GITHUB_EVENT_PATH")) from None
    return Guarded("main as it stands", tuple(_unsigned(root, now)), ())


def _pull_request(root: Path, now: Timestamp, clone: Clone, pull: Mapping[str, Any]) -> Guarded:
    """A pull request: the branch of an epoch or amendment may change its folder (and add to its logs), any other may
    not touch the records of an epoch.
    """
    base, head = _commit(pull["base"]["sha"]), pull["head"]
    ours = head["repo"] is not None and head["repo"]["id"] == pull["base"]["repo"]["id"]
    place = parse_branch(str(head["ref"])) if ours else None
    here = clone.head()
    if not clone.contains(here, base):
        base = clone.merge_base(base, here)
    findings = guard(root, base, here, place)
    changed = clone.changed(base, here)
    notices = []
    if place is None:
        for path in changed:
            if path.startswith("data/epochs/") and not path.endswith((_LATER, "/.gitkeep")):
                message = "records of epochs come by the epoch's own pull request, from its branch in this repository"
                findings.append(Finding("WRITES_VIA_WORKFLOW", message, path))
        rules = [path for path in changed if path.startswith(_RULES)]
        if rules:
            notices.append(f"changes what the ledger's rules rest on: {', '.join(rules[:10])}; its owners decide")
    if not findings and any(path.startswith("data/approvers/") for path in changed):
        node = open_session(root, now).node
        notices += [text for name, scope in node.scopes.items() for text in trust_of(scope, node.chain(name)).notices]
    what = f"epoch {place}" if place else "a change from a fork" if not ours else "a change"
    return Guarded(f"{what}, compared with {base[:12]}", tuple(findings), tuple(notices))


def _push(root: Path, now: Timestamp, clone: Clone, event: Mapping[str, Any]) -> Guarded:
    """What came to main: one that the log allows, on top of what was there, and nothing that is not signed."""
    before, here = _commit(event["before"]), clone.head()
    findings: list[Finding] = []
    compared = "a first push"
    if before.strip("0"):
        compared = f"compared with {before[:12]}"
        if clone.contains(here, before):
            findings += guard(root, before, here, None)
        else:
            message = "main no longer stands on what it was: its history was rewritten"
            findings.append(Finding("ACTIVITY_APPEND_ONLY", message, "", None, before, here))
    return Guarded(compared, (*findings, *_unsigned(root, now)), ())


def _unsigned(root: Path, now: Timestamp) -> list[Finding]:
    """Every epoch and amendment that main holds and that is not final."""
    node = open_session(root, now).node
    found = []
    for scope_id in node.scopes:
        for folder in (each for base in node.epochs(scope_id) for each in dict.fromkeys((base, newest(base)))):
            if (state := folder.state()) != "finalized":
                message = "main holds only what was signed; revert the merge that brought this"
                found.append(Finding("WRITES_VIA_WORKFLOW", message, folder.relative, None, "finalized", state))
    return found


def _event(environ: Mapping[str, str]) -> Mapping[str, Any]:
    path = environ.get("GITHUB_EVENT_PATH", "")
    try:
        found = json.loads(Path(path).read_text("utf-8")) if path else {}
    except (OSError, ValueError, RecursionError):
        raise InputError("the event cannot be read", path=path, hint="Actions sets GITHUB_EVENT_PATH.") from None
    if not isinstance(found, dict):
        raise InputError("the event is no object", path=path)
    return found


def _commit(value: object) -> str:
    if not isinstance(value, str) or re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", value) is None:
        raise ValueError("no commit")
    return value
