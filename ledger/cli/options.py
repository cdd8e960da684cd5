"""Options that many commands share, and the session that they stand for."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ledger.cli.output import note
from ledger.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.core.values import Timestamp
    from ledger.flows.session import Session

F = TypeVar("F", bound=Callable[..., Any])


class NumberType(click.ParamType[int]):
    """A number that names something: ASCII digits only, so that no path trick hides in it."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The integer; a usage error otherwise."""
        from ledger.core.values import parse_number

        try:
            return parse_number(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


NUMBER = NumberType()

node_option = click.option(
    "--node",
    "node_dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="The node's folder (default: the nearest one upwards that holds ledger.yaml).",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
now_option = click.option(
    "--now", envvar="LEDGER_NOW", metavar="TIME", help="Use this time instead of the clock, for tests and replays."
)
scope_option = click.option("--scope", "scope_id", metavar="SCOPE", help="The scope (default: the only one).")
epoch_option = click.option(
    "--epoch", "epoch_id", type=NUMBER, metavar="N", help="The epoch (default: the oldest that is not finalized)."
)
distribution_option = click.option(
    "--number", "-n", type=NUMBER, metavar="N", help="The distribution (default: the last)."
)
actor_option = click.option(
    "--actor",
    envvar="LEDGER_ACTOR",
    metavar="ID",
    help="Who decides: an approver's or curator's id in the scope's file.",
)
message_option = click.option(
    "--message", is_flag=True, help="Print the exact text to sign, without a line end, and nothing else."
)
keystore_option = click.option(
    "--keystore", type=click.Path(path_type=Path, dir_okay=False), help="An encrypted keystore file to sign with."
)
signature_evidence_option = click.option("--evidence", default="", help="Where the signature came from (a link).")

_engine_options = (
    click.option(
        "--engine",
        type=click.Choice(("duckdb", "spark")),
        default="duckdb",
        help="What makes sums and hashes: DuckDB, or whatever speaks Spark's protocol (extra [spark]).",
    ),
    click.option("--remote", metavar="sc://HOST", help="Spark Connect's address (default: Sail, inside this process)."),
    click.option(
        "--shared", metavar="LOCAL=THERE", help="Where that cluster sees this machine's folder LOCAL, e.g. s3://…."
    ),
)


def options(*shared: Callable[[F], F]) -> Callable[[F], F]:
    """Several shared options at once, in reading order."""
    return lambda function: functools.reduce(lambda f, option: option(f), reversed(shared), function)


engine_options = options(*_engine_options)
"""Which engine recomputes sums and hashes."""
scope_options = options(node_option, scope_option, now_option, json_option)
"""What a command over a scope takes."""
epoch_options = options(node_option, scope_option, epoch_option, now_option, json_option)
"""What a command over an epoch takes."""


def moment(text: str | None) -> Timestamp:
    """The time of the run: `--now`, or the clock."""
    from ledger.core.values import parse_time, timestamp

    if text is None:
        return timestamp(datetime.now(UTC))
    try:
        return parse_time(text)
    except ValueError as error:
        raise UsageError(f"--now: {error}", hint="For example 2026-01-12T00:00:00Z.") from None


@contextmanager
def session(
    node_dir: Path | None,
    now: str | None = None,
    actor: str | None = None,
    quiet: bool = False,
    everywhere: bool = False,
) -> Iterator[Session]:
    """The session of one command over its node; the engine is stopped at the end.

    `everywhere`: for reading, with the epochs in progress that lie on branches.
    """
    from ledger.flows.elsewhere import everywhere as widened
    from ledger.flows.session import find_node, open_session

    opened = open_session(
        find_node(node_dir),
        moment(now),
        environ=dict(os.environ),
        actor=actor,
        tell=(lambda _text: None) if quiet else note,
    )
    try:
        if not everywhere:
            yield opened
            return
        with widened(opened) as wide:
            for place, ref in wide.elsewhere.items():
                opened.tell(f"{place} as it stands on {ref} (`git fetch` brings what is newer)")
            yield wide
    finally:
        opened.close()


def password(environ: Any) -> str:
    """The keystore's password: LEDGER_KEYSTORE_PASSWORD, or what the person types."""
    given = environ.get("LEDGER_KEYSTORE_PASSWORD")
    return str(given) if given is not None else str(click.prompt("Keystore password", hide_input=True, err=True))


def amount(text: str, most: int = 2**63 - 1) -> int:
    """A whole number from the command line; UsageError otherwise."""
    from ledger.core.values import parse_amount

    try:
        value = parse_amount(text)
    except ValueError as error:
        raise UsageError(str(error), rule="ALL_MATH_BIGINT") from None
    if value > most:
        raise UsageError(f"{text} is more than {most}", rule="ALL_MATH_BIGINT")
    return value
