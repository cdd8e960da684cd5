"""`ledger attest` and `ledger witness`: anybody's own recomputation, signed for others or watched over time."""

from __future__ import annotations

from pathlib import Path

import click

from ledger.cli.options import (
    NUMBER,
    json_option,
    keystore_option,
    message_option,
    node_option,
    now_option,
    options,
    password,
    scope_option,
    session,
)
from ledger.cli.output import emit, note, out, safe_text
from ledger.core.errors import UsageError


@click.command()
@options(node_option, scope_option)
@click.option(
    "--epoch", "epoch_id", type=NUMBER, metavar="N", help="The finalized epoch (default: the last finalized one)."
)
@options(now_option, json_option)
@message_option
@click.option("--signature", metavar="0x…", help="What a wallet's personal_sign gave over `ledger attest --message`.")
@keystore_option
@click.option("--wallet", metavar="0x…", help="With --signature: refuse one that is not by this address.")
@click.option("--evidence", default="", help="Who you are, or how you recomputed (a link); not signed.")
def attest(
    node_dir: Path | None,
    scope_id: str | None,
    epoch_id: int | None,
    now: str | None,
    as_json: bool,
    message: bool,
    signature: str | None,
    keystore: Path | None,
    wallet: str | None,
    evidence: str,
) -> None:
    """Recompute a finalized epoch here, then sign that its bytes came out the same.

    Anybody may; no account or role is needed. Everything is verified first: where anything differs, nothing is signed
    and the exit code is 1. The line goes into the epoch's attestations.jsonl, to be offered as a pull request. With
    --keystore the password is asked for, or taken from LEDGER_KEYSTORE_PASSWORD.

    Example: ledger attest --epoch 3 --keystore wallet.json
    """
    from ledger.flows.attest import attest as flow
    from ledger.flows.attest import attest_with_keystore, attestable
    from ledger.flows.attest import message as text_of

    if [message, signature is not None, keystore is not None].count(True) != 1:
        raise UsageError("give one of --keystore, --signature and --message")
    if wallet is not None and signature is None:
        raise UsageError("--wallet goes with --signature")
    with session(node_dir, now) as run:
        folder = attestable(run, run.scope_id(scope_id), epoch_id)
        place = {"scope_id": folder.scope_id, "epoch_id": folder.epoch_id}
        if message:
            text = text_of(run, folder)
            if as_json:
                emit("attestation-text/1", {**place, "message": text})
            else:
                click.echo(text, nl=False)
            return
        if keystore is not None:
            result = attest_with_keystore(run, folder, keystore, lambda: password(run.environ), evidence)
        else:
            result = flow(run, folder, signature or "", wallet, evidence)
    if as_json:
        emit("attestation/1", {"attestation": result.attestation, "path": result.path, "changed": result.added})
        return
    out(result.attestation.encode().decode())
    if not result.added:
        note("nothing changed: this wallet attested this epoch with this version before")
        return
    branch = f"attest/{folder.scope_id}/{folder.epoch_id}"
    note(f"attested by {result.attestation.signer_wallet}")
    if signature is not None and wallet is None:
        note(
            "  if that is not your wallet, another text was signed: undo the line with git, and give --wallet next time"
        )
    note("next: offer it as a pull request from your fork, with this one file in it:")
    note(f"  git switch -c {branch} && git add {result.path}")
    note(f'  git commit -m "Attest {folder.scope_id}/{folder.epoch_id}" && git push origin {branch}')


@click.command()
@options(node_option, now_option, json_option)
@click.option(
    "--against",
    multiple=True,
    envvar="LEDGER_WITNESS_MEMORY",
    type=click.Path(path_type=Path),
    help="What you saw before: a file of your own, made when missing and kept up to date while all is well; or a "
    "folder with an older clone of the ledger. May be given several times.",
)
def witness(node_dir: Path | None, now: str | None, as_json: bool, against: tuple[Path, ...]) -> int:
    """Recompute the whole ledger and compare it with what you saw before.

    For a fork's weekly run, or anybody's cron. Ends with exit code 1 when anything does not recompute, and when a
    finalized epoch that you saw before has another statement now or is gone, or the approvers begin with another root
    than the one that you saw: then the past was rewritten, however well it is signed. Such a difference is told every
    time until you have looked.

    Example: ledger witness --against ~/witness.jsonl
    """
    from ledger.flows.witness import witness as flow

    with session(node_dir, now, quiet=True) as run:
        result = flow(run, against)
    if as_json:
        emit(
            "witness/1",
            {
                "ok": result.ok,
                "node_id": result.verification.node_id,
                "epochs": len(result.verification.epochs),
                "remembered": result.remembered,
                "new": result.new,
                "findings": result.all_findings,
            },
        )
        return 0 if result.ok else 1
    for finding in result.all_findings:
        place = finding.path + (f":{finding.line}" if finding.line else "")
        out(safe_text(f"FAIL {finding.rule}: {place}: {finding.message}"))
        if finding.expected is not None or finding.actual is not None:
            out(safe_text(f"       expected {finding.expected}"))
            out(safe_text(f"       actual   {finding.actual}"))
    for seen in result.new:
        out(f"new  {seen.scope_id}/{seen.epoch_id} {seen.statement_hash}")
    count = len(result.verification.epochs)
    verdict = "the same" if result.ok else "DIFFERENT"
    out(f"{verdict}: {count} epoch{'s' * (count != 1)} recomputed, {result.remembered} seen before")
    if not against:
        note("nothing was compared with before: name a file of your own with --against")
    return 0 if result.ok else 1
