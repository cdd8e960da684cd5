"""The one family of errors: each says what happened, where, which rule it breaks and what to do next.

Raise the precise class at the lowest place that knows file and line; catch only at the command line.
The exit codes are the command line's contract: 1 difference, 2 usage, 3 input, 4 credentials.
"""

from __future__ import annotations


class LedgerError(Exception):
    """Base of every error that the ledger raises on purpose.

    `message` says what happened, `hint` what to do next, `rule` names an invariant or a section of the
    specification, `path` and `line` say where. `exit_code` is what the command line ends with.
    """

    exit_code = 3

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        rule: str | None = None,
        path: str | None = None,
        line: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.rule = rule
        self.path = path
        self.line = line

    @property
    def where(self) -> str:
        """`path:line`, `path`, or an empty text when the place is not a file."""
        if self.path is None:
            return ""
        return self.path if self.line is None else f"{self.path}:{self.line}"

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        rule = f" [{self.rule}]" if self.rule else ""
        return f"{place}{self.message}{rule}"

    def at(self, path: str, line: int | None = None) -> LedgerError:
        """The same error with its place filled in, where it was not known before."""
        if self.path is None:
            self.path, self.line = path, line
        return self


class DifferenceError(LedgerError):
    """A check ran and found something that does not match (exit code 1)."""

    exit_code = 1


class UsageError(LedgerError):
    """The command was called in a way that cannot be right (exit code 2)."""

    exit_code = 2


class InputError(LedgerError):
    """A file, a record or a value is invalid or missing (exit code 3)."""


class FormatError(InputError):
    """Bytes are not in the form that the specification fixes."""


class ConfigError(InputError):
    """A file that people write (ledger.yaml, scopes, weights) is invalid.

    `field` is the key that is wrong, with dots between its parts, by which the reader of the file finds its line.
    """

    field: str = ""


class StateError(InputError):
    """The act is not allowed in the epoch's present state."""


class SignatureError(InputError):
    """A signature is malformed, by a stranger, or over something else."""


class SourceError(LedgerError):
    """A source could not be read; what was read before it is kept."""


class CredentialsError(LedgerError):
    """A token or key is needed and missing, or was refused (exit code 4)."""

    exit_code = 4
