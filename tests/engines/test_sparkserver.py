"""The server that the engines' tests start: it ends with whoever started it. A stand-in takes the place of Spark."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
JAVA = """#!/bin/sh
echo 'openjdk version "17.0.1"' >&2
"""
SPARK = f"""#!{sys.executable}
import socket, sys, time
port = next(word for word in sys.argv if "binding.port" in word).partition("=")[2]
with socket.create_server(("127.0.0.1", int(port))) as server:
    looked, (test, _) = server.accept(), server.accept()  # who looks whether it answers, and the test
    test.send(b"+")
    time.sleep(60)
"""


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(0o755)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_server_ends_with_the_process_that_started_it_also_where_that_is_killed(
    tmp_path: Path, how: signal.Signals
) -> None:
    program(tmp_path / "bin/java", JAVA)
    program(tmp_path / "bin/spark-submit", SPARK)
    environ = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "SPARK_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "tests.engines.sparkserver"]
    with subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True) as starter:
        assert starter.stderr is not None
        port = int(starter.stderr.readline().partition("127.0.0.1:")[2].partition(";")[0])
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            assert connection.recv(1) == b"+"
            starter.send_signal(how)
            starter.wait(timeout=30)
            assert connection.recv(1) == b""  # the server's end
