"""Who may import whom, and who may touch the outside: read from the source, so that nothing need be run."""

from __future__ import annotations

import ast
import socket
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "igent").rglob("*.py"))
}

# Each part with the parts that it may import; a part is a module or a package, and its own modules are free to it.
# Four arrows are not in the picture's straight line: `agents` calls models, `constellation_spec` names the critic's
# policies as the exchange does, a constellation is found among the bundled files by whoever runs one, and the terminal
# says things as the commands do.
PURE: dict[str, set[str]] = {
    "errors": set(),
    "printable": set(),
    "domain": {"errors"},
    "codec": {"domain.records"},
    "markets": {"errors", "domain"},
    "dialogue": {"errors", "domain", "markets", "codec"},
    "accounting": {"errors", "domain", "codec", "printable"},
    "constellation_spec": {"errors", "dialogue.script"},
    "constellation": {"errors", "domain", "constellation_spec"},
    "report": {"domain.records", "accounting", "printable"},
    "audit": {"errors", "domain", "codec"},
    "story": {"domain", "codec", "printable"},
}
EDGES: dict[str, set[str]] = {
    "store": {"errors", "domain", "codec"},
    "models": {"errors", "domain", "markets", "codec", "dialogue", "accounting", "constellation"},
    "agents": {"errors", "domain", "codec", "dialogue", "accounting", "constellation", "models"},
    "workflows": {*PURE, "store", "models", "agents"} - {"report", "story"},
    "workflows.__main__": {"cli"},
    "interrupts": {"models.halt"},
    "console": {"errors", "domain", "codec", "report", "workflows", "interrupts"},
    "terminal": {*PURE, "workflows", "interrupts", "console", "commands.environment"} - {"audit"},
    "commands": {
        *("errors", "domain", "constellation", "printable", "audit", "story"),
        *("store", "workflows", "interrupts", "console", "terminal"),
    },
    "cli": {"errors", "interrupts", "commands", "__version__"},
    "__main__": {"cli"},
}
ARROWS = {**PURE, **EDGES}

# Each library has one place, so that one part changes when it does.
PLACES = {
    "aiofiles": "store",
    "anthropic": "models",
    "autogen_agentchat": "agents",
    "autogen_core": "agents",
    "autogen_ext": "agents",
    "httpx2": "models",
    "openai": "models",
    "orjson": "codec",
    "rich": "console",
    "sqlite3": "store",
    "typer": "cli commands",
    "yaml": "constellation",
}

# What a pure module has no use for: the clock, randomness, disk, network, the terminal, other processes.
IMPURE = {
    "aiofiles", "anyio", "asyncio", "concurrent", "fileinput", "glob", "http", "httpx", "io", "logging",
    "multiprocessing", "os", "pathlib", "random", "secrets", "shutil", "signal", "socket", "sqlite3", "ssl",
    "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid",
}  # fmt: skip
IMPURE_CALLS = {"input", "open", "print"}
IMPURE_METHODS = {"now", "read_bytes", "read_text", "today", "utcnow", "write_bytes", "write_text"}


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text("utf-8"))


def imports_of(module: str, *, at_import: bool = False) -> Iterator[str]:
    """The full names that a module imports; with `at_import` only those that importing it imports."""
    for node in module_level(tree_of(module)) if at_import else ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_level(node: ast.AST) -> Iterator[ast.AST]:
    """Every node that is run on import, so neither function bodies nor what only a type checker sees."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        yield child
        yield from module_level(child)


def own_imports(module: str, *, at_import: bool = False) -> set[str]:
    """The igent modules that a module imports."""
    names = (name for name in imports_of(module, at_import=at_import) if name.split(".")[0] == "igent")
    return {name if name in MODULES else name.rpartition(".")[0] for name in names}


def part_of(module: str) -> str:
    """The entry of `ARROWS` that a module belongs to."""
    name = module.removeprefix("igent.")
    return name if name in ARROWS else name.split(".")[0]


def allows(allowed: set[str], name: str) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in allowed)


PURE_MODULES = [module for module in MODULES if part_of(module) in PURE]


def test_every_module_has_its_place_in_the_layout() -> None:
    assert {part_of(module) for module in MODULES} == {*ARROWS, "igent"}


def test_imports_follow_the_arrows() -> None:
    arrows = {(module, name.removeprefix("igent.")) for module in MODULES for name in own_imports(module) - {"igent"}}
    inner = {(module, name) for module, name in arrows if module != "igent"}
    allowed = {module: ARROWS[part_of(module)] | {part_of(module)} for module, _ in inner}
    assert {(module, name) for module, name in inner if not allows(allowed[module], name)} == set()


def test_the_package_itself_imports_only_the_errors() -> None:
    assert own_imports("igent") == {"igent.errors"}


def test_a_forbidden_arrow_would_be_seen() -> None:
    assert not allows(ARROWS["domain"], "markets.base")
    assert not allows(ARROWS["codec"], "domain.rules")
    assert not allows(ARROWS["store"], "models.base")


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {module: own_imports(module, at_import=True) - {"igent", module} for module in MODULES}
    assert len([*TopologicalSorter(graph).static_order()]) >= len(graph) - 1


def nodes_of_pure_modules() -> Iterator[tuple[str, ast.AST]]:
    return ((module, node) for module in PURE_MODULES for node in ast.walk(tree_of(module)))


def test_pure_modules_cannot_wait() -> None:
    waits = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    assert [(module, node.lineno) for module, node in nodes_of_pure_modules() if isinstance(node, waits)] == []


def test_pure_modules_touch_nothing_outside() -> None:
    imported = {(module, name.split(".")[0]) for module in PURE_MODULES for name in imports_of(module)}
    assert {(module, name) for module, name in imported if name in IMPURE} == set()
    called = [(module, node.func) for module, node in nodes_of_pure_modules() if isinstance(node, ast.Call)]
    assert {
        (module, call.id) for module, call in called if isinstance(call, ast.Name) and call.id in IMPURE_CALLS
    } == set()
    methods = {(module, call.attr) for module, call in called if isinstance(call, ast.Attribute)}
    assert {(module, name) for module, name in methods if name in IMPURE_METHODS} == set()


@pytest.mark.parametrize("library", sorted(PLACES))
def test_each_library_is_imported_in_one_place(library: str) -> None:
    users = {module for module in MODULES if any(name.split(".")[0] == library for name in imports_of(module))}
    assert {part_of(module) for module in users} <= {*PLACES[library].split()}


def test_only_the_command_line_prints_reads_the_environment_or_exits() -> None:
    found = set[tuple[str, str]]()
    for module in MODULES:
        for node in ast.walk(tree_of(module)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                found.add((part_of(module), "print"))
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "exit"):
                found.add((part_of(module), node.attr))
    surface = ("cli", "commands", "terminal")
    assert found == {("cli", "environ"), *((part, what) for part in surface for what in ("print", "exit"))}


def test_no_task_is_started_without_an_owner() -> None:
    loose = {"ensure_future", "gather"}
    found = {
        (module, node.func.attr)
        for module in MODULES
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if node.func.attr in loose or ast.unparse(node.func) == "asyncio.create_task"
    }
    assert found == set()


def lists_its_names_sorted(module: str) -> bool:
    """Whether a module has one sorted `__all__`; a folder that has nothing of its own needs none."""
    listed = [
        ast.literal_eval(node.value)
        for node in tree_of(module).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    inner = module.count(".") == 1 and MODULES[module].name == "__init__.py" and not own_imports(module)
    return listed == [sorted(set(listed[0]))] if listed else inner


def test_every_module_lists_its_public_names_sorted() -> None:
    listing = [module for module in MODULES if not module.endswith("__main__")]
    assert [module for module in listing if not lists_its_names_sorted(module)] == []


def test_every_module_says_what_it_is() -> None:
    assert [module for module in MODULES if not ast.get_docstring(tree_of(module))] == []


def test_the_suite_refuses_every_network_but_loopback(refused: list[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, socket.socket() as stream:
        for reach in (
            lambda: socket.getaddrinfo("example.org", 443),
            lambda: socket.gethostbyname("example.org"),
            lambda: stream.connect(("192.0.2.1", 80)),
            lambda: datagrams.sendto(b"", ("192.0.2.1", 53)),
        ):
            with pytest.raises(BaseException, match="loopback only"):
                reach()
    assert len(refused) == 4
    refused.clear()


def test_the_suite_lets_loopback_through() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
    assert socket.getaddrinfo("localhost", 80)
