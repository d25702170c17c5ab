"""The process that measures one workload with one number of threads; prints one line of JSON.

    python -m benchmarks.worker WORKLOAD THREADS SECONDS PEER ...

A process of its own makes first calls cold, and lets every system read its number of threads from the environment.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

from benchmarks.measure import Call, forget_peak, interleaved, peak_above, resident, timed


def environment(threads: int, caches: str) -> dict[str, str]:
    """For a worker: threads of every system, no code from disk, no processes that compile beside the measurement."""
    names = ("OMP", "MKL", "OPENBLAS", "GRAPHC")
    return os.environ | {f"{n}_NUM_THREADS" if n != "GRAPHC" else "GRAPHC_THREADS": str(threads) for n in names} | {
        "TORCHINDUCTOR_CACHE_DIR": caches,
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
        "XDG_CACHE_HOME": caches,
        "JAX_PLATFORMS": "cpu",
    }  # fmt: skip


def restrict(threads: int) -> None:
    """As many processors as threads: JAX and operating-system threads keep to them too."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def measure(name: str, threads: int, seconds: float, peers: Sequence[str]) -> dict[str, Any]:
    import numpy as np

    from benchmarks.check import complaint, reference
    from benchmarks.peers import load
    from benchmarks.workloads import WORKLOADS

    work = WORKLOADS[name]
    arguments = work.arguments(np.random.default_rng(0))
    wanted = reference(work, arguments)
    rows: dict[str, dict[str, Any]] = {}
    calls: dict[str, Call] = {}
    for peer in peers:
        system = load(peer)
        system.start(threads)
        call = system.prepare(work, arguments)
        if call is None:
            continue
        forget_peak()
        before = resident()
        first, result = timed(call)
        wrong = complaint(work, system.arrays(result), wanted)
        del result
        rows[peer] = {"first": first, "peak": peak_above(before, call), "wrong": wrong}
        if not wrong:
            calls[peer] = call
    for peer, each in interleaved(calls, seconds).items():
        rows[peer]["seconds"] = each
    return {"workload": name, "threads": threads, "peers": rows}


def main() -> None:
    name, threads, seconds, *peers = sys.argv[1:]
    restrict(int(threads))
    print(json.dumps(measure(name, int(threads), float(seconds), peers)))


if __name__ == "__main__":
    main()
