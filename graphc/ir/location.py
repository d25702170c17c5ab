"""Where in the user's program a node was made."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from graphc.records import dataclass

_PACKAGE = str(Path(__file__).parents[1]) + os.sep
_NUMPY = str(Path(np.__file__).parent) + os.sep
_CONTEXT = "contextlib.py"


@dataclass(frozen=True, slots=True)
class Location:
    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{Path(self.file).name}:{self.line} in {self.function}"


UNKNOWN = Location("<unknown>", 0, "<unknown>")


def user_location() -> Location:
    """The innermost frame that belongs neither to graphc nor to NumPy."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith((_PACKAGE, _NUMPY)) and not file.endswith(_CONTEXT):
            return _location(file, frame.f_lineno, frame.f_code.co_name)
        frame = frame.f_back
    return UNKNOWN


@lru_cache(maxsize=4096)
def _location(file: str, line: int, function: str) -> Location:
    """One object for the operations of one line."""
    return Location(file, line, function)


def definition(f: Callable[..., Any]) -> Location | None:
    """Where a function is written; None for a callable without code."""
    code = getattr(inspect.unwrap(f), "__code__", None)
    return Location(code.co_filename, code.co_firstlineno, code.co_name) if code else None
