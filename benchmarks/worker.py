"""The process that measures one workload with one number of threads; prints one line of JSON.

    python -m benchmarks.worker WORKLOAD THREADS SECONDS PEER ...

A process of its own makes first calls cold, and lets every system read its number of threads from the environment.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.check import complaint, reference
from benchmarks.measure import Call, forget_peak, interleaved, peak_above, resident, timed
from benchmarks.peers import Peer, load
from benchmarks.workloads import WORKLOADS, Workload


def environment(threads: int, caches: str) -> dict[str, str]:
    """For a worker: threads of every system, compiled code in `caches`, no processes that compile beside the others.

    Python keeps its bytecode, as it does for users: compiling source is no part of a first call.
    """
    counts = ("GRAPHC_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return {
        **{k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
        **dict.fromkeys(counts, str(threads)),
        "GRAPHC_CACHE_DIR": f"{caches}/graphc",
        "TORCHINDUCTOR_CACHE_DIR": f"{caches}/torch",
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
        "JAX_PLATFORMS": "cpu",
    }


def restrict(threads: int) -> None:
    """As many processors as threads: JAX and operating-system threads keep to them too."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def measure(name: str, threads: int, seconds: float, peers: Sequence[str]) -> dict[str, Any]:
    """First call, peak memory and correctness of each system in turn; then, if there are `seconds`, times of all."""
    work = WORKLOADS[name]
    arguments = work.arguments(np.random.default_rng(0))
    wanted = reference(work, arguments)
    rows: dict[str, dict[str, Any]] = {}
    calls: dict[str, Call] = {}
    for peer in peers:
        system = load(peer)
        system.start(threads)
        call = system.prepare(work, arguments)
        if call is not None:
            rows[peer] = _once(call, partial(_judge, work, system, wanted))
            if not rows[peer]["wrong"]:
                calls[peer] = call
    for peer, each in interleaved(calls if seconds else {}, seconds).items():
        rows[peer]["seconds"] = each
    return {"workload": name, "threads": threads, "peers": rows}


def _judge(work: Workload, system: Peer, wanted: list[Any], result: Any) -> str:
    return complaint(work, system.arrays(result), wanted)


def _once(call: Call, judge: Callable[[Any], str]) -> dict[str, Any]:
    """Seconds of the first call, what is wrong with its result, and the peak memory of the next; or why it fails."""
    forget_peak()
    before = resident()
    try:
        first, result = timed(call)
    except Exception as error:
        return {"wrong": f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"}
    wrong = judge(result)
    del result
    return {"first": first, "wrong": wrong, "peak": peak_above(before, call)}


def main() -> None:
    name, threads, seconds, *peers = sys.argv[1:]
    restrict(int(threads))
    print(json.dumps(measure(name, int(threads), float(seconds), peers)))


if __name__ == "__main__":
    main()
