"""The stages of compilation, each one public and printable.

graph -> optimized -> fusion -> clusters -> nests -> kernels (scheduled nests) -> llvm -> object code
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from graphc.codegen.kernels import AnyKernel, code_of, kernel_of, scheduled
from graphc.codegen.lift import lift
from graphc.codegen.llvm.emit import Code
from graphc.codegen.llvm.emit_module import Step, module_text
from graphc.codegen.native.engine import assembly, host
from graphc.ir.graph import Graph
from graphc.passes.base import Journal
from graphc.passes.fuse import Fusion, fuse
from graphc.passes.own_outputs import own_outputs
from graphc.passes.pipelines import optimize
from graphc.runtime.in_place import in_place
from graphc.runtime.plan import plan
from graphc.runtime.program import Plan


class Stages:
    """One compilation; a stage is computed when it is first asked for."""

    def __init__(self, graph: Graph, level: str = "O3", disable: Sequence[str] = ()) -> None:
        self.graph, self.level, self.disable = graph, level, tuple(disable)
        self.journal = Journal()

    @cached_property
    def optimized(self) -> Graph:
        return optimize(self.graph, self.level, self.disable, self.journal)

    @cached_property
    def fusion(self) -> Fusion:
        return fuse(own_outputs(self.optimized))

    @cached_property
    def nests(self) -> list[AnyKernel]:
        nests = [kernel_of(lift(self.fusion, g), host().features) for g in self.fusion.groups]
        return in_place(self.fusion, nests)

    @cached_property
    def kernels(self) -> list[AnyKernel]:
        return [scheduled(k) for k in self.nests]

    @cached_property
    def plan(self) -> Plan:
        return plan(self.fusion, self.kernels)

    @cached_property
    def codes(self) -> list[Code]:
        return [code_of(k, host().features) for k in self.kernels]

    @cached_property
    def llvm(self) -> str:
        return module_text([Step(c, s) for c, s in zip(self.codes, self.plan.slots, strict=True)])

    @property
    def asm(self) -> str:
        return assembly(self.llvm)

    @property
    def loops(self) -> str:
        return "\n\n".join(map(str, self.kernels))
