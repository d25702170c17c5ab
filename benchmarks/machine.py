"""Which machine, which versions: what a figure depends on."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from benchmarks import peers


def describe(systems: Sequence[str]) -> dict[str, str]:
    """The processor, its vector width and memory, versions, and the date."""
    versions = {name: peers.load(name).version() for name in systems if name != "torch.compile"}
    return {
        "date": datetime.date.today().isoformat(),
        "processor": f"{_cpu('model name') or platform.machine()}, {len(os.sched_getaffinity(0))} processors",
        "vectors": next((v for v in ("avx512f", "avx2", "asimd") if v in _cpu("flags").split()), "unknown"),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }


def _cpu(field: str) -> str:
    return _field(Path("/proc/cpuinfo"), field)


def _memory() -> str:
    kib = _field(Path("/proc/meminfo"), "MemTotal").split()
    return f"{int(kib[0]) / 2**20:.0f} GiB" if kib else "unknown"


def _field(path: Path, field: str) -> str:
    """The first value of a field of one of Linux's files, "" where there is none."""
    lines = path.read_text().splitlines() if path.exists() else []
    return next((value.strip() for name, _, value in (s.partition(":") for s in lines) if name.strip() == field), "")
