"""Another ledger judged by its published site alone: checkpoint, statement log, statements, approvers, signatures.

What a scope's checkpoint is over lies beside it, so that whoever reads it needs no proof made for him: the first n
statements give the root that was remembered, or the past was rewritten. Nothing is recomputed from events; what a
statement says counts because the people whom the remembered root leads to signed it. Asks that one site, by GET.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ledger.core.approvers import Chain
from ledger.core.bounds import FILE_BYTES
from ledger.core.canonical import decode, sha256_hex
from ledger.core.errors import FormatError, SignatureError
from ledger.core.evaluate import Finding
from ledger.core.findings import Findings
from ledger.core.merkle import merkle_root
from ledger.core.place import Place
from ledger.core.records.approvers import ApproverSet, holder
from ledger.core.records.decisions import Binding
from ledger.core.records.statement import Signature, Statement
from ledger.core.recover import recover_signer
from ledger.core.signing import signed_text
from ledger.core.statementlog import Final, LogKind, LogLine, StatementLog, log_findings
from ledger.core.values import HASH_PATTERN, SCOPE_PATTERN, UUID_PATTERN, Hash, ScopeId
from ledger.credentials import fetch
from ledger.flows.verdicts import as_finding
from ledger.store import layout
from ledger.store.final import final_sets, set_ref
from ledger.store.logs import check_place, read_log
from ledger.store.peers import Checkpoint
from ledger.store.sharedlogs import parse_chain

ROOT = "api/v1/ledger/"
_AMENDED = re.compile(r"data/epochs/([^/]+)/([0-9]{4,9})/amendments/([0-9]{2})/statement\.json")


@dataclass(frozen=True, slots=True)
class Published:
    """One statement that a site publishes as final: which version of which epoch, and the hash that its log names."""

    place: Place
    hash: Hash
    statement: Statement | None
    """None where the bytes are not those of the hash, or cannot be read."""


@dataclass
class SiteSeen:
    """What a site says of a ledger, and everything that does not hold."""

    node_id: str
    roots: dict[str, Hash | None] = field(default_factory=dict)
    published: list[Published] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)

    @property
    def first_statements(self) -> list[Statement]:
        """The epochs' own statements, without amendments."""
        return [one.statement for one in self.published if one.place.version == 1 and one.statement is not None]


def look_at(address: str, remembered: Sequence[Checkpoint] = ()) -> SiteSeen:
    """Read a site and hold it to what was remembered of it.

    SourceError where it does not answer, FormatError for a front page of the API that is none.
    """
    site = _Site(address)
    settings = fetch.parse_object(site.get("scopes.json"), site.url("scopes.json"))
    seen = SiteSeen(_node_id(settings, site.url("scopes.json")))
    scopes = _scopes(settings, site.url("scopes.json"))
    before = {point.scope_id: point for point in remembered}
    for scope_id in sorted(before.keys() - set(scopes)):
        seen.findings.add(
            _finding("STATEMENT_LOGGED", f"scope {scope_id}, which was remembered, is gone", "scopes.json")
        )
    for scope_id in scopes:
        try:
            _Scope(site, seen, scope_id).judge(before.get(scope_id))
        except FormatError as error:
            seen.findings.add(as_finding(error))
    try:
        _bindings(site, seen)
    except FormatError as error:
        seen.findings.add(as_finding(error))
    return seen


class _Site:
    def __init__(self, address: str) -> None:
        base = address.removesuffix("/").removesuffix(ROOT.removesuffix("/")).removesuffix("/")
        self._base = f"{base}/{ROOT}"

    def url(self, path: str) -> str:
        return self._base + path

    def get(self, path: str) -> bytes:
        return fetch.fetch(self.url(path), FILE_BYTES)


@dataclass
class _Scope:
    """One scope of the site: its parts are read in the order in which one holds the next."""

    site: _Site
    seen: SiteSeen
    scope_id: ScopeId

    def judge(self, before: Checkpoint | None) -> None:
        chain = self._chain()
        leaves = self._leaves(before)
        log = self._log()
        finals = [*final_sets(self.scope_id, chain)]
        known: dict[str, Published] = {}
        for number, leaf in enumerate(leaves, start=1):
            one = self._published(Place(self.scope_id, number, 1), leaf)
            known[_path(one.place)] = one
            finals.append(self._final(one))
        for line in log.lines:
            found = _AMENDED.fullmatch(line.ref) if line.kind == "amendment" else None
            if found is not None and found[1] == self.scope_id:
                one = self._published(Place(self.scope_id, int(found[2]), int(found[3])), line.hash)
                known[_path(one.place)] = one
                finals.append(self._final(one))
        kinds = {"approvers", "statement", "amendment"}  # of the others, the site publishes files of other kinds
        lines = [line for line in log.lines if line.kind in kinds]
        self._tell(log_findings(layout.log_path(self.scope_id), lines, finals))
        for path, one in known.items():
            if one.statement is not None:
                self._tell(self._statement_findings(f"{path}/statement.json", one.statement, known, log))
                self._tell(self._signature_findings(path, one, one.statement, chain))
        self.seen.published += known.values()

    def _tell(self, findings: Iterator[Finding]) -> None:
        for finding in findings:
            self.seen.findings.add(finding)

    def _chain(self) -> Chain:
        sets, signatures = (self.site.get(f"approvers/{self.scope_id}{end}") for end in (".jsonl", ".signatures.jsonl"))
        chain = parse_chain(sets, signatures, self.seen.node_id, self.scope_id)
        self._tell(iter(chain.findings))
        self.seen.roots[self.scope_id] = chain.root
        return chain

    def _leaves(self, before: Checkpoint | None) -> list[Hash]:
        """The hashes of the finalized statements: what the checkpoint is over, and that it goes on from `before`."""
        path, beside = f"checkpoints/{self.scope_id}.txt", f"checkpoints/{self.scope_id}.statements.txt"
        point = self.site.get(path)
        lines = self.site.get(beside).decode("ascii", "replace").split("\n")
        if lines.pop() != "" or not all(re.fullmatch(HASH_PATTERN, line) for line in lines):
            raise FormatError("is no list of hashes, one a line", path=beside, rule="STATEMENT_LOGGED")
        origin, size, root, *rest = [*point.decode("ascii", "replace").split("\n"), "", ""][:5]
        mine = f"{self.seen.node_id}/{self.scope_id}"
        if origin != mine:
            self.seen.findings.add(
                _finding("NODE_SCOPED", "the checkpoint is of another log", path, mine, origin[:200])
            )
        if (size, root) != (str(len(lines)), _root(lines)) or any(rest):
            message = "the checkpoint is not that of the statements beside it"
            self.seen.findings.add(
                _finding("STATEMENT_LOGGED", message, path, f"{len(lines)} {_root(lines)}", f"{size} {root}"[:200])
            )
        if before is not None and len(lines) < before.size:
            message = "fewer statements are finalized than were remembered: the ledger was rolled back"
            self.seen.findings.add(_finding("STATEMENT_LOGGED", message, beside, str(before.size), str(len(lines))))
        elif before is not None and _root(lines[: before.size]) != before.root:
            message = f"the first {before.size} statements are others than were remembered: the log was forked"
            self.seen.findings.add(
                _finding("STATEMENT_LOGGED", message, beside, before.root, _root(lines[: before.size]))
            )
        now = Checkpoint(root=_root(lines), scope_id=self.scope_id, size=len(lines))
        self.seen.checkpoints.append(now)
        return [Hash(line) for line in lines]

    def _log(self) -> StatementLog:
        path = layout.log_path(self.scope_id)
        data = self.site.get(f"log/{self.scope_id}.jsonl")
        return StatementLog(tuple(read_log(LogLine, data, path, self.seen.node_id, self.scope_id)))

    def _published(self, place: Place, wanted: Hash) -> Published:
        """The statement of a version, where its bytes are those that the log names."""
        path = f"{_path(place)}/statement.json"
        data, found = self.site.get(f"{_folder(place)}/statement.json"), None
        if sha256_hex(data) != wanted:
            message = "the statement is not the one that the log names"
            self.seen.findings.add(_finding("EPOCH_FINALIZE_IDEMPOTENT", message, path, wanted, sha256_hex(data)))
        else:
            try:
                found = Statement.read(decode(data.removesuffix(b"\n"), FILE_BYTES))
                check_place(found, self.seen.node_id, self.scope_id, place.epoch_id)
                if found.version != place.version:
                    raise FormatError(f"is version {found.version}, expected {place.version}")
            except FormatError as error:
                found = None
                self.seen.findings.add(as_finding(error.at(path)))
        return Published(place, wanted, found)

    def _final(self, one: Published) -> Final:
        pinned = set_ref(self.scope_id, one.statement.approvers_seq) if one.statement else None
        kind: LogKind = "statement" if one.place.version == 1 else "amendment"
        return Final(kind, f"{_path(one.place)}/statement.json", one.hash, pinned)

    def _statement_findings(
        self, path: str, statement: Statement, known: Mapping[str, Published], log: StatementLog
    ) -> Iterator[Finding]:
        """It names the statement before it, and the log as it was."""
        before = known.get(_path(Place(self.scope_id, statement.epoch_id - 1, 1)))
        if statement.previous_statement_hash != (before.hash if before else None):
            wanted = before.hash if before else "none"
            message = "names another statement before it"
            yield _finding("PAYOUT_DETERMINISTIC", message, path, wanted, statement.previous_statement_hash or "none")
        pin = statement.log
        if pin.size > len(log.lines) or log.pin(pin.size) != pin:
            wanted = log.pin(pin.size).root if pin.size <= len(log.lines) else f"{len(log.lines)} lines"
            message = f"pins {pin.size} lines of the statement log, and they are not these"
            yield _finding("STATEMENT_LOGGED", message, path, wanted, pin.root)

    def _signature_findings(self, path: str, one: Published, statement: Statement, chain: Chain) -> Iterator[Finding]:
        """Enough people of the set that it names signed it."""
        approvers = chain.get(statement.approvers_seq) if chain.counts(statement.approvers_seq) else None
        named = (statement.approver_set_hash, statement.threshold)
        if approvers is None or (approvers.set_hash, approvers.threshold) != named:
            message = f"names approver set {statement.approvers_seq}, which does not count like this"
            yield _finding("APPROVERS_PINNED_AT_REVIEW", message, f"{path}/statement.json")
            return
        name = f"{path}/signatures.jsonl"
        data = self.site.get(f"{_folder(one.place)}/signatures.jsonl")
        try:
            lines = list(read_log(Signature, data, name, self.seen.node_id, self.scope_id, one.place.epoch_id))
        except FormatError as error:
            yield as_finding(error)
            return
        people = set(_people(statement, lines, approvers))
        if len(people) < approvers.threshold:
            message = "approvers who signed"
            yield _finding("APPROVERS_PER_SCOPE", message, name, str(approvers.threshold), str(len(people)))


def _people(statement: Statement, lines: Sequence[Signature], approvers: ApproverSet) -> Iterator[str]:
    """Who of the set really signed the statement."""
    text = signed_text(statement)
    for line in lines:
        try:
            person = holder(approvers.approvers, recover_signer(text, line.signature))
        except SignatureError:
            continue
        if person is not None:
            yield person


def _bindings(site: _Site, seen: SiteSeen) -> None:
    """The bindings log, which must go on from what every statement pins."""
    data = site.get("identities.jsonl")
    seen.bindings += read_log(Binding, data, layout.IDENTITIES, seen.node_id)
    lines = data.split(b"\n")[:-1]
    for one in seen.published:
        pin = one.statement.identities if one.statement else None
        if pin is not None and sha256_hex(b"".join(line + b"\n" for line in lines[: pin.size])) != pin.sha256:
            message = f"its first {pin.size} lines are not those that {_path(one.place)} pins"
            seen.findings.add(_finding("IDENTITY_BEST_EFFORT", message, layout.IDENTITIES, pin.sha256))


def _path(place: Place) -> str:
    """Where a version lies in the node."""
    return layout.version_path(place.scope_id, place.epoch_id, place.version)


def _folder(place: Place) -> str:
    """Where the site publishes it."""
    later = f"/amendments/{place.version:02d}" if place.version > 1 else ""
    return f"epochs/{place.scope_id}/{place.epoch_id}{later}"


def _root(hashes: Sequence[str]) -> str:
    """As a checkpoint has it: base64 of the RFC 9162 root."""
    return base64.b64encode(bytes.fromhex(merkle_root(one.encode() for one in hashes))).decode()


def _finding(rule: str, message: str, path: str, expected: str | None = None, actual: str | None = None) -> Finding:
    return Finding(rule, message, path, None, expected, actual)


def _node_id(settings: Mapping[str, object], where: str) -> str:
    found = settings.get("node_id")
    if not isinstance(found, str) or re.fullmatch(UUID_PATTERN, found) is None:
        raise FormatError("names no node", path=where, hint="Give the address of a ledger's site.")
    return found


def _scopes(settings: Mapping[str, object], where: str) -> list[ScopeId]:
    found = settings.get("scopes")
    names = [one.get("scope_id") for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    if not names or not all(isinstance(name, str) and re.fullmatch(SCOPE_PATTERN, name) for name in names):
        raise FormatError("names no scopes", path=where, hint="Give the address of a ledger's site.")
    return [ScopeId(str(name)) for name in names]
