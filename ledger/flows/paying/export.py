"""Write a signed plan's payment files, joined with the operator's own file of payees, outside the node.

Bank details pass through here from one file of the operator to another, and are never stored, printed or logged.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ledger.core.distribution import line_states
from ledger.core.errors import InputError, StateError
from ledger.core.money import asset_symbol, kind_of_destination
from ledger.core.planning import PlanOnRecord
from ledger.core.settling import status
from ledger.core.tables import separator_of
from ledger.flows.identity import display_names
from ledger.flows.paying.chains import refusing
from ledger.flows.paying.elsewhere import no_longer_owed, paid_elsewhere
from ledger.flows.paying.plan import latest, require_owed
from ledger.flows.session import Session
from ledger.rails.port import Order, Rail
from ledger.rails.registry import rail as rail_of
from ledger.store.files import write_beside


@dataclass(frozen=True, slots=True)
class Exported:
    """The files that were written, how many lines they pay, and who was left out: without details, or refused."""

    files: tuple[Path, ...]
    lines: int
    missing: tuple[str, ...]


def read_payees(path: Path | None) -> dict[str, dict[str, str]]:
    """The operator's file: CSV with a column `user_id`, one row a person; InputError names what is wrong."""
    if path is None:
        return {}
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the payees file cannot be read: {type(error).__name__}", path=str(path)) from None
    separator = separator_of(text.partition("\n")[0])
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
    try:
        return _payees(rows, path)
    except csv.Error as error:
        raise InputError(f"is no CSV: {error}", path=str(path), line=rows.line_num) from None


def _payees(rows: csv.DictReader[str], path: Path) -> dict[str, dict[str, str]]:
    if "user_id" not in (rows.fieldnames or ()):
        raise InputError("has no column user_id", path=str(path), line=1, hint="See docs/pay.md for its columns.")
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        user = (row.get("user_id") or "").strip().lower()
        if not user:
            continue
        if user in found:
            raise InputError(f"{user} has two rows", path=str(path), line=rows.line_num)
        found[user] = {name: value for name, value in row.items() if name and isinstance(value, str)}
    return found


def export(
    session: Session,
    scope_id: str,
    distribution: int | None,
    folder: Path,
    *,
    payees: Path | None = None,
    template: Path | None = None,
    options: Mapping[str, str] | None = None,
    skip_missing: bool = False,
) -> Exported:
    """Write the files of a plan that stands into `folder`, over every line that is not settled or on its way.

    What failed is written again, unless another distribution took it over, a draft too, or it is no longer owed (told).

    Raises StateError for a draft or an abandoned plan, InputError where a payee's details are missing, a wallet would
    not take the asset (asked of the chain's node, where one is named), the rail does not take an option, or the folder
    lies inside the node.
    """
    found = latest(session, scope_id, distribution)
    state = status(found).state
    if state in ("draft", "abandoned"):
        raise StateError(
            f"distribution {found.plan.distribution} is {'not signed yet' if state == 'draft' else 'abandoned'}",
            path=found.path,
            hint="Enough approvers sign first: ledger distribute sign." if state == "draft" else "Prepare a new one.",
        )
    if folder.resolve().is_relative_to(session.node.root.resolve()):
        raise InputError(
            f"{folder} lies inside the node, where payment files would be committed",
            hint="Name a folder elsewhere: --out ~/payments.",
        )
    require_owed_or_told(session, scope_id, found)
    rail, people = rail_of(found.plan.rail), read_payees(payees)
    names = display_names(session)
    given = dict(options or {})
    if template is not None:
        try:
            given["template"] = template.read_text("utf-8-sig")
        except UnicodeDecodeError:
            raise InputError("the template is no text in UTF-8", path=str(template)) from None
    _require_taken(rail, given)
    done = {ref for ref, entry in line_states(found.plan, found.settlements).items() if entry.state != "failed"}
    for reference, number in paid_elsewhere(session, scope_id, found).items():
        session.tell(f"{reference} is left out: distribution {number} pays it")
        done.add(reference)
    for reference in no_longer_owed(session, scope_id, found):
        if reference not in done:
            session.tell(
                f"{reference} is left out: it failed, and its credits were given away or taken back since, or are by a "
                "distribution that waits for signatures"
            )
            done.add(reference)
    lines = [line for line in found.plan.lines if line.reference not in done]
    missing = tuple(line.user_id for line in lines if not _complete(rail, people.get(line.user_id, {})))
    if missing and not skip_missing:
        raise InputError(
            f"the payees file lacks {', '.join(rail.needs)} for {len(missing)} people, among them "
            f"{names.get(missing[0]) or missing[0]}",
            path=str(payees) if payees else None,
            hint="Complete it, or write the others' lines with --skip-missing: these stay outstanding.",
        )
    lines = [line for line in lines if line.user_id not in missing]
    refused = refusing(session, found.plan, lines)
    if refused and not skip_missing:
        raise InputError(
            f"{len(refused)} wallets cannot receive {asset_symbol(found.plan.asset)}, among them "
            f"{refused[0].destination} of {names.get(refused[0].user_id) or refused[0].user_id}",
            path=found.path,
            hint="Each of them binds another wallet for the next plan; --skip-missing writes the others' lines.",
        )
    lines = [line for line in lines if line not in refused]
    missing += tuple(line.user_id for line in refused)
    if not lines:
        raise StateError("no line is left to pay", path=found.path, hint="`ledger distribute status` shows each.")
    shown = {str(user): name for user, name in names.items()}
    if any(kind_of_destination(line.destination) == "github" for line in lines):
        shown |= _logins(session)
    data = rail.files(Order(found.plan, lines, people, given, shown))
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in data.items():
        target = folder / f"{scope_id}-{found.plan.distribution:04d}-{name}"
        write_beside(folder, target.name, content, 0o600)
        written.append(target)
    return Exported(tuple(written), len(lines), missing)


def require_owed_or_told(session: Session, scope_id: str, found: PlanOnRecord) -> None:
    """A plan that was amended under its feet is told, not refused: signed is signed, and later plans offset it."""
    try:
        require_owed(session, scope_id, found.plan.distribution)
    except StateError as error:
        session.tell(f"{error.message}: who got too much is offset by later distributions")


def _require_taken(rail: Rail, given: Mapping[str, str]) -> None:
    """InputError for an option that says nothing to the rail; a third party's rail need not tell which do."""
    takes = getattr(rail, "takes", tuple(given))
    for name in given:
        if name not in takes:
            what = "--template" if name == "template" else f"--option {name}"
            ours = ", ".join("--template" if each == "template" else f"--option {each}=…" for each in takes)
            raise InputError(f"the rail {rail.kind} takes no {what}", hint=f"It takes: {ours or 'none'}.")


def _complete(rail: Rail, payee: Mapping[str, str]) -> bool:
    return all(payee.get(column, "").strip() for column in rail.needs)


def _logins(session: Session) -> dict[str, str]:
    return {
        line.user_id: line.login
        for line in session.node.bindings()
        if line.provider == "github" and line.login and line.action == "bind"
    }
