"""The layout of the package: imports point one way, files stay short, importing graphc is cheap."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "graphc"
ROOMS = (
    "cli",
    "frontend",
    "runtime",
    "codegen",
    "passes",
    "autodiff",
    "eager",
    "numpy",
    "ir",
    "config",
    "errors",
    "records",
)
FILES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")
LONGEST = 550


def name_of(file: Path) -> str:
    return str(file.relative_to(PACKAGE))


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(file: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything of graphc that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name + ".") for alias in node.names if alias.name.split(".")[0] == "graphc")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno} imports relatively"
            if (node.module or "").split(".")[0] == "graphc":
                yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def may_import(room: str, other: str) -> bool:
    """A room imports from itself and from the rooms to its right; nobody imports the public names of `graphc`."""
    return other in ROOMS and ROOMS.index(room) <= ROOMS.index(other)


def test_every_file_is_in_a_room():
    assert {room_of(f) for f in FILES} <= set(ROOMS)


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_imports_point_one_way(file):
    room = room_of(file)
    wrong = [(line, name) for line, name in imported(file) if not may_import(room, name.split(".")[1])]
    assert not wrong, f"{name_of(file)}: {room} may not import {wrong}"


def test_direction_is_checked():
    assert may_import("runtime", "ir") and may_import("ir", "errors") and may_import("ir", "ir")
    assert not may_import("ir", "runtime") and not may_import("errors", "ir") and not may_import("numpy", "eager")


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_files_are_short_and_say_what_they_are_for(file):
    text = file.read_text()
    assert text.count("\n") < LONGEST
    assert not text.strip() or ast.get_docstring(ast.parse(text)), "a module begins with what it is for"


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_no_leftovers(file):
    assert file.stem != "utils"
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", file.read_text())


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_broad_handlers_raise_again(file):
    """`except Exception` may name the failing rule or pass; it may not go on."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ExceptHandler) and is_broad(node):
            assert any(isinstance(n, ast.Raise) for n in ast.walk(node)), f"{file}:{node.lineno} hides errors"


def is_broad(handler: ast.ExceptHandler) -> bool:
    names = ast.unparse(handler.type) if handler.type else "BaseException"
    return bool({"Exception", "BaseException"} & set(re.findall(r"\w+", names)))


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_data_classes_are_records(file):
    """Those of the standard library take half a millisecond each while a module is loaded."""
    standard = [
        node.lineno
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "dataclasses"
    ]
    assert not standard or name_of(file) == "records.py", f"{file}:{standard[0]}: write from graphc.records import ..."


def test_importing_graphc_does_not_import_the_compiler():
    heavy = {"networkx", "scipy", "graphc.eager", "graphc.autodiff", "graphc.passes.fuse", "graphc.codegen.lower"}
    code = f"import graphc, sys; print(sorted({heavy} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert out.stdout.strip() == "[]"
