"""A variable of a graph: state that a Session keeps between runs, changed by updates at the end of one."""

from __future__ import annotations

from typing import Any

from graphc.errors import DTypeError, ShapeError
from graphc.ir.graph import Update
from graphc.ir.location import user_location
from graphc.ir.node import Value
from graphc.numpy.promote import as_operand, cast_to, common_dtype, kind
from graphc.numpy.tensor import Tensor, as_value


class Variable(Tensor):
    """The value before the run, as every read in a run sees it; `assign` makes an update to fetch."""

    __slots__ = ()

    @property
    def name(self) -> str:
        return str(self.value.node.attrs["name"])

    def assign(self, value: Any) -> Update:
        """An update: fetched in a run, the variable takes `value` when the run ends.

        value: a tensor, array or number of the variable's shape. Raises ShapeError for another shape, DTypeError
        where the variable's element type would lose precision.
        """
        update = Update(self.value, self._checked(value))
        self.graph.updates.append(update)
        return update

    def assign_add(self, delta: Any) -> Update:
        return self.assign(self + delta)

    def assign_sub(self, delta: Any) -> Update:
        return self.assign(self - delta)

    def _checked(self, value: Any) -> Value:
        operand = as_operand(value)
        if common_dtype((self.dtype, kind(operand))) != self.dtype:
            raise DTypeError(
                f"variable {self.name!r} would lose precision",
                expected=str(self.type),
                got=f"a value of {kind(operand)}",
                fix=f'value.astype("{self.dtype.name}")',
                loc=user_location(),
            )
        new = as_value(cast_to(_in_graph(operand, self), self.dtype), self.graph)
        if new.shape != self.shape:
            raise ShapeError(
                f"variable {self.name!r} keeps its shape",
                expected=str(self.type),
                got=str(new.type),
                loc=user_location(),
            )
        return new


def _in_graph(operand: Any, variable: Variable) -> Tensor:
    return Tensor(variable.graph, as_value(operand, variable.graph))
