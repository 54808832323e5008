"""The house stays as it is drawn: which module may import which, and how long things are."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from django.conf import settings

from tests.guards.removals import GUARDS

ROOT = Path(__file__).parent.parent
# Each app imports those before it; those on one line do not know each other.
ORDER = [
    {"loket", "audit", "outbox"},
    {"accounts"},
    {"teams"},
    {"signin", "invitations", "notifications"},
    {"webservice", "bulk", "support"},
]
RANK = {app: rank for rank, apps in enumerate(ORDER) for app in apps}
EDGES = {"views", "forms", "admin", "management", "urls", "middleware"}  # what speaks to the world may use any app
ASKED_BY_ALL = {"teams.rights", "signin.throttle"}  # a change asks whether it may be made, and how often
# They change nothing, and answer a question about the whole office: what happened, who could do what, who is there.
ANSWERS = {
    *(
        "audit.answers",
        "audit.carrying",
        "audit.labels",
        "audit.past",
        "audit.reading",
        "audit.replay",
        "audit.sentences",
    ),
    *("accounts.attention", "accounts.exports", "accounts.hygiene", "accounts.status"),
}
SUPPORT_OVER_PROGRAMS = {"support.buttons", "support.search", "support.touched"}  # support helps with programs as well
LONGEST_FUNCTION, USUAL_FUNCTION, LONGEST_FILE, LONGER_FILE = 40, 20, 300, 400
LONGER_FILES = {
    "accounts/models.py",
    "bulk/applying.py",
    "bulk/office_plans.py",
    "support/admin.py",
    "teams/rights.py",
    "webservice/models.py",
}


def sources() -> dict[str, Path]:
    """Return every module of the product by its dotted name; migrations are history."""
    paths = (path for app in RANK for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts)
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


MODULES = sources()


def imports(module: str, *, at_once: bool) -> Iterator[str]:
    """Yield what a module imports of the product; `at_once`: while it is imported itself."""
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


def reached(module: str) -> set[str]:
    """Return all that is imported when `module` is."""
    seen: set[str] = set()
    pending = {module}
    while pending:
        seen |= pending
        pending = {name for one in pending for name in of_the_product(one, at_once=True)} - seen
    return seen - {module}


def app(module: str) -> str:
    return module.partition(".")[0]


def is_inner(module: str) -> bool:
    return not EDGES & set(module.split(".")) and app(module) != "loket" and module not in ANSWERS


def breaks_the_order(importer: str, imported: str) -> bool:
    if app(importer) == app(imported) or app(imported) == "loket" or imported in ASKED_BY_ALL:
        return False
    if importer in SUPPORT_OVER_PROGRAMS and imported == "webservice.models":
        return False
    return RANK[app(imported)] >= RANK[app(importer)]


def functions() -> list[tuple[int, str]]:
    """Return the length in lines and the place of every function, those of the measurements as well."""
    found = []
    for path in [*MODULES.values(), *(ROOT / "bench").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                found.append((length, f"{path.relative_to(ROOT)}: {node.name}"))
    return sorted(found)


def test_it_finds_the_modules() -> None:
    assert {"accounts.models", "teams.rights", "webservice.api.door", "audit"} <= set(MODULES)
    assert "teams.rights" in of_the_product("accounts.actions")
    assert set(MODULES) >= ANSWERS | SUPPORT_OVER_PROGRAMS | ASKED_BY_ALL


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return modules each of which imports the next, the last the first; none where there is no circle."""
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def test_no_modules_import_each_other() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) != []
    assert circle({module: of_the_product(module, at_once=True) - {module} for module in MODULES}) == []


def test_tables_know_only_tables_of_the_apps_before_them() -> None:
    owners = [module for module in MODULES if module.endswith(".models")]
    assert owners
    wrong = {
        f"{module} needs {other}"
        for module in owners
        for other in reached(module)
        if app(other) not in (app(module), "loket") and RANK[app(other)] >= RANK[app(module)]
    }
    assert wrong == set()


def test_every_app_has_its_place() -> None:
    assert {name for name in settings.INSTALLED_APPS if (ROOT / name).is_dir()} == set(RANK)


def test_what_changes_something_imports_only_the_apps_before_it() -> None:
    wrong = {
        f"{module} imports {other}"
        for module in filter(is_inner, MODULES)
        for other in of_the_product(module)
        if breaks_the_order(module, other)
    }
    assert wrong == set()


def test_only_what_speaks_http_imports_views() -> None:
    wrong = {
        f"{module} imports {other}"
        for module in filter(is_inner, MODULES)
        for other in of_the_product(module)
        if "views" in other.split(".")
    }
    assert wrong == set()


def test_every_exception_is_needed() -> None:
    def later(module: str) -> set[str]:
        """Return what a module imports of apps that are not before its own."""
        return {
            name for name in of_the_product(module) if RANK[app(name)] >= RANK[app(module)] and app(name) != "loket"
        }

    inner = set(filter(is_inner, MODULES))
    assert ASKED_BY_ALL - {name for module in inner for name in later(module)} == set()
    for module in ANSWERS | SUPPORT_OVER_PROGRAMS:
        assert later(module), module


def test_what_only_answers_changes_nothing() -> None:
    """A module in ANSWERS may use any app because it writes no row."""
    writing = {"save", "delete", "create", "bulk_create", "bulk_update", "update_or_create", "get_or_create"}
    for module in ANSWERS:
        calls = [node.func for node in ast.walk(ast.parse(MODULES[module].read_text())) if isinstance(node, ast.Call)]
        named = [(call.attr, ast.unparse(call)) for call in calls if isinstance(call, ast.Attribute)]
        wrong = [text for name, text in named if name in writing or (name == "update" and ".objects" in text)]
        assert wrong == [], module
        assert not {f"{name}.actions" for name in RANK if name != "audit"} & of_the_product(module), module


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


def test_files_are_short() -> None:
    """Those that are longer are named, so that a file which grows is seen, and one that was split leaves the list."""
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in MODULES.values()}
    assert {name for name, lines in lengths.items() if lines > LONGEST_FILE} == LONGER_FILES
    assert [name for name, lines in lengths.items() if lines > LONGER_FILE] == []


def test_every_guard_that_is_taken_away_is_there() -> None:
    """`make test-guards` takes long; that its list still fits the code is seen at once."""
    for guard in GUARDS:
        whole = (ROOT / guard.file).read_text()
        assert whole.count(guard.text) == 1, guard.name
        assert guard.text != guard.instead, guard.name
        assert guard.tests, guard.name
        compile(whole.replace(guard.text, guard.instead), guard.file, "exec")  # else every test would notice
        assert all((ROOT / "tests" / name).exists() for name in guard.tests), guard.name
    assert len({guard.name for guard in GUARDS}) == len(GUARDS) >= 40
