"""Sign a text with an encrypted keystore file: for those who have no wallet at hand, and for scripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ledger.core.canonical import foreign_json
from ledger.core.errors import CredentialsError, InputError


def keystore_signature(text: str, keystore: Path, password: Callable[[], str]) -> str:
    """The signature (EIP-191) over `text` by the key in an encrypted keystore file.

    InputError for a file that is none, CredentialsError where the password does not open it.
    """
    from eth_account import Account
    from eth_account.messages import encode_defunct

    try:
        content = keystore.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"keystore cannot be read: {error}", path=str(keystore)) from None
    try:
        form = foreign_json(content)
    except ValueError:
        form = None
    if not isinstance(form, dict) or not {"crypto", "Crypto"} & set(form):
        raise InputError(
            "is no keystore file",
            path=str(keystore),
            hint="A keystore is the JSON file that a wallet exports with a password (Web3 Secret Storage).",
        )
    try:
        key = Account.decrypt(content, password())
    except (ValueError, KeyError, TypeError, NotImplementedError) as error:
        wrong = "the password is wrong" if "MAC" in str(error) else "its form is not known"
        raise CredentialsError(
            f"the keystore does not open: {wrong}", path=str(keystore), hint="Check the password and the file."
        ) from None
    signed = Account.sign_message(encode_defunct(text=text), key)
    return "0x" + str(signed.signature.hex()).removeprefix("0x")
