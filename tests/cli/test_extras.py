"""An install without an extra says which line brings it; it never takes its own lack for a mistake of the ledger."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ledger.core.install import PACKAGE, PROJECT, install_line
from tests.nodes import make_node

ROOT = Path(__file__).parents[2]
BASE = (
    "import sys; sys.modules.update(dict.fromkeys(sys.argv.pop(1).split(',')))\n"
    "from ledger.cli import main\nsys.exit(main())"
)
"""Runs a command as a base install would: `import x` of a library that is None in sys.modules raises what Python does
for one that is not installed."""
EXTRAS = "aiohttp,coincurve,cryptography,discord,github,jinja2,mkdocs,pysail,pyspark,requests"


def base(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {
        "PATH": "/usr/bin:/bin",
        "GITHUB_TOKEN": "t",
        "GITHUB_REPOSITORY": "acme/ledger",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", BASE, EXTRAS, *arguments]
    return subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_node(tmp_path_factory.mktemp("base") / "node")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    return root


@pytest.mark.parametrize(
    ("extra", "arguments"),
    [
        ("github", ("pr", "status")),
        ("github", ("sign", "--pr", "1")),
        ("github", ("doctor",)),
        ("github", ("ci", "alarm", "collect")),
        ("site", ("site", "build", "--out", "site")),
        ("site", ("demo", "--repo", ".", "--out", "demo")),
        ("spark", ("verify", "--engine", "spark")),
        ("credentials", ("receipt", "key", "new", "../key.pem")),
    ],
)
def test_a_command_that_needs_an_extra_names_the_line_that_installs_it(
    node: Path, extra: str, arguments: tuple[str, ...]
) -> None:
    done = base(node, *arguments)
    assert done.returncode == 3
    assert f"[{extra}]" in done.stderr and install_line(extra) in done.stderr
    assert "internal error" not in done.stderr and "Traceback" not in done.stderr


def test_the_base_is_enough_to_look_at_the_files_and_to_verify(node: Path) -> None:
    assert base(node, "verify").returncode == 0
    assert base(node, "schema", "pulls").returncode == 0
    for kind in ("discord", "github"):
        assert install_line(kind) in base(node, "sources", "list", kind).stdout
    doctor = base(node, "doctor", "--offline")
    assert doctor.returncode == 1 and "MISSING repository named" in doctor.stdout


def test_the_project_is_named_in_one_place_and_installed_from_its_address_until_its_name_is_registered() -> None:
    assert f'name = "{PACKAGE}"' in (ROOT / "pyproject.toml").read_text("utf-8")
    assert install_line("all") == f'pip install "{PACKAGE}[all] @ git+https://github.com/{PROJECT}"'
    named = []
    for path in sorted((ROOT / "ledger").rglob("*")):
        if path.suffix in (".py", ".yml", ".md") and "__pycache__" not in path.parts:
            named += [str(path.relative_to(ROOT))] if f"pip install {PACKAGE}" in path.read_text("utf-8") else []
    assert named == []
