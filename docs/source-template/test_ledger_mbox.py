"""The ledger's own checks on a small archive: keep this file beside your source and replace the archive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ledger_mbox
import pytest
from ledger_mbox import MboxOptions, MboxSource

from ledger.core.values import parse_time
from ledger.core.windows import Window
from ledger.sources.conformance import CHECKS, World
from ledger.sources.port import SourceContext

WINDOW = Window(parse_time("2026-01-05"), parse_time("2026-01-26"))
MESSAGE = """From ann@example.org Mon Jan  5 00:00:00 2026
From: Ann <Ann@Example.org>
Date: {day:02d} Jan 2026 12:00:00 +0100
Message-ID: <{day}@example.org>
Subject: Day {day} \x07 =?utf-8?q?=E2=80=AE?= =?no-such?q?x?=

nobody may keep this

"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Three weeks of messages, some of which no rule can date or name; pages are small, so that many cuts are met."""
    monkeypatch.setattr(ledger_mbox, "PAGE_SIZE", 4)
    undated = MESSAGE.format(day=40)
    (tmp_path / "list.mbox").write_text("".join(MESSAGE.format(day=day) for day in range(5, 26)) + undated, "utf-8")
    told: list[str] = []
    context = SourceContext(
        node_id="4f8a7f4e-53b1-4b3e-9a7b-0d5b1f0f6c11",
        scope_id="default",
        node_root=str(tmp_path),
        cache_dir=str(tmp_path / "cache"),
        now=lambda: parse_time("2026-02-01"),
        environ={},
        tell=told.append,
    )
    options = MboxOptions(path="list.mbox", web="https://lists.example.org/dev")
    return World(
        make=lambda: MboxSource("dev", options, context),
        window=WINDOW,
        id_pattern=r"mbox:message:[0-9a-f]{64}",
        secrets=("nobody may keep", "ann@example.org", "Ann"),
        told=told,
    )


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_source_conforms(check: Callable[[World], None], world: World) -> None:
    """Determinism, idempotence, resuming after cuts, bounds of windows, provenance, nothing kept that must not be."""
    check(world)
