"""Measure workloads with every system that is installed, and print tables.

python -m benchmarks                                   all, on 1 and 2 threads
python -m benchmarks --only softmax gemm_f32_512 --peers graphc,numpy --threads 1
python -m benchmarks --json runs.json --write docs/benchmarks.md
python -m benchmarks --read runs.json --write docs/benchmarks.md
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import peers, report
from benchmarks.machine import describe
from benchmarks.worker import environment
from benchmarks.workloads import WORKLOADS

HOME = Path(__file__).parents[1]
KEEPERS = ("graphc", "torch.compile")  # of compiled code on disk, for the next process


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, metavar="NAME", default=list(WORKLOADS))
    parser.add_argument("--peers", type=_names, default=_names(",".join(peers.NAMES)), help=",".join(peers.NAMES))
    parser.add_argument("--threads", type=_numbers, default=[1, 2], help="1,2")
    parser.add_argument("--seconds", type=float, default=0.7, help="per system, workload and number of threads")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures")
    parser.add_argument("--read", type=Path, metavar="FILE", help="figures of an earlier run; measure nothing")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the tables as a page of Markdown")
    return parser.parse_args(arguments)


def _names(text: str) -> list[str]:
    """The systems of a comma-separated list that are installed."""
    wanted = text.split(",")
    if unknown := set(wanted) - set(peers.NAMES):
        raise argparse.ArgumentTypeError(f"no system {', '.join(sorted(unknown))}; there are {', '.join(peers.NAMES)}")
    return [name for name in wanted if peers.is_installed(name)]


def _numbers(text: str) -> list[int]:
    return [int(n) for n in text.split(",")]


def run(chosen: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for threads in chosen.threads:
        with tempfile.TemporaryDirectory() as caches:
            if "torch.compile" in chosen.peers:  # its headers are compiled once per installation
                measured("overhead_add", threads, 0, ["torch.compile"], caches)
            for name in chosen.only:
                row = measured(name, threads, chosen.seconds, chosen.peers, caches)
                keepers = [system for system in KEEPERS if system in row["peers"]]
                again = measured(name, threads, 0, keepers, caches) if keepers else row
                yield row | {"again": {system: p["first"] for system, p in again["peers"].items() if "first" in p}}


def measured(name: str, threads: int, seconds: float, systems: Sequence[str], caches: str) -> dict[str, Any]:
    """One workload in a process of its own; a process that fails gives a row that says why."""
    done = _process(["benchmarks.worker", name, str(threads), str(seconds), *systems], threads, caches)
    if done.returncode == 0:
        row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return row
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    return {"workload": name, "threads": threads, "peers": {}, "failed": f"exit status {done.returncode}: {last}"}


def doors() -> dict[str, dict[str, float]]:
    """Microseconds of a call through every way into graphc, and through other systems."""
    with tempfile.TemporaryDirectory() as caches:
        done = _process(["benchmarks.doors"], 1, caches)
    done.check_returncode()
    figures: dict[str, dict[str, float]] = json.loads(done.stdout)
    return figures


def _process(module: Sequence[str], threads: int, caches: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *module]
    return subprocess.run(
        command, cwd=HOME, env=environment(threads, caches), capture_output=True, text=True, check=False
    )


def main() -> None:
    chosen = options()
    if chosen.read:
        figures = json.loads(chosen.read.read_text())
    else:
        figures = {"machine": describe(chosen.peers), "doors": doors(), "runs": []}
        for row in run(chosen):
            figures["runs"].append(row)
            print(report.line(row), file=sys.stderr, flush=True)
            if chosen.json:
                chosen.json.write_text(json.dumps(figures, indent=1))
    text = report.tables(figures)
    if chosen.write:
        chosen.write.write_text(report.page(figures))
    print(text)


if __name__ == "__main__":
    main()
