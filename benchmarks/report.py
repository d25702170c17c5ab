"""Tables of Markdown: times, ratios, first calls, memory.  Rows that graphc loses are bold and named first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import exp, log
from typing import Any

from benchmarks.workloads import NOT_EXPRESSIBLE, WORKLOADS

Row = dict[str, Any]
TIE = 0.87  # a ratio above is no loss: differences under 15 % are ties
OURS = "graphc"


def page(figures: dict[str, Any]) -> str:
    """docs/benchmarks.md"""
    machine = "\n".join(f"| {name} | {value} |" for name, value in figures["machine"].items())
    missing = "\n".join(f"- {names}: {reason}" for names, reason in NOT_EXPRESSIBLE.items())
    return f"""# Benchmarks

The same workloads in graphc, NumPy, PyTorch (eager and compiled) and JAX.  Every system gets a program in its own idiom
and its own arrays; graphc gets NumPy code and NumPy arrays.  Every result is compared with NumPy in float64 before it
is timed.  Systems take turns within one process, round by round; a figure is the median of the rounds.  Each workload
and number of threads has a fresh process, with as many processors as threads; first calls are cold, without imports.
A blank cell was not measured.  After their calls the threads of other systems go on spinning for a while, on the
processor that graphc's second thread needs: on two threads short calls are measured beside that.

This page is written by

    pip install -e '.[bench]' && pip install torch==2.13.0     # a CPU build
    python -m benchmarks --write docs/benchmarks.md

| | |
|---|---|
{machine}

{tables(figures)}

## What is not here yet

Workloads that need functions which graphc does not have:

{missing}

## What is computed

{_table(["workload", "what"], [[name, w.about] for name, w in WORKLOADS.items()])}
"""


def tables(figures: dict[str, Any]) -> str:
    """For each number of threads what is in a run; then the ways into graphc."""
    threads = dict.fromkeys(row["threads"] for row in figures["runs"])
    parts = [_of_threads(n, [row for row in figures["runs"] if row["threads"] == n]) for n in threads]
    return "\n\n".join([*parts, _doors(figures["doors"])])


def _doors(figures: dict[str, dict[str, float]]) -> str:
    head = "## A call\n\nSums of 8 numbers in f32, one thread, microseconds:"
    systems = list(dict.fromkeys(name for row in figures.values() for name in row))
    rows = [[call, *(f"{row[s]:.2f}" if s in row else "" for s in systems)] for call, row in figures.items()]
    return f"{head}\n\n{_table(['call', *systems], rows)}"


def line(row: Row) -> str:
    """One measured workload, as progress."""
    if "failed" in row:
        return f"{row['threads']} {row['workload']:20} {row['failed']}"
    each = "  ".join(f"{name} {_milliseconds(row, name)}" for name in row["peers"])
    ratio = _ratio(row)
    return f"{row['threads']} {row['workload']:20} {f'{ratio:6.2f}' if ratio else '     -'}  {each}"


def _of_threads(threads: int, rows: Sequence[Row]) -> str:
    peers = list(dict.fromkeys(name for row in rows for name in row["peers"]))
    parts = [f"## {threads} thread{'s' * (threads > 1)}", _summary(rows), "Milliseconds per call:"]
    parts.append(_by_peer(rows, peers, _milliseconds, ["best peer / graphc"], lambda row: [_shown_ratio(row)]))
    parts.append("First call, in a fresh process: trace, compile, run; and that of a second process; milliseconds:")
    keepers = list(dict.fromkeys(name for row in rows for name in row["again"]))
    heads = [f"{name}, second process" for name in keepers]
    parts.append(_by_peer(rows, peers, _first, heads, lambda row: [_again(row, name) for name in keepers]))
    parts += ["Peak memory of repeated calls above what there was before the first, MiB:", _by_peer(rows, peers, _peak)]
    return "\n\n".join(parts)


def _summary(rows: Sequence[Row]) -> str:
    """What matters, in words: the mean ratio, the losses, what is wrong or failed."""
    ratios = {row["workload"]: r for row in rows if (r := _ratio(row))}
    lost = sorted((r, name) for name, r in ratios.items() if r < TIE)
    parts = list(_failures(rows))
    if ratios:
        mean = exp(sum(map(log, ratios.values())) / len(ratios))
        parts.append(
            f"Best peer / graphc: geometric mean {mean:.2f} over {len(ratios)} workloads; "
            f"{sum(r > 1 / TIE for r in ratios.values())} won, {len(lost)} lost, the others tied within 15 %."
        )
        parts.append("Lost: " + (", ".join(f"**{name}** ({r:.2f})" for r, name in lost) or "none") + ".")
    return "\n\n".join(parts)


def _failures(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        if "failed" in row:
            yield f"**{row['workload']} failed**: {row['failed']}"
        for name, figures in row["peers"].items():
            if figures["wrong"]:
                yield f"**{row['workload']}: {name} is not timed**: {figures['wrong']}"


def _ratio(row: Row) -> float | None:
    """Of the best other system's time to graphc's; None unless both are known."""
    times = {name: p["seconds"] for name, p in row["peers"].items() if "seconds" in p}
    mine = times.pop(OURS, None)
    return min(times.values()) / mine if mine and times else None


def _shown_ratio(row: Row) -> str:
    ratio = _ratio(row)
    if ratio is None:
        return ""
    return f"**{ratio:.2f}**" if ratio < TIE else f"{ratio:.2f}"


def _milliseconds(row: Row, name: str) -> str:
    """Nothing for a system that did not take part, or that failed; the summary tells why."""
    figures = row["peers"].get(name, {})
    if "first" in figures and figures["wrong"]:
        return "wrong"
    return f"{figures['seconds'] * 1e3:.3g}" if "seconds" in figures else ""


def _first(row: Row, name: str) -> str:
    seconds = row["peers"].get(name, {}).get("first")
    return "" if seconds is None else f"{seconds * 1e3:.0f}"


def _again(row: Row, name: str) -> str:
    seconds = row["again"].get(name)
    return "" if seconds is None else f"{seconds * 1e3:.0f}"


def _peak(row: Row, name: str) -> str:
    peak = row["peers"].get(name, {}).get("peak")
    return "" if peak is None else f"{peak / 2**20:.1f}"


def _by_peer(
    rows: Sequence[Row],
    peers: Sequence[str],
    cell: Callable[[Row, str], str],
    more: Sequence[str] = (),
    last: Callable[[Row], list[str]] = lambda row: [],
) -> str:
    body = [[row["workload"], *(cell(row, name) for name in peers), *last(row)] for row in rows if row["peers"]]
    return _table(["workload", *peers, *more], body)


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
