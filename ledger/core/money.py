"""Money as whole minor units: assets by their CAIP-19 or ISO 4217 name, their decimals, and where an amount goes.

Decimals come from the tables here, each with its source; no floating point and no locale anywhere. Knows what an
amount and a destination look like, not who owes what to whom.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, NewType

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, StringConstraints, ValidationInfo

from ledger.core.errors import InputError
from ledger.core.values import UUID_PATTERN, WIRE, checksummed

MAX_MINOR = 10**38 - 1
"""Largest amount of minor units: 38 decimal digits, so that 18-decimal tokens fit."""
MINOR_PATTERN = r"^(0|[1-9][0-9]{0,37})$"
Minor = NewType("Minor", int)
"""Minor units of an asset: cents of a euro, 10^-18 of an ether."""
DestinationKind = Literal["wallet", "payee", "github"]
RAIL_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"

CURRENCIES_AS_OF = "ISO 4217, list one of 2026-01-01"
_CURRENCIES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW "
    "CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR "
    "ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV "
    "MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD "
    "SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
CURRENCIES: dict[str, int] = {code: digits for digits, codes in _CURRENCIES.items() for code in codes.split()}
"""Every active currency with its minor units; precious metals, funds without a unit and test codes are left out."""

TOKENS: dict[str, tuple[str, int]] = {
    "eip155:1/erc20:0x6B175474E89094C44Da98b954EedeAC495271d0F": ("DAI", 18),
    "eip155:1/erc20:0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48": ("USDC", 6),
    "eip155:1/erc20:0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2": ("WETH", 18),
    "eip155:1/erc20:0xdAC17F958D2ee523a2206206994597C13D831ec7": ("USDT", 6),
    "eip155:10/erc20:0x0b2C639c533813f4Aa9D7837CAf62653d097Ff85": ("USDC", 6),
    "eip155:137/erc20:0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359": ("USDC", 6),
    "eip155:42161/erc20:0xaf88d065e77c8cC2239327C5EDb3A432268e5831": ("USDC", 6),
    "eip155:8453/erc20:0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913": ("USDC", 6),
}
"""Tokens whose decimals are known, as their issuers publish them (Circle, Tether, Sky, WETH9); others are stated."""

_ERC20 = re.compile(r"eip155:([1-9][0-9]{0,17})/erc20:(0x[0-9a-fA-F]{40})")
_NATIVE = re.compile(r"eip155:([1-9][0-9]{0,17})/slip44:[0-9]{1,10}")
_FIAT = re.compile(r"iso4217:([A-Z]{3})")
_PLAIN = re.compile(r"(0|[1-9][0-9]*)(?:\.([0-9]+))?")
ZERO_ADDRESS = "0x" + "0" * 40


def _minor(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str):
        if re.fullmatch(MINOR_PATTERN, value, re.ASCII) is None:
            raise ValueError(f"{value[:60]!r} is not a whole number from 0 to 10^38-1 in plain decimal digits")
        return int(value)
    if info.context == WIRE or not isinstance(value, int) or isinstance(value, bool):
        raise ValueError('amounts are written as text in quotes, for example "10000"')
    return value


AmountMinor = Annotated[
    Minor, BeforeValidator(_minor), Field(ge=0, le=MAX_MINOR), PlainSerializer(str, return_type=str)
]


def asset_of(text: str) -> str:
    """`text` as the asset is written in records: an ISO 4217 code alone gets its prefix, addresses their checksum.

    Raises InputError for an unknown currency, a wrong checksum, the zero address or any other form.
    """
    if text in CURRENCIES:
        return f"iso4217:{text}"
    try:
        if match := _ERC20.fullmatch(text):
            text = f"eip155:{match[1]}/erc20:{checksummed(match[2])}"
        return _asset(text)
    except ValueError as error:
        raise InputError(
            str(error),
            hint="For example iso4217:EUR, or eip155:1/erc20:0x… with the token's contract (CAIP-19).",
        ) from None


def _asset(value: str) -> str:
    if match := _FIAT.fullmatch(value):
        if match[1] not in CURRENCIES:
            raise ValueError(f"{match[1]} is no currency of {CURRENCIES_AS_OF}")
    elif match := _ERC20.fullmatch(value):
        if checksummed(match[2]) != match[2]:
            raise ValueError(f"the token {match[2]} is not written with its EIP-55 checksum ({checksummed(match[2])})")
        if match[2] == ZERO_ADDRESS:
            raise ValueError("the zero address is no token")
    elif not _NATIVE.fullmatch(value):
        raise ValueError(f"{value[:80]!r} is no asset")
    return value


Asset = Annotated[str, AfterValidator(_asset)]


def known_decimals(asset: str) -> int | None:
    """The asset's decimals by the tables here; None for a token that they do not know."""
    if match := _FIAT.fullmatch(asset):
        return CURRENCIES[match[1]]
    if asset in TOKENS:
        return TOKENS[asset][1]
    return 18 if re.fullmatch(r"eip155:[0-9]+/slip44:60", asset) else None


def decimals_of(asset: str, stated: int | None) -> int:
    """The decimals to use: the table's, which `stated` may repeat, else `stated`; InputError for others or none."""
    known = known_decimals(asset)
    if known is None and stated is None:
        raise InputError(
            f"the decimals of {asset} are not known here",
            hint="State them with --decimals, as the token's contract does.",
        )
    if known is not None and stated not in (None, known):
        raise InputError(f"{asset} has {known} decimals, not {stated}", hint="Leave --decimals out, or correct it.")
    return known if known is not None else stated or 0


def currency_of(asset: str) -> str | None:
    """The ISO 4217 code of a currency; None for what lives on a chain."""
    match = _FIAT.fullmatch(asset)
    return match[1] if match else None


def chain_of(asset: str) -> int | None:
    """The EIP-155 number of the asset's chain; None for a currency."""
    match = _ERC20.fullmatch(asset) or _NATIVE.fullmatch(asset)
    return int(match[1]) if match else None


def token_of(asset: str) -> str | None:
    """The contract of an ERC-20 token, checksummed; None for a currency or a chain's own coin."""
    match = _ERC20.fullmatch(asset)
    return match[2] if match else None


def asset_symbol(asset: str) -> str:
    """What people call the asset: `EUR`, `USDC`, else the CAIP-19 name itself."""
    return currency_of(asset) or (TOKENS[asset][0] if asset in TOKENS else asset)


def decimal_text(minor: int, decimals: int) -> str:
    """Minor units as plain decimal text with all its decimals: 1234 with 2 is `12.34`."""
    sign, digits = "-" if minor < 0 else "", f"{abs(minor):0{decimals + 1}d}"
    return sign + (digits if not decimals else f"{digits[:-decimals]}.{digits[-decimals:]}")


def parse_decimal(text: str, decimals: int) -> Minor:
    """The minor units of plain decimal text; InputError for more decimals than the asset has, or any other form."""
    match = _PLAIN.fullmatch(text)
    if match is None or len(match[2] or "") > decimals:
        raise InputError(f"{text[:60]!r} is no amount with at most {decimals} decimals", hint="For example 12.34.")
    value = int(match[1] + (match[2] or "").ljust(decimals, "0"))
    if value > MAX_MINOR:
        raise InputError(f"{text[:60]} is more than 10^38-1 minor units")
    return Minor(value)


def _destination(value: str) -> str:
    kind, _, rest = value.partition(":")
    if value.startswith("0x"):
        if checksummed(value) != value:
            raise ValueError(f"address {value} is not written with its EIP-55 checksum")
        if value == ZERO_ADDRESS:
            raise ValueError("the zero address receives nothing that can be got back")
    elif not (
        (kind == "payee" and re.fullmatch(UUID_PATTERN, rest))
        or (kind == "github" and re.fullmatch("[1-9][0-9]*", rest))
    ):
        raise ValueError(f"{value[:80]!r} is no destination: a wallet 0x…, github:<number> or payee:<user_id>")
    return value


Destination = Annotated[str, AfterValidator(_destination)]
RailName = Annotated[str, StringConstraints(pattern=RAIL_PATTERN)]


def kind_of_destination(destination: str) -> DestinationKind:
    """Which way a destination is reached."""
    if destination.startswith("0x"):
        return "wallet"
    return "github" if destination.startswith("github:") else "payee"


def destination_kind(rail: str, asset: str) -> DestinationKind:
    """What a plan pays to: GitHub accounts by Sponsors, wallets on a chain, else a payee whom the operator knows."""
    if rail == "github_sponsors":
        return "github"
    return "payee" if currency_of(asset) else "wallet"
