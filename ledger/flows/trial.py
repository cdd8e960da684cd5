"""Try a source: read it as collecting would, write nothing, and say what would come, for whom, and what stays out.

It looks from a date on as if nothing had been read before, so that its user sees what an option changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger.core.config import SourceSettings
from ledger.core.errors import InputError, LedgerError
from ledger.core.identity import resolve_accounts
from ledger.core.values import Timestamp
from ledger.core.windows import Window
from ledger.flows.identity import display_names
from ledger.flows.ingest import Ingest
from ledger.flows.opening import first_window
from ledger.flows.session import Session
from ledger.flows.streamrun import failure
from ledger.sources.meanings import Described, described
from ledger.sources.port import Checked, SourceEvent, StreamCursor
from ledger.sources.registry import available


@dataclass
class Kind:
    """The events of one kind: how many, of them on record already, and what one of them weighs (None: nothing)."""

    name: str
    weight_milli: int | None
    events: int = 0
    known: int = 0


@dataclass
class Whom:
    """The events of one account. `user`: the name of the user that it is bound to, None for nobody."""

    account: str
    login: str | None
    user: str | None
    events: int = 0


@dataclass
class Trial:
    """What a source would bring. `left_out` counts by rule; `refused` are ids that no scope's routing claims."""

    name: str
    source: str
    scope_id: str
    window: Window
    streams: list[str] = field(default_factory=list)
    kinds: list[Kind] = field(default_factory=list)
    people: list[Whom] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    errors: list[LedgerError] = field(default_factory=list)


def list_kinds(kind: str | None = None) -> list[Described]:
    """Every source that can be configured, or the one asked for; InputError where there is none of the name."""
    found = [described(name) for name in available() if kind in (None, name)]
    if not found:
        raise InputError(f"there is no source {kind!r}", hint=f"There are: {', '.join(available())}.")
    return found


EXAMPLES = 5
"""Links of events that are shown."""


def try_source(session: Session, scope_id: str, name: str, since: Timestamp, ingest: Ingest | None = None) -> Trial:
    """Read the source `name` of a scope from `since` to now; nothing of the node is written.

    Raises InputError for a source that the scope has not or a time to come, and what the source says of its options.
    """
    scope = session.node.scope(scope_id)
    entry = next((entry for entry in scope.sources if name in (entry.name, entry.source)), None)
    if entry is None:
        raise InputError(
            f"scope {scope_id} has no source {name!r}",
            path=f"scopes/{scope_id}.yaml",
            hint=f"It has: {', '.join(entry.name for entry in scope.sources) or 'none'}.",
        )
    if since >= session.now:
        raise InputError(f"--since {since} is not before now, {session.now}")
    mine = ingest or Ingest(session)
    try:
        return _read(session, scope_id, entry, Window(since, session.now), mine)
    finally:
        if ingest is None:
            mine.close()


def _read(session: Session, scope_id: str, entry: SourceSettings, window: Window, ingest: Ingest) -> Trial:
    scope = session.node.scope(scope_id)
    trial = Trial(entry.name, entry.source, scope_id, window)
    source, claims, known = ingest.source(scope, entry), ingest.claims(scope, entry), ingest.known()
    if isinstance(source, Checked):
        source.check()
    weights = session.node.weight_policy(scope.weights).weights
    names, users = display_names(session), resolve_accounts(session.node.bindings())
    start, left_out = first_window(session, scope_id).start, Counter[str]()
    kinds: dict[str, Kind] = {}
    people: dict[str, Whom] = {}
    try:
        trial.streams += source.streams()
    except Exception as error:
        trial.errors.append(failure(error))

    def take(event: SourceEvent) -> None:
        if event.event_time not in window:
            return
        if event.event_time < start:
            left_out["before_the_scope_begins"] += 1
            return
        order = claims(event.facets)
        if scope_id not in order:
            if order:
                left_out["belongs_to_other_scopes"] += 1
            else:
                trial.refused.append(event.id)
            return
        key = f"{event.source}:{event.event_type}"
        kind = kinds.setdefault(key, Kind(key, weights.get(key)))
        kind.events += 1
        kind.known += known.get(event.id) is not None
        user = users.get((event.source, event.platform_user_id))
        shown = names.get(user, str(user)) if user else None
        account = event.platform_user_id
        people.setdefault(account, Whom(account, event.platform_login, shown)).events += 1
        if len(trial.examples) < EXAMPLES:
            trial.examples.append(event.artifact_url)

    for stream in trial.streams:
        counts: Mapping[str, int] = {}
        try:
            for page in source.fetch(stream, window, StreamCursor()):
                events: list[SourceEvent] = []
                try:
                    for raw in page.items:
                        events.extend(source.parse(raw))
                finally:  # what came before an error counts
                    known.look_up(scope_id, (event.id for event in events))
                    for event in events:
                        take(event)
                counts = page.counts or counts
                trial.gaps += (f"{stream}: {gap}" for gap in page.gaps)
        except Exception as error:
            trial.errors.append(failure(error))
        left_out.update(counts)
    trial.kinds = sorted(kinds.values(), key=lambda kind: kind.name)
    trial.people = sorted(people.values(), key=lambda whom: (-whom.events, whom.account))
    trial.left_out = dict(sorted(left_out.items()))
    return trial
