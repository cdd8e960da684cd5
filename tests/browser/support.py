"""A built site on loopback, pages of our own that use its tools, and the system's Chromium to look at them."""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ledger.store.node import load_node

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ASSETS = Path(__file__).parents[2] / "site_templates/assets"
POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; worker-src 'self'; img-src data:"
"""Stricter than the site's own: what works here needs no inline script, no eval, no inline style."""

needs_browser = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="no chromium here; .ci/run installs it and runs this"
)


def publish(node_root: Path, out: Path) -> Path:
    """What the site publishes of a node, straight from its files: also of one that was tampered with."""
    node, api = load_node(node_root), out / "api/v1/ledger"
    epochs = []
    for folder in sorted((node_root / "data/epochs").glob("*/*")):
        place = f"epochs/{folder.parent.name}/{int(folder.name)}"
        shutil.copytree(folder, api / place, dirs_exist_ok=True)
        steps = (folder / "transitions.jsonl").read_bytes()
        state = next((name for name in ("finalized", "review") if f'"to":"{name}"'.encode() in steps), "open")
        stored = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
        files = [f"{place}/{name}" for name in stored]
        epochs.append({"epoch_id": int(folder.name), "files": files, "scope_id": folder.parent.name, "state": state})
    scopes = [
        {
            "approvers": [{"id": person.id, "wallets": list(person.wallets)} for person in scope.approvers],
            "scope_id": scope_id,
            "spam": [rule.model_dump(mode="json") for rule in scope.spam],
            "overlap": scope.overlap,
            "threshold": scope.threshold,
        }
        for scope_id, scope in node.scopes.items()
    ]
    api.mkdir(parents=True, exist_ok=True)
    (api / "epochs.json").write_text(json.dumps({"epochs": epochs, "node_id": node.node_id}), "utf-8")
    (api / "scopes.json").write_text(
        json.dumps({"epoch": node.settings.epoch.model_dump(), "node_id": node.node_id, "scopes": scopes}), "utf-8"
    )
    (api / "odd-names.json").write_text("{}", "utf-8")  # nobody's name passes for another's in these nodes
    bindings = node_root / "data/identities.jsonl"
    (api / "identities.jsonl").write_bytes(bindings.read_bytes() if bindings.exists() else b"")
    receipts = node_root / "data/receipts.jsonl"
    if receipts.exists():
        (api / "receipts.jsonl").write_bytes(receipts.read_bytes())
    for folder_name in ("approvers", "log"):
        if (node_root / "data" / folder_name).is_dir():
            shutil.copytree(node_root / "data" / folder_name, api / folder_name, dirs_exist_ok=True)
    return out


def write_page(site: Path, tool: str, scope: str, epoch: int, more: str = "", assets: str = "assets") -> str:
    """A page of the site `out` with one tool on it; returns its address inside the site.

    `assets`: where its scripts are, if not the site's own.
    """
    if assets == "assets" and not (site / "assets").exists():
        (site / "assets").symlink_to(ASSETS)
    name = f"{tool}-{scope}-{epoch}.html"
    (site / name).write_text(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{tool}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><link rel="icon" href="data:,">'
        f'<link rel="stylesheet" href="{assets}/ui/ui.css">'
        f'<script type="module" src="{assets}/ui/main.js"></script></head>'
        f'<body class="ledger"><main><h1>{tool}</h1><div data-{tool} data-scope="{scope}" data-epoch="{epoch}" '
        f'data-base="api/v1/ledger/" {more}></div></main></body></html>',
        "utf-8",
    )
    return name


class _Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # a page's forty files by a few connections
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Patient(http.server.ThreadingHTTPServer):
    """A server that takes it well when a browser hangs up."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that leaves a page hangs up on what it no longer needs; all else is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def served(folder: Path, how: type[http.server.SimpleHTTPRequestHandler] = _Quiet) -> Iterator[str]:
    """The folder on loopback; gives its address with a slash at the end. `how`: what answers for it."""
    with Patient(("127.0.0.1", 0), functools.partial(how, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@dataclass
class Watched:
    """A page, and everything about it that must not happen or must be seen."""

    page: Any
    problems: list[str] = field(default_factory=list)
    """Script errors, console errors, dialogs."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and address of each request."""

    def foreign(self, origin: str) -> list[tuple[str, str]]:
        """Requests that are no plain reading from the site itself."""
        return [(how, url) for how, url in self.requests if how != "GET" or not url.startswith((origin, "data:"))]


@contextmanager
def watched(browser: Any, **context_options: Any) -> Iterator[Watched]:
    """A fresh page in a fresh context, with errors and requests recorded."""
    context = browser.new_context(**context_options)
    found = Watched(context.new_page())
    found.page.set_default_timeout(60_000)
    found.page.on("console", lambda message: found.problems.append(message.text) if message.type == "error" else None)
    found.page.on("pageerror", lambda error: found.problems.append(str(error)))
    found.page.on("dialog", lambda dialog: found.problems.append(dialog.message))
    context.on("request", lambda asked: found.requests.append((asked.method, asked.url)))
    yield found
    context.close()
