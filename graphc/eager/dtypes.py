"""Element types by PyTorch's names."""

from numpy import bool_ as bool
from numpy import float16, float32, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64

half, float, double = float16, float32, float64
short, int, long = int16, int32, int64

__all__ = [
    "bool", "double", "float", "float16", "float32", "float64", "half", "int", "int8", "int16", "int32", "int64",
    "long", "short", "uint8", "uint16", "uint32", "uint64",
]  # fmt: skip
