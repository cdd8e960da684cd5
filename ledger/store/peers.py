"""What a node remembers of other ledgers: `peers.json` (which they are) and `peers/NAME.json` (what was found last).

Everything here is of others: it is shown, as theirs, and enters no sum.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ledger.core.canonical import foreign_json
from ledger.core.errors import ConfigError
from ledger.core.explain import explain
from ledger.core.values import Credits, Node, Scope, Sha256, Timestamp, UserId
from ledger.store.files import read_file

FILE = "peers.json"
FOLDER = "peers"
NAME = r"[a-z0-9][a-z0-9-]{0,62}"

Way = Literal["clone", "site"]
"""How a peer was verified: recomputed whole from a clone, or by what its site publishes, up to the signatures."""


class _Known(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


Model = TypeVar("Model", bound=_Known)


class Peer(_Known):
    """One other ledger: its node, where its clone or its site lies, and each scope's root as it was first seen."""

    name: Annotated[str, Field(pattern=f"^{NAME}$")]
    node_id: Node
    roots: dict[str, Sha256 | None]
    where: str

    @property
    def memory(self) -> str:
        """The file in which its finalized statements are remembered."""
        return f"{FOLDER}/{self.name}.jsonl"

    @property
    def findings(self) -> str:
        """The file that says what was found when it last verified."""
        return f"{FOLDER}/{self.name}.json"


class Checkpoint(_Known):
    """How many finalized epochs a scope had, and the root over their statements, in base64 as sites publish it."""

    root: Annotated[str, Field(pattern="^[A-Za-z0-9+/]{43}=$")]
    scope_id: Scope
    size: Annotated[int, Field(ge=0)]


class SamePerson(_Known):
    """One of theirs who has an account that one of ours has too: what he got there in all finalized epochs."""

    credits: Credits
    external_id: Annotated[str, Field(max_length=300)]
    name: Annotated[str, Field(max_length=300)]
    provider: Annotated[str, Field(max_length=40)]
    user_id: UserId


class Found(_Known):
    """What was found when a peer last verified: nothing is written where it does not. `way`: by what."""

    checkpoints: list[Checkpoint]
    people: list[SamePerson]
    verified_at: Timestamp
    way: Way = "clone"


def read_peers(root: Path) -> list[Peer]:
    """All peers of a node, by name; ConfigError names what is wrong in the file."""
    value = _json(root, FILE)
    if value is None:
        return []
    try:
        return [_read(Peer, each, FILE) for each in value["peers"]]
    except (LookupError, TypeError):
        raise ConfigError('is not {"peers":[…]}', path=FILE) from None


def read_found(root: Path, peer: Peer) -> Found | None:
    """What was found of a peer; None where that was not kept."""
    value = _json(root, peer.findings)
    return None if value is None else _read(Found, value, peer.findings)


def write_form(value: Mapping[str, Any]) -> bytes:
    """The bytes of such a file: for people to read in a diff."""
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True).encode() + b"\n"


def _json(root: Path, path: str) -> Any:
    data = read_file(root, path)
    try:
        return None if data is None else foreign_json(data)
    except ValueError:
        raise ConfigError("holds no JSON", path=path) from None


def _read(model: type[Model], value: object, path: str) -> Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise ConfigError(explain(error), path=path) from None
