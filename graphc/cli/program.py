"""What a command works on: the graph behind `FILE.py:NAME`.

NAME is a function (the types of its arguments come from `--args`, or from its attribute `signature`), a jit function,
or a Graph.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import graphc.ir.ops  # noqa: F401 - registers the primitives
from graphc.autodiff.reverse import gradients
from graphc.errors import GraphcError, OptionError, SignatureError
from graphc.frontend.trace import trace
from graphc.ir.graph import Graph
from graphc.ir.location import Location
from graphc.ir.node import Value
from graphc.ir.types import FLOATS, Type, parse_type
from graphc.records import dataclass
from graphc.runtime.run_graph import run_graph


class ProgramError(GraphcError):
    """The user's file, or the function in it, raised an exception."""


@dataclass(frozen=True)
class Program:
    """`graph` as it was traced; `function` is what it was traced from, None where the file holds a graph.

    `pure` is the graph as compiled: its inputs are those of `graph`, then the variables, whose values are in `initial`.
    """

    graph: Graph
    function: Callable[..., Any] | None
    differentiated: bool
    pure: Graph
    initial: Mapping[str, np.ndarray[Any, Any]]


def load(target: str, types: str | None = None, grad: bool = False) -> Program:
    """Import the file, find the name, trace.

    Raises OptionError for a file or name that is not there, SignatureError for types that are missing or too many,
    ProgramError for an exception in the user's code, GradientError where `grad` is asked of something without one.
    """
    file, name = _split(target)
    thing = _named(_module(file), name, file)
    if isinstance(thing, Graph):
        if types is not None:
            raise SignatureError(f"{name} is a graph, its inputs have types", got=f"--args {types!r}")
        return _program(thing, None, grad)
    function = _function(thing, name)
    return _program(_trace(function, _types(thing, types)), function, grad)


# ----------------------------------------------------------------------------------------------------------- finding


def _split(target: str) -> tuple[Path, str]:
    file, _, name = target.rpartition(":")
    if not file or not name:
        raise OptionError("a program is given as FILE.py:NAME", got=repr(target))
    if not Path(file).is_file():
        raise OptionError("no such file", got=file)
    return Path(file), name


def _module(file: Path) -> ModuleType:
    """Run the file as a module, under a name that hides no other; it may import its neighbours."""
    spec = spec_from_file_location("__program__", file)
    if spec is None or spec.loader is None:
        raise OptionError("not a Python file", got=str(file))
    module, execute = module_from_spec(spec), spec.loader.exec_module
    sys.path.insert(0, str(file.parent.resolve()))
    sys.modules["__program__"] = module  # where dataclasses of the file look themselves up
    _guard(lambda: execute(module), str(file))
    return module


def _named(module: ModuleType, name: str, file: Path) -> Any:
    try:
        return getattr(module, name)
    except AttributeError:
        known = [n for n, x in vars(module).items() if (callable(x) or isinstance(x, Graph)) and not n.startswith("_")]
        raise OptionError(f"no {name!r} in {file}", expected=", ".join(known) or "a function") from None


def _function(thing: Any, name: str) -> Callable[..., Any]:
    """The function itself, or the one that a jit object compiles."""
    function = thing if inspect.isfunction(thing) else getattr(thing, "__wrapped__", None)
    if not callable(function):
        raise OptionError(f"{name!r} is no program", expected="a function, a jit function or a Graph", got=repr(thing))
    return function


def _program(graph: Graph, function: Callable[..., Any] | None, grad: bool) -> Program:
    if grad:
        _differentiate(graph)
    pure = run_graph(graph, _fetches(graph), graph.inputs)
    initial = {name: graph.initial[name] for name in pure.variables}
    return Program(graph, function, grad, pure.graph, initial)


def _fetches(graph: Graph) -> list[Value]:
    """What a run of everything computes: outputs and new values of variables, or, without any, all ends."""
    found = [*graph.outputs, *(u.value for u in graph.updates)]
    return found or [n.out for n in graph.nodes if not any(graph.users(n.out))]


def _differentiate(graph: Graph) -> None:
    """Add the gradients of the one output with respect to every float input and variable to the outputs."""
    if len(graph.outputs) != 1:
        raise OptionError("gradients are of one output", got=f"{len(graph.outputs)} outputs")
    xs = [v for v in (*graph.inputs, *graph.variables) if v.dtype in FLOATS]
    with graph.building(graph.outputs[0].node.loc):
        found = gradients(graph, graph.outputs, xs)
    graph.outputs += [g for g in found if g is not None]


# ----------------------------------------------------------------------------------------------------------- tracing


def _types(thing: Any, text: str | None) -> list[Type]:
    """What `--args` says, else what the function declares."""
    declared = text if text is not None else getattr(thing, "signature", None)
    if declared is None:
        raise SignatureError(
            "the types of the arguments are not known", fix='--args "f32[batch,64], f32[64,10]", or jit(signature=...)'
        )
    parts = re.split(r",(?![^\[]*\])", declared) if isinstance(declared, str) else declared
    return [parse_type(str(t)) for t in parts if str(t).strip()]


def _trace(function: Callable[..., Any], types: Sequence[Type]) -> Graph:
    signature = inspect.signature(function)
    try:
        signature.bind(*types)
    except TypeError as error:
        raise SignatureError(
            f"{function.__name__} takes other arguments", expected=str(signature), got=f"{len(types)} types ({error})"
        ) from None
    graph: Graph = _guard(lambda: trace(function, types)[0], function.__name__)
    return graph


def _guard(action: Callable[[], Any], what: str) -> Any:
    """Exceptions of the user's code become errors that tell their line."""
    try:
        return action()
    except GraphcError:
        raise
    except Exception as error:
        raise ProgramError(f"{what} failed: {type(error).__name__}: {error}", loc=_innermost(error)) from error


def _innermost(error: Exception) -> Location | None:
    """The deepest line of the traceback outside of graphc."""
    package = str(Path(__file__).parents[1])
    found, trace_ = None, error.__traceback__
    while trace_ is not None:
        code = trace_.tb_frame.f_code
        if not code.co_filename.startswith((package, "<frozen")):
            found = Location(code.co_filename, trace_.tb_lineno, code.co_name)
        trace_ = trace_.tb_next
    return found
