"""What a call costs: the same small sum through every way into graphc, beside NumPy.

python -m benchmarks.doors      microseconds as JSON
"""

from __future__ import annotations

import json

import numpy as np

import graphc as gx
from benchmarks.measure import Call, interleaved
from benchmarks.worker import restrict


def doors() -> dict[str, Call]:
    a = np.arange(8, dtype="float32")
    with gx.Graph("doors") as graph:
        x = gx.placeholder("float32", a.shape, name="x")
        w = gx.variable(np.zeros_like(a), name="w")
        y, step = x + 1, w.assign(w + x)
    session, feed = gx.Session(graph), {x: a}
    direct = session.make_callable(y, [x])
    jitted = gx.jit(lambda x: x + 1)
    tensor = gx.eager.tensor(a)
    return {
        "NumPy": lambda: a + 1,
        "jit": lambda: jitted(a),
        "Session.make_callable": lambda: direct(a),
        "Session.run": lambda: session.run(y, feed),
        "Session.run with an update": lambda: session.run([y, step], feed),
        "eager twin": lambda: tensor + 1,
    }


def main() -> None:
    restrict(1)
    print(json.dumps({name: seconds * 1e6 for name, seconds in interleaved(doors(), 1.0).items()}))


if __name__ == "__main__":
    main()
