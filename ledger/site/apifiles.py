"""The files of the static API as they are written: each with its size and SHA-256, for the index."""

from __future__ import annotations

from pathlib import Path

from ledger.core.canonical import encode, sha256_hex

ROOT = "api/v1/ledger"


class ApiFiles:
    """Writes files under `out/api/v1/ledger`.

    `files`: the size (bytes) and SHA-256 of each, by its path in the site.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self.files: dict[str, tuple[int, str]] = {}

    def put(self, path: str, data: bytes) -> None:
        """Write one file under the API's root."""
        target = self._out / ROOT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        self.files[f"{ROOT}/{path}"] = (len(data), sha256_hex(data))

    def take(self, path: str, data: bytes, digest: str) -> None:
        """Write a file of an earlier build whose hash is known. `path`: in the site."""
        target = self._out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        self.files[path] = (len(data), digest)

    def put_json(self, path: str, value: object) -> None:
        """Write one canonical JSON file."""
        self.put(path, encode(value) + b"\n")
