"""What people must install, under the one name and address of this project.

A command of the base install that needs an extra says which line to run. Until the name is registered at the package
index, every line installs from the repository's address: a name that nobody owns must not be asked for, or whoever
registers it first would be run instead.
"""

from __future__ import annotations

from ledger.core.errors import InputError, LedgerError

PACKAGE = "contribution-ledger"
"""The distribution's name."""
PROJECT = "contribution-ledger/contribution-ledger"
"""The project's repository on GitHub, owner/name."""
ADDRESS = f"https://github.com/{PROJECT}"
REGISTERED = False
"""Whether `PACKAGE` is ours at the package index."""

_EXTRAS = {
    "aiohttp": "discord",
    "cryptography": "credentials",
    "discord": "discord",
    "github": "github",
    "jinja2": "site",
    "mkdocs": "site",
    "pysail": "spark",
    "pyspark": "spark",
    "requests": "github",
}
"""The extra that brings a library, by the name under which Python imports it."""


def install_line(extra: str = "") -> str:
    """The line that installs the project with an extra (empty: the base, which is enough to verify)."""
    name = f"{PACKAGE}[{extra}]" if extra else PACKAGE
    return f'pip install "{name}"' if REGISTERED else f'pip install "{name} @ git+{ADDRESS}"'


def missing_extra(module: str | None) -> LedgerError | None:
    """The error for a library that is not installed; None for a module that no extra brings."""
    extra = _EXTRAS.get((module or "").partition(".")[0])
    if extra is None:
        return None
    return InputError(
        f"this needs the extra [{extra}], which is not installed here ({module})",
        hint=f"Install it with: {install_line(extra)}",
    )
