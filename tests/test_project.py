"""The project as a whole: rooms and their doors, dependencies and their locks, and what a stranger would trip over."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ledger.flows.start import ACTION

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT_TEXT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads(PYPROJECT_TEXT)
SELF = PYPROJECT["project"]["name"]
HEAVY = {"discord", "duckdb", "eth_account", "github", "jinja2", "mkdocs", "requests", "rich"}


def run(*argv: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)


def tracked_files() -> list[Path]:
    listed = run("git", "ls-files", "-z")
    assert listed.returncode == 0, listed.stderr
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


# --- rooms and their doors ------------------------------------------------------------------------------------------


def lint_imports(cwd: Path) -> subprocess.CompletedProcess[str]:
    code = (
        "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(cache_dir=None, no_cache=True))"
    )
    return run(sys.executable, "-c", code, cwd=cwd)


def test_no_room_imports_what_its_contracts_forbid() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_import_contract_breaks_when_a_room_does_what_it_forbids(tmp_path: Path) -> None:
    """A contract that cannot fail holds nothing: break each one in a copy and see it named."""
    shutil.copytree(ROOT / "ledger", tmp_path / "ledger", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "pyproject.toml").write_text(PYPROJECT_TEXT, encoding="utf-8")
    offences = {
        "store": "import ledger.flows",
        "sources": "import ledger.store",
        "forge": "import ledger.compute",
        "site": "import ledger.sources",
        "cli": "import ledger.store\nimport duckdb\nimport github\nimport pysail",
        "core": "import os",
        "rails": "import ledger.store",
        "chain": "import ledger.rails",
        "credentials": "import ledger.store",
        "imports": "import ledger.store",
    }
    for room, line in offences.items():
        with (tmp_path / "ledger" / room / "__init__.py").open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")
    for one, other in (("ping", "pong"), ("pong", "ping")):
        (tmp_path / "ledger/core" / f"{one}.py").write_text(f"def later():\n    import ledger.core.{other}\n")
    report = lint_imports(tmp_path)
    verdicts = {contract["name"]: contract["name"] + " BROKEN" for contract in importlinter_contracts()}
    printed = " ".join(report.stdout.split())
    assert [name for name, verdict in verdicts.items() if verdict not in printed] == []
    assert "- .ping -> .pong (1 import)" in printed or "- .pong -> .ping (1 import)" in printed, "both are named"
    assert report.returncode == 1


def importlinter_contracts() -> list[dict[str, Any]]:
    contracts: list[dict[str, Any]] = PYPROJECT["tool"]["importlinter"]["contracts"]
    return contracts


def modules_of(folder: str) -> list[tuple[Path, ast.Module]]:
    paths = sorted((ROOT / folder).rglob("*.py"))
    assert paths, f"no module under {folder}"
    return [(path, ast.parse(path.read_text(encoding="utf-8"), str(path))) for path in paths]


def test_core_calls_no_clock_no_chance_and_no_disk() -> None:
    """ADAPTERS_NOT_IN_CORE where imports do not show it: `datetime` and `uuid` are needed, their clocks are not."""
    banned = {"now", "today", "utcnow", "uuid1", "uuid4", "open", "print", "input", "breakpoint"}
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {name}()"
        for path, tree in modules_of("ledger/core")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for name in [getattr(node.func, "attr", None) or getattr(node.func, "id", None)]
        if name in banned
    ]
    assert found == []


def test_core_holds_no_float_and_no_true_division() -> None:
    """ALL_MATH_BIGINT: `/` and a literal like 0.5 are the two doors by which a float enters."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, tree in [*modules_of("ledger/core"), *modules_of("ledger/rails")]
        for node in ast.walk(tree)
        if (isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div))
        or (isinstance(node, ast.Constant) and isinstance(node.value, float))
    ]
    assert found == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [str(path.relative_to(ROOT)) for path, tree in modules_of("ledger") if not ast.get_docstring(tree)]
    assert silent == []


@pytest.mark.parametrize("path", sorted((ROOT / "ledger").rglob("*.sql")), ids=lambda path: path.stem)
def test_the_header_of_a_query_says_what_it_takes_and_gives(path: Path) -> None:
    """Every table that it reads and every value that it is given, by name."""
    header, text = re.fullmatch(r"((?:--.*\n)+)((?:(?!--).*\n)+)", path.read_text("utf-8")).groups()  # type: ignore[union-attr]
    inputs = re.match(r"-- \w[^$]*?\n-- Inputs +(\S(?:.*\n)+?)-- (?:Output|Table) +\S", header)
    assert inputs, "first what it computes, then Inputs, then Output or Table"
    own = set(re.findall(r"(?:WITH|,)\s+(\w+) AS \(", text))
    read = set(re.findall(r"\b(?:FROM|JOIN) (\w+)\b(?! *\()", text)) - own
    assert read | set(re.findall(r"\$\w+", text)) <= set(re.findall(r"\$?\w+", inputs[1]))


def loaded_by(*argv: str) -> set[str]:
    """Top-level names of the modules that a fresh interpreter loads while it runs `argv`."""
    result = run(sys.executable, "-X", "importtime", *argv)
    assert result.returncode == 0, result.stderr
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in result.stderr.splitlines() if "|" in line}


def test_the_rules_load_no_client_engine_or_wallet_library() -> None:
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path, _ in modules_of("ledger/core")]
    code = ";".join(f"import {name.removesuffix('.__init__')}" for name in names)
    assert loaded_by("-c", code) & HEAVY == set()


def test_asking_for_the_version_loads_nothing_heavy() -> None:
    assert loaded_by("-m", "ledger", "--version") & (HEAVY | {"pydantic"}) == set()


# --- dependencies and their locks -----------------------------------------------------------------------------------


def declared() -> dict[str, list[str]]:
    """Requirement lines as written, by where they stand: base, each extra, each group, the build backend."""
    project = PYPROJECT["project"]
    groups = {
        f"group {name}": [line for line in lines if isinstance(line, str)]
        for name, lines in PYPROJECT["dependency-groups"].items()
    }
    extras = {f"extra {name}": lines for name, lines in project["optional-dependencies"].items()}
    return {"base": project["dependencies"], **extras, **groups, "backend": PYPROJECT["build-system"]["requires"]}


def requirements() -> Iterator[tuple[str, Requirement]]:
    """Requirements on other projects, with where they stand."""
    for place, lines in declared().items():
        for line in lines:
            requirement = Requirement(line)
            if requirement.name != SELF:
                yield place, requirement


def exported_versions() -> dict[str, str]:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", text, flags=re.MULTILINE))


def uv_lock() -> dict[str, dict[str, Any]]:
    packages = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    return {package["name"]: package for package in packages}


def test_the_exported_lock_satisfies_every_declared_dependency() -> None:
    exported = exported_versions()
    missing = [
        f"{place}: {requirement} (locked: {exported.get(canonicalize_name(requirement.name))})"
        for place, requirement in requirements()
        if not requirement.specifier.contains(exported.get(canonicalize_name(requirement.name), "0"))
    ]
    assert missing == [], "run `make lock`"


def test_both_lock_files_pin_the_same_versions() -> None:
    pinned = {name: package["version"] for name, package in uv_lock().items() if name != SELF}
    platform_only = {name: version for name, version in pinned.items() if name not in exported_versions()}
    assert platform_only == {}, "run `make lock`"
    assert exported_versions() == pinned, "run `make lock`"


def test_uv_lock_was_made_from_this_pyproject() -> None:
    metadata = uv_lock()[SELF]["metadata"]
    entries = [*metadata["requires-dist"], *(entry for group in metadata["requires-dev"].values() for entry in group)]
    locked = {(entry["name"], entry.get("specifier", "")) for entry in entries if entry["name"] != SELF}
    here = {
        (canonicalize_name(requirement.name), ",".join(sorted(map(str, requirement.specifier))))
        for place, requirement in requirements()
        if place != "backend"  # uv.lock does not record the backend; the group `build` repeats it
    }
    assert {(name, ",".join(sorted(specifier.split(",")))) for name, specifier in locked} == here, "run `make lock`"


def test_the_build_backend_is_locked_with_the_rest() -> None:
    """`make` installs the project without build isolation, so the backend has to come out of the lock."""
    assert set(declared()["backend"]) <= set(declared()["group build"])


def test_lock_files_name_no_package_host_but_the_public_one() -> None:
    text = (ROOT / "uv.lock").read_text(encoding="utf-8") + (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert set(re.findall(r"\w+://[^/\s\"]*", text)) == {"https://pypi.org", "https://files.pythonhosted.org"}
    assert not re.search(r"--(extra-)?index-url|--find-links|--trusted-host", text)


def test_every_dependency_line_says_why_it_is_there() -> None:
    reasoned = set(re.findall(r'^\s+"([^"]+)",\s+# \w.{15,}$', PYPROJECT_TEXT, flags=re.MULTILINE))
    every = {line for place, lines in declared().items() if place != "backend" for line in lines}
    assert every - reasoned == set()


# --- what a stranger would trip over --------------------------------------------------------------------------------


def test_no_tracked_file_names_a_path_of_somebodys_machine() -> None:
    local = re.compile(r"(?<![\w./~-])/(home|Users|root|work|mnt)/\w|file:///\w|[A-Z]:\\Users")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in tracked_files()
        for number, line in enumerate(path.read_bytes().decode("utf-8", "replace").split("\n"), 1)
        if local.search(line) or str(ROOT) in line
    ]
    assert found == []


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", ".ci/run", ".github/workflows/ci.yml"])
def test_every_make_target_that_a_document_names_exists(document: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    text = (ROOT / document).read_text(encoding="utf-8")
    commands = re.findall(r"(?:^|`|run: )make ((?:PYTHON=\S+ )?[a-z][a-z ]*?)(?=`|$|  )", text, flags=re.MULTILINE)
    named = {word for command in commands for word in command.split() if "=" not in word}
    assert named, f"{document} names no target"
    assert named <= targets


def test_ci_run_is_executable_in_git() -> None:
    assert run("git", "ls-files", "--stage", ".ci/run").stdout.startswith("100755 ")


@pytest.mark.parametrize("path", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=lambda path: path.name)
def test_a_workflow_grants_nothing_by_default_and_runs_only_pinned_actions(path: Path) -> None:
    workflow = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 (text only: `on` stays `on`)
    assert workflow["permissions"] == {}
    assert not {"pull_request_target", "workflow_run"} & set(workflow["on"])
    for name, job in workflow["jobs"].items():
        assert int(job["timeout-minutes"]) <= 60, name
        assert not job["runs-on"].endswith("-latest"), name
        for step in job["steps"]:
            assert "${{" not in step.get("run", ""), f"{name}: pass values through env"
            assert "continue-on-error" not in step, name
            if "uses" in step:
                known = r"(actions/[a-z-]+|astral-sh/setup-uv|pypa/gh-action-pypi-publish)"
                pinned = re.fullmatch(known + "@[0-9a-f]{40}", step["uses"])
                ours = step["uses"] == ("./" if path.name == "ci.yml" else ACTION)
                assert pinned or ours, step["uses"]


def test_whoever_cites_a_section_of_the_specification_cites_one_that_is_there() -> None:
    sections = set(re.findall(r"(?m)^## ([0-9]+)\. ", (ROOT / "docs/spec.md").read_text(encoding="utf-8")))
    cited = re.compile(r"specification(?:'s|,)?\s+\(?(?:[#*/-]+\s*)?section\s+([0-9]+)")
    found = 0
    for path in tracked_files():
        if path.suffix in (".py", ".sql", ".js", ".html", ".yml") and "tests" not in path.parts:
            for number in cited.findall(path.read_text(encoding="utf-8")):
                found += 1
                assert number in sections, f"{path}: docs/spec.md has no section {number}"
    assert found > 10
