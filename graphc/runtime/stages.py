"""The stages of compilation, each one public and printable.

graph -> optimized -> fusion -> clusters -> nests -> kernels (scheduled nests) -> llvm -> object code
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property

from graphc.codegen.kernels import AnyKernel, Use, code_of, each_once, scheduled, uses
from graphc.codegen.llvm.emit import Code
from graphc.codegen.llvm.emit_module import Step, module_text
from graphc.codegen.native.engine import assembly, host
from graphc.ir.graph import Graph
from graphc.passes.base import Journal
from graphc.passes.fuse import Fusion, fuse
from graphc.passes.own_outputs import own_outputs
from graphc.passes.pipelines import optimize
from graphc.runtime.donation import Claims, claims
from graphc.runtime.in_place import in_place, in_slices
from graphc.runtime.plan import Layout, lay_out
from graphc.runtime.program import Plan


class Stages:
    """One compilation; a stage is computed when it is first asked for.

    `donated`: the inputs, by position, whose arrays may be written to.
    """

    def __init__(
        self, graph: Graph, level: str = "O3", disable: Sequence[str] = (), donated: Collection[int] = ()
    ) -> None:
        self.graph, self.level, self.disable, self.donated = graph, level, tuple(disable), donated
        self.journal = Journal()

    @cached_property
    def optimized(self) -> Graph:
        return optimize(self.graph, self.level, self.disable, self.journal)

    @cached_property
    def fusion(self) -> Fusion:
        return fuse(own_outputs(self.optimized))

    @cached_property
    def separate(self) -> list[Use]:
        """What runs, in order; groups that are alike use one kernel, and every array has storage of its own."""
        return uses(self.fusion, host().features)

    @cached_property
    def claims(self) -> Claims:
        """What lies in donated arguments."""
        return claims(self.fusion, self.separate, self.donated)

    @cached_property
    def uses(self) -> list[Use]:
        """What runs, in order, and on which arrays."""
        return in_slices(self.fusion, in_place(self.fusion, self.separate, self.claims))

    @property
    def nests(self) -> list[AnyKernel]:
        """The unscheduled kernel of every use."""
        return [u.kernel for u in self.uses]

    @cached_property
    def kernels(self) -> list[AnyKernel]:
        return each_once(scheduled, self.nests)

    @cached_property
    def layout(self) -> Layout:
        return lay_out(self.fusion, self.uses, self.kernels, self.claims)

    @property
    def plan(self) -> Plan:
        return self.layout.plan

    @cached_property
    def codes(self) -> list[Code]:
        return each_once(lambda k: code_of(k, host().features), self.kernels)

    @cached_property
    def llvm(self) -> str:
        return module_text([Step(*step) for step in zip(self.codes, self.layout.slots, strict=True)])

    @property
    def asm(self) -> str:
        return assembly(self.llvm)

    @property
    def loops(self) -> str:
        return "\n\n".join(self._loops())

    def _loops(self) -> Iterator[str]:
        """The text of a kernel where it is first used; then the arrays that it is used for."""
        seen = set[int]()
        for use, kernel in zip(self.uses, self.kernels, strict=True):
            yield str(use) if id(kernel) in seen else str(kernel)
            seen.add(id(kernel))
