from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

import igent
from igent import errors, workflows
from igent.store.bundled import constellation_names

ROOT = Path(__file__).parents[1]
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted((ROOT / "igent").rglob("*.py"))
    if path.name != "__main__.py"
]


def test_the_package_exports_its_error_and_its_version() -> None:
    assert igent.__all__ == ["IgentError", "__version__"]


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert igent.__version__ == project["version"]


def test_a_run_can_be_made_watched_and_resumed_from_python() -> None:
    assert workflows.__all__ == [
        "Control",
        "Halt",
        "Inputs",
        "Pace",
        "RUNS",
        "Rim",
        "RunOptions",
        "RunResult",
        "RunSettings",
        "default_directory",
        "make_settings",
        "resume",
        "run_workflow",
        "start",
    ]


def test_every_error_has_the_one_root() -> None:
    found = {name: getattr(errors, name) for name in errors.__all__}
    classes = {name: one for name, one in found.items() if isinstance(one, type) and issubclass(one, Exception)}
    assert [name for name, one in classes.items() if not issubclass(one, igent.IgentError)] == []
    assert all(name in str(errors.__doc__) for name in classes)


def test_the_bundled_constellations_keep_their_names() -> None:
    assert constellation_names() == ["p1m1_p2m2", "p1m1c1_p2m2c2", "p1m1c1m2c2", "p1m1m2c", "p1r_p2r"]


def test_what_a_module_lists_is_there() -> None:
    listed = [
        (module, one) for module in map(importlib.import_module, MODULES) for one in getattr(module, "__all__", [])
    ]
    assert [(module.__name__, one) for module, one in listed if not hasattr(module, one)] == []
