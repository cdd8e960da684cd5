"""`ledger site compare`: what is served is what was built, or each file that differs is named."""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.cli import main
from ledger.core.canonical import encode, sha256_hex
from ledger.core.errors import InputError
from ledger.site.compare import INDEX, compare_site

FILES = {"index.html": b"<h1>home</h1>", "epochs/default/1/index.html": b"<h1>one</h1>", "feed.xml": b"<feed/>"}


def write_site(root: Path, files: dict[str, bytes]) -> Path:
    listed = [{"path": path, "sha256": sha256_hex(data), "size": len(data)} for path, data in sorted(files.items())]
    for path, data in {**files, INDEX: encode({"files": listed}) + b"\n"}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


class Server(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/moved.txt":
            self.send_response(302)
            self.send_header("Location", "/feed.xml")
            self.end_headers()
        elif path == "/cut.txt":
            self.send_response(200)
            self.send_header("Content-Length", "10")
            self.end_headers()
            self.wfile.write(b"cut")
        elif path == "/broken.txt":
            self.send_error(503)
        else:
            super().do_GET()


@pytest.fixture
def built(tmp_path: Path) -> Path:
    return write_site(tmp_path / "built", FILES)


@pytest.fixture
def served(tmp_path: Path, built: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "served"))


@pytest.fixture
def url(served: Path) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Server, directory=str(served))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def compare(url: str, built: Path) -> dict[str, str]:
    found = compare_site(url, built, patience=0)
    return {difference.path: difference.problem for difference in found.differences}


def test_the_site_that_was_built_is_the_site_that_is_served(url: str, built: Path) -> None:
    result = compare_site(url, built, patience=0)
    assert (result.files, result.differences) == (4, ())


def test_each_file_that_differs_is_named(url: str, built: Path, served: Path) -> None:
    (served / "index.html").write_bytes(b"<h1>hom3</h1>")
    (served / "feed.xml").write_bytes(b"<feed/>longer")
    (served / "epochs/default/1/index.html").unlink()
    found = compare(url, built)
    assert found["index.html"].startswith("has SHA-256 ")
    assert found["feed.xml"] == "is longer than the 7 bytes that were built"
    assert found["epochs/default/1/index.html"] == "is missing"
    assert len(found) == 3


def test_an_old_page_that_the_deployed_index_still_lists_is_named(url: str, built: Path, served: Path) -> None:
    write_site(served, {**FILES, "epochs/default/9/index.html": b"old"})
    assert compare(url, built).keys() == {INDEX, "epochs/default/9/index.html"}


@pytest.mark.parametrize(
    ("name", "problem"),
    [("moved.txt", "status 302"), ("cut.txt", "shorter than the 7"), ("broken.txt", "status 503")],
)
def test_an_answer_that_is_not_the_file_itself_is_a_difference(
    name: str, problem: str, url: str, built: Path, served: Path
) -> None:
    for root in (built, served):
        write_site(root, {**FILES, name: b"content"})
    assert compare(url, built).keys() == {name}
    assert problem in compare(url, built)[name]


@pytest.mark.parametrize("index", [b"", b"[]", b'{"files": 1}', b'{"files": [{}]}', b"\xff"])
def test_a_deployed_index_that_cannot_be_read_is_one_difference(
    index: bytes, url: str, built: Path, served: Path
) -> None:
    (served / INDEX).write_bytes(index)
    assert compare(url, built).keys() == {INDEX}


def test_a_deployment_that_arrives_while_we_wait_is_no_difference(url: str, built: Path, served: Path) -> None:
    (served / "index.html").write_bytes(b"older")
    pauses: list[float] = []

    def arrive(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            shutil.copy(built / "index.html", served / "index.html")

    assert compare_site(url, built, pause=arrive).differences == ()
    assert pauses == [5.0, 10.0]


def test_waiting_has_an_end(url: str, built: Path, served: Path) -> None:
    (served / "index.html").write_bytes(b"older")
    pauses: list[float] = []
    assert len(compare_site(url, built, patience=40, pause=pauses.append).differences) == 1
    assert sum(pauses) <= 40


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/",
        "file://host/etc",
        "ftp://127.0.0.1/",
        "https://a@example.org/",
        "https://x.org/?a",
        "x",
    ],
)
def test_only_plain_https_addresses_and_this_machine_are_asked(address: str, built: Path) -> None:
    with pytest.raises(InputError):
        compare_site(address, built, patience=0, pause=_never)


def _never(_seconds: float) -> None:
    raise AssertionError("nothing to wait for")


@pytest.mark.parametrize("break_it", [lambda path: path.unlink(), lambda path: path.write_bytes(b"{")])
def test_a_folder_without_a_built_site_is_refused(break_it: Callable[[Path], object], built: Path) -> None:
    break_it(built / INDEX)
    with pytest.raises(InputError):
        compare_site("https://example.org/", built, patience=0, pause=_never)


def test_nobody_there_is_told_for_every_file(built: Path) -> None:
    found = compare("http://127.0.0.1:9/", built)
    assert found.keys() == {*FILES, INDEX}
    assert all(problem.startswith("cannot be fetched") for problem in found.values())


def test_the_command_ends_with_one_and_names_the_file(
    url: str, built: Path, served: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["ledger", "site", "compare", url, "--site", str(built), "--patience", "0"]
    monkeypatch.setattr(sys, "argv", command)
    assert main() == 0
    assert capsys.readouterr().out == ""
    (served / "feed.xml").unlink()
    assert main() == 1
    assert capsys.readouterr().out == "feed.xml: is missing\n"
    monkeypatch.setattr(sys, "argv", [*command, "--json"])
    assert main() == 1
    assert json.loads(capsys.readouterr().out)["differences"] == [{"path": "feed.xml", "problem": "is missing"}]
