"""A real Spark Connect server on loopback, for the tests of the engines (`make test-spark`) or by itself.

    python -m tests.engines.sparkserver [COMMAND …]

With a command: runs it with LEDGER_SPARK_REMOTE set to the server's address, and ends as it does. Without: serves until
interrupted. Spark is put into build/spark (about 0.5 GB, by pip, at the release and hash of requirements.txt), unless
SPARK_HOME names one. Needs Java 17 or newer.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "build/spark"
WANTED = Path(__file__).with_name("requirements.txt")
SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"
OLDEST_JAVA = 17
PATIENCE = 180
"""Seconds that a server may take until it answers; about ten are usual."""


def main(command: list[str]) -> int:
    """Starts it; runs the command, or waits."""
    try:
        with running() as remote:
            if command:
                return subprocess.run(
                    command, env={**os.environ, "LEDGER_SPARK_REMOTE": remote}, check=False
                ).returncode
            say(f"Spark answers at {remote}; Ctrl-C ends it")
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        return 0


@contextmanager
def running() -> Iterator[str]:
    """The address of a server of our own, which ends with the block, or with this process where it is killed."""
    must_have_java()
    home = spark_home()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": port,
        "spark.sql.shuffle.partitions": 4,  # nodes of a few lines: 200 empty tasks a query tell nothing
        "spark.ui.enabled": "false",
    }
    with tempfile.TemporaryDirectory(prefix="ledger-spark-") as scratch:
        log = Path(scratch) / "server.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    *(str(home / "bin/spark-submit"), "--master", "local[2]", "--driver-memory", "2g"),
                    *(part for name, value in settings.items() for part in ("--conf", f"{name}={value}")),
                    *("--class", SERVER, "spark-internal"),
                ],
                cwd=scratch,
                env={**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1"},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        # a shell that waits for the end of its input: that comes when this process ends, however it does
        guard = subprocess.Popen(["sh", "-c", f"read -r _; kill {process.pid}"], stdin=subprocess.PIPE)
        try:
            wait_for(process, port, log)
            yield f"sc://127.0.0.1:{port}"
        finally:
            guard.kill()  # first, or it could end another process that was given the number
            guard.wait()
            process.terminate()
            process.wait()


def must_have_java() -> None:
    """Ends with what to do where there is none, or one that is too old."""
    java = shutil.which("java")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr if java else ""
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < OLDEST_JAVA:
        found = f"this one is {version[1]}" if version else "there is none on PATH"
        sys.exit(
            f"Spark needs Java {OLDEST_JAVA} or newer, and {found}; on Debian: apt-get install openjdk-17-jre-headless"
        )


def spark_home() -> Path:
    """Where Spark lies: SPARK_HOME, or our own place, filled at the first use."""
    if given := os.environ.get("SPARK_HOME"):
        return Path(given)
    stamp = PLACE / "requirements.txt"
    if not stamp.is_file() or stamp.read_bytes() != WANTED.read_bytes():
        say("fetching Spark, 0.5 GB (once; some minutes)")
        shutil.rmtree(PLACE, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", "--require-hashes", "--target", PLACE, "-r", WANTED], check=True)
        shutil.copy2(WANTED, stamp)
    return PLACE / "pyspark"


def wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until the server takes a connection; ends with its last words where it does not."""
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    sys.exit("Spark did not start:\n" + "\n".join(log.read_text("utf-8", "replace").splitlines()[-20:]))


def say(text: str) -> None:
    """One line for people."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
