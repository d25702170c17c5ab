"""Kernels cut more finely than their size asks for, so that small tests see many chunks."""

from __future__ import annotations

from dataclasses import replace

from graphc.codegen.nest.chunk import Chunk
from graphc.codegen.nest.loops import Kernel, Phase


def in_small_chunks(kernel: Kernel, unit: int = 1) -> Kernel:
    """The same kernel in as many chunks of at most `unit` steps as there may be."""

    def finer(chunk: Chunk | None) -> Chunk | None:
        return chunk and replace(chunk, grain=1, unit=min(chunk.unit, unit))

    phases = tuple(Phase(finer(p.chunk), p.body) for p in kernel.phases)
    return replace(kernel, phases=phases, buffers=tuple(replace(b, chunk=finer(b.chunk)) for b in kernel.buffers))
