"""The part of GitHub's expression language that our workflows use; anything else raises, so that nothing is guessed.

Rules from "Evaluate expressions in workflows and actions": loose equality that ignores case, operands returned by `&&`
and `||`, names that are not there are null, `.*` collects from lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)(?![\w.])|(?P<name>[A-Za-z_][A-Za-z0-9_-]*)"
    r"|(?P<mark>==|!=|&&|\|\||[!().,\[\]*]))"
)
_PLACE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_WORDS = {"true": True, "false": False, "null": None}
STATUS = ("always", "cancelled", "failure", "success")
"""Functions that look at how the job goes; a condition without any of them means `success() && (…)`."""


class UnknownExpression(ValueError):
    """The expression uses what this evaluator does not know."""


class Known(dict[str, Any]):
    """A context of which every member is known: asking for another one is a mistake in the workflow, not a null."""


class Expression:
    """One expression over `contexts` (github, vars, …); `status` says how the job goes: success, failure."""

    def __init__(self, text: str, contexts: Mapping[str, Any], status: str = "success") -> None:
        self._text, self._contexts, self._status = text, contexts, status
        self._tokens = self._split(text)
        self._at = 0
        self.asked_status = False

    def value(self) -> Any:
        """What the expression yields. UnknownExpression for anything outside the subset."""
        found = self._or()
        if self._at != len(self._tokens):
            raise self._unknown(self._tokens[self._at])
        return found

    def _split(self, text: str) -> list[str]:
        tokens, at = [], 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                raise self._unknown(text[at:])
            tokens.append(match[0].strip())
            at = match.end()
        return tokens

    def _unknown(self, what: str) -> UnknownExpression:
        return UnknownExpression(f"{what!r} in the expression {self._text!r}")

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, wanted: str | None = None) -> str:
        token = self._peek()
        if not token or (wanted is not None and token != wanted):
            raise self._unknown(token)
        self._at += 1
        return token

    def _or(self) -> Any:
        left = self._and()
        while self._peek() == "||":
            self._take()
            right = self._and()
            left = left if truthy(left) else right
        return left

    def _and(self) -> Any:
        left = self._equality()
        while self._peek() == "&&":
            self._take()
            right = self._equality()
            left = right if truthy(left) else left
        return left

    def _equality(self) -> Any:
        left = self._unary()
        while self._peek() in ("==", "!="):
            same = self._take() == "=="
            left = _equal(left, self._unary()) is same
        return left

    def _unary(self) -> Any:
        if self._peek() == "!":
            self._take()
            return not truthy(self._unary())
        if self._peek() == "(":
            self._take()
            inner = self._or()
            self._take(")")
            return inner
        return self._operand()

    def _operand(self) -> Any:
        token = self._take()
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if re.fullmatch(r"-?\d+(\.\d+)?", token):
            return float(token)
        if token in _WORDS:
            return _WORDS[token]
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", token):
            raise self._unknown(token)
        if self._peek() == "(":
            return self._call(token)
        if token not in self._contexts:
            raise self._unknown(token)
        return self._walk(self._contexts[token])

    def _walk(self, value: Any) -> Any:
        many = False
        while self._peek() in (".", "["):
            if self._take() == "[":
                key = self._or()
                self._take("]")
                value = _member(value, key)
            elif self._peek() == "*":
                self._take()
                value = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else []
                many = True
            else:
                key = self._take()
                value = [_member(each, key) for each in value] if many else _member(value, key)
        return value

    def _call(self, name: str) -> Any:
        self._take("(")
        given = []
        while self._peek() != ")":
            given.append(self._or())
            if self._peek() != ")":
                self._take(",")
        self._take(")")
        if name in STATUS and not given:
            self.asked_status = True
            return {"always": True, "cancelled": False}.get(name, name == self._status)
        if name not in _FUNCTIONS:
            raise self._unknown(f"{name}()")
        return _FUNCTIONS[name](*given)


def condition(text: str | None, contexts: Mapping[str, Any], status: str = "success") -> bool:
    """Whether a job or step with this `if:` runs; without one, whether all went well so far."""
    text = (text or "").strip()
    if whole := _PLACE.fullmatch(text):
        text = whole[1]
    elif "${{" in text:
        raise UnknownExpression(f"an `if:` that is partly an expression is always true: {text!r}")
    if not text:
        return status == "success"
    expression = Expression(text, contexts, status)
    found = truthy(expression.value())
    return found if expression.asked_status else found and status == "success"


def filled(text: str, contexts: Mapping[str, Any]) -> str:
    """A value of `env:` or `with:` with every `${{ … }}` replaced by what it yields, as text."""
    return _PLACE.sub(lambda match: _text(Expression(match[1], contexts).value()), text)


def truthy(value: Any) -> bool:
    """GitHub's falsy values are false, 0, '' and null; objects and lists are true, empty or not."""
    return bool(value) if value is None or isinstance(value, bool | int | float | str) else True


def _member(value: Any, key: Any) -> Any:
    if isinstance(value, Mapping):
        wanted = str(key).lower()
        for name, found in value.items():
            if name.lower() == wanted:
                return found
        if isinstance(value, Known):
            raise UnknownExpression(f"there is no {key!r} among {', '.join(sorted(value))}")
    return None


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left.lower() == right.lower()
    if isinstance(left, Mapping | list) or isinstance(right, Mapping | list):
        return left is right
    if type(left) is type(right):
        return bool(left == right)
    return _number(left) == _number(right)  # not a number equals nothing, not even itself


def _number(value: Any) -> float:
    try:
        return float(value or 0)
    except ValueError:
        return float("nan")


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, Mapping | list):
        raise UnknownExpression(f"an object as text: {value!r:.80}")
    return str(value)


def _contains(where: Any, what: Any) -> bool:
    if isinstance(where, list):
        return any(_equal(each, what) for each in where)
    return _text(what).lower() in _text(where).lower()


def _format(text: Any, *values: Any) -> str:
    shown = [_text(value) for value in values]

    def place(match: re.Match[str]) -> str:
        return {"{{": "{", "}}": "}"}.get(match[0]) or shown[int(match[1])]

    return re.sub(r"\{\{|\}\}|\{(\d+)\}", place, _text(text))


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "contains": _contains,
    "startsWith": lambda text, start: _text(text).lower().startswith(_text(start).lower()),
    "endsWith": lambda text, end: _text(text).lower().endswith(_text(end).lower()),
    "format": _format,
}
