"""Templates are filled as jinja2 fills them: our engine only leaves out objects on the way."""

from __future__ import annotations

from collections.abc import Iterator

import jinja2
import pytest
from markupsafe import Markup

from ledger.site.filling import Environment, once
from tests.browser.sites import HOSTILE

PAGE = """{% macro bold(text) %}<b title="{{ text }}">{{ text }}</b>{% endmacro %}
{% macro more(text, end="<") %}{{ text }}{{ end }}{% endmacro %}
{% macro all(text) %}{{ text }}{{ varargs }}{{ kwargs }}{% endmacro %}
{% macro around(text) %}{{ text }}{{ caller() }}{% endmacro %}
{% for each in [value, 1] %}
{{ more(each) }}{{ more(each, value) }}{{ more(text=each) }}{{ all(each, 2, x=value) }}{{ all(each) }}
{% call around(each) %}{{ value }}{% endcall %}
{% endfor %}
{{ bold(text=value) }}{{ bold(value) ~ "<" }}
{% set kept %}<i>{{ value }}</i>{% endset %}
{% for each in [value, value] %}{{ each }}{{ loop.index }}{{ bold(each) }}{% endfor %}
{{ kept }} {{ value ~ "<" }} {{ "<" }} {{ value if value }} {{ [value] }} {{ value == 1 }}"""


class Text(str):
    """A text of a class of its own."""


class Told:
    """What says itself how it stands in a page."""

    def __html__(self) -> str:
        return "<em>told</em>"

    def __repr__(self) -> str:
        return "<told>"


def values() -> Iterator[object]:
    yield from HOSTILE
    yield from ("", "plain", Markup("<b>&amp;</b>"), "<b>&amp;</b>", Text("<s>"), Told())
    yield from (1, True, 0, False, None, 10**30, "1", "True")


def filled(made: jinja2.Environment) -> list[str]:
    template = made.from_string(PAGE)
    return [template.render(value=value) for value in values()]


def test_every_value_is_written_as_jinja_writes_it() -> None:
    ours, theirs = Environment(autoescape=True), jinja2.Environment(autoescape=True)
    assert filled(ours) == filled(theirs)
    assert "<script" not in filled(ours)[0]
    assert [type(ours.text(value)) for value in ("<", Text("<"))] == [str, Markup]


def test_a_value_that_is_missing_is_an_error() -> None:
    made = Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    with pytest.raises(jinja2.UndefinedError):
        made.from_string("{{ missing }}").render()


def test_what_a_macro_made_once_is_escaped_and_is_not_taken_for_another_value() -> None:
    macros = jinja2.DictLoader({"macros": "{% macro bold(text) %}<b>{{ text }}</b>{% endmacro %}"})
    made = Environment(autoescape=True, loader=macros)
    made.filters["once"] = once
    page = made.from_string('{% from "macros" import bold %}{{ bold|once(value) }}')
    assert page.render(value="<") == "<b>&lt;</b>"
    assert page.render(value=Markup("<")) == "<b><</b>"
    assert [page.render(value=value) for value in (1, True, "1")] == ["<b>1</b>", "<b>True</b>", "<b>1</b>"]
