"""One class per user mistake.  The docstring of a class is its manual entry: cause, example, fix.

A message says what is wrong, what was expected and got, the user's own line, and what to write instead.
"""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from typing import ClassVar, Protocol


class SourceLocation(Protocol):
    """What an error needs of a location (see `graphc.ir.location`)."""

    @property
    def file(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def function(self) -> str: ...


class GraphcError(Exception):
    """Base of all that graphc raises on purpose; `advice` is what to write where a message says nothing better."""

    advice: ClassVar[str] = ""

    def __init__(
        self, problem: str, *, expected: str = "", got: str = "", fix: str = "", loc: SourceLocation | None = None
    ) -> None:
        self.problem, self.expected, self.got, self.fix, self.loc = problem, expected, got, fix or self.advice, loc
        super().__init__("\n".join(self._lines()))

    def _lines(self) -> Iterator[str]:
        yield self.problem
        if self.expected:
            yield f"  expected: {self.expected}"
        if self.got:
            yield f"  got:      {self.got}"
        if self.loc is not None:
            code = linecache.getline(self.loc.file, self.loc.line).strip()
            yield f"  at:       {self.loc.file}:{self.loc.line} in {self.loc.function}{f': {code}' if code else ''}"
        if self.fix:
            yield f"  write:    {self.fix}"


class ShapeError(GraphcError, ValueError):
    """Operands whose shapes do not fit.

    Cause: `np.ones((3, 4)) + np.ones(5)`, a matrix product with unequal inner extents, a reshape to another number of
    elements.  Fix: reshape or index one operand, e.g. `b[:, None]`, so that extents agree or are 1.
    """

    advice = "reshape or index an operand so that extents agree or are 1, e.g. b[:, None]"


class DTypeError(GraphcError, TypeError):
    """An operation on an element type for which it is not defined.

    Cause: `np.sin` of an integer tensor at the primitive level, `~x` of a float.  Fix: convert with `x.astype(...)`.
    """

    advice = 'convert first: x.astype("float32")'


class AxisError(GraphcError, ValueError, IndexError):
    """An axis outside the tensor, or named twice.

    Cause: `x.sum(axis=2)` of a matrix.  Fix: an axis in [-ndim, ndim).
    """

    advice = "name each axis once, with a number in [-ndim, ndim)"


class IndexingError(GraphcError, IndexError):
    """An index that a traced tensor does not take, or one outside the axis.

    Cause: `x[10]` of an axis of 4, a boolean mask (its result has a shape that depends on data), too many indices.
    Fix: an index in range; `np.where(mask, x, 0)` in place of `x[mask]`.
    """

    advice = "index with integers in range, slices, None or ..., e.g. x[0, 1:], or np.where(mask, x, 0) for a mask"


class DimensionError(GraphcError, ValueError):
    """An extent that is negative or no integer (NaN, a fraction), or a symbolic one where a number is needed.

    Cause: `placeholder("f32", (-1, 3))`, `Dim("2x")`, `range(x.shape[0])` where the extent is `Dim("batch")`.
    Fix: a non-negative integer or `Dim("name")`; use whole-array operations instead of loops over a symbolic extent.
    """

    advice = 'give a non-negative integer, or Dim("name") for an extent that is known when it runs'


class ConcretizationError(GraphcError, TypeError):
    """A traced tensor used where Python needs a value: `if x > 0`, `while`, `float(x)`, `int(x)`, `np.asarray(x)`.

    Cause: a graph is built before there are numbers.  Fix: `np.where(condition, a, b)` in place of `if`; return the
    tensor and convert after the call.
    """

    advice = "use np.where(condition, a, b) in place of `if`; return the tensor and convert after the call"


class GradientError(GraphcError, ValueError):
    """A gradient that is not defined as asked.

    Cause: the gradient of a vector without a cotangent, of an integer, of something that does not depend on the input.
    Fix: reduce to a scalar (`.sum()`), give `grad_ys=`, convert to a float type.
    """

    advice = "reduce the result to a scalar (.sum()), give a cotangent, or differentiate a float input"


class FeedError(GraphcError, ValueError):
    """A feed of the wrong shape or element type.

    Cause: `feed={x: np.zeros((3, 5))}` where x is f32[batch,4]; float64 for a float32 placeholder would lose precision.
    Fix: give the declared shape; convert on purpose with `.astype("float32")`.
    """

    advice = "feed an array of the declared shape and type, converted on purpose with .astype(...)"


class MissingFeedError(GraphcError, KeyError):
    """A fetch needs a placeholder that was not fed.

    Cause: `session.run(loss)` without its inputs.  Fix: `session.run(loss, feed={x: ..., y: ...})`.
    """

    advice = "session.run(fetches, feed={x: ...}) with a value for it"

    __str__ = Exception.__str__


class FetchError(GraphcError, TypeError, ValueError):
    """Something that cannot be fetched: no tensor, update or nest of them, or a name that the graph does not know."""

    advice = "fetch tensors, updates, or nests of them, made in this graph"


class GraphMismatchError(GraphcError, ValueError):
    """A tensor of one graph used in another.

    Cause: mixing tensors made under two `with Graph()` blocks, or a traced tensor kept after its function returned.
    Fix: build both in one graph, or pass the value as an argument.
    """

    advice = "build both tensors in one graph, or pass the value as an argument"


class FrozenGraphError(GraphcError, RuntimeError):
    """A graph changed after its first run.

    Cause: calling an operation on its tensors after `Session.run`.  Fix: build everything first.
    """

    advice = "build everything before the first run, or start another Graph"


class ClosedSessionError(GraphcError, RuntimeError):
    """A session used after `close()` or after its `with` block."""

    advice = "open another: with Session(graph) as session"


class SignatureError(GraphcError, TypeError):
    """Arguments that a compiled function does not take: their number, their kind or a wrong type text."""

    advice = "call it with the arguments it is declared for"


class VerificationError(GraphcError):
    """A graph breaks an invariant of the IR: a fault in graphc or in a user's pass, never in a model."""


class RewriteError(GraphcError):
    """A rule or a pass failed; it is named, never skipped."""


class ParseError(GraphcError, ValueError):
    """Text that is not a graph, a type or a dimension."""

    advice = "compare with the text that graphc prints"


class OptionError(GraphcError, ValueError):
    """An unknown pass, rule, pipeline or option name."""

    advice = "`graphc passes` lists the names"


class UnsupportedError(GraphcError, NotImplementedError):
    """Something that graphc does not do, said plainly, with what to use instead."""


class OutOfRangeError(GraphcError, IndexError):
    """A run-time index outside its axis; raised by compiled code instead of reading outside the array."""

    advice = "keep indices inside the axis, e.g. np.clip(i, 0, n - 1)"


class DonationWarning(UserWarning):
    """A donated argument in whose memory nothing can be computed, said once, when the function is compiled.

    Cause: no result has its type, or its elements are still read when the result is written.  Fix: leave it out of
    `donate`; results are right all the same.
    """
