"""Where work goes on: an epoch of a scope, or a later version of it, and the branch that it has on GitHub."""

from __future__ import annotations

import re
from typing import NamedTuple

from ledger.core.values import SCOPE_PATTERN

_BRANCH = re.compile(
    rf"epoch/(?P<scope>{SCOPE_PATTERN[1:-1]})/(?P<epoch>[1-9][0-9]{{0,8}})"
    rf"|amend/(?P<amended>{SCOPE_PATTERN[1:-1]})/(?P<number>[1-9][0-9]{{0,8}})/(?P<version>[2-9]|[1-9][0-9])",
    re.ASCII,
)


class Place(NamedTuple):
    """An epoch, or with a version from 2 on the amendment of that epoch."""

    scope_id: str
    epoch_id: int
    version: int = 1

    @property
    def branch(self) -> str:
        """The branch on which it is worked on: `epoch/SCOPE/N` or `amend/SCOPE/N/VERSION`."""
        if self.version == 1:
            return f"epoch/{self.scope_id}/{self.epoch_id}"
        return f"amend/{self.scope_id}/{self.epoch_id}/{self.version}"

    def __str__(self) -> str:
        """As people name it: `default/3`, or `default/3, version 2`."""
        return f"{self.scope_id}/{self.epoch_id}" + (f", version {self.version}" if self.version > 1 else "")


def parse_branch(name: str) -> Place | None:
    """What a branch is for, None for any other branch."""
    match = _BRANCH.fullmatch(name)
    if match is None:
        return None
    if match["scope"] is not None:
        return Place(match["scope"], int(match["epoch"]))
    return Place(match["amended"], int(match["number"]), int(match["version"]))
