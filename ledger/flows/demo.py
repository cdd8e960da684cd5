"""The whole story on real input without any account: a node from a git repository's history, week by week, to money.

The wallet is a throw-away whose key is printed here for everyone: it signs demonstrations and must never hold value.
The clock is the history's own, so that the same history gives the same node, byte for byte.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from ledger.core.canonical import sha256_hex
from ledger.core.config import DEFAULT_ANCHOR
from ledger.core.errors import InputError
from ledger.core.nextset import to_sign
from ledger.core.records.approvers import set_text
from ledger.core.signing import signed_text
from ledger.core.values import Timestamp, parse_time
from ledger.core.windows import DAY, HOUR, Calendar, Window, later
from ledger.flows.approvers import sign_set
from ledger.flows.collect import collect
from ledger.flows.decide import curate
from ledger.flows.demo_money import pay_in_coin, pay_in_euro
from ledger.flows.drafting import as_stated
from ledger.flows.identity import bind_all
from ledger.flows.ingest import Ingest, raise_failures
from ledger.flows.session import Session, open_session
from ledger.flows.sign import current_statement, finalize, sign
from ledger.flows.start import NodePlan, SourcePlan, init_node
from ledger.sources.port import SourceContext, SourceEvent, StreamCursor
from ledger.sources.registry import source_class
from ledger.store.epochfolder import EpochFolder
from ledger.store.files import apart

EARLIEST = Timestamp("0001-01-08T00:00:00.000Z")
LATEST = Timestamp("9999-01-01T00:00:00.000Z")
PAUSE = 366 * DAY
"""Milliseconds without a commit that part what is shown from what is not."""
MOST_WINDOWS = 1_500
"""Windows of a demonstration: 28 years of weeks."""
MARKER = ".ledger-demo"
SCOPE = "default"
THROW_AWAY_KEY = sha256_hex(b"contribution ledger demonstration: everybody knows this key, never use it")
Progress = Callable[[int, int, str], None]
"""Called with steps done, steps in all, and what is being done."""


@dataclass(frozen=True, slots=True)
class Demo:
    """The finished demonstration. `left_out`: events of the history that lie too far from the rest to be shown."""

    root: Path
    epochs: int
    events: int
    people: int
    clock: Timestamp
    left_out: int


def run_demo(repository: Path, target: Path, environ: Mapping[str, str], progress: Progress) -> Demo:
    """Build the demonstration beside `target` and put it there as a whole.

    Raises InputError when `target` holds something else than an earlier demonstration, or there is no history.
    """
    target = target.resolve()
    if target.exists() and not (target / MARKER).is_file() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(
            "is not empty and no earlier demonstration", path=str(target), hint="Name another folder with --out."
        )
    building = target.with_name(f".{target.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    with apart():
        demo = _build(repository.resolve(), building, environ, progress)
    commit_all(building, "A demonstration node, made from a real history", demo.clock)
    if target.exists():
        shutil.rmtree(target)
    building.rename(target)
    return replace(demo, root=target)


def _build(repository: Path, root: Path, environ: Mapping[str, str], progress: Progress) -> Demo:
    from eth_account import Account

    progress(0, 1, "reading the history")
    wallet = Account.from_key(THROW_AWAY_KEY).address
    plan = NodePlan(
        name=f"Demonstration: {repository.name}",
        start=EARLIEST,
        approvers=[("throw-away-demo-wallet", wallet)],
        sources=[SourcePlan("git", "git", {"repository": str(repository)})],
        grace_hours=0,
        overlap=True,
    )
    history = _history(repository, root.parent, environ)
    times = [event.event_time for event in history]
    length, windows, clock = _calendar(times)
    left_out = sum(not windows[0].start <= time < clock for time in times)
    node_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"demonstration:{history[0].id}"))
    init_node(root, replace(plan, start=windows[0].start, length=length, node_id=node_id))
    (root / MARKER).write_text("This folder is rebuilt by every `ledger demo`.\n", "utf-8")
    session = open_session(root, windows[0].start, environ=environ)
    try:
        people = _bind_people(session, history)
        _play(session, windows, clock, progress)
        epochs = session.node.epochs(SCOPE)
    finally:
        session.close()
    return Demo(root, len(epochs), len(history), people, clock, left_out)


def _history(repository: Path, cache: Path, environ: Mapping[str, str]) -> list[SourceEvent]:
    """Every event of the repository, by time and id."""
    kind = source_class("git")
    context = SourceContext("", SCOPE, str(repository), str(cache), lambda: LATEST, environ)
    source = kind("git", kind.Options.load({"repository": str(repository)}, "--repo"), context)
    events = [
        event
        for stream in source.streams()
        for page in source.fetch(stream, Window(EARLIEST, LATEST), StreamCursor())
        for raw in page.items
        for event in source.parse(raw)
    ]
    if not events:
        raise InputError("has no commits to show", path=str(repository), hint="Name a repository with --repo.")
    return sorted(events, key=lambda event: (event.event_time, event.id))


def _calendar(times: Sequence[Timestamp]) -> tuple[int, list[Window], Timestamp]:
    """Length of a window in days, the windows, and the moment at which the demonstration stands.

    Weeks, or days for a history of less than four weeks; at least three windows, so that every state can be seen.
    Stray dates (of clocks that were wrong) do not stretch the calendar.
    """
    anchor = parse_time(DEFAULT_ANCHOR)
    first, last = _together(times)
    length = 7 if later(first, 28 * DAY) <= last else 1
    calendar = Calendar(anchor, length)
    windows = [calendar.holding(max(first, later(last, -MOST_WINDOWS * length * DAY)))]
    while windows[-1].end <= last or len(windows) < 3:
        windows.append(calendar.after(windows[-1]))
    clock = later(last, 1000) if last in windows[-1] else later(windows[-1].start, HOUR)
    return length, windows, min(clock, windows[-1].end)


def _together(times: Sequence[Timestamp]) -> tuple[Timestamp, Timestamp]:
    """The first and the last of the sorted times, without strays.

    Stray is what a pause of more than a year parts from all the rest and is no more than two events or half a per cent
    of them; where everything is, the largest part stays, and of two as large the later one.
    """
    runs: list[list[Timestamp]] = [[]]
    for time in times:
        if runs[-1] and later(runs[-1][-1], PAUSE) < time:
            runs.append([])
        runs[-1].append(time)
    kept = [run for run in runs if len(run) > max(2, len(times) // 200)] or [max(reversed(runs), key=len)]
    return kept[0][0], kept[-1][-1]


def _bind_people(session: Session, history: Sequence[SourceEvent]) -> int:
    """Bind the authors, but every seventh of many, so that unresolved accounts can be seen too."""
    accounts = {event.platform_user_id: event.platform_login for event in history}
    many = len(accounts) >= 7
    chosen = {key: login for key, login in accounts.items() if not many or int(key[:8], 16) % 7}
    bind_all(session, "git", chosen, evidence="demonstration: bound to everyone's own commits", actor="ledger-demo")
    return len(chosen)


def _play(session: Session, windows: Sequence[Window], clock: Timestamp, progress: Progress) -> None:
    """Window by window: collect, review, decide, sign, finalize; the last full one stays in review, then one open."""
    ingest = Ingest(session)
    shown = {1, len(windows) - 2}
    for number, window in enumerate(windows[:-2], start=1):
        progress(number, len(windows), f"epoch {number} of {len(windows)}, {window.start[:10]}")
        session.now = window.end
        raise_failures(collect(session, SCOPE, ingest=ingest).reports)
        folder = session.node.epoch(SCOPE, number)
        if number in shown:
            _decide(session, folder)
        _sign(session, folder)
        finalize(session, folder)
        if number == max(1, (len(windows) - 2) // 2):
            pay_in_euro(session, SCOPE, THROW_AWAY_KEY, _signature)
    pay_in_coin(session, SCOPE, THROW_AWAY_KEY, _signature)
    session.now = clock
    progress(len(windows), len(windows), "the last full window, in review, and the current one, open")
    raise_failures(collect(session, SCOPE, ingest=ingest).reports)


def _decide(session: Session, folder: EpochFolder) -> None:
    """One exclusion and one changed weight, so that decisions can be seen."""
    derived = as_stated(session, folder)
    events = [event.id for event in islice(derived.loaded.outcomes(), 2)]
    if len(events) == 2:
        curate(session, folder, "exclude", events[0], note="demonstration: this is how an exclusion looks")
        curate(session, folder, "weight", events[1], note="demonstration: worth twice its kind", weight_milli=2000)


def _signature(text: str, key: str = THROW_AWAY_KEY) -> str:
    from eth_account import Account
    from eth_account.messages import encode_defunct

    made: str = Account.sign_message(encode_defunct(text=text), key).signature.hex()
    return "0x" + made.removeprefix("0x")


def _sign(session: Session, folder: EpochFolder) -> None:
    evidence = "demonstration: throw-away wallet, proves nothing"
    if (line := to_sign(folder.chain(), session.node.scope(SCOPE))) is not None:
        sign_set(session, SCOPE, _signature(set_text(line)), evidence)
    sign(session, folder, _signature(signed_text(current_statement(session, folder))), evidence)


def commit_all(root: Path, message: str, clock: Timestamp) -> None:
    """Put the demonstration under git, as a real node is, so that `ledger guard` can be tried on it."""
    identity = ["-c", "user.name=ledger demo", "-c", "user.email=demo@example.org", "-c", "commit.gpgsign=false"]
    dates = {"GIT_AUTHOR_DATE": clock, "GIT_COMMITTER_DATE": clock}
    for arguments in (["init", "--quiet", "--initial-branch=main"], ["add", "."], ["commit", "--quiet", "-m", message]):
        done = subprocess.run(
            ["git", "-C", str(root), *identity, *arguments],
            env={**os.environ, **dates},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise InputError(f"git {arguments[0]} failed: {done.stderr.strip()}", path=str(root))
