"""Times of several calls, taken in turns: A B C, A B C, ...  What disturbs one round disturbs all."""

from __future__ import annotations

import ctypes
import gc
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

Call = Callable[[], Any]
Clock = Callable[[], float]
ROUND = 0.03  # seconds of one peer in one round
FEWEST, MOST = 5, 41  # rounds


def timed(call: Call) -> tuple[float, Any]:
    """Seconds of one call, and its result."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def interleaved(calls: Mapping[str, Call], seconds: float, clock: Clock = time.perf_counter) -> dict[str, float]:
    """Median seconds per call, from rounds of about `seconds` in all per name.

    `time.thread_time` as the clock leaves out what other processes take from a call of one thread.
    """
    if not calls:
        return {}
    counts = {name: _count(call) for name, call in calls.items()}
    longest = max(_round(call, counts[name], clock) * counts[name] for name, call in calls.items())
    rounds = int(min(MOST, max(FEWEST, seconds / longest)))
    times: dict[str, list[float]] = {name: [] for name in calls}
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, call in calls.items():
                times[name].append(_round(call, counts[name], clock))
    finally:
        gc.enable()
    return {name: median(each) for name, each in times.items()}


def _count(call: Call) -> int:
    """How many calls fill a round."""
    fastest = min(timed(call)[0] for _ in range(3))
    return max(1, int(ROUND / max(fastest, 1e-8)))


def _round(call: Call, count: int, clock: Clock) -> float:
    """Seconds per call, after one that warms the caches up."""
    call()
    start = clock()
    for _ in range(count):
        call()
    return (clock() - start) / count


# ----------------------------------------------------------------------------------------------------------- memory


def resident(field: str = "VmRSS") -> int:
    """Bytes of this process in memory; "VmHWM" is the most since `forget_peak`. 0 where the system does not tell."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    return 0


def forget_peak() -> None:
    """Give freed memory back to the system, and count the peak from here."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")


def peak_above(before: int, call: Call) -> int:
    """The most memory while a call repeats, over `before`: code, plans and temporaries, arguments not counted."""
    forget_peak()
    for _ in range(3):
        call()
    return max(0, resident("VmHWM") - before)
