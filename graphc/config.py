"""The knobs of a process, from its environment, and a way to turn them for one block of code.

    GRAPHC_VERIFY=1     check every invariant of the graph after each pass
    GRAPHC_DEBUG=1..2   1: a line per pass to stderr; 2: also the graph after it
    GRAPHC_THREADS=n    threads of a parallel loop; by default the processors that this process may use
    GRAPHC_CACHE_DIR=d  where compiled code is kept, or "off"; by default graphc in $XDG_CACHE_HOME or ~/.cache
    GRAPHC_KERNELS=off  operations at once, on eager tensors and arrays, by NumPy alone, also where they are large

`with config(verify=True): ...` holds in the thread that entered it and in nothing that it starts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from graphc.errors import OptionError
from graphc.records import dataclass, fields, replace

KERNELS = "graphc.runtime.kernels"


@dataclass(frozen=True, slots=True)
class Config:
    """`threads` None: as many as the process may use.  `cache_dir` None: compiled code is not kept.

    `kernels`: the module that computes operations on large arrays (graphc.ir.compute), None for NumPy.
    """

    verify: bool = False
    debug: int = 0
    threads: int | None = None
    cache_dir: Path | None = None
    kernels: str | None = KERNELS

    @staticmethod
    def from_environment(environment: Mapping[str, str]) -> Config:
        """Raises OptionError for a value that is no number."""
        read = {name: environment.get(f"GRAPHC_{name.upper()}", "") for name in ("verify", "debug", "threads")}
        numbers = {name: _number(name, text) for name, text in read.items() if text}
        return Config(
            verify=bool(numbers.get("verify", 0)),
            debug=numbers.get("debug", 0),
            threads=numbers.get("threads"),
            cache_dir=_cache_dir(environment),
            kernels=_kernels(environment.get("GRAPHC_KERNELS", "")),
        )


def _number(name: str, text: str) -> int:
    if not text.isdecimal():
        raise OptionError(
            f"the environment variable GRAPHC_{name.upper()} is a number", expected="0, 1, 2, ...", got=repr(text)
        )
    return int(text)


def _kernels(text: str) -> str | None:
    """Raises OptionError for anything but "on" and "off"."""
    if text not in ("", "on", "off"):
        raise OptionError("the environment variable GRAPHC_KERNELS", expected="on or off", got=repr(text))
    return None if text == "off" else KERNELS


def _cache_dir(environment: Mapping[str, str]) -> Path | None:
    """Where compiled code is kept; nowhere in an environment without a home."""
    named = environment.get("GRAPHC_CACHE_DIR", "")
    if named:
        return None if named == "off" else Path(named)
    caches, home = environment.get("XDG_CACHE_HOME", ""), environment.get("HOME", "")
    if caches:
        return Path(caches, "graphc")
    return Path(home, ".cache", "graphc") if home else None


_PROCESS = Config.from_environment(os.environ)
_current: ContextVar[Config] = ContextVar("graphc_config", default=_PROCESS)


def current() -> Config:
    """The knobs that hold here."""
    return _current.get()


@contextmanager
def config(**changes: Any) -> Iterator[Config]:
    """Turn knobs for a block. Raises OptionError for a name that is none."""
    known = [f.name for f in fields(Config)]
    for name in changes:
        if name not in known:
            near = get_close_matches(name, known, 1)
            raise OptionError(
                f"no knob {name!r}", expected=", ".join(known), fix=f"config({near[0]}=...)" if near else ""
            )
    token = _current.set(replace(_current.get(), **changes))
    try:
        yield _current.get()
    finally:
        _current.reset(token)
