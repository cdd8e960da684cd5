"""What of others' credentials counts here: `trust.yaml`, and the judgement on credentials that were verified.

A credential states a fact of another node. Its weight is ours: it becomes an event of source `credential`, and the
scope's own weights say what that is worth. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ledger.core.canonical import sha256_hex
from ledger.core.config import Settings
from ledger.core.errors import FormatError
from ledger.core.explain import explain
from ledger.core.receipts import Points, WorkItem
from ledger.core.values import Account, EventType, Node, Scope, Sha256, Text, Timestamp, parse_time

SOURCE = "credential"


class TrustedIssuer(Settings):
    """One issuer whose credentials count: for which of its scopes and roles (none named: all), and how much at most.

    `root`: the SHA-256 of the root of its approver chain. Where it is given, the node must be a peer that was verified
    whole and whose scope began with that root.
    """

    did: Annotated[Text, Field(pattern=r"^did:web:[A-Za-z0-9._:%-]+$")]
    node_id: Node
    scopes: tuple[Scope, ...] = ()
    roles: tuple[EventType, ...] = ()
    at_most: Points | None = None
    root: Sha256 | None = None


class TrustSettings(Settings):
    """`trust.yaml`: `need` says how many of the issuers must say the same before it counts."""

    issuers: tuple[TrustedIssuer, ...]
    need: Annotated[int, Field(ge=1, le=100)] = 1


class Subject(BaseModel):
    """What a work receipt's credential says; further fields are let be."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    estimate: Points
    id: Account
    nodeId: Node
    receiptHash: Sha256
    role: EventType
    scope: Scope
    workItem: WorkItem
    workPoints: Points


@dataclass(frozen=True, slots=True)
class Verified:
    """A credential whose signature, status and time were checked. `token_hash`: SHA-256 of the token's text."""

    issuer: str
    address: str
    valid_from: Timestamp
    subject: Subject
    token_hash: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What becomes of a credential: `quantity` points count (None: refused), and why it is less or nothing."""

    credential: Verified
    quantity: int | None
    told: str


def read_credential(payload: Mapping[str, Any], token: str, now: Timestamp) -> Verified:
    """A work receipt out of a verified token's payload; FormatError for another kind, or one that is not valid now."""
    kinds = payload.get("type", [])
    if "WorkReceiptCredential" not in (kinds if isinstance(kinds, list) else [kinds]):
        raise FormatError("is no credential of a work receipt")
    try:
        subject = Subject.model_validate(payload.get("credentialSubject"))
    except ValidationError as error:
        raise FormatError(f"credentialSubject.{explain(error)}") from None
    issuer = payload.get("issuer")
    issuer = issuer.get("id") if isinstance(issuer, Mapping) else issuer
    begins, ends = (_time(payload, name) for name in ("validFrom", "validUntil"))
    if begins is None or begins > now:
        raise FormatError(f"is not valid yet (validFrom {begins})")
    if ends is not None and ends < now:
        raise FormatError(f"expired at {ends}")
    return Verified(str(issuer), str(payload.get("id", "")), begins, subject, sha256_hex(token.encode()))


def _time(payload: Mapping[str, Any], name: str) -> Timestamp | None:
    value = payload.get(name)
    if value is None:
        return None
    try:
        return parse_time(str(value))
    except ValueError as error:
        raise FormatError(f"{name}: {error}") from None


Roots = Mapping[tuple[str, str], str | None]
"""By node and scope: the root of the approvers of a peer that was verified whole."""


def judge(trust: TrustSettings, credentials: Iterable[Verified], roots: Roots | None = None) -> list[Judged]:
    """Each credential held to the policy, in order: unknown issuers refused, too much capped, k of n demanded."""
    judged = [_alone(trust, credential, roots or {}) for credential in credentials]
    if trust.need == 1:
        return judged
    said: dict[tuple[str, str, str], set[str]] = {}
    for one in judged:
        if one.quantity is not None:
            said.setdefault(_work(one.credential), set()).add(one.credential.issuer)
    return [
        one
        if one.quantity is None or len(said[_work(one.credential)]) >= trust.need
        else Judged(one.credential, None, f"{len(said[_work(one.credential)])} of {trust.need} issuers say this so far")
        for one in judged
    ]


def _work(credential: Verified) -> tuple[str, str, str]:
    return credential.subject.workItem, credential.subject.id, credential.subject.role


def _alone(trust: TrustSettings, credential: Verified, roots: Roots) -> Judged:
    subject = credential.subject
    known = [one for one in trust.issuers if one.did == credential.issuer]
    if not known:
        return Judged(credential, None, f"issuer {credential.issuer} is not in trust.yaml")
    policy = known[0]
    if policy.node_id != subject.nodeId:
        return Judged(credential, None, f"is of node {subject.nodeId}, not of {policy.node_id}")
    if policy.root is not None and (root := roots.get((subject.nodeId, subject.scope))) != policy.root:
        told = "is no peer that was verified (`ledger peers add`)" if root is None else f"began with root {root}"
        return Judged(credential, None, f"scope {subject.scope} {told}, and trust.yaml asks for root {policy.root}")
    if policy.scopes and subject.scope not in policy.scopes:
        return Judged(credential, None, f"scope {subject.scope} of this issuer does not count here")
    if policy.roles and subject.role not in policy.roles:
        return Judged(credential, None, f"role {subject.role} of this issuer does not count here")
    if policy.at_most is not None and subject.estimate > policy.at_most:
        return Judged(credential, policy.at_most, f"{subject.estimate} points are capped at {policy.at_most}")
    return Judged(credential, subject.estimate, "")


def merged(trust: TrustSettings, judged: Sequence[Judged]) -> Iterator[tuple[str, Judged]]:
    """What counts, with the id of its event: the same work said by several is one event, of the fewest points."""
    groups: dict[str, list[Judged]] = {}
    for one in judged:
        if one.quantity is not None:
            groups.setdefault(event_id(trust, one.credential), []).append(one)
    for name, together in groups.items():
        yield name, min(together, key=lambda one: (one.quantity or 0, one.credential.token_hash))


def event_id(trust: TrustSettings, credential: Verified) -> str:
    """The id of the event: by node and receipt, or where several issuers must agree, by what they agree on."""
    if trust.need == 1:
        return f"{SOURCE}:{credential.subject.nodeId}:{credential.subject.receiptHash}"
    return f"{SOURCE}:" + sha256_hex(":".join(_work(credential)).encode())
