"""What approvers sign, and whose signature it is: published vectors, every swapped field, every malformed signature."""

from __future__ import annotations

import re
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.errors import SignatureError
from ledger.core.records.statement import Statement
from ledger.core.signing import CURVE_ORDER, normalize_signature, recover_signer, signed_text, slip_of
from tests.core.samples import NODE, OTHER_WALLET, SOME_HASH, START, record, user

# github.com/ethereum/eth-account (MIT), tests/core/test_accounts.py: test_eth_account_sign (the first is web3.js's own
# documented example, whose account its documentation names) and test_eth_account_recover_message
VECTORS = [
    (
        "Some data",
        "0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd"
        "6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c",
        "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23",
    ),
    (
        "10284",
        "0x00515bc8fd32264e21ec0820e8c5123ed58c1195c9ea17cb018b1ad4073cc5a6"
        "0080f5dcec397a5a8c523082bfa41771568903aa554ec06ba8475ca9050fb7d51b",
        "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23",
    ),
    (
        "I♥SF",
        "0xe6ca9bba58c88611fad66a6ce8f996908195593807c4b38bd528d2cff09d4eb3"
        "3e5bfbbf4d3e39b1a2fd816a7680c19ebebaf3a141b239934ad43cb33fcec8ce1c",
        "0x5ce9454909639D2D17A3F753ce7d93fa0b9aB12E",
    ),
]
TEXT, SIGNATURE, SIGNER = VECTORS[0]
KEY = b"unicorns" * 4  # eth-account's own test key; its account is OTHER_WALLET


def sign(text: str) -> str:
    """What a wallet gives back for `text`."""
    return "0x" + bytes(Account.sign_message(encode_defunct(text=text), KEY).signature).hex()


def altered(*, r: int | None = None, s: int | None = None, v: int | None = None) -> str:
    """The first published signature with a part replaced."""
    raw = bytes.fromhex(SIGNATURE[2:])
    parts = (
        raw[:32] if r is None else r.to_bytes(32),
        raw[32:64] if s is None else s.to_bytes(32),
        raw[64:] if v is None else bytes([v]),
    )
    return "0x" + b"".join(parts).hex()


S = int(SIGNATURE[66:130], 16)


# --- the text -------------------------------------------------------------------------------------------------------


def test_the_signed_text_is_seven_lines_and_no_line_end() -> None:
    statement = record("statement")
    assert signed_text(statement) == (
        "Cogni Payout Statement\n"
        f"Node: {NODE}\n"
        "Scope: default\n"
        "Epoch: 1\n"
        f"Allocation Hash: {SOME_HASH}\n"
        "Pool Total: 10000\n"
        f"Statement Hash: {statement.statement_hash}"
    )


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        (1, {"node_id": user(7)}),
        (2, {"scope_id": "other"}),
        (3, {"epoch_id": 2}),
        (4, {"allocation_set_hash": "0" * 64}),
        (5, {"pool_total_credits": "10001"}),
        (6, {"period_start": START.replace("05", "04")}),
        (6, {"gaps": ["github: failed"]}),
        (6, {"unresolved_count": 1}),
    ],
)
def test_a_signature_says_nothing_about_a_statement_with_any_field_swapped(line: int, changes: dict[str, Any]) -> None:
    """SIGNATURE_SCOPE_BOUND: no replay in another node, scope or epoch, nor over other figures."""
    statement: Statement = record("statement")
    other: Statement = record("statement", **changes)
    text = signed_text(statement)
    signature = sign(text)
    assert recover_signer(text, signature) == OTHER_WALLET
    assert text.split("\n")[line] != signed_text(other).split("\n")[line]
    assert recover_signer(signed_text(other), signature) != OTHER_WALLET

    swapped = text.split("\n")
    swapped[line] = signed_text(other).split("\n")[line]
    assert recover_signer("\n".join(swapped), signature) != OTHER_WALLET, "this line alone must be bound"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "\n",
        lambda text: text.replace("\n", "\r\n"),
        lambda text: " " + text,
        lambda text: text.replace(": ", ":\u00a0"),
        lambda text: text.replace("Cogni", "Сogni"),  # a Cyrillic letter
        lambda text: text.lower(),
    ],
)
def test_a_text_that_only_looks_the_same_does_not_verify(change: Any) -> None:
    text = signed_text(record("statement"))
    assert recover_signer(change(text), sign(text)) != OTHER_WALLET
    assert recover_signer(text, sign(change(text))) != OTHER_WALLET


# --- recovery -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "signature", "signer"), VECTORS)
def test_published_signatures_give_their_published_signer(text: str, signature: str, signer: str) -> None:
    assert normalize_signature(signature) == signature
    assert recover_signer(text, signature) == signer


@given(st.integers(1, CURVE_ORDER - 1), st.integers(1, CURVE_ORDER // 2), st.sampled_from([27, 28]))
def test_any_well_formed_signature_gives_some_signer_or_is_refused(r: int, s: int, v: int) -> None:
    try:
        signer = recover_signer(TEXT, altered(r=r, s=s, v=v))
    except SignatureError as error:
        assert "no signer" in error.message
    else:
        assert signer != SIGNER


def test_a_point_off_the_curve_is_a_signature_error() -> None:
    with pytest.raises(SignatureError, match="no signer can be recovered"):
        recover_signer(TEXT, altered(r=5))


# --- the one spelling -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("v", "right"), [(0, 27), (1, 28), (27, 27), (28, 28)])
def test_v_of_0_and_1_is_put_right_on_entry(v: int, right: int) -> None:
    assert normalize_signature(altered(v=v)) == altered(v=right)
    with_v = altered(v=v)
    if v < 27:
        with pytest.raises(SignatureError, match="stored form"):
            recover_signer(TEXT, with_v)


@pytest.mark.parametrize("v", [2, 26, 29, 35, 36, 37, 38, 255])
def test_any_other_v_is_refused(v: int) -> None:
    with pytest.raises(SignatureError, match=f"v is {v}"):
        normalize_signature(altered(v=v))


def test_the_high_s_twin_of_a_signature_is_refused_though_it_recovers_the_same_signer() -> None:
    twin = altered(s=CURVE_ORDER - S, v=27)
    assert Account.recover_message(encode_defunct(text=TEXT), signature=twin) == SIGNER
    for call in (normalize_signature, lambda text: recover_signer(TEXT, text)):
        with pytest.raises(SignatureError, match="lower half"):
            call(twin)


@pytest.mark.parametrize(
    "parts",
    [
        {"s": CURVE_ORDER // 2 + 1},
        {"s": CURVE_ORDER},
        {"s": 2**256 - 1},
        {"s": 0},
        {"r": 0},
        {"r": CURVE_ORDER},
        {"r": 2**256 - 1},
    ],
)
def test_r_and_s_stay_within_their_bounds(parts: dict[str, int]) -> None:
    with pytest.raises(SignatureError, match="out of range"):
        normalize_signature(altered(**parts))


def test_the_bounds_of_s_themselves_are_well_formed() -> None:
    for s in (1, CURVE_ORDER // 2):
        assert normalize_signature(altered(s=s)) == altered(s=s)


@pytest.mark.parametrize(
    "variant",
    [
        "0x" + SIGNATURE[2:].upper(),
        f" {SIGNATURE}",
        f"{SIGNATURE}\n",
        f"\t{SIGNATURE}\r\n",
        SIGNATURE[2:],  # as Trezor Suite prints it
        "0X" + SIGNATURE[2:],
        f'"{SIGNATURE}"',
        SIGNATURE[:60] + "\n" + SIGNATURE[60:],
    ],
)
def test_what_wallets_and_copying_do_is_put_right_on_entry_and_refused_in_a_stored_line(variant: str) -> None:
    assert normalize_signature(variant) == SIGNATURE
    with pytest.raises(SignatureError, match="stored form"):
        recover_signer(TEXT, variant)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x",
        " ",
        SIGNATURE[:-2],  # 64 bytes: compact, EIP-2098
        SIGNATURE[:-1],
        SIGNATURE + "00",
        SIGNATURE[:-1] + "g",
        SIGNATURE[:60] + " " + SIGNATURE[61:],
        SIGNATURE + SIGNATURE[2:],  # a Safe's, of two owners
        "0x" + "٧" * 130,
        "0x" + "１" * 130,
        "I hereby approve",
        "0x" + "0" * 100_000,
    ],
)
def test_what_is_not_65_bytes_of_hex_is_refused_with_what_to_do(text: str) -> None:
    for call in (normalize_signature, lambda text: recover_signer(TEXT, text)):
        with pytest.raises(SignatureError, match="65 bytes") as caught:
            call(text)
        assert caught.value.hint
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("digits", "words"),
    [
        ("ab" * 64, "this has 128, a compact one (EIP-2098)"),
        ("ab" * 130, "this has 260, as if 2 were joined"),
        ("ab" * 200, "this has 400"),
        ("ab" * 60, "this has 120"),
        ("ab" * 64 + "xy", "'x' at place 129 behind 0x is none"),
    ],
)
def test_a_refusal_says_what_is_wrong_with_the_signature(digits: str, words: str) -> None:
    with pytest.raises(SignatureError, match=re.escape(words)):
        normalize_signature(digits)


@pytest.mark.parametrize(
    ("signed", "words"),
    [
        ("a\nb\n", "line end behind its last line"),
        ("a\r\nb", "line ends of Windows"),
        ("a b", "spaces in place of its line ends"),
        ("a\nc", None),
    ],
)
def test_a_signature_over_nearly_the_right_text_says_so(signed: str, words: str | None) -> None:
    account = Account.create()
    answer = "0x" + account.sign_message(encode_defunct(text=signed)).signature.hex().removeprefix("0x")
    found = slip_of("a\nb", normalize_signature(answer), [account.address])
    assert (found is None) if words is None else (found is not None and words in found)
