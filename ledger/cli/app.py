"""The commands as one group, and the place where every error ends: as words and an exit code, never a traceback.

A command's module is imported when the command is asked for, and imports flows inside its functions, so that no command
loads more than it needs.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import threading
from importlib import import_module
from keyword import iskeyword
from types import FrameType

import click

from ledger import __version__
from ledger.cli.group import Group
from ledger.cli.output import emit, error_data, fail, note
from ledger.core.errors import LedgerError
from ledger.core.install import ADDRESS, missing_extra

MODULES = {
    "demo": "demo",
    "init": "init",
    "collect": "collect",
    "sources": "sources",
    "status": "status",
    "show": "status",
    "identity": "identity",
    "curate": "decide",
    "override": "decide",
    "answer": "decide",
    "pool": "budget",
    "award": "budget",
    "approvers": "approvers",
    "amend": "amend",
    "review": "review",
    "statement": "review",
    "sign": "sign",
    "finalize": "review",
    "import": "imports",
    "audit": "audit",
    "book": "book",
    "opening": "book",
    "waive": "book",
    "distribute": "distribute",
    "settle": "settle",
    "instruct": "instruct",
    "pr": "pr",
    "ci": "ci",
    "setup": "setup",
    "doctor": "doctor",
    "verify": "verify",
    "guard": "verify",
    "receipt": "receipt",
    "peers": "peers",
    "attest": "attest",
    "witness": "attest",
    "site": "site",
    "schema": "schema",
}
"""The module of this room that holds each command, under the command's own name (`import_` where that is Python's)."""


class _Unread(Exception):
    """A pipe that its reader closed, told apart before click ends it with 1, which here says that a check failed."""


class _OnDemand(Group):
    """Imports a command when it is asked for."""

    def invoke(self, ctx: click.Context) -> object:
        """As click's, but for a pipe that is closed."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise _Unread from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in MODULES:
            return None
        module = import_module(f"ledger.cli.{MODULES[cmd_name]}")
        found: click.Command = getattr(module, f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name)
        return found


@click.group(cls=_OnDemand, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="ledger", message="%(prog)s %(version)s")
def ledger() -> None:
    """An open ledger of contributions: what happened, how it was valued, who gets paid, so that anyone can recheck it.

    Start with `ledger demo`, or make your own node with `ledger init DIR`. Every command works on the nearest folder
    upwards that holds ledger.yaml, or on the one named with --node. Data goes to stdout, everything else to stderr.

    Exit codes: 0 ok; 1 a check found a difference; 2 usage; 3 input invalid or missing; 4 credentials needed.
    """


_asked: list[int] = []
"""The signal that asked this command to end, once it was obeyed: whatever error comes then comes of that."""
_waiting: list[threading.Timer] = []
"""What sends a signal again that fell into an import."""
_sent: list[int] = []
"""A signal that is sent again and has not come yet."""


def _interrupt(number: int, frame: FrameType | None) -> None:
    """End the command, at once if it is asked for twice: no write is cut in two by that.

    A signal that falls into an import comes again when it is over: native modules abort the process when an exception
    passes through their loading.
    """
    if _waiting and not _sent:  # asked for twice within one import
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    _waiting.clear()
    _sent.clear()
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            again = threading.Timer(0.02, _send, (number,))
            again.daemon = True
            _waiting.append(again)
            again.start()
            return
        frame = frame.f_back
    for each in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(each) is _interrupt:
            signal.signal(each, signal.SIG_DFL)
    _asked.append(number)
    raise KeyboardInterrupt


def _send(number: int) -> None:
    _sent.append(number)
    os.kill(os.getpid(), number)


_ROOM = "Make room, then run the same command again: it goes on where this one stopped, and nothing is half-written."
_RIGHT = "Run this as somebody who may read and write there, or in a clone of your own."
_NEXT = {errno.ENOSPC: _ROOM, errno.EDQUOT: _ROOM, errno.EROFS: _RIGHT, errno.EACCES: _RIGHT, errno.EPERM: _RIGHT}
"""What to do next about what the operating system refused."""


def run() -> int:
    """Run the command line; returns the exit code."""
    if threading.current_thread() is not threading.main_thread():
        return _run()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal's encoding lacks ends no command
    for each_list in (_asked, _waiting, _sent):
        each_list.clear()
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    for each, was in before.items():
        if was is not signal.SIG_IGN:  # as `nohup` and a shell's background have it
            signal.signal(each, _interrupt)
    try:
        code = _run()
        if _waiting and not _asked:  # the command was over before the import that a signal fell into let it through
            _waiting[0].cancel()
            _asked.extend(_waiting[0].args)
            return _interrupted()
        return code
    except KeyboardInterrupt:
        return _interrupted()
    finally:
        for each, was in before.items():
            signal.signal(each, was)


def _run() -> int:
    try:
        result = ledger.main(standalone_mode=False)
        return result if isinstance(result, int) else 0
    except (click.exceptions.Abort, KeyboardInterrupt):
        return _interrupted()
    except LedgerError as error:
        return _interrupted(error) if _asked else fail(error)
    except click.ClickException as error:
        if _asked:
            return _interrupted(error)
        if "--json" in sys.argv:
            emit("error/1", {**error_data(LedgerError(error.format_message())), "exit_code": error.exit_code})
        error.show()
        return error.exit_code
    except (BrokenPipeError, _Unread):  # nobody reads what is printed any more (`| head`): no difference and no error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if _asked:
            return _interrupted(error)
        if error.filename == "git" and error.errno == errno.ENOENT:
            return fail(LedgerError("git could not be started", hint="Install git 2.31 or newer, on PATH."))
        message = f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")
        return fail(LedgerError(message, hint=_NEXT.get(error.errno or 0, "")))
    except Exception as error:
        if _asked:  # native code has errors of its own for it
            return _interrupted()
        if isinstance(error, ModuleNotFoundError) and (known := missing_extra(error.name)) is not None:
            return fail(known)
        if isinstance(error, RuntimeError) and str(error).startswith("Symlink loop"):  # as Python before 3.13 says it
            return fail(LedgerError(str(error)))
        if os.environ.get("LEDGER_DEBUG"):
            raise
        hint = "This is a mistake in the ledger, not in your input. LEDGER_DEBUG=1 shows where; please report it: "
        hint += f"{ADDRESS}/issues"
        return fail(LedgerError(f"internal error: {type(error).__name__}: {error}", hint=hint))


def _interrupted(error: Exception | None = None) -> int:
    """Say how to go on; the exit code is a shell's for a command that a signal ended.

    `error`: what failed after the signal, which is told too, unless it is only the interruption in other words.
    """
    click.echo("interrupted; what was read is kept, run the same command again to go on", err=True)
    if error is not None and not isinstance(error.__cause__, KeyboardInterrupt):
        note(f"error: {error}")
    return 128 + (_asked[-1] if _asked else signal.SIGINT)
