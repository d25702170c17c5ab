"""The programs of docs/static-and-dynamic.md: both models agree on each; its figures are those that the tool draws."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

import graphc as gx
from graphc.errors import ConcretizationError

ROOT = Path(__file__).parents[1]


def loaded(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


contrast = loaded("examples/contrast.py")


@pytest.mark.parametrize("name", ["chain", "mlp", "root", "softmax"])  # rnn takes seconds to compile: the page runs it
def test_both_models_agree(name: str) -> None:
    function, args, argnums = contrast.programs()[name]
    found = gx.compare(function, *args, argnums=argnums, seconds=0)
    assert found.difference < 1e-6 and (found.gradient_difference or 0) < 1e-6
    assert found.static.bytes < found.dynamic.bytes and found.dynamic.nodes > 0
    assert len(contrast.row(name, found)) == len(contrast.COLUMNS)


def test_the_loop_that_only_the_tape_can_run() -> None:
    assert abs(contrast.root(gx.eager.tensor(2.0)).item() - 2**0.5) < 1e-12
    with pytest.raises(ConcretizationError, match="in root"):
        gx.jit(contrast.root)(2.0)


def test_the_figures_are_those_of_the_page() -> None:
    drawn = dict(loaded("tools/figures.py").figures())
    kept = {p.stem for p in (ROOT / "docs" / "figures").glob("*.svg")}
    shown = set(re.findall(r"figures/([\w-]+)\.svg", (ROOT / "docs" / "static-and-dynamic.md").read_text()))
    assert set(drawn) == kept == shown
    assert all(text.startswith("digraph") for text in drawn.values())
    for name, text in drawn.items():
        svg = (ROOT / "docs" / "figures" / f"{name}.svg").read_text()
        assert svg.count('class="edge"') == text.count(" -> "), f"{name} is behind: python tools/figures.py"
