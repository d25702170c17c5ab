"""The native code that all entries share, in one library that lives as long as the process."""

from __future__ import annotations

import ctypes
from functools import cache

from graphc.codegen.native.array_layout import api_symbols
from graphc.codegen.native.donation import DONATION_EXPORTS, donation_text
from graphc.codegen.native.engine import Library, kept_object
from graphc.codegen.native.extents import extents_text
from graphc.codegen.native.memory import MEMORY_DECLARATIONS, MEMORY_EXPORTS, Handler, memory_text
from graphc.codegen.native.numbers import NUMBERS_DECLARATIONS, numbers_text
from graphc.codegen.native.refusal import REFUSAL_DECLARATIONS, refusal_text

SUPPORT = ("take", "give", "new_array", "refused", "hand_on", "number", "rebind", *DONATION_EXPORTS)


@cache
def support_symbols() -> dict[str, int]:
    """The addresses of its functions, named `graphc.take` and so on."""
    handler = Handler()
    capsule = handler.capsule()
    text = support_text()
    imports = api_symbols() | {"graphc.handler": id(capsule)}
    library = Library(kept_object(text), [*dict.fromkeys((*MEMORY_EXPORTS, *SUPPORT))], imports)
    handler.fill({name: library[name] for name in MEMORY_EXPORTS})
    for owned in (library, handler, capsule):  # arrays may outlive everything else
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(owned))
    return {f"graphc.{name}": library[name] for name in SUPPORT}


def support_text() -> str:
    declarations = sorted({*MEMORY_DECLARATIONS, *NUMBERS_DECLARATIONS, *REFUSAL_DECLARATIONS})
    return "\n".join([*declarations, memory_text(), numbers_text(), refusal_text(), donation_text(), extents_text()])
