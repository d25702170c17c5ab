"""A program as bytes: a JSON header, then the arrays of constants, then the object code.

In the header a tuple is a list, a number or text itself, and anything else a mapping from its kind to its content.
Locations are places in a list that reader and writer have.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.codegen.nest.chunk import Chunk
from graphc.ir.location import Location
from graphc.ir.node import Literal
from graphc.ir.poly import Poly, parse_poly
from graphc.ir.types import numpy_dtype
from graphc.records import fields
from graphc.runtime.program import (
    Argument,
    Constant,
    Donation,
    Extent,
    Lifetime,
    Plan,
    Planned,
    Program,
    Result,
    Site,
    Start,
)

_RECORDS = {
    c.__name__: c for c in (Argument, Result, Constant, Start, Planned, Extent, Chunk, Lifetime, Donation, Plan, Site)
}
_LENGTH = 8  # bytes that tell the length of the header


def write_record(program: Program, places: Sequence[Location]) -> bytes:
    """Raises KeyError for a location that is not one of the places."""
    writer = _Writer(places)
    body = writer.encode((program.plan, tuple(program.sites.items()), program.is_shared))
    header = json.dumps([body, [len(a) for a in writer.arrays]], separators=(",", ":")).encode()
    return b"".join([len(header).to_bytes(_LENGTH, "little"), header, *writer.arrays, program.object])


def read_record(data: bytes, places: Sequence[Location]) -> Program:
    """The inverse of `write_record`, for bytes that it wrote."""
    start = _LENGTH + int.from_bytes(data[:_LENGTH], "little")
    body, lengths = json.loads(data[_LENGTH:start])
    arrays = []
    for length in lengths:
        arrays.append(data[start : start + length])
        start += length
    plan, sites, is_shared = _Reader(places, arrays).decode(body)
    return Program(data[start:], plan, dict(sites), is_shared)


class _Writer:
    def __init__(self, places: Sequence[Location]) -> None:
        self.numbers = {loc: k for k, loc in enumerate(places)}
        self.arrays: list[bytes] = []

    def encode(self, value: Any) -> Any:
        match value:
            case None | int() | str():
                return value
            case tuple():
                return [self.encode(v) for v in value]
            case Poly():
                return {"Poly": str(value)}
            case Location():
                return {"Location": self.numbers[value]}
            case Literal(array=array):
                self.arrays.append(array.tobytes())
                return {"Literal": [value.type.dtype, array.shape, len(self.arrays) - 1]}
        kind = type(value).__name__
        return {kind: [self.encode(getattr(value, f.name)) for f in fields(_RECORDS[kind])]}


class _Reader:
    def __init__(self, places: Sequence[Location], arrays: Sequence[bytes]) -> None:
        self.places, self.arrays = places, arrays

    def decode(self, value: Any) -> Any:
        if isinstance(value, list):
            return tuple(map(self.decode, value))
        if not isinstance(value, dict):
            return value
        ((kind, content),) = value.items()
        match kind:
            case "Poly":
                return parse_poly(content)
            case "Location":
                return self.places[content]
            case "Literal":
                return self.literal(*content)
        return _RECORDS[kind](*map(self.decode, content))

    def literal(self, dtype: str, shape: Sequence[int], number: int) -> Literal:
        return Literal(np.frombuffer(self.arrays[number], numpy_dtype(dtype)).reshape(shape))
