"""Programs on disk: a second process that compiles the same graph links what the first one made.

The key is a hash of all that decides the object code: the graph's text without locations, the options, the sources of
the compiler, the kind of machine, the versions of NumPy and LLVM.  So that messages name the user's lines wherever
these have moved to, a record refers to a location by the place where it first occurs in the graph.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TypeAlias

import llvmlite
import numpy as np

from graphc.codegen.native.engine import host
from graphc.codegen.native.store import digest, kept, store
from graphc.config import current
from graphc.ir.graph import Graph
from graphc.ir.printer import print_graph
from graphc.runtime.program import Program
from graphc.runtime.record import read_record, write_record

_SOURCES = ("ir", "passes", "codegen", "runtime")  # the rooms whose code decides what a graph is compiled to


def kept_program(graph: Graph, options: str, make: Callable[[], Program]) -> Program:
    """The program of this graph that is kept on disk, else the one that `make` builds, which is kept from then on.

    Under `config(verify=True)` every program is made, since a kept one has no passes to verify.
    """
    if store() is None or current().verify:
        return make()
    places = list(dict.fromkeys(n.loc for n in graph.nodes))
    number = {loc: k for k, loc in enumerate(places)}
    pattern = " ".join(str(number[n.loc]) for n in graph.nodes)
    key = digest(_compiler(), options, print_graph(graph, locations=False), pattern)
    return read_record(kept(key, lambda: write_record(make(), places)), places)


@cache
def _compiler() -> str:
    """This compiler on this machine."""
    sources = _fingerprint(str(Path(__file__).parents[1]))
    return f"{sources} {host().key} {sys.byteorder} numpy {np.__version__} llvmlite {llvmlite.__version__}"


def _fingerprint(package: str) -> str:
    """A hash of the sources: no change of the compiler goes unnoticed.

    It is kept by what the system says of the files, so that a process need not read all of them.
    """
    files = sorted(f for room in _SOURCES for f in _source_files(os.path.join(package, room)))
    return kept(digest("sources", package, *map(str, files)), lambda: _hash(package, files).encode()).decode()


def _hash(package: str, files: Iterable[_Source]) -> str:
    sums = hashlib.sha256()
    for name, *_ in files:
        with open(name, "rb", buffering=0) as file:
            text = file.read()
        sums.update(f"{name.removeprefix(package)} {len(text)}\n".encode() + text)
    return sums.hexdigest()


_Source: TypeAlias = tuple[str, int, int, int, int]
"""A file: its name, size, number, and when content and anything at all of it last changed, which no program can set."""


def _source_files(folder: str) -> Iterator[_Source]:
    with os.scandir(folder) as found:
        for f in found:
            if f.name.endswith(".py"):
                s = f.stat()
                yield f.path, s.st_size, s.st_ino, s.st_mtime_ns, s.st_ctime_ns
            elif f.is_dir() and f.name != "__pycache__":
                yield from _source_files(f.path)
