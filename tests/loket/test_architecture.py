"""The architecture: which module may import which, and size limits."""

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from django.conf import settings

from tests.mutations.guards import GUARDS

ROOT = Path(__file__).parents[2]
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
APPS: list[str] = LINTER["root_packages"]
MAX_EXCEPTIONS = 3  # imports that the contracts leave out
EDGES = {"views", "urls", "middleware", "admin"}  # what speaks HTTP
LONGEST_FUNCTION, USUAL_FUNCTION, LONGEST_FILE, LONGER_FILE = 40, 20, 300, 400
LONGER_FILES = {
    "accounts/models.py",
    "audit/verify.py",
    "imports/declarative/reconcile.py",
    "permissions/checks.py",
}


def sources() -> dict[str, Path]:
    """Return every module of the product by its dotted name, without migrations."""
    apps = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    paths = (path for app in apps for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts)
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


MODULES = sources()


def imports(module: str, *, at_once: bool) -> Iterator[str]:
    """Yield the product modules that a module imports; `at_once`: only while it is being imported itself."""
    pending: list[ast.AST] = [ast.parse(MODULES[module].read_text())]
    while pending:
        node = pending.pop()
        if at_once and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in MODULES else str(node.module) for name in names)
        pending += ast.iter_child_nodes(node)


def of_the_product(module: str, *, at_once: bool = False) -> set[str]:
    return {name for name in imports(module, at_once=at_once) if name in MODULES}


def app(module: str) -> str:
    return module.partition(".")[0]


def functions() -> list[tuple[int, str]]:
    """Return length and location of every function, including those of the benchmarks."""
    found = []
    for path in [*MODULES.values(), *(ROOT / "bench").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                found.append((length, f"{path.relative_to(ROOT)}: {node.name}"))
    return sorted(found)


def test_modules_are_found() -> None:
    assert {"accounts.models", "permissions.checks", "api.auth", "audit"} <= set(MODULES)
    assert "permissions.checks" in of_the_product("users.actions")


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return a circle of imports as a list of modules, empty if there is none."""
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def test_no_modules_import_each_other() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) != []
    assert circle({module: of_the_product(module, at_once=True) - {module} for module in MODULES}) == []


def test_every_app_has_its_floor() -> None:
    """`make check` runs import-linter, whose contracts say which folder may import which."""
    assert {name for name in settings.INSTALLED_APPS if (ROOT / name).is_dir()} <= set(APPS)
    layers, *_others = LINTER["contracts"]
    assert sorted(re.findall(r"\w+", " ".join(layers["layers"]))) == sorted(APPS)
    drawn = re.findall(r"^│ (.*?) *│$", (ROOT / "docs" / "architecture.md").read_text(), re.M)
    assert drawn == layers["layers"], "the floors in docs/architecture.md are those of the contract"
    assert sum(len(contract.get("ignore_imports", ())) for contract in LINTER["contracts"]) <= MAX_EXCEPTIONS
    assert "lint-imports" in (ROOT / "Makefile").read_text().split("\ncheck:")[1].split("\n\n")[0]


def test_only_what_speaks_http_imports_views() -> None:
    wrong = {
        f"{module} imports {other}"
        for module in MODULES
        if not EDGES & set(module.split(".")) and app(module) != "loket"
        for other in of_the_product(module)
        if "views" in other.split(".")
    }
    assert wrong == set()


def test_a_class_name_is_defined_once() -> None:
    """Except for those by which Django finds a class."""
    names = Counter(
        node.name
        for path in MODULES.values()
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
    )
    assert {name for name, count in names.items() if count > 1} == {"Command", "DatabaseWrapper"}


def test_the_product_imports_no_tests_and_no_measurements() -> None:
    wrong = {
        f"{module} imports {name}"
        for module in MODULES
        for name in imports(module, at_once=False)
        if app(name) in ("tests", "bench")
    }
    assert wrong == set()


def test_functions_are_short() -> None:
    lengths = functions()
    assert len(lengths) > 1000
    assert [place for length, place in lengths if length > LONGEST_FUNCTION] == []
    longer = [place for length, place in lengths if length > USUAL_FUNCTION]
    assert len(longer) <= len(lengths) // 10, f"longer than {USUAL_FUNCTION} lines: {longer}"


def test_views_have_at_most_two_decorators() -> None:
    decorated = {
        f"{module}.{node.name}": len(node.decorator_list)
        for module, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert [name for name, count in decorated.items() if count > 2] == []


def test_files_are_short() -> None:
    """Longer files are listed, so that a growing file is noticed and a split one leaves the list."""
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in MODULES.values()}
    assert {name for name, lines in lengths.items() if lines > LONGEST_FILE} == LONGER_FILES
    assert [name for name, lines in lengths.items() if lines > LONGER_FILE] == []


def test_every_guard_that_is_taken_away_is_there() -> None:
    """`make test-guards` takes long; this notices at once if its list no longer fits the code."""
    for guard in GUARDS:
        whole = (ROOT / guard.file).read_text()
        assert whole.count(guard.text) == 1, guard.name
        assert guard.text != guard.instead, guard.name
        assert guard.tests, guard.name
        compile(whole.replace(guard.text, guard.instead), guard.file, "exec")  # else every test would notice
        assert all((ROOT / "tests" / name).exists() for name in guard.tests), guard.name
    assert len({guard.name for guard in GUARDS}) == len(GUARDS) >= 40
