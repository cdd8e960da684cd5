"""`ledger curate`, `ledger override` and `ledger answer`: decisions, each with a reason and on the record."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from ledger.cli.group import Group
from ledger.cli.options import (
    NUMBER,
    actor_option,
    amount,
    epoch_option,
    json_option,
    node_option,
    now_option,
    options,
    scope_option,
    session,
)
from ledger.cli.output import emit, note, out
from ledger.core.errors import UsageError
from ledger.core.values import units_text

if TYPE_CHECKING:
    from ledger.flows.batch import Batch
    from ledger.flows.decide import Decided
    from ledger.flows.session import EpochFolder, Session

decision_options = options(node_option, scope_option, epoch_option, actor_option, now_option, json_option)
reason_option = click.option("--reason", required=True, help="Why; it is published with the decision.")
evidence_option = click.option("--evidence", help="A link that shows it.")


def run_decision(given: dict[str, Any], act: Callable[[Any, Any], Decided], as_json: bool) -> None:
    """Let `act` decide about the epoch that is `given` on the command line, and tell what came of it."""
    with session(given["node_dir"], given["now"], given["actor"]) as run:
        result = act(run, run.folder(run.scope_id(given["scope_id"]), given["epoch_id"]))
    if as_json:
        draft = result.draft
        emit(
            "decision/1",
            {
                "record": result.record,
                "changed": result.added,
                "statement_hash": draft.derived.statement.statement_hash if draft else None,
                "voided_signatures": draft.voided if draft else 0,
            },
        )
        return
    out(result.record.encode().decode())
    note("recorded" if result.added else "nothing changed: this decision stands already")
    for field in ("weight_override_milli", "final_units"):
        if (milli := getattr(result.record, field, None)) is not None:
            note(f"{milli} milli-units: {units_text(milli)} units")
    tell_draft(result.draft)


def tell_draft(draft: Any) -> None:
    """Say that the statement changed, and which signatures that voids."""
    if draft is not None and draft.changed:
        note(f"the statement changed: {draft.derived.statement.statement_hash}")
        if draft.voided:
            note(f"{draft.voided} signature(s) over the statement before no longer count; ask the approvers again")


def _run_file(
    many: BinaryIO, given: dict[str, Any], act: Callable[[Any, Any, bytes, str], Batch], as_json: bool
) -> None:
    from ledger.flows.batch import MOST_BYTES

    with session(given["node_dir"], given["now"], given["actor"]) as run:
        folder = run.folder(run.scope_id(given["scope_id"]), given["epoch_id"])
        result = act(run, folder, many.read(MOST_BYTES + 1), many.name)
    if as_json:
        draft = result.draft
        data = {
            "rows": result.rows,
            "changed": result.added,
            "statement_hash": draft.derived.statement.statement_hash if draft else None,
            "voided_signatures": draft.voided if draft else 0,
        }
        emit("decisions/1", data)
        return
    stand = "; the others stand already" if result.added < result.rows else ""
    note(f"{result.added} of {result.rows} decisions recorded now{stand}")
    tell_draft(result.draft)


@click.group(cls=Group, invoke_without_command=True)
@decision_options
@click.option(
    "--file", "many", type=click.File("rb"), help="Decide by the rows of this CSV or JSONL file; `-` is stdin."
)
@click.pass_context
def curate(context: click.Context, /, many: BinaryIO | None, as_json: bool, **given: Any) -> None:
    """Decide on one event: whether it counts, for how much, for whom.

    With --file on many at once: columns `action` (exclude, include, note, resolve, weight), `event`, and as the action
    needs `reason`, `user`, `milli`, `evidence`. All of its rows are recorded, or none.

    Example: ledger curate --file decisions.csv --actor alice
    """
    if context.invoked_subcommand is not None:
        sources = [context.get_parameter_source(name) for name in context.params]
        if click.core.ParameterSource.COMMANDLINE in sources:
            raise UsageError("options stand behind the decision", hint=f"ledger curate {context.invoked_subcommand} …")
        return
    if many is None:
        click.echo(context.get_help())
        return
    from ledger.flows.batch import curate_file

    _run_file(many, given, curate_file, as_json)


def _curation(name: str, **fixed: Any) -> Callable[..., None]:
    def command(event_id: str, as_json: bool, **given: Any) -> None:
        from ledger.flows.decide import curate as flow
        from ledger.flows.people import find_user

        user = None if given.get("user_id") == "-" else given.get("user_id")
        values = {
            "note": given.get("reason"),
            "weight_milli": given.get("milli"),
            "evidence": given.get("evidence"),
        }

        def decide(run: Session, folder: EpochFolder) -> Decided:
            who = find_user(run, user) if user is not None else None
            return flow(run, folder, fixed["action"], event_id, user_id=who, **values)

        run_decision(given, decide, as_json)

    command.__name__ = name
    return command


def _add(name: str, help_text: str, *extra: Callable[..., Any]) -> None:
    function = _curation(name, action=name)
    function.__doc__ = help_text
    for decorate in (*reversed(extra), evidence_option):
        function = decorate(function)
    curate.command(name)(click.argument("event_id")(decision_options(function)))


_add(
    "include",
    "Count the event again.\n\nExample: ledger curate include git:commit:0123… --reason 'is ours'",
    reason_option,
)
_add(
    "exclude",
    "Do not count the event.\n\nExample: ledger curate exclude git:commit:0123… --reason 'imported'",
    reason_option,
)
_add(
    "note",
    "Put a remark on the record.\n\nExample: ledger curate note git:commit:0123… --reason 'see #7'",
    reason_option,
)
_add(
    "resolve",
    "Say whose event it is, whatever its account is bound to.\n\n"
    "Example: ledger curate resolve file:minutes:3 --user @alice",
    click.option("--user", "user_id", required=True, metavar="USER", help="Whose: an id or @name; `-` clears."),
    click.option("--reason", help="Why; it is published with the decision."),
)


@curate.command("policy")
@decision_options
def policy(as_json: bool, **given: Any) -> None:
    """Apply the scope's written anti-spam rules now; review does it by itself.

    Example: ledger curate policy --scope default
    """
    from ledger.flows.policy import apply_now

    with session(given["node_dir"], given["now"], given["actor"]) as run:
        count = apply_now(run, run.folder(run.scope_id(given["scope_id"]), given["epoch_id"]))
    if as_json:
        emit("policy/1", {"excluded": count})
    else:
        note(f"{count} more event(s) left out by the rules; `ledger show epoch` lists each with its reason")


@curate.command("weight")
@decision_options
@click.argument("event_id")
@click.argument("milli", metavar="MILLI")
@reason_option
@evidence_option
def weight(event_id: str, milli: str, reason: str, evidence: str | None, as_json: bool, **given: Any) -> None:
    """Set what the event counts for, in milli-units (1000 is one unit); `-` clears it.

    Example: ledger curate weight git:commit:0123… 12000 --reason "a month's work in one commit"
    """
    from ledger.flows.decide import curate as flow

    value = None if milli == "-" else amount(milli, 2**53 - 1)
    run_decision(
        given,
        lambda run, folder: flow(run, folder, "weight", event_id, note=reason, weight_milli=value, evidence=evidence),
        as_json,
    )


@click.command()
@decision_options
@click.argument("user_id", metavar="USER", required=False)
@click.argument("units", metavar="MILLI", required=False)
@click.option("--reason", help="Why; it is published with the decision. Required, but with --file.")
@evidence_option
@click.option("--file", "many", type=click.File("rb"), help="Set those of this CSV or JSONL file; `-` is stdin.")
def override(
    user_id: str | None,
    units: str | None,
    reason: str | None,
    evidence: str | None,
    many: BinaryIO | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Set a user's final units for the epoch, in milli-units; `-` clears it. USER is an id or @name.

    A file sets many at once: columns `user`, `units`, `reason`, and where wanted `evidence`.

    Example: ledger override @alice 20000 --reason "agreed in the assembly"
    """
    from ledger.flows.decide import override as flow
    from ledger.flows.people import find_user

    if many is not None:
        if user_id or units or reason or evidence:
            raise UsageError("give a user or --file, not both")
        from ledger.flows.batch import override_file

        _run_file(many, given, override_file, as_json)
        return
    if not user_id or not units or not reason:
        raise UsageError("who gets how much, and why?", hint="Give USER, MILLI and --reason, or --file FILE.")
    value = None if units == "-" else amount(units)
    run_decision(
        given, lambda run, folder: flow(run, folder, find_user(run, user_id), value, reason, evidence), as_json
    )


@click.command("answer")
@decision_options
@click.argument("issue", type=NUMBER)
@click.argument("text")
@click.option("--evidence", default="", help="A link that shows it.")
def answer(issue: int, text: str, evidence: str, as_json: bool, **given: Any) -> None:
    """Answer a question about the epoch, as an approver; an open question keeps the epoch from being final.

    Example: ledger answer 12 "the second commit is a revert; it stays excluded"
    """
    from ledger.flows.questions import answer as flow

    run_decision(given, lambda run, folder: flow(run, folder, issue, text, evidence=evidence), as_json)
