"""A committed node for each test: built once through the flows, then copied."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.store.repositories import make_repository


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository that every `root` is a copy of; nobody writes to it."""
    return make_repository(tmp_path_factory.mktemp("template"))


@pytest.fixture
def root(template: Path, tmp_path: Path) -> Path:
    """Epoch 1 finalized, epoch 2 open with one event, all committed."""
    return Path(shutil.copytree(template, tmp_path / "node", symlinks=True))
