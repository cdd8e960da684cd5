"""The questions that the collector asks GitHub, as GraphQL files; each query goes out with the fragments it names."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files


@cache
def load(name: str) -> str:
    """The text of `<name>.graphql` with all fragments that it needs, each once."""
    fragments = {
        match[1]: match[0]
        for match in re.finditer(r"^fragment (\w+) .*?\}(?=\n\n|\Z)", _read("fragments"), re.M | re.S)
    }
    text = _read(name)
    needed: list[str] = []
    for wanted in (names := re.findall(r"\.\.\.(\w+)", text)):
        if wanted in fragments and wanted not in needed:
            needed.append(wanted)
            names += re.findall(r"\.\.\.(\w+)", fragments[wanted])
    return "\n".join([text, *(fragments[wanted] for wanted in needed)])


def _read(name: str) -> str:
    return files(__name__).joinpath(f"{name}.graphql").read_text("utf-8").strip()
