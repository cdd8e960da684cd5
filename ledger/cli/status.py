"""`ledger status` and `ledger show`: reading, never changing."""

from __future__ import annotations

from pathlib import Path

import click

from ledger.cli.group import Group
from ledger.cli.options import epoch_options, json_option, node_option, now_option, options, scope_options, session
from ledger.cli.output import emit, out, plain, safe_text, table


@click.command()
@scope_options
@click.option("--all", "every", is_flag=True, help="Every epoch, not only the last three of each scope.")
def status(node_dir: Path | None, scope_id: str | None, now: str | None, as_json: bool, every: bool) -> None:
    """Where each epoch stands, how complete its collection is, and what it still needs.

    Example: ledger status --all
    """
    from ledger.flows.views import status as view

    with session(node_dir, now, everywhere=True) as run:
        found = view(run, scope_id, every=every)
        none = run.none_yet()
    if as_json:
        emit("status/1", {"epochs": [_status_data(epoch) for epoch in found]})
        return
    if not found:
        out(f"No epoch yet. {none}")
    for epoch in found:
        out(
            f"{epoch.scope_id}/{epoch.epoch_id}  {epoch.state}  {epoch.period_start[:10]} to {epoch.period_end[:10]}  "
            f"{epoch.activity_count} events, {epoch.unresolved_count} unresolved, {epoch.pool_total_credits} credits, "
            f"{epoch.signatures} of {epoch.threshold} signatures"
        )
        for stream in epoch.streams:
            trouble = "; ".join((*(f"not covered {gap}" for gap in stream.missing), *stream.troubles))
            out(
                safe_text(
                    f"    {stream.source} {stream.stream}: {stream.verdict}" + (f" ({trouble})" if trouble else "")
                )
            )
        if epoch.state == "open" and epoch.streams:
            read = [stream.read_to for stream in epoch.streams if stream.complete and stream.read_to]
            out(f"    read up to {min(read)}" if read else "    nothing has been read to its end yet")
        for about, words in epoch.remarks:
            out(safe_text(f"    look at: {about} {words}"))
        out(f"    needs {epoch.needs}")


def _status_data(epoch: object) -> object:
    data = plain(epoch)
    data["pool_total_credits"] = str(data["pool_total_credits"])
    for stream in data["streams"]:
        stream["complete"] = not stream["missing"] and not stream["troubles"]
        stream["quiet"] = stream["complete"] and not stream["events_seen"]
    return data


@click.group(cls=Group)
def show() -> None:
    """The path from a user's credits back to each event."""


@show.command("epoch")
@epoch_options
def show_epoch(
    node_dir: Path | None, scope_id: str | None, epoch_id: int | None, now: str | None, as_json: bool
) -> None:
    """Who gets what in an epoch, from which events.

    Example: ledger show epoch --scope default --epoch 3
    """
    from ledger.flows.views import show_epoch as view

    with session(node_dir, now, everywhere=True) as run:
        found = view(run, run.folder(run.scope_id(scope_id), epoch_id))
    statement = found.derived.statement
    if as_json:
        emit(
            "epoch/1",
            {
                "state": found.state,
                "statement": statement,
                "statement_hash": statement.statement_hash,
                "people": [_person_data(person) for person in found.people],
                "unresolved": [{**plain(a), "units": str(a.units)} for a in found.derived.evaluation.unresolved],
                "totals": [{**plain(t), "units": str(t.units)} for t in found.derived.evaluation.totals],
                "decisions": found.decisions,
            },
        )
        return
    out(
        f"{statement.scope_id}/{statement.epoch_id}  {found.state}  {statement.period_start} to {statement.period_end}"
        + ("" if found.state == "finalized" else "  (not final)")
    )
    _people_table(found.people)
    out(f"pool {statement.pool_total_credits}, undistributed {statement.undistributed_credits}")
    if found.derived.evaluation.unresolved:
        out(f"\n{statement.unresolved_count} events of accounts that nobody has bound yet:")
        table(
            ("source", "account", "login", "events", "units it would earn"),
            [
                (a.source, a.platform_user_id, a.platform_login or "", a.event_count, _units(a.units))
                for a in found.derived.evaluation.unresolved
            ],
        )
    for line in found.decisions:
        out(safe_text(f"{line.at}  {line.actor}  {line.action} {line.event_id}: {line.note or line.user_id or ''}"))


@show.command("user")
@scope_options
@click.argument("user")
def show_user(node_dir: Path | None, scope_id: str | None, now: str | None, as_json: bool, user: str) -> None:
    """A user's epochs, with every event, its weight and its link. USER is an id or a name.

    Example: ledger show user alice
    """
    from ledger.flows.views import show_user as view

    with session(node_dir, now, everywhere=True) as run:
        found = view(run, user, scope_id)
    if as_json:
        emit(
            "user/1",
            {
                "epochs": [
                    {
                        "scope_id": epoch.scope_id,
                        "epoch_id": epoch.epoch_id,
                        "state": epoch.state,
                        **_person_data(epoch.person),
                    }
                    for epoch in found
                ]
            },
        )
        return
    for epoch in found:
        paid = epoch.person.payout
        out(
            f"{epoch.scope_id}/{epoch.epoch_id}  {epoch.state}  {_units(paid.total_units)} units, "
            f"share {paid.share}, {paid.amount_credits} credits"
        )
        for event in epoch.person.events:
            mark = "" if event.included else "  excluded"
            late = "  late" if event.late else ""
            out(safe_text(f"    {_units(event.units):>12}  {event.event_time}  {event.id}{late}{mark}"))
        if epoch.person.override_reason:
            out(safe_text(f"    set by decision: {epoch.person.override_reason}"))


@show.command("event")
@options(node_option, now_option, json_option)
@click.argument("event_id")
def show_event(node_dir: Path | None, now: str | None, as_json: bool, event_id: str) -> None:
    """One event: where it is stored, what it counts for, who decided what about it.

    Example: ledger show event git:commit:0123…
    """
    from ledger.flows.views import show_event as view

    with session(node_dir, now, everywhere=True) as run:
        found = view(run, event_id)
    event = found.outcome
    if as_json:
        emit("event/1", {**plain(found), "outcome": {**plain(event), "units": str(event.units)}})
        return
    out(safe_text(f"{event.id}  {event.source}:{event.event_type}  {event.event_time}{'  late' if event.late else ''}"))
    out(safe_text(f"    link      {event.artifact_url}"))
    out(f"    stored    {found.scope_id}/{found.epoch_id} {event.path}, line {event.line}")
    out(safe_text(f"    account   {event.platform_login or ''} {event.platform_user_id}"))
    out(f"    counts    {'yes' if event.included else 'no'}, {_units(event.units)} units by {event.weight_source}")
    out(f"    for       {event.user_id or 'nobody yet (unresolved)'}")
    for line in found.decisions:
        out(safe_text(f"    {line.at}  {line.actor}  {line.action}: {line.note or line.user_id or ''}"))


def _units(milli: int) -> str:
    from ledger.core.values import units_text

    return units_text(milli)


def _people_table(people: object) -> None:
    from ledger.flows.views import Person

    rows = [
        (
            person.name,
            sum(event.included for event in person.events),
            _units(person.payout.total_units),
            person.payout.share,
            person.payout.amount_credits,
            person.override_reason or "",
        )
        for person in (people if isinstance(people, tuple) else ())
        if isinstance(person, Person)
    ]
    table(("who", "events", "units", "share", "credits", "decision"), rows)


def _person_data(person: object) -> dict[str, object]:
    data: dict[str, object] = plain(person)
    events = data["events"]
    if isinstance(events, list):
        for event in events:
            event["units"] = str(event["units"])
    if data["final_units"] is not None:
        data["final_units"] = str(data["final_units"])
    return data
