"""Recompute everything from stored data and say, invariant by invariant, what holds and what does not.

Reads only; needs no network and no key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ledger.compute.ahead import Ahead
from ledger.compute.derive import Loads
from ledger.core.conduct import binding_findings
from ledger.core.errors import FormatError, InputError, LedgerError
from ledger.core.evaluate import Finding
from ledger.core.findings import Findings
from ledger.core.place import Place
from ledger.core.recover import has_coincurve
from ledger.core.settling import approvers_of
from ledger.core.signing import signed_text
from ledger.core.statementlog import log_findings
from ledger.core.succession import scope_findings
from ledger.engines.recompute import Figures
from ledger.flows.known import Known
from ledger.flows.paying.check import money_findings
from ledger.flows.paying.posts import post_findings
from ledger.flows.purity import impure_imports
from ledger.flows.receipts.check import ReceiptCheck
from ledger.flows.second import SecondOpinion
from ledger.flows.session import Session, reading
from ledger.flows.sidebyside import CheckedParts, SideBySide, reports_of
from ledger.flows.signers import Signed, recover_ahead
from ledger.flows.trust import Trust, root_findings, trust_of
from ledger.flows.verdicts import EpochReport, as_finding
from ledger.store import layout
from ledger.store.amendments import gap_findings
from ledger.store.entries import check_entry, scope_of, walk
from ledger.store.epochfolder import EpochFolder, life_of
from ledger.store.final import finals
from ledger.store.final_payments import final_payments
from ledger.store.node import Node
from ledger.store.once import FolderOnce
from ledger.store.paylayout import DISTRIBUTIONS, OPENING
from ledger.store.payments import on_disk


@dataclass
class Verification:
    """All epochs that were looked at, and what is wrong with the node apart from any epoch.

    `known`: those that were not recomputed, being what passed before (`flows.known`); they come without verdicts.
    """

    node_id: str
    epochs: list[EpochReport] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    trust: list[Trust] = field(default_factory=list)
    known: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return not self.findings and all(epoch.ok for epoch in self.epochs)

    @property
    def all_findings(self) -> list[Finding]:
        """Everything that does not hold, in reading order."""
        found = [finding for epoch in self.epochs for check in epoch.checks for finding in check.findings]
        return [*self.findings, *found]


def verify(
    session: Session,
    scope_id: str | None = None,
    epoch_id: int | None = None,
    roots: Sequence[str] = (),
    known: Known | None = None,
    second: Mapping[Place, Figures] | None = None,
    checked: CheckedParts | None = None,
) -> Verification:
    """Check the node: all scopes and epochs, or those asked for.

    `roots`: what an outsider kept, the hash of the line with which a scope's approvers began; another one differs.
    `known`: what the caller proved before; epochs that are the same still are told as known, what passes is added.
    `second`: sums and roots that another engine made (`flows.second`), to which the statements are held instead;
    EngineError where all would pass and an epoch is not among them.
    `checked`: what was found of the epochs by whoever computed them for something else.
    """
    with reading(session):
        return _verified(session, scope_id, epoch_id, roots, known, second, checked)


def _verified(
    session: Session,
    scope_id: str | None,
    epoch_id: int | None,
    roots: Sequence[str],
    known: Known | None,
    second: Mapping[Place, Figures] | None,
    before: CheckedParts | None,
) -> Verification:
    node = session.node
    if not (node.root / "data").exists():
        hint = "`ledger init` and `ledger collect` make it. If it was there, get it back: git checkout -- data"
        raise InputError("there is no folder data/, so there is nothing to verify", path="data", hint=hint)
    result = Verification(node.node_id)
    result.findings += Findings(tree_findings(node))
    result.findings += [
        Finding("ADAPTERS_NOT_IN_CORE", f"core imports {name}", path) for path, name in impure_imports()
    ]
    receipts = ReceiptCheck(session)
    same = _known_epochs(node, session.scope_ids(scope_id), known) if known else set()
    if before is not None:
        same -= before.reports.keys()
        session.engine.forget_ids()  # those of whoever computed them
    result.findings += _ids_elsewhere(session, scope_id, epoch_id, same)
    scopes = {scope: _folders(node, scope) for scope in session.scope_ids(scope_id)}
    asked = {scope: [each for each in epochs if epoch_id in (None, each.epoch_id)] for scope, epochs in scopes.items()}
    new = {scope: [each for each in asked[scope] if (scope, each.epoch_id) not in same] for scope in scopes}
    with SideBySide(session, new if second is None else {}, before) as beside:
        for scope, folders in scopes.items():
            result.findings += _scope_findings(node, scope, folders)
            with suppress(LedgerError):  # one of the findings
                result.trust.append(trust_of(node.scope(scope), node.chain(scope)))
        checked = beside.reports()
    if beside.repeated:
        session.engine.forget_ids()
        _ids_elsewhere(session, scope_id, epoch_id, same)
    opinions: list[SecondOpinion] = []
    for scope, folders in asked.items():
        if not checked and not has_coincurve():
            recover_ahead(_signed(new[scope]))
        ahead = Ahead(session.engine, node, new[scope])
        loads: Loads = ahead
        if second is not None:
            loads = SecondOpinion(ahead, second)
            opinions.append(loads)
        for folder in folders:
            if (scope, folder.epoch_id) in same:
                hash_ = folder.hash_of("statement.json")
                result.epochs.append(EpochReport(scope, folder.epoch_id, "finalized", hash_, ()))
                result.known.append(f"{scope}/{folder.epoch_id}")
                continue
            session.tell(f"verifying {scope}/{folder.epoch_id}")
            reports = checked.get((scope, folder.epoch_id)) or reports_of(session, folder, receipts, loads)
            result.epochs += reports
            if known is not None:
                known.learn(folder, passed=all(each.ok and each.state == "finalized" for each in reports))
    result.findings += _binding_findings(node)
    result.findings += root_findings(result.trust, roots)
    if epoch_id is None:
        result.findings += money_findings(node, session.scope_ids(scope_id))
        result.findings += post_findings(node)
    if epoch_id is not None and not result.epochs:
        session.folder(session.scope_id(scope_id), epoch_id)  # raises: no such epoch
    result.findings += Findings(_unknown_scopes(node))
    told = set(result.all_findings)
    result.findings += [finding for finding in _of_receipts(receipts) if finding not in told]
    for opinion in opinions if result.ok else ():
        opinion.must_be_heard()
    return result


def _signed(folders: Sequence[EpochFolder]) -> Iterator[Signed]:
    """What approvers signed of these epochs, by the stored statements: who checks a signature makes its text anew."""
    for folder in folders:
        with suppress(LedgerError):
            statement = folder.statement()
            text = signed_text(statement) if statement else ""
            yield from ((text, line.signature) for line in folder.signatures() if statement)
        if isinstance(folder, FolderOnce):
            folder.forget()


def _of_receipts(receipts: ReceiptCheck) -> Sequence[Finding]:
    try:
        return receipts.log_findings()
    except LedgerError as error:  # a file of another scope, on which receipts rest
        return [as_finding(error)]


def tree_findings(node: Node) -> list[Finding]:
    """Everything under `data/` that may not lie there (WRITES_VIA_WORKFLOW)."""
    found = []
    for path, mode in walk(node.root, "data"):
        try:
            if not layout.is_scratch(path):
                check_entry(path, mode)
                if path == layout.GITKEEP and (node.root / path).stat().st_size:
                    raise FormatError("holds something; it is an empty file", path=path, rule="WRITES_VIA_WORKFLOW")
        except FormatError as error:
            found.append(as_finding(error))
    return found


def _folders(node: Node, scope_id: str) -> list[EpochFolder]:
    root = node.root / layout.EPOCHS / scope_id
    ids = sorted(int(path.name) for path in root.iterdir() if path.name.isdecimal()) if root.is_dir() else []
    folders = [node.epoch(scope_id, epoch_id) for epoch_id in ids]
    if folders and _cut_off(folders[-1]):
        folders.pop()  # a run was killed while it opened this epoch; the next one completes it
    return folders


def _cut_off(folder: EpochFolder) -> bool:
    """Whether the folder holds nothing but what a killed opening leaves: `epoch.json`, scratch, or neither."""
    names = {name for name in folder.names() if not layout.is_scratch(name)}
    if names != {"epoch.json"}:
        return not names
    try:
        folder.epoch()
    except LedgerError:
        return False  # no command writes that one: the epoch's check says what it is
    return True


def _known_epochs(node: Node, scopes: Sequence[str], known: Known) -> set[tuple[str, int]]:
    """The epochs that were proved before and are the same still."""
    found = set()
    for scope in scopes:
        for folder in _folders(node, scope):
            if known.holds(node, folder):
                found.add((scope, folder.epoch_id))
    return found


def _ids_elsewhere(
    session: Session, scope_id: str | None, epoch_id: int | None, same: Collection[tuple[str, int]]
) -> list[Finding]:
    """Where not all epochs are looked at, the ids of the others are read first: an id is in the node once."""
    node, asked = session.node, set(session.scope_ids(scope_id))
    if epoch_id is None and asked >= node.scopes.keys() and not same:
        return []
    try:
        shards = [
            shard
            for scope in node.scopes
            for folder in _folders(node, scope)
            if scope not in asked or epoch_id not in (None, folder.epoch_id) or (scope, folder.epoch_id) in same
            for shard in folder.shards()
        ]
        session.engine.remember_elsewhere(shards)
    except FormatError as error:
        message = f"the ids of other epochs cannot be read: {error.message}"
        return [Finding("ACTIVITY_IDEMPOTENT", message, error.path or layout.EPOCHS, error.line)]
    return []


def _scope_findings(node: Node, scope_id: str, folders: Sequence[EpochFolder]) -> Iterator[Finding]:
    """The scope's epochs together, its chain of approver sets and its statement log."""
    settings = node.settings.epoch
    lives = [life_of(folder) for folder in folders]
    yield from scope_findings(f"{layout.EPOCHS}/{scope_id}", lives, overlap=node.scope(scope_id).overlap)
    for folder in folders:
        yield from gap_findings(folder)
        with suppress(LedgerError):  # an epoch.json that cannot be read is told by the epoch's own check
            if not settings.calendar.pinned_by(folder.epoch()):
                message = f"window {folder.window()} is not aligned to the anchor, or not as long as it says"
                yield Finding("EPOCH_WINDOW_UNIQUE", message, folder.path("epoch.json"), 1)
    try:
        chain, lines = node.chain(scope_id), node.epoch(scope_id, 1).log()
        yield from chain.findings
        closed = [folder for folder, life in zip(folders, lives, strict=True) if life.state == "finalized"]
        money = final_payments(on_disk(node.root, node.node_id), scope_id, approvers_of(chain))
        yield from log_findings(layout.log_path(scope_id), lines, [*finals(scope_id, chain, closed), *money])
    except LedgerError as error:
        yield as_finding(error)


def _binding_findings(node: Node) -> Iterator[Finding]:
    """New people's ids over the whole bindings log; one that cannot be read is told by the epochs that pin it."""
    with suppress(LedgerError):
        yield from binding_findings(layout.IDENTITIES, node.bindings())


def _unknown_scopes(node: Node) -> Iterator[Finding]:
    """Epochs, logs and files of paying of scopes that are not configured, which no scope's check reads."""
    root = node.root / layout.EPOCHS
    names = sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    found = [("epochs", f"{layout.EPOCHS}/{name}", name) for name in names]
    for folder in (layout.APPROVERS, layout.LOG, DISTRIBUTIONS, OPENING):
        found += [("is", path, name) for path, _ in walk(node.root, folder) if (name := scope_of(path)) is not None]
    for what, path, name in found:
        if name not in node.scopes:
            message = f"{what} of a scope that is not configured: there is no {layout.scope_path(name)}"
            yield Finding("SCOPE_VALIDATED", message, path)
