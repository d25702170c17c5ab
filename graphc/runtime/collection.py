"""The garbage collector of Python waits while a program is compiled.

Graphs, clusters and loop nests are many small objects that live to the end of the compilation.  The collector would
walk all of them over and over, which takes as long as making them, and find nothing.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collection_paused() -> Iterator[None]:
    """No automatic collection in the block; who switched it off switches it on, so blocks may nest and overlap."""
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()
