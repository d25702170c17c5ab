"""Random arrays for a program, the same for a seed on every machine."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.cli.options import Inputs
from graphc.cli.program import Program
from graphc.errors import OptionError
from graphc.ir.evaluate import concrete
from graphc.ir.types import FLOATS, Type, numpy_dtype

DEFAULT_EXTENT = 4


def draw_inputs(program: Program, inputs: Inputs) -> list[np.ndarray[Any, Any]]:
    """Arrays for the inputs of `program.pure`: random for arguments, the initial values for variables.

    Floats are normally distributed, integers lie in 0..3, so that they can be indices.  Raises OptionError for a
    dimension that the program does not have.
    """
    for name in inputs.dims:
        if name not in program.pure.dims:
            raise OptionError(f"no dimension is named {name!r}", expected=", ".join(program.pure.dims) or "none")
    env = {**dict.fromkeys(program.pure.dims, DEFAULT_EXTENT), **inputs.dims}
    rng = np.random.default_rng(inputs.seed)
    arguments = len(program.graph.inputs)
    drawn = [draw(rng, Type(v.dtype, concrete(v.shape, env))) for v in program.pure.inputs[:arguments]]
    return [*drawn, *program.initial.values()]


def draw(rng: np.random.Generator, type_: Type) -> np.ndarray[Any, Any]:
    items = rng.normal(size=type_.shape) if type_.dtype in FLOATS else rng.integers(0, 4, type_.shape)  # type: ignore[arg-type]
    if type_.dtype == "bool":
        items = items % 2
    return np.asarray(items).astype(numpy_dtype(type_.dtype))
