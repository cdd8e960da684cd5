"""The command line: parse, call one flow, print.

Asking for the version answers at once, before anything else is imported.
"""

from __future__ import annotations

import signal
import sys
from contextlib import suppress

from ledger import __version__


def main() -> int:
    """Run the command line; returns the exit code."""
    if sys.argv[1:] == ["--version"]:
        print(f"ledger {__version__}")  # noqa: T201 - our own text, nothing to make safe
        return 0
    with suppress(ValueError):  # another thread's interruptions are its caller's
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is begun yet: there is nothing to say or to keep
    from ledger.cli.app import run

    return run()
