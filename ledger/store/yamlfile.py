"""YAML that people write, read narrowly: what looks like text stays text, and nothing clever is allowed.

Only null, true, false and decimal integers are resolved; floats, duplicate keys, anchors, tags and merges are refused.
"""

from __future__ import annotations

import re
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml

from ledger.core.bounds import NESTING, SETTINGS_BYTES
from ledger.core.canonical import MAX_SAFE_INTEGER
from ledger.core.config import Settings
from ledger.core.errors import ConfigError
from ledger.store.files import read_file

S = TypeVar("S", bound=Settings)

_HINT = "See docs/operate.md for the form of this file."


class _Narrow(yaml.SafeLoader):
    """A SafeLoader that resolves four kinds of plain scalars and leaves the rest as text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, Any]]] = {}  # noqa: RUF012 - as PyYAML declares it
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(problem="anchors and aliases are not allowed", problem_mark=event.start_mark)
        tag = getattr(event, "tag", None)
        if tag:
            raise yaml.MarkedYAMLError(problem=f"tag {tag} is not allowed", problem_mark=event.start_mark)
        if self.depth >= NESTING:  # its scanner's time grows with the square of the depth
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                raise yaml.MarkedYAMLError(problem="a key must be plain text", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"duplicate key {key.value!r}", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _integer(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    if len(node.value) > 17 or abs(int(node.value)) > MAX_SAFE_INTEGER:
        raise yaml.MarkedYAMLError(
            problem=f"number {node.value[:40]} is outside ±(2^53-1); put amounts in quotes",
            problem_mark=node.start_mark,
        )
    return int(node.value)


def _refused(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> None:
    raise yaml.MarkedYAMLError(
        problem=f"{node.value[:60]} is not allowed here: whole decimal numbers only, text in quotes",
        problem_mark=node.start_mark,
    )


def _resolver(tag: str, pattern: str, first: str) -> None:
    _Narrow.add_implicit_resolver(tag, re.compile(pattern, re.ASCII), list(first))


_resolver("tag:yaml.org,2002:null", r"^(?:~|null|)$", "~n\0")
_Narrow.yaml_implicit_resolvers.setdefault("", []).extend(_Narrow.yaml_implicit_resolvers.get("\0", []))
_resolver("tag:yaml.org,2002:bool", r"^(?:true|false)$", "tf")
_resolver("tag:yaml.org,2002:int", r"^(?:0|-?[1-9][0-9]*)$", "-0123456789")
_resolver("!refused", r"^[-+]?(?:\.[0-9]+|[0-9][0-9_]*\.[0-9_]*)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789")
_resolver("!refused", r"^[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+$", "-+0123456789")
_resolver("!refused", r"^[-+]?\.(?:inf|Inf|INF|nan|NaN|NAN)$", "-+.")
_resolver("!refused", r"^0x[0-9a-fA-F]+$", "0")
_Narrow.add_constructor("tag:yaml.org,2002:int", _integer)
_Narrow.add_constructor("!refused", _refused)


def load_yaml(root: Path, relative: str) -> object:
    """The plain value of one YAML file of the node; ConfigError names file, line and what is not allowed."""
    return parse_yaml(_data(root, relative), relative)


def _data(root: Path, relative: str) -> bytes:
    data = read_file(root, relative)
    if data is None:
        raise ConfigError("file is missing", path=relative, hint="`ledger init` writes a complete node.")
    return data


def load_settings(model: type[S], root: Path, relative: str) -> S:
    """The settings of one YAML file of the node; ConfigError names file, line, key and what is wrong with it."""
    found: S = _settings(model, _data(root, relative), relative)
    return found


@lru_cache(maxsize=32)  # a run asks for the same files again and again; what comes of them is never changed
def _settings(model: type[S], data: bytes, relative: str) -> S:
    value = parse_yaml(data, relative)
    try:
        return model.load(value, relative)
    except ConfigError as error:
        if error.line is None:
            error.line = line_of(data, error.field)
        raise


def line_of(data: bytes, field: str) -> int | None:
    """The line of a key (`approvers.0.wallets`) in a YAML file's bytes, or of the last of its parts that is there."""
    try:
        node, line = yaml.compose(data.decode("utf-8"), Loader=_Narrow), None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return None
    for part in field.split(".") if field else ():
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if getattr(key, "value", None) == part]
            if not found:
                break
            key, node = found[-1]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1
        else:
            break
    return line


def parse_yaml(data: bytes, relative: str) -> object:
    """The plain value of a YAML file's bytes; ConfigError names file, line and what is not allowed."""
    if len(data) > SETTINGS_BYTES:
        raise ConfigError(f"has {len(data)} bytes; at most {SETTINGS_BYTES} are read", path=relative, hint=_HINT)
    try:
        return deepcopy(_value(data))
    except UnicodeDecodeError:
        raise ConfigError("not UTF-8", path=relative, hint=_HINT) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise ConfigError(error.problem or "not YAML", path=relative, line=line, hint=_HINT) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"not YAML: {str(error)[:200]}", path=relative, hint=_HINT) from None


@lru_cache(maxsize=64)
def _value(data: bytes) -> object:
    """What the bytes say; a run asks twenty times for the same few files, whose tokens take milliseconds."""
    return yaml.load(data.decode("utf-8"), Loader=_Narrow)  # noqa: S506 - a SafeLoader, narrowed further
