"""mkdocs hook: put the ready HTML of a page in place of its Markdown, so that no text ever passes through Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """The page's body, as jinja2 made it."""
    body = Path(page.file.abs_src_path).with_suffix(".body")
    return body.read_text("utf-8") if body.is_file() else html


def on_files(files: Any, **_: Any) -> Any:
    """Bodies are not published by themselves."""
    for file in list(files):
        if file.src_path.endswith(".body"):
            files.remove(file)
    return files
