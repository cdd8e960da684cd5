"""Where the files of paying lie and what kind each is (specification, section 11). Knows names, not contents."""

from __future__ import annotations

import re

from ledger.core.values import SCOPE_PATTERN
from ledger.store.layout import FOLDER_PATTERN, Kind, folder_name

DISTRIBUTIONS = "data/distributions"
OPENING = "data/opening"
INSTRUCTIONS = "data/instructions.jsonl"
WAIVERS = "data/waivers.jsonl"
PLAN_FILES: dict[str, Kind] = {"plan.json": "once", "signatures.jsonl": "log", "settlements.jsonl": "log"}
"""Every file of a distribution's folder."""

_SCOPE = SCOPE_PATTERN[1:-1]
PLAN_PATH = re.compile(rf"{DISTRIBUTIONS}/({_SCOPE})/({FOLDER_PATTERN})/([a-z.]+)", re.ASCII)
SYSTEMS = ("all-contributors", "csv", "opencollective", "sourcecred")
"""Older systems whose record can be brought along; one source and one history of each in a scope."""
_OPENING = re.compile(rf"{OPENING}/({_SCOPE})(\.signatures)?\.jsonl", re.ASCII)
_SYSTEM = "|".join(SYSTEMS)
SOURCE_PATH = re.compile(rf"{OPENING}/({_SCOPE})\.({_SYSTEM})\.json", re.ASCII)
HISTORY_PATH = re.compile(rf"{OPENING}/({_SCOPE})\.({_SYSTEM})(?:-(?!000[01])([0-9]{{4}}))?\.jsonl", re.ASCII)


def distribution_path(scope_id: str, distribution: int) -> str:
    """The folder of a distribution, relative to the node."""
    return f"{DISTRIBUTIONS}/{scope_id}/{folder_name(distribution)}"


def plan_path(scope_id: str, distribution: int) -> str:
    """The plan of a distribution, relative to the node."""
    return f"{distribution_path(scope_id, distribution)}/plan.json"


def opening_path(scope_id: str) -> str:
    """The opening balances of a scope, relative to the node."""
    return f"{OPENING}/{scope_id}.jsonl"


def opening_signatures_path(scope_id: str) -> str:
    """The signatures over the opening balances of a scope, relative to the node."""
    return f"{OPENING}/{scope_id}.signatures.jsonl"


def source_path(scope_id: str, system: str) -> str:
    """The older system of which a scope brings something along, relative to the node."""
    return f"{OPENING}/{scope_id}.{system}.json"


def history_path(scope_id: str, system: str, number: int = 1) -> str:
    """The file 1, 2, 3 … of the older system's history, relative to the node."""
    return f"{OPENING}/{scope_id}.{system}{'' if number == 1 else f'-{number:04d}'}.jsonl"


def opening_scope(path: str) -> str | None:
    """The scope whose opening (balances, source or history, not signatures) `path` is; None for any other path."""
    if (match := _OPENING.fullmatch(path)) and not match[2]:
        return match[1]
    match = SOURCE_PATH.fullmatch(path) or HISTORY_PATH.fullmatch(path)
    return match[1] if match else None


def pay_scope(path: str) -> str | None:
    """The scope that a file of paying is of by its name; None for one of the whole node, and for any other path."""
    matches = (pattern.fullmatch(path) for pattern in (PLAN_PATH, _OPENING, SOURCE_PATH, HISTORY_PATH))
    return next((match[1] for match in matches if match), None)


def pay_kind(path: str) -> Kind | None:
    """What kind of file of paying `path` is; None when it is none."""
    if path in (INSTRUCTIONS, WAIVERS):
        return "log"
    if match := PLAN_PATH.fullmatch(path):
        return PLAN_FILES.get(match[3])
    if match := _OPENING.fullmatch(path):
        return "log" if match[2] else "once"
    if SOURCE_PATH.fullmatch(path) or HISTORY_PATH.fullmatch(path):
        return "once"
    return None
