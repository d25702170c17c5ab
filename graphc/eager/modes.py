"""Whether operations are recorded: `no_grad`, `enable_grad`, `set_grad_enabled`, each a context and a decorator.

The mode belongs to a thread; a new thread records.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ContextDecorator
from typing import Any, TypeVar, overload

F = TypeVar("F", bound=Callable[..., Any])


class _Mode(threading.local):
    recording = True


mode = _Mode()


def is_grad_enabled() -> bool:
    """Whether this thread records operations."""
    return mode.recording


class GradMode(ContextDecorator):
    """Recording switched on or off for a block or for every call of a function; may be entered again inside itself."""

    def __init__(self, recording: bool) -> None:
        self._recording = recording
        self._before: list[bool] = []

    def __enter__(self) -> GradMode:
        self._before.append(mode.recording)
        mode.recording = self._recording
        return self

    def __exit__(self, *exc: object) -> None:
        mode.recording = self._before.pop()

    def _recreate_cm(self) -> GradMode:
        """A decorated function may run in several threads, each with a mode of its own."""
        return GradMode(self._recording)


class SetGradMode(GradMode):
    """A mode that holds from its construction, until the end of the block where it opens one."""

    def __init__(self, recording: bool) -> None:
        super().__init__(recording)
        self._outside = mode.recording
        mode.recording = recording

    def __enter__(self) -> GradMode:
        self._before.append(self._outside)
        mode.recording = self._recording
        return self

    def __call__(self, function: F) -> F:
        mode.recording = self._outside  # a decorator changes nothing before the function is called
        return super().__call__(function)


@overload
def no_grad() -> GradMode: ...
@overload
def no_grad(function: F) -> F: ...
def no_grad(function: Callable[..., Any] | None = None) -> Any:
    """Nothing is recorded inside: `with no_grad():`, `@no_grad()` or `@no_grad`."""
    return GradMode(False) if function is None else GradMode(False)(function)


@overload
def enable_grad() -> GradMode: ...
@overload
def enable_grad(function: F) -> F: ...
def enable_grad(function: Callable[..., Any] | None = None) -> Any:
    """Operations are recorded again, inside a `no_grad` block."""
    return GradMode(True) if function is None else GradMode(True)(function)


def set_grad_enabled(recording: bool) -> SetGradMode:
    """Record or not from now on; as a context or a decorator, for that block or function only."""
    return SetGradMode(recording)
