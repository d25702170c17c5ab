"""How many processors this process may keep busy: its affinity, and the quotas of its container."""

from __future__ import annotations

import os
from pathlib import Path


def default_threads() -> int:
    """How many threads this process may keep busy: its affinity, and the processor quota of its container."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([available, *quotas(Path("/sys/fs/cgroup"), Path("/proc/self/cgroup"))])


def quotas(root: Path, own: Path) -> list[int]:
    """Whole processors that each limited control group grants this process: its own, and those around it.

    `own` names its groups; their files lie under `root`, by version 2 of the interface or by version 1.
    """
    groups = [line.split(":", 2) for line in own.read_text().splitlines()] if own.is_file() else []
    paths = [Path(path) for _, kinds, path in groups if not kinds or "cpu" in kinds.split(",")] or [Path("/")]
    places = {place.relative_to("/") for path in paths for place in (path, *path.parents)}
    return [q for place in places for q in (_quota(root / place), _old_quota(root / "cpu" / place)) if q is not None]


def _quota(group: Path) -> int | None:
    limit = group / "cpu.max"
    return _whole(*limit.read_text().split()) if limit.is_file() else None


def _old_quota(group: Path) -> int | None:
    share, period = group / "cpu.cfs_quota_us", group / "cpu.cfs_period_us"
    return _whole(share.read_text(), period.read_text()) if share.is_file() else None


def _whole(share: str, period: str) -> int | None:
    return None if share == "max" or int(share) <= 0 else max(1, int(share) // int(period))
