"""The primitives, a file per family.  Importing this package registers all of them."""

from graphc.ir.ops import arithmetic, custom, gamma, index, linalg, logic, maths, reduce, scan, shape, sort, source

__all__ = [
    "arithmetic",
    "custom",
    "gamma",
    "index",
    "linalg",
    "logic",
    "maths",
    "reduce",
    "scan",
    "shape",
    "sort",
    "source",
]
