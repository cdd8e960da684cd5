"""`ledger receipt key|export|import`: receipts as credentials that leave the ledger, and others' that come in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from ledger.cli.group import Group
from ledger.cli.options import json_option, node_option, now_option, options, scope_options, session
from ledger.cli.output import emit, note, out, safe_text
from ledger.core.errors import InputError

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("key", cls=Group)
def key() -> None:
    """The key that signs credentials: its private part stays on this machine, the public part goes into the node."""


@key.command("new")
@options(node_option, json_option)
@click.argument("file", type=FILE)
def new(node_dir: Path | None, as_json: bool, file: Path) -> None:
    """Make a key in FILE, outside the node, and publish its public part in issuers-keys.json.

    The password is asked for, or taken from LEDGER_KEY_PASSWORD (empty: none).

    Example: ledger receipt key new ~/ledger-key.pem
    """
    from ledger.credentials.keys import new_key, private_pem, public_key
    from ledger.flows.receipts.export import publish_key

    with session(node_dir) as run:
        if file.resolve().is_relative_to(run.node.root.resolve()):
            hint = "Choose a place that is never committed."
            raise InputError("a private key does not lie in the node", path=str(file), hint=hint)
        made = new_key()
        data = private_pem(made, _password(confirm=True))
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise InputError("exists already; nothing was changed", path=str(file)) from None
        with os.fdopen(descriptor, "wb") as written:
            written.write(data)
        publish_key(run, public_key(made))
    _tell_key(public_key(made).kid, True, as_json)


@key.command("publish")
@options(node_option, json_option)
@click.argument("file", type=FILE)
def publish(node_dir: Path | None, as_json: bool, file: Path) -> None:
    """Put the public part of the key in FILE into the node's issuers-keys.json.

    Example: ledger receipt key publish ~/ledger-key.pem
    """
    from ledger.credentials.keys import load_private, public_key
    from ledger.flows.receipts.export import publish_key

    with session(node_dir) as run:
        found = public_key(load_private(_read(file), _password(), str(file)))
        changed = publish_key(run, found)
    _tell_key(found.kid, changed, as_json)


def _tell_key(kid: str, changed: bool, as_json: bool) -> None:
    if as_json:
        emit("receipt-key/1", {"kid": kid, "changed": changed})
        return
    out(kid)
    note("published in issuers-keys.json; commit it" if changed else "nothing changed: the node publishes it already")


def _password(*, confirm: bool = False) -> str:
    given = os.environ.get("LEDGER_KEY_PASSWORD")
    if given is not None:
        return given
    return str(click.prompt("Key password (empty: none)", "", hide_input=True, confirmation_prompt=confirm, err=True))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=str(file)) from None


@click.command("export")
@options(node_option, now_option, json_option)
@click.option("--vc", is_flag=True, required=True, help="As W3C Verifiable Credentials 2.0 (vc+jwt).")
@click.option("--badges", is_flag=True, help="Each receipt also as an Open Badge 3.0.")
@click.option("--key", "key_file", type=FILE, required=True, help="The issuer's private key, as `key new` makes it.")
@click.option("--out", "out_dir", type=click.Path(path_type=Path, file_okay=False), required=True, help="Where to.")
@click.option("--site-url", metavar="URL", help="Where the folder will be served (default: site_url in ledger.yaml).")
def export(
    node_dir: Path | None,
    now: str | None,
    as_json: bool,
    vc: bool,
    badges: bool,
    key_file: Path,
    out_dir: Path,
    site_url: str | None,
) -> None:
    """Write the credentials of all receipts that were approved, with did.json and the lists of revocations.

    Give the folder of the built site as --out, then publish it; nothing of it goes into git. Run it again after a
    revocation: the status lists change, the credentials do not. The issuer is did:web of the site; the subject is the
    person's bound wallet, else a urn:uuid.

    Example: ledger receipt export --vc --key ~/ledger-key.pem --out site
    """
    from ledger.credentials.keys import load_private
    from ledger.flows.receipts.export import export as flow

    with session(node_dir, now) as run:
        private = load_private(_read(key_file), _password(), str(key_file))
        result = flow(run, out_dir, private, badges=badges, site_url=site_url)
    if as_json:
        emit("receipt-export/1", {"issuer": result.issuer, "files": result.files})
        return
    for name in result.files:
        out(name)
    note(f"issued by {result.issuer}")


@click.command("import")
@scope_options
@click.argument("sources", nargs=-1, required=True, metavar="FILE|URL...")
@click.option("--did", "dids", multiple=True, type=FILE, help="A DID document that is at hand.")
@click.option("--status", "status", multiple=True, type=FILE, help="A status list that is at hand.")
@click.option("--offline", is_flag=True, help="Ask no other site: documents and lists come from --did and --status.")
def import_(
    node_dir: Path | None,
    scope_id: str | None,
    now: str | None,
    as_json: bool,
    sources: Sequence[str],
    dids: Sequence[Path],
    status: Sequence[Path],
    offline: bool,
) -> int:
    """Bring others' credentials into the open epoch, as far as trust.yaml lets them count.

    Signature, key, status, time and policy are checked; what is refused or capped is told in words (exit code 1 where
    all were refused). Each becomes an event of source `credential`, worth what your own weights say.

    Example: ledger receipt import https://other.example/vc/9f2c….jwt
    """
    from ledger.flows.receipts.importing import import_credentials, read_documents

    with session(node_dir, now) as run:
        found = import_credentials(run, run.scope_id(scope_id), sources, read_documents(dids, status, offline=offline))
    if as_json:
        emit("receipt-import/1", {"credentials": found})
    else:
        for line in found:
            points = f" {line.quantity} points" if line.quantity else ""
            told = f": {line.told}" if line.told else ""
            out(safe_text(f"{line.result}{points} {line.event_id or line.where}{told}", 400))
    return 1 if found and all(line.result == "refused" for line in found) else 0
