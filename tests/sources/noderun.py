"""A node that collects, for the tests of sources: one run in which no wait takes time, and what then lies there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ledger.core.values import Timestamp
from ledger.flows.collect import CollectRun, collect
from ledger.flows.ingest import Ingest
from ledger.flows.session import open_session


def collect_once(root: Path, now: Timestamp, environ: Mapping[str, str]) -> CollectRun:
    """What `ledger collect` does."""
    session = open_session(root, now, environ=environ)
    ingest = Ingest(session, wait=lambda _seconds: None)
    try:
        return collect(session, ingest=ingest)
    finally:
        ingest.close()
        session.close()


def lines(root: Path, name: str) -> list[dict[str, Any]]:
    """The lines of all logs of that name."""
    return [json.loads(line) for path in sorted(root.rglob(name)) for line in path.read_text("utf-8").splitlines()]
