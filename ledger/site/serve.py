"""A built site shown on this machine only."""

from __future__ import annotations

import http.server
from functools import partial
from pathlib import Path


def serve_site(out: Path, port: int) -> None:
    """Serve a built site on the loopback address until interrupted."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(out))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        server.serve_forever()
