"""The engine that fills our templates: jinja2, which always escapes, without an object for each piece of a page.

A page of a large epoch is made of thousands of pieces of text. jinja2 makes markupsafe's `Markup` of each, only to join
them into one text; here each is escaped as text, which takes a quarter of the time off a page.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jinja2
from jinja2.compiler import CodeGenerator, Frame
from jinja2.nodes import Expr
from markupsafe import Markup, escape

SHORT = 200
"""Characters of a text that is worth keeping."""


@lru_cache(maxsize=1 << 16)  # names, ids and small numbers come again and again
def _escaped(text: str) -> str:
    return str(escape(text))


@lru_cache(maxsize=1 << 15, typed=True)  # 1 is not True here, nor text `Markup`
def once(macro: Callable[..., Markup], *values: object) -> Markup:
    """For `{{ macro|once(values) }}`: what a macro makes of its values, made once.

    For macros in which nothing but these values matters: not the commit, nor what is noted when a page asks for it
    (`asked.py`).
    """
    return macro(*values)


class _Compiler(CodeGenerator):
    """Compiles `{{ value }}` to our own way of escaping; what this does not know stays as jinja2 does it, escaped."""

    def _output_child_pre(self, node: Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        if frame.eval_ctx.autoescape and not frame.eval_ctx.volatile and finalize.src is None:
            self.write("environment.text(")
        else:
            super()._output_child_pre(node, frame, finalize)


class Environment(jinja2.Environment):
    """jinja2's environment, but for how `{{ value }}` is written into a page."""

    code_generator_class = _Compiler

    @staticmethod
    def text(value: Any) -> str:
        """A value as it may stand in a page: text escaped, `Markup` as it is."""
        if type(value) is str and len(value) <= SHORT:
            return _escaped(value)
        return value if type(value) is Markup else escape(value)
