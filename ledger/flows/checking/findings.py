"""What is found out about one epoch: findings under its files' paths, and files that cannot be read as findings too."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ledger.core.canonical import encode
from ledger.core.errors import LedgerError
from ledger.core.evaluate import Finding
from ledger.core.findings import Findings
from ledger.flows.verdicts import as_finding
from ledger.store.epochfolder import EpochFolder

T = TypeVar("T")


class EpochFindings(Findings):
    """The findings about the epoch of `folder`."""

    def __init__(self, folder: EpochFolder) -> None:
        super().__init__()
        self.folder = folder

    def one(self, read: Callable[[], T]) -> T | None:
        """What `read` gives; None where it refuses a file, which is a finding, and the rest goes on."""
        try:
            return read()
        except LedgerError as error:
            self.add(as_finding(error.at(self.folder.relative)))
            return None

    def lines(self, read: Callable[[], list[T]]) -> list[T]:
        """The same for lines: none where they cannot be read."""
        return self.one(read) or []

    def differ(
        self, rule: str, message: str, name: str, expected: object, actual: object, line: int | None = 1
    ) -> None:
        """A finding about the epoch's file `name`, unless what is expected and what is there are the same."""
        if expected != actual:
            self.add(Finding(rule, message, self.folder.path(name), line, told(expected), told(actual)))


def told(value: object) -> str:
    """A value as the files write it: text as it is, anything composite as canonical JSON."""
    return value if isinstance(value, str) else encode(value).decode() if value is not None else "null"
