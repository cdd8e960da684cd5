"""One Sail for all tests of this room; or, with LEDGER_SPARK_REMOTE, whatever is there (`make test-spark`)."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ledger.engines.spark import SparkEngine


@pytest.fixture(scope="session")
def remote() -> Iterator[str]:
    """The address of an engine that speaks Spark's protocol, as a cluster would have it."""
    if given := os.environ.get("LEDGER_SPARK_REMOTE"):
        yield given
        return
    with SparkEngine() as engine:
        assert engine.remote is not None
        yield engine.remote


@pytest.fixture(scope="session")
def spark(remote: str) -> Iterator[SparkEngine]:
    """A session there."""
    with SparkEngine(remote) as engine:
        yield engine
