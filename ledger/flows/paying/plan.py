"""Prepare a distribution, sign it, say where it stands, give it up.

One distribution of a scope is in preparation at a time: a draft is signed or abandoned before the next is prepared, so
that no two of them pay the same credits. Every act can be run again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from ledger.core.book import Expected, build_book, prepare_plan
from ledger.core.distribution import Cover, OnDecline, Plan, PlanSignature, Rate, Settlement, abandonment
from ledger.core.errors import DifferenceError, InputError, SignatureError, StateError
from ledger.core.explain import explain
from ledger.core.money import Minor, asset_of, decimals_of, parse_decimal
from ledger.core.planning import BookInputs, PlanOnRecord, Terms
from ledger.core.settling import Course, PlanStatus, abandoning_people, status
from ledger.core.signing import normalize_signature, recover_signer
from ledger.core.values import Hash, ScopeId, Timestamp
from ledger.flows.approvers import must_approve
from ledger.flows.paying.posts import require_posts
from ledger.flows.session import Session
from ledger.flows.statementlog import complete_log
from ledger.rails.registry import rail as rail_of
from ledger.store import layout
from ledger.store.append import append_records
from ledger.store.files import write_file, write_lock
from ledger.store.moneybook import approvers_at, book_inputs, on_record
from ledger.store.paylayout import distribution_path, plan_path
from ledger.store.payments import distributions_on_disk, on_disk


@dataclass(frozen=True, slots=True)
class PlanWish:
    """What the operator asks for: rail, asset, the rate in whole units of the asset per credit, and limits."""

    rail: str
    asset: str
    rate: str
    rate_source: str
    decimals: int | None = None
    minimum: str = "0"
    on_decline: OnDecline | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan that lies in the node, and whether this run wrote it."""

    plan: Plan
    added: bool


def parse_rate(text: str, decimals: int) -> tuple[int, int]:
    """Minor units per credit as a fraction, from `A/B` or a decimal number of whole units per credit.

    `0.155` of an asset with 2 decimals is 155·10^2 / 1000 minor units a credit: exact, never rounded.
    """
    above, slash, below = text.partition("/")
    parts = [above, below] if slash else [above]
    found = []
    for part in parts:
        whole, _, fraction = part.partition(".")
        digits = whole + fraction
        if not digits.isascii() or not digits.isdecimal() or len(digits) > 30 or (slash and fraction):
            raise InputError(
                f"rate {text[:60]!r} is none", hint="For example 0.155, or 1/3: units of the asset for one credit."
            )
        found.append((int(digits), 10 ** len(fraction)))
    numerator, denominator = found[0]
    if slash:
        denominator = found[1][0]
    if not numerator or not denominator:
        raise InputError("a rate is more than nothing", hint="For example 0.155.")
    return numerator * 10**decimals, denominator


def plan(session: Session, scope_id: str, wish: PlanWish) -> Prepared:
    """Write the next distribution's plan over everything that is owed; the same again changes nothing.

    Raises StateError while another one is a draft, InputError where nothing is owed or the rail cannot pay the asset.
    """
    node = session.node
    scope = node.scope(scope_id)
    session.approver(scope)
    asset = asset_of(wish.asset)
    decimals = decimals_of(asset, wish.decimals)
    if not rail_of(wish.rail).accepts(asset):
        raise InputError(f"the rail {wish.rail} does not pay {asset}", hint="See docs/pay.md for what each rail pays.")
    numerator, denominator = parse_rate(wish.rate, decimals)
    with write_lock(node.root):
        inputs = book_inputs(node, scope_id)
        draft = next(
            (each for each in inputs.plans if each.stands_at is None and not abandonment(each.settlements)), None
        )
        terms = Terms(
            distribution=draft.plan.distribution if draft else len(inputs.plans) + 1,
            at=draft.plan.at if draft else session.now,
            asset=asset,
            decimals=decimals,
            rail=wish.rail,
            rate=_rate(draft.plan.rate.at if draft else session.now, numerator, denominator, wish.rate_source),
            minimum_minor=parse_decimal(wish.minimum, decimals),
            on_decline=wish.on_decline or scope.on_decline,
            covers=_covers(inputs),
            identities=session.node.prefix_pin(layout.IDENTITIES, None),
            instructions=on_disk(node.root, node.node_id).instructions_pin(),
        )
        _require_time(session, inputs)
        require_posts(session, terms.instructions.size)
        found = prepare_plan(inputs, terms)
        if draft is not None:
            if draft.plan == found:
                return Prepared(draft.plan, added=False)
            raise StateError(
                f"distribution {draft.plan.distribution} is a draft that waits for signatures",
                path=draft.path,
                hint="Sign it, or give it up first: ledger distribute abandon --reason …",
            )
        if not found.lines:
            raise InputError(
                "there is nobody to pay",
                hint="`ledger book` shows what is owed; "
                + (
                    f"{len(found.left_out)} balances are left out ({_reasons(found)})."
                    if found.left_out
                    else "nothing."
                ),
            )
        write_file(node.root, plan_path(scope_id, found.distribution), found.file_bytes())
    session.tell(f"{scope_id}: distribution {found.distribution} is prepared and waits for signatures")
    return Prepared(found, added=True)


def _rate(at: Timestamp, numerator: int, denominator: int, source: str) -> Rate:
    try:
        return Rate(at=at, numerator=Minor(numerator), denominator=Minor(denominator), source=source)
    except ValidationError as error:
        raise InputError(f"rate: {explain(error)}", hint="Say where the rate comes from: --rate-source.") from None


def _reasons(found: Plan) -> str:
    reasons = [line.reason for line in found.left_out]
    return ", ".join(f"{reasons.count(reason)} {reason}" for reason in sorted(set(reasons)))


def _require_time(session: Session, inputs: BookInputs) -> None:
    times: list[str] = [entry.at for each in inputs.plans for entry in each.settlements]
    times += [each.stands_at or each.plan.at for each in inputs.plans]
    if times and session.now < max(times):
        raise StateError(f"the record already goes on to {max(times)}", hint="Is the clock right, or --now too early?")


def _covers(inputs: BookInputs) -> tuple[Cover, ...]:
    in_force = {
        each.epoch_id: each for each in sorted(inputs.statements, key=lambda each: (each.epoch_id, each.version))
    }
    return tuple(
        Cover(epoch_id=each.epoch_id, statement_hash=Hash(each.statement_hash), version=each.version)
        for _, each in sorted(in_force.items())
    )


def latest(session: Session, scope_id: str, distribution: int | None) -> PlanOnRecord:
    """The distribution asked for, or the last one; InputError when there is none."""
    node = session.node
    numbers = distributions_on_disk(node.root, scope_id)
    if distribution is None and not numbers:
        raise InputError(f"scope {scope_id} has no distribution yet", hint="Prepare one: ledger distribute plan.")
    number = distribution if distribution is not None else numbers[-1]
    return on_record(on_disk(node.root, node.node_id), scope_id, number, approvers_at(node, scope_id))


def require_owed(session: Session, scope_id: str, distribution: int) -> None:
    """DifferenceError unless the plan is what the record gives, StateError where a statement changed since.

    StateError also where it counts with an instruction that nobody here can see to be its person's own.
    """
    inputs = book_inputs(session.node, scope_id)
    book = build_book(inputs, whose=())
    expected: Expected = next(e for e in book.expected if e.on_record.plan.distribution == distribution)
    stored = expected.on_record.plan
    require_posts(session, stored.instructions.size)
    covered = {cover.epoch_id: cover.version for cover in stored.covers}
    for each in inputs.statements:
        if each.version > covered.get(each.epoch_id, each.version):
            raise StateError(
                f"epoch {each.epoch_id} was amended since the plan was prepared",
                path=expected.on_record.path,
                rule="DISTRIBUTION_BALANCED",
                hint="Abandon this plan and prepare a new one.",
            )
    if expected.plan is None or expected.plan.file_bytes() != stored.file_bytes():
        raise DifferenceError(
            f"the plan is not what the record gives{': ' + str(expected.error) if expected.error else ''}",
            path=expected.on_record.path,
            rule="DISTRIBUTION_BALANCED",
            hint="`ledger verify` says where they differ. Do not sign it.",
        )


@dataclass(frozen=True, slots=True)
class PlanSigned:
    """A signature on record, whether this run added it, and who has signed of how many."""

    signature: PlanSignature
    person: str
    added: bool
    people: tuple[str, ...]
    threshold: int


def sign_plan(
    session: Session, scope_id: str, distribution: int | None, signature: str, evidence: str = ""
) -> PlanSigned:
    """Add one approver's signature over the plan, after computing it again; the signer is recovered, never claimed."""
    node = session.node
    with write_lock(node.root):
        found = latest(session, scope_id, distribution)
        stored = found.plan
        number = stored.distribution
        if abandonment(found.settlements):
            raise StateError(f"distribution {number} was abandoned", path=found.path, hint="Prepare a new one.")
        normal = normalize_signature(signature)
        wallet = recover_signer(stored.signed_text, normal)
        who = must_approve(session, scope_id, wallet, "ledger distribute sign --message")
        person = who.people[wallet]
        lines = on_disk(node.root, node.node_id).signatures(scope_id, number)
        before = next((line for line in lines if who.people.get(line.signer_wallet) == person), None)
        if before is None:
            require_owed(session, scope_id, number)
            if lines and session.now < lines[-1].signed_at:
                raise StateError("lies before the signature before it", hint="Is the clock right?")
            record = PlanSignature(
                node_id=node.node_id,
                scope_id=ScopeId(scope_id),
                distribution=number,
                evidence=evidence,
                plan_hash=stored.plan_hash,
                seq=len(lines) + 1,
                signature=normal,
                signed_at=session.now,
                signer_wallet=wallet,
            )
            append_records(node.root, f"{distribution_path(scope_id, number)}/signatures.jsonl", [record])
        complete_log(session, scope_id)
        everyone = {who.people[line.signer_wallet] for line in lines if line.signer_wallet in who.people} | {person}
        return PlanSigned(before or record, person, before is None, tuple(sorted(everyone)), who.threshold)


def abandon(
    session: Session, scope_id: str, distribution: int | None, reason: str, signatures: Sequence[str] = ()
) -> tuple[Settlement, bool]:
    """Give a plan up: a draft by an approver's word, one that stands by the threshold's signatures.

    SignatureError where these are too few, StateError where a later plan was prepared.
    """
    node = session.node
    actor = session.approver(node.scope(scope_id))
    with write_lock(node.root):
        found = latest(session, scope_id, distribution)
        done = abandonment(found.settlements)
        if done is not None:
            return done, False
        stored = found.plan
        normal = tuple(sorted({normalize_signature(each) for each in signatures}))
        record = Settlement.read(
            {
                "actor": actor,
                "at": session.now,
                "distribution": stored.distribution,
                "evidence": {},
                "node_id": node.node_id,
                "reason": reason,
                "reference": None,
                "scope_id": scope_id,
                "seq": len(found.settlements) + 1,
                "signatures": list(normal),
                "state": "abandoned",
            }
        )
        last = distributions_on_disk(node.root, scope_id)[-1]
        if last != stored.distribution:
            raise StateError(
                f"distribution {last} was prepared since, and rests on what stood then",
                path=found.path,
                hint="Record the lines that will never arrive: ledger settle --state failed --line …",
            )
        Course(stored, found.stands_at, found.settlements).require(record)
        if found.stands_at is not None:
            who = approvers_at(node, scope_id)(session.now)
            people = abandoning_people(stored.abandoned_text(reason), normal, who)
            if len(people) < who.threshold:
                raise SignatureError(
                    f"{len(people)} of {who.threshold} approvers signed that the distribution is given up",
                    rule="APPROVERS_PER_SCOPE",
                    hint="Each signs the text of `ledger distribute abandon --message` with the same --reason.",
                )
        append_records(node.root, f"{distribution_path(scope_id, stored.distribution)}/settlements.jsonl", [record])
    return record, True


def statuses(session: Session, scope_id: str) -> list[PlanStatus]:
    """Every distribution of a scope, oldest first."""
    node = session.node
    files, approvers = on_disk(node.root, node.node_id), approvers_at(node, scope_id)
    numbers = distributions_on_disk(node.root, scope_id)
    return [status(on_record(files, scope_id, number, approvers)) for number in numbers]
