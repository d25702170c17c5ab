"""The native code that entries call, apart from programs: emitted once, and kept on disk.

Recycled memory is one library that lives as long as the process, made for the first program that needs it.  What has no
state of its own is linked with every program, which costs less than another linker.
"""

from __future__ import annotations

import ctypes
from functools import cache

from graphc.codegen.native.array_layout import api_symbols
from graphc.codegen.native.donation import donation_text
from graphc.codegen.native.engine import Library, kept_object
from graphc.codegen.native.memory import MEMORY, MEMORY_DECLARATIONS, MEMORY_EXPORTS, Handler, memory_text
from graphc.codegen.native.refusal import REFUSAL_DECLARATIONS, refusal_text


@cache
def memory_symbols() -> dict[str, int]:
    """The addresses of its functions, named `graphc.take` and so on."""
    handler = Handler()
    capsule = handler.capsule()
    imports = api_symbols() | {"graphc.handler": id(capsule)}
    library = Library(kept_object(memory_module()), MEMORY_EXPORTS, imports)
    handler.fill({name: library[name] for name in MEMORY_EXPORTS})
    for owned in (library, handler, capsule):  # arrays may outlive everything else
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(owned))
    return {f"graphc.{name}": library[name] for name in MEMORY}


def memory_module() -> str:
    return "\n".join([*MEMORY_DECLARATIONS, memory_text()])


@cache
def refusal_object(*, donates: bool) -> bytes:
    """What an entry does with arguments that it does not take as they are, or that it writes to if it `donates`."""
    return kept_object("\n".join([*REFUSAL_DECLARATIONS, refusal_text(), donation_text() if donates else ""]))
