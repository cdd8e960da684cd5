"""A person's own word about his payouts: decline, give away, hold, carry small amounts, be paid somewhere.

An instruction is proved like a binding (a wallet's signature, or a posted code) and is applied when a distribution is
prepared, never in the arithmetic of an epoch. Of each kind the latest stands until `clear` ends all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import StringConstraints, model_validator

from ledger.core.canonical import sha256_hex
from ledger.core.errors import SignatureError
from ledger.core.identity import resolve_accounts
from ledger.core.money import RAIL_PATTERN, Destination, kind_of_destination
from ledger.core.proof import CODE_DIGITS, CODE_PREFIX, Challenge
from ledger.core.records.decisions import Binding
from ledger.core.records.record import ScopeRecord
from ledger.core.signing import recover_signer
from ledger.core.values import SIGNATURE_PATTERN, UUID_PATTERN, AmountCredits, Flat, Number, Time, User, UserId

InstructionKind = Literal["decline", "gift", "hold", "carry_below", "pay_to", "clear"]
POOL = "pool"
_TO = re.compile(rf"({RAIL_PATTERN[1:-1]}):(.+)")
_PROOF = re.compile(r"(?:^|\s)eip191:(0x[0-9a-f]{130})(?:\s|$)")
_NONCE = re.compile(r"^proof nonce=(0|[1-9][0-9]*)(?:\s|$)")


class Instruction(ScopeRecord):
    """One line of `data/instructions.jsonl`. `number` counts a person's own lines, so that none can be replayed.

    An amount limits the whole of what `decline` and `gift` may take, over all distributions; null is everything. With
    `carry_below` it is the balance from which the person wants to be paid. All in credits.
    """

    amount_credits: AmountCredits | None
    at: Time
    from_epoch: Number
    instruction: InstructionKind
    number: Number
    proof: Flat
    seq: Number
    to: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[!-~]+$")] | None
    user_id: User

    @model_validator(mode="after")
    def _fields_fit_kind(self) -> Self:
        kind, to = self.instruction, self.to
        if (to is not None) != (kind in ("gift", "pay_to")):
            raise ValueError("to goes with gift and pay_to, and only with them")
        if kind == "gift" and to != POOL and (re.fullmatch(UUID_PATTERN, to or "") is None or to == self.user_id):
            raise ValueError("a gift goes to another user, or to the pool")
        if kind == "pay_to":
            destination_of(to or "")
        if self.amount_credits is None and kind == "carry_below":
            raise ValueError("carry_below needs an amount")
        if self.amount_credits is not None and kind in ("hold", "pay_to", "clear"):
            raise ValueError(f"{kind} has no amount")
        wanted = {"wallet": {"kind", "signature"}, "post": {"kind", "event"}}.get(str(self.proof.get("kind")))
        if wanted != set(self.proof) or not all(isinstance(value, str) for value in self.proof.values()):
            raise ValueError("proof is a wallet's signature or a posted event")
        if "signature" in self.proof and re.fullmatch(SIGNATURE_PATTERN, str(self.proof["signature"])) is None:
            raise ValueError("proof.signature is not in its stored form")
        return self

    @property
    def signed_text(self) -> str:
        """What the person's wallet signs: nine lines, no line end after the last."""
        return "\n".join(
            (
                "Ledger Payout Instruction",
                f"Node: {self.node_id}",
                f"Scope: {self.scope_id}",
                f"User: {self.user_id}",
                f"Number: {self.number}",
                f"Instruction: {self.instruction}",
                f"Amount: {'none' if self.amount_credits is None else self.amount_credits}",
                f"From Epoch: {self.from_epoch}",
                f"To: {self.to or 'none'}",
            )
        )

    @property
    def code(self) -> str:
        """What an account without a key posts instead, as the whole text of a message."""
        return CODE_PREFIX + sha256_hex(self.signed_text.encode())[:CODE_DIGITS]


def destination_of(to: str) -> str:
    """The destination of a `pay_to` (`<rail>:<destination>`); ValueError for anything else."""
    match = _TO.fullmatch(to)
    if match is None:
        raise ValueError("pay_to names a rail and a destination, such as safe_csv:0x…")
    from pydantic import TypeAdapter

    return str(TypeAdapter(Destination).validate_python(match[2]))


@dataclass(frozen=True, slots=True)
class Standing:
    """The instructions of one person that stand: the latest of each kind after the last `clear`."""

    by_kind: Mapping[str, Instruction]

    def get(self, kind: InstructionKind, last_epoch: int) -> Instruction | None:
        """The one of a kind, once the distribution reaches the epoch that it names."""
        found = self.by_kind.get(kind)
        return found if found is not None and found.from_epoch <= last_epoch else None


def standing_instructions(lines: Iterable[Instruction], scope_id: str) -> dict[UserId, Standing]:
    """Who wants what in a scope after all `lines`."""
    found: dict[UserId, dict[str, Instruction]] = {}
    for line in lines:
        if line.scope_id != scope_id:
            continue
        if line.instruction == "clear":
            found[line.user_id] = {}
        else:
            found.setdefault(line.user_id, {})[line.instruction] = line
    return {user: Standing(kinds) for user, kinds in found.items()}


def wallet_is_proved(binding: Binding, earlier: int) -> bool:
    """Whether the wallet of a binding answered its challenge itself; `earlier`: lines about it before this one."""
    nonce = _NONCE.match(binding.evidence)
    if binding.provider != "wallet" or nonce is None or int(nonce[1]) != earlier:
        return False
    text = Challenge(binding.node_id, binding.user_id, ("wallet", binding.external_id), earlier).text
    for signature in _PROOF.findall(binding.evidence):
        try:
            if recover_signer(text, signature) == binding.external_id:
                return True
        except SignatureError:
            continue
    return False


class Destinations:
    """Where each person can be paid, by the bindings log as pinned (DESTINATION_BOUND).

    A wallet must have answered its challenge itself. Of several the one that was bound last counts, unless the person
    says another. Signatures are recovered only for who is asked about.
    """

    def __init__(self, bindings: Sequence[Binding]) -> None:
        self._by_user: dict[UserId, list[tuple[Binding, int]]] = {}
        lines: dict[tuple[str, str], int] = {}
        last: dict[tuple[str, str], tuple[Binding, int]] = {}
        for line in bindings:
            account = (line.provider, line.external_id)
            earlier = lines.get(account, 0)
            lines[account] = earlier + 1
            last[account] = (line, earlier)
        bound = resolve_accounts(bindings)
        for account, user in bound.items():
            self._by_user.setdefault(user, []).append(last[account])
        self._proved: dict[str, bool] = {}

    def wallets(self, user: UserId) -> list[str]:
        """The person's wallets that proved themselves, the last bound first."""
        found = sorted(self._by_user.get(user, ()), key=lambda item: -item[0].seq)
        return [line.external_id for line, earlier in found if self._is_proved(line, earlier)]

    def _is_proved(self, line: Binding, earlier: int) -> bool:
        if line.external_id not in self._proved:
            self._proved[line.external_id] = wallet_is_proved(line, earlier)
        return self._proved[line.external_id]

    def of(self, user: UserId, kind: str, wish: Instruction | None) -> tuple[str | None, bool]:
        """The destination of this kind, and whether the person asked to be paid another way."""
        wanted = destination_of(wish.to or "") if wish is not None else None
        if wanted is not None and kind_of_destination(wanted) != kind:
            return None, True
        if kind == "payee":
            return f"payee:{user}", False
        if kind == "github":
            numbers = [
                line.external_id
                for line, _ in sorted(self._by_user.get(user, ()), key=lambda item: -item[0].seq)
                if line.provider == "github" and line.external_id.isdecimal()
            ]
            found = [f"github:{number}" for number in numbers]
        elif wanted is None:  # the last that proved itself: no need to recover the others
            for line, earlier in sorted(self._by_user.get(user, ()), key=lambda item: -item[0].seq):
                if self._is_proved(line, earlier):
                    return line.external_id, False
            return None, False
        else:
            found = self.wallets(user)
        if wanted is not None:
            return (wanted if wanted in found else None), False
        return (found[0] if found else None), False


def instruction_draft(**fields: Any) -> Instruction:
    """An instruction before its proof is known: for the text and the code alone."""
    return Instruction.model_validate({**fields, "proof": {"kind": "post", "event": "none"}})
