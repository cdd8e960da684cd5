"""Who will sign in a new node: wallets that are typed, or recovered from a signature over a text made for it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import click

from ledger.cli.output import note, out
from ledger.core.errors import LedgerError, UsageError

_ACCOUNT = r"(?:@(?P<account>[1-9][0-9]{0,18}|(?=[0-9-]*[A-Za-z])[A-Za-z0-9][A-Za-z0-9-]{0,38}))?"
_APPROVER = re.compile(r"(?P<id>[^=]+)=(?P<wallet>[^=@]+)" + _ACCOUNT, re.ASCII)
_PROOF = re.compile(r"(?P<id>[^=]+)=(?P<signature>[^=@]+)" + _ACCOUNT, re.ASCII)


@dataclass(frozen=True, slots=True)
class Ground:
    """What the text that approvers sign names, so that it counts for this ledger alone."""

    place: str
    scope_id: str

    def text(self, person: str) -> str:
        """What `person` signs. UsageError for an id that settings would not take, or a name with line breaks in it."""
        from ledger.core.proof import approver_text
        from ledger.core.values import PERSON_PATTERN

        if re.fullmatch(PERSON_PATTERN, person, re.ASCII) is None or not self.place.isprintable():
            raise UsageError(
                f"{person!r} cannot be an approver of {self.place!r}",
                hint="An id is letters, digits and . _ - (at most 63); names stand on one line.",
            )
        return approver_text(self.place, self.scope_id, person)

    def wallet(self, person: str, signature: str) -> str:
        """The wallet that signed the text for `person`; UsageError for what is no signature."""
        from ledger.core.signing import normalize_signature, recover_signer

        text = self.text(person)
        try:
            return str(recover_signer(text, normalize_signature(signature)))
        except LedgerError as error:
            raise UsageError(f"the signature of {person}: {error.message}", hint=error.hint) from None


def people_of(approvers: Iterable[str]) -> tuple[list[tuple[str, str]], dict[str, int]]:
    """Ids with wallets, and the GitHub numbers of those that have one. UsageError for what is neither."""
    from ledger.core.values import checksummed

    people, accounts = [], {}
    for text in approvers:
        match = _APPROVER.fullmatch(text)
        if match is None:
            raise UsageError(
                f"--approver {text}: write it as ID=0x… or ID=0x…@ACCOUNT",
                hint="For example alice=0x2c75…@alice-on-github, or the account's number.",
            )
        if not match["wallet"].startswith("0x"):
            raise UsageError(
                f"--approver {text}: {match['wallet']} is no address",
                hint="Names (ENS) are not looked up, since they may point elsewhere tomorrow: give 0x and 40 digits.",
            )
        try:
            people.append((match["id"], str(checksummed(match["wallet"]))))
        except ValueError as error:
            raise UsageError(f"--approver {text}: {error}") from None
        if match["account"]:
            accounts[match["id"]] = _account_number(match["account"])
    return people, accounts


def proved(proofs: Sequence[str], typed: Sequence[str], ground: Ground) -> list[str]:
    """The approvers whose wallets are recovered from signatures, as `--approver` takes them, beside those typed.

    Every signature is by some wallet, also one over another text: so each wallet is told, to be compared, and where it
    was typed as well it must be the same. Raises UsageError otherwise.
    """
    if not proofs:
        return []
    wallets = dict(people_of(each.partition("@")[0] for each in typed)[0])
    found = []
    for text in proofs:
        match = _PROOF.fullmatch(text)
        if match is None:
            raise UsageError(
                f"--approver-proof {text}: write it as ID=0x… or ID=0x…@ACCOUNT",
                hint="`--approver-text ID` prints what ID signs; 0x… is the signature over exactly that.",
            )
        wallet = ground.wallet(match["id"], match["signature"])
        if wallets.setdefault(match["id"], wallet) != wallet:
            raise UsageError(
                f"--approver-proof {match['id']}: the signature is by {wallet}, not by {wallets[match['id']]}",
                hint="`--approver-text ID`, with the same repository, name and scope, prints what must be signed.",
            )
        note(f"{match['id']} signed with {wallet}: compare it with what their wallet shows")
        if not any(each.startswith(f"{match['id']}=") for each in typed):
            found.append(f"{match['id']}={wallet}" + (f"@{match['account']}" if match["account"] else ""))
    return found


def tell_text(person: str, ground: Ground) -> None:
    """Print what an approver signs with personal_sign (EIP-191)."""
    out(ground.text(person))
    note("sign exactly this, without a line end after it, with personal_sign; then --approver-proof ID=0xSIGNATURE")


def ask_approvers(ground: Ground) -> Iterator[str]:
    """Approvers until an empty line, as `--approver` takes them; one that is not understood is asked for again.

    An id alone is asked for a signature instead of its wallet, and the wallet is shown before it is taken.
    """
    while answer := ask("An approver (ID=0x…@GITHUB_NAME, or ID alone to sign instead of typing; empty for no more)"):
        try:
            if "=" not in answer and (answer := _ask_proof(answer, ground)) == "":
                continue
            people_of([answer])
        except UsageError as error:
            note(str(error))
        else:
            yield answer


def _ask_proof(person: str, ground: Ground) -> str:
    """The approver whose signature was given and whose wallet was recognised; empty for none."""
    lines = ground.text(person).splitlines()
    note(f"{person} signs exactly these {len(lines)} lines with personal_sign, in any wallet:")
    for line in lines:
        note(line)
    signature = ask("The signature (0x…, empty to go back)")
    if not signature:
        return ""
    wallet = ground.wallet(person, signature)
    if not click.confirm(f"Signed with {wallet}. Is that the wallet of {person}", default=False, err=True):
        return ""
    account = ask("The GitHub account that reviews (its name or number, empty for none)")
    return f"{person}={wallet}" + (f"@{account}" if account else "")


def _account_number(account: str) -> int:
    """The number of a GitHub account: as given, or looked up by its name once and for all."""
    if account.isdigit():
        return int(account)
    from ledger.forge.github import account_number

    number = account_number(dict(os.environ), account)
    note(f"{account} on GitHub is account {number}")
    return number


def ask(question: str, default: str = "") -> str:
    """What a person answers, without blanks around it."""
    return str(click.prompt(question, default=default, show_default=bool(default), err=True)).strip()
