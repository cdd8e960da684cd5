"""The `ledger` command without the second that each start costs: a process that has loaded everything forks for each.

The same code runs, with its own arguments, folder, environment and streams, and ends with its own exit code; what is
not repeated is the import of DuckDB, eth-account and PyGithub. For tests that run more than a hundred commands.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LOADED = (
    "eth_account.messages",
    "github",
    "ledger.cli.app",
    "ledger.flows.guard",
    "ledger.flows.verify",
    "ledger.forge.approver",
    "ledger.forge.loop",
    "ledger.site.build",
    "ledger.sources.git",
)
CLIENT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as line:
    line.connect({address!r})
    socket.send_fds(line, [b"+"], [0, 1, 2])
    line.sendall(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode())
    line.shutdown(socket.SHUT_WR)
    sys.exit(int(line.recv(8) or b"70"))
"""


@contextmanager
def warm_ledger(folder: Path) -> Iterator[Path]:
    """The path of a `ledger` command in `folder` that works until the block ends."""
    folder.mkdir(parents=True)
    command = folder / "ledger"
    with tempfile.TemporaryDirectory() as place:  # a socket's path must be short
        address = f"{place}/line"
        with socket.socket(socket.AF_UNIX) as line:
            line.bind(address)
            line.listen()
            arguments = [sys.executable, "-m", "tests.workflows.warm", str(line.fileno())]
            server = subprocess.Popen(arguments, cwd=Path(__file__).parents[2], pass_fds=[line.fileno()])
        command.write_text(CLIENT.format(python=sys.executable, address=address), "utf-8")
        command.chmod(0o755)
        try:
            yield command
        finally:
            server.kill()
            server.wait()


def _serve(line: socket.socket) -> None:
    """Fork for every command that comes over the line, for ever."""
    for name in LOADED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a command but who asked for it
    while True:
        asked, _ = line.accept()
        if os.fork() == 0:
            line.close()
            _answer(asked)
        asked.close()


def _answer(asked: socket.socket) -> None:
    """Be the command: its streams, its folder, its environment; never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(asked, 1, 3)
    with asked.makefile("rb") as text:
        arguments, folder, environ = json.load(text)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", 1, "utf-8", closefd=False) for number in (1, 2))
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = ["ledger", *arguments]
    code: Any = 70
    try:
        from ledger.cli import main

        code = main()
    except SystemExit as end:
        code = end.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        asked.sendall(str(code or 0).encode())
        os._exit(0)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
