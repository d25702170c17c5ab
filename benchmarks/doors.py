"""What a call costs: the same small sums through every way into graphc, beside NumPy and, if it is there, JAX.

python -m benchmarks.doors      microseconds as JSON, by call and by system
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

import graphc as gx
from benchmarks.measure import Call, interleaved
from benchmarks.peers import is_installed
from benchmarks.worker import restrict

A = np.arange(8, dtype="float32")


class Layer(NamedTuple):
    w: Any
    b: Any


@dataclass(frozen=True)
class Door:
    """A function, and the arguments of the calls that are made in turn."""

    function: Callable[..., Any]
    calls: list[tuple[Any, ...]]
    named: dict[str, Any] = field(default_factory=dict)
    signature: str | None = None


def total(nest: dict[str, Any]) -> Any:
    return sum(v.sum() for v in nest.values())


JITTED = {
    "x + 1": Door(lambda x: x + 1, [(A,)]),
    "a dict of 1": Door(lambda p: {k: v + 1 for k, v in p.items()}, [({"w0": A},)]),
    "a dict of 20": Door(lambda p: {k: v + 1 for k, v in p.items()}, [({f"w{k}": A for k in range(20)},)]),
    "the sum of a dict of 20": Door(total, [({f"w{k}": A for k in range(20)},)]),
    "10 named tuples in a list": Door(lambda ls: [Layer(p.w + 1, p.b + 1) for p in ls], [([Layer(A, A)] * 10,)]),
    "a Python float": Door(lambda x, rate: x + rate, [(A, 0.1)]),
    "a scalar of NumPy": Door(lambda x, rate: x + rate, [(A, np.float32(0.1))]),
    "an int": Door(lambda x, n: x + n, [(A, 3)]),
    "by name": Door(lambda x, y: x + y, [(A,)], {"y": A}),
    "two shapes in turn": Door(lambda x: x + 1, [(A,), (A[:7],)]),
    "two sizes of a symbolic extent in turn": Door(lambda x: x + 1, [(A,), (A[:7],)], signature="f32[n]"),
}


def in_turn(function: Callable[..., Any], door: Door) -> Call:
    calls, named = door.calls, door.named
    if len(calls) == 1:
        (args,) = calls
        return lambda: function(*args, **named)
    return lambda: [function(*args, **named) for args in calls]


def jitted(door: Door) -> dict[str, Call]:
    """Through each system."""
    systems = {"graphc": in_turn(gx.jit(door.function, signature=door.signature), door)}
    systems["NumPy"] = in_turn(door.function, door)
    if is_installed("jax"):
        import jax

        mine = replace(door, calls=jax.device_put(door.calls), named=jax.device_put(door.named))
        if all(type(x) is not int for args in door.calls for x in args):
            systems["JAX"] = in_turn(jax.jit(door.function), mine)
    return systems


def others() -> dict[str, Call]:
    """The ways that only graphc has."""
    with gx.Graph("doors") as graph:
        x = gx.placeholder("float32", A.shape, name="x")
        w = gx.variable(np.zeros_like(A), name="w")
        y, step = x + 1, w.assign(w + x)
    session, feed = gx.Session(graph), {x: A}
    direct = session.make_callable(y, [x])
    tensor = gx.eager.tensor(A)
    return {
        "Session.make_callable": lambda: direct(A),
        "Session.run": lambda: session.run(y, feed),
        "Session.run with an update": lambda: session.run([y, step], feed),
        "Session.run of a dict": lambda: session.run({"y": y, "w": w}, feed),
        "eager twin": lambda: tensor + 1,
    }


def doors() -> dict[str, dict[str, Call]]:
    return {name: jitted(door) for name, door in JITTED.items()} | {n: {"graphc": call} for n, call in others().items()}


def measured(seconds: float) -> dict[str, dict[str, float]]:
    """Microseconds of one call; each row is measured by turns."""
    found = {}
    for name, systems in doors().items():
        calls = len(JITTED[name].calls) if name in JITTED else 1
        times = interleaved(systems, seconds)
        found[name] = {system: time / calls * 1e6 for system, time in times.items()}
    return found


def main() -> None:
    restrict(1)
    print(json.dumps(measured(0.5)))


if __name__ == "__main__":
    main()
