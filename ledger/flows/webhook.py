"""Take in at once what a webhook's payload tells, instead of waiting for the next look at its source.

The same rules as collecting: routing, windows, what is known, what is late. It covers nothing: cursors stay, so the
next run looks at all of it again and finds what is stored already. A payload is taken for what its sender says;
whoever may hand one in may write events, as whoever may push to the node may.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ledger.core.bounds import NESTING
from ledger.core.canonical import nesting
from ledger.core.errors import InputError
from ledger.flows.collect import Collected, CollectRun
from ledger.flows.ingest import Ingest
from ledger.flows.opening import Waiting, open_epoch
from ledger.flows.session import Session
from ledger.store.files import write_lock

LARGEST = 25 * 1024 * 1024
"""Bytes of a payload: GitHub sends no larger one."""


def take_payload(
    session: Session,
    body: bytes,
    path: str,
    scope_id: str | None = None,
    source: str | None = None,
    ingest: Ingest | None = None,
) -> CollectRun:
    """Bring a payload's events into the open epoch of each scope (or the one asked for) that reads where it came from.

    `path` names the payload in errors. Opens the epoch that is due, when there is an event for it; never closes one.
    Takes the write lock. Raises InputError for what is no payload; nothing is written then.
    """
    payload = parse(body, path)
    run, mine, heard = CollectRun(), ingest or Ingest(session), False
    try:
        with write_lock(session.node.root):
            for each in session.scope_ids(scope_id):
                before = session.node.epoch_count(each)
                for entry, page in mine.told(each, payload, source):
                    heard = True
                    run.left += (f"{each}/{entry.name}: {gap}" for gap in page.gaps)
                    if page.counts and not page.items:
                        run.left.append(f"{each}/{entry.name}: left out by a rule: {_words(page.counts)}")
                    if not page.items:
                        continue
                    folder = open_epoch(session, each)
                    if isinstance(folder, Waiting):
                        run.waiting.append(folder)
                        break
                    run.epochs.append(Collected(folder, folder.epoch_id > before, [mine.take(folder, entry, page)]))
    finally:
        if ingest is None:
            mine.close()
    if not heard:
        run.left.append("no source reads the repository that the payload is about")
    return run


def _words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))


def parse(body: bytes, path: str) -> Mapping[str, Any]:
    """A payload's bytes as an object; InputError naming `path` for anything else."""
    if len(body) > LARGEST:
        raise InputError(f"is larger than {LARGEST:,} bytes, GitHub's own limit for payloads", path=path)
    if nesting(body) > NESTING:
        raise InputError("is nested too deeply", path=path, hint=_HINT)
    try:
        payload = json.loads(body.decode("utf-8"))
    except ValueError as error:
        raise InputError(f"is not JSON ({str(error)[:80]})", path=path, hint=_HINT) from None
    if not isinstance(payload, dict):
        raise InputError("is not a JSON object", path=path, hint=_HINT)
    return payload


_HINT = "Pass a webhook's body, or the event's file as GitHub wrote it (GITHUB_EVENT_PATH)."
