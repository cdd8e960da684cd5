"""Canonical bytes: RFC 8785 (JCS) objects, one a line, and the strict reader that refuses everything else.

The standard library's JSON with sorted ASCII keys and no floats equals RFC 8785 on our records
(the tests hold it to the `rfc8785` package). This module knows bytes and lines, not what records mean.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, NoReturn

from ledger.core.bounds import LINE_BYTES, NESTING
from ledger.core.errors import FormatError

MAX_SAFE_INTEGER = 2**53 - 1
"""Largest JSON integer a reader with doubles keeps exactly (RFC 8785, section 3.2.2.3)."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)
_PLAIN = re.compile(rb"[^\\\x00-\x1f\x7f]*(?:\\[\"\\][^\\\x00-\x1f\x7f]*)*")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?')
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_UNCLEAN = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_HINT = "Restore the file from git; the ledger writes canonical lines only, so an editor or another tool changed it."
JOINED = (
    "Two people wrote here at once, and git or a person joined their lines. Keep one side whole, and give the other's "
    "commands again: docs/runbooks.md, *Two people decided at once*."
)
_CONFLICT = (b"<<<<<<< ", b"=======", b">>>>>>> ", b"||||||| ")


def encode(value: object) -> bytes:
    """The canonical bytes of a JSON value without a line end (RFC 8785; floats are refused by the records)."""
    return _ENCODER.encode(value).encode()


def sha256_hex(data: bytes) -> str:
    """Lowercase hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def clean_text(text: str) -> str:
    """`text` with control characters and lone surrogates replaced by U+FFFD, as every collector must do."""
    return _UNCLEAN.sub("\ufffd", text)


def is_clean(text: str) -> bool:
    """Whether `text` holds no control character (U+0000-U+001F, U+007F) and no lone surrogate."""
    return text.isprintable() or _UNCLEAN.search(text) is None  # the first is no rule, only faster


def _refuse_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise FormatError(f"duplicate key {twice[:40]!r}")
    return found


def _refuse_number(text: str) -> NoReturn:
    raise FormatError(f"number {text[:40]} has a fraction, an exponent or no finite value")


def _bounded_integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > MAX_SAFE_INTEGER:
        raise FormatError(f"integer {text[:40]} lies outside ±(2^53-1)")
    return int(text)


def nesting(raw: bytes) -> int:
    """How deep brackets outside strings nest: counted, for the parser's recursion crashes Python on hostile lines.

    The interpreter's own limit is no defence: the libraries behind eth-account raise it to 100,000 when imported.
    """
    brackets = _STRING.sub(b"", raw).translate(None, _NO_BRACKETS)
    return max(accumulate(1 if mark in b"[{" else -1 for mark in brackets), default=0)


def foreign_json(data: bytes | str, **options: Any) -> Any:
    """The value of JSON that no node wrote, by the standard library's options; ValueError for what is none.

    So also what nests deeper than NESTING, before the parser goes down it (see `nesting`).
    """
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if raw.count(b"{") + raw.count(b"[") > NESTING and nesting(raw) > NESTING:
        raise ValueError("nested too deeply")
    return json.loads(data, **options)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_refuse_pairs,
    parse_float=_refuse_number,
    parse_constant=_refuse_number,
    parse_int=_bounded_integer,
)


def decode(raw: bytes, most: int = LINE_BYTES) -> dict[str, Any]:
    """The object of one canonical line (without its line end) of at most `most` bytes.

    Raises FormatError for anything but exactly the canonical bytes of one flat-enough JSON object: bad UTF-8, a BOM,
    duplicate keys, fractions, exponents, control characters, other spacing or key order.
    """
    if len(raw) > most:
        raise FormatError(f"line of {len(raw)} bytes; the longest that is read has {most}")
    if not raw:
        raise FormatError("blank line")
    if raw.startswith(b"\xef\xbb\xbf"):
        raise FormatError("starts with a byte order mark (BOM)")
    if raw.count(b"{") + raw.count(b"[") > NESTING and nesting(raw) > NESTING:
        raise FormatError("nested too deeply")
    try:
        value = _DECODER.decode(raw.decode("utf-8", errors="strict"))
    except UnicodeDecodeError as error:
        raise FormatError(f"not UTF-8 (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise FormatError(f"not JSON: {error.msg} (column {error.colno})") from None
    if not isinstance(value, dict):
        raise FormatError("not a JSON object")
    if not _PLAIN.fullmatch(raw):
        raise FormatError('control character, or an escape other than \\" and \\\\')
    if encode(value) != raw:
        raise FormatError("not in canonical form (RFC 8785: keys sorted, no spaces, shortest escapes)")
    return value


def split_lines(data: bytes, path: str, after: int = 0) -> list[bytes]:
    """The lines of a log, split at the byte `\\n` and nowhere else, without their line ends.

    Raises FormatError when the last line has no line end: a torn write. `after`: lines of the log that stand before.
    """
    if not data:
        return []
    lines = data.split(b"\n")
    if lines.pop() != b"":
        raise FormatError("last line has no line end (torn write?)", path=path, line=after + len(lines) + 1, hint=_HINT)
    return lines


def read_objects(data: bytes, path: str, after: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each line's number (from `after` + 1) and object; FormatError names path and line."""
    lines = split_lines(data, path, after)
    for first in range(0, len(lines), _TOGETHER):
        some = lines[first : first + _TOGETHER]
        values = _decode_together(some)
        if values is not None:
            yield from enumerate(values, start=after + first + 1)
            continue
        for number, raw in enumerate(some, start=after + first + 1):
            try:
                yield number, decode(raw)
            except FormatError as error:
                error.hint = error.hint or (JOINED if raw.startswith(_CONFLICT) else _HINT)
                raise error.at(path, number) from None


_TOGETHER = 256
"""Lines that are decoded at once: a third of the time of one by one, and few enough to hold."""
_MARK = "\x7f"
"""Stands between lines that are decoded at once: `decode` refuses it, so no line can hold it."""
_BETWEEN = f',"{_MARK}",'.encode()


def _decode_together(lines: list[bytes]) -> list[dict[str, Any]] | None:
    """What `decode` gives for each line where it refuses none of them, else None.

    The lines are elements of one array with a text between each two that can stand in none of them. Where every other
    element is that text, each line lies between two and is one element: nothing goes over from a line to the next.
    """
    for raw in lines:
        if len(raw) > LINE_BYTES or (raw.count(b"{") + raw.count(b"[") > NESTING and nesting(raw) > NESTING):
            return None
    if not _PLAIN.fullmatch(b"".join(lines)):
        return None
    joined = b"[%b]" % _BETWEEN.join(lines)
    try:
        found = _DECODER.decode(joined.decode())
    except (UnicodeDecodeError, json.JSONDecodeError, FormatError):
        return None
    values = found[::2]
    if len(found) != 2 * len(lines) - 1 or any(mark != _MARK for mark in found[1::2]) or encode(found) != joined:
        return None
    return values if all(type(value) is dict for value in values) else None
