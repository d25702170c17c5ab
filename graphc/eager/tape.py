"""Backward passes over the tape.

A pass takes the node with the largest sequence number that has a cotangent, calls its rule, and hands the parts on.
Numbers grow along the tape, so every user of a node comes before it and its cotangent is complete when it is taken:
no recursion, no counting of users.  Rules run on bare arrays; with `create_graph` on tensors, which records them.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from graphc.eager.absent import MASKING, Cotangent, plain
from graphc.eager.hooks import Hooks
from graphc.eager.modes import GradMode
from graphc.eager.node import UNDEFINED, Edge, Node, TapeNode
from graphc.eager.select import SelectionNode
from graphc.eager.tensor import Tensor, wrapped
from graphc.errors import GradientError
from graphc.ir.location import user_location
from graphc.ir.ops.arithmetic import add, cast
from graphc.ir.types import short_dtype
from graphc.numpy.joining import stack
from graphc.numpy.promote import as_operand

Tensors: TypeAlias = Tensor | Sequence[Tensor]
_MISSING = object()


def backward(
    tensors: Tensors,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensors | None = None,
) -> None:
    """Add the gradients of `tensors` to `.grad` of the leaves that they depend on, or of `inputs` only.

    `grad_tensors`: a cotangent of its shape for each; a tensor of one element needs none.  The tape is released as the
    pass goes, unless retained; `create_graph` (which retains it) records the pass itself, for higher orders.
    Raises GradientError for a tensor that does not require grad, a cotangent that is missing or of another shape, and
    a tape that was released before; no `.grad` is changed then.
    """
    targets = None if inputs is None else required(inputs, "an input")
    sweep = _Sweep(create_graph, create_graph if retain_graph is None else retain_graph)
    sweep.run(required(tensors, "the tensor to go back from"), grad_tensors, targets)
    with GradMode(create_graph):
        for t in sweep.leaves() if targets is None else targets:
            if sweep.reached(t):
                _accumulate(t, sweep.gradient(t))
        for t, g in sweep.retained:
            if targets is None or all(t is not x for x in targets):
                _accumulate(t, g)


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    *,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of `outputs` with respect to `inputs`, each of its input's shape; no `.grad` is changed.

    An input that no output depends on is an error; with `allow_unused` its gradient is None, with `materialize_grads`
    (which allows it, and raises GradientError beside `allow_unused=False`) zeros.  With `is_grads_batched` cotangents
    have another axis in front, one pass is made for each of its items, and so do the gradients.  Other arguments and
    errors as in `backward`.
    """
    if is_grads_batched:
        one = partial(grad, outputs, inputs, allow_unused=allow_unused, materialize_grads=materialize_grads)
        return _batched(one, _listed(grad_outputs), retain_graph, create_graph)
    if materialize_grads and allow_unused is False:
        raise GradientError(
            "zeros for unused inputs, which are not allowed",
            got="materialize_grads=True, allow_unused=False",
            fix="grad(..., materialize_grads=True) alone",
            loc=user_location(),
        )
    xs = required(inputs, "an input")
    sweep = _Sweep(create_graph, create_graph if retain_graph is None else retain_graph)
    sweep.run(required(outputs, "the output"), grad_outputs, xs)
    unused = next((k for k, x in enumerate(xs) if not sweep.reached(x)), None)
    if unused is not None and not (allow_unused or materialize_grads):
        raise GradientError(
            f"input {unused} was not used to compute the outputs",
            fix="grad(..., allow_unused=True) for None, materialize_grads=True for zeros",
            loc=user_location(),
        )
    return tuple(sweep.gradient(x) if sweep.reached(x) or materialize_grads else None for x in xs)


def pulled_back(
    ys: Sequence[Tensor], xs: Sequence[Tensor], cotangents: Sequence[Tensor], create_graph: bool
) -> list[Tensor]:
    """The gradients as transformations take them: the tape is kept, and `where` hands nothing to the other branch.

    An x that no y depends on has zeros.
    """
    sweep = _Sweep(create_graph, True, masks=True)
    sweep.run(ys, list(cotangents), xs)
    return [sweep.gradient(x) for x in xs]


def _batched(
    one: Callable[..., Any], cotangents: Sequence[Any], retain_graph: bool | None, create_graph: bool
) -> tuple[Tensor | None, ...]:
    """A pass per item of the cotangents' first axis; the last may release the tape."""
    gs = [as_operand(g) for g in cotangents]
    sizes = {g.shape[:1] for g in gs}
    if len(sizes) != 1 or sizes <= {(), (0,)}:
        raise GradientError(
            "batched cotangents have one first axis, of the same extent and not empty",
            got=", ".join(str(g.shape) for g in gs) or "none",
            loc=user_location(),
        )
    ((n,),) = sizes
    rows = [one([g[k] for g in gs], k < n - 1 or retain_graph, create_graph) for k in range(n)]
    return tuple(None if column[0] is None else stack(column) for column in zip(*rows, strict=True))


class _Sweep:
    """One backward pass.  A cotangent of None stands for zero: every path leads through an operation like `floor`."""

    def __init__(self, create_graph: bool, retain_graph: bool, masks: bool = False) -> None:
        """masks: what `where` sends to a branch is absent, not zero, where it did not take it."""
        self.retained: list[tuple[Tensor, Tensor]] = []
        self._masks = masks
        self._create_graph, self._retain_graph = create_graph, retain_graph
        self._cotangents: dict[Edge, Any] = {}
        self._queue: list[tuple[int, Node]] = []
        self._useful: set[Edge] | None = None

    def run(self, roots: Sequence[Tensor], cotangents: Any, targets: Sequence[Tensor] | None) -> None:
        """From the roots to the targets, whose cotangents stay, or to every leaf."""
        for t, g in zip(roots, _cotangents(roots, cotangents), strict=True):
            self._send(t.edge, self._bare(g))
        kept = set() if targets is None else {t.edge for t in targets}
        self._useful = None if targets is None else kept | set(_between(roots, kept))
        with np.errstate(all="ignore"), GradMode(self._create_graph):
            while self._queue:
                node = heapq.heappop(self._queue)[1]
                g = self._hooked(node, self._cotangents.pop(node))
                if node in kept:
                    self._cotangents[node] = g
                self._expand(node, g)
            for t in self.leaves():
                self._cotangents[t] = self._hooked(t, self._cotangents[t])

    def leaves(self) -> list[Tensor]:
        return [t for t in self._cotangents if isinstance(t, Tensor)]

    def reached(self, t: Tensor) -> bool:
        return t.edge in self._cotangents

    def gradient(self, t: Tensor) -> Tensor:
        """What has arrived at a leaf or a target."""
        return as_tensor(self._cotangents.get(t.edge), t)

    def _hooked(self, holder: Node | Tensor, g: Any) -> Any:
        """The cotangent after the hooks of a node or a leaf; it is kept for a result that has asked for it."""
        hooks = holder.hooks if isinstance(holder, Node) else holder._hooks
        if hooks is not None and hooks.before:
            g = self._bare(hooks.replaced(as_tensor(g, hooks)))
        t = holder.retained() if isinstance(holder, Node) and holder.retained is not None else None
        if t is not None:
            self.retained.append((t, as_tensor(g, t)))
        return g

    def _bare(self, g: Tensor) -> Any:
        return g if self._create_graph else g.array

    def _expand(self, node: Node, g: Any) -> None:
        """Hand the cotangent of a node on to where its operands came from."""
        edges = [e if self._useful is None or e in self._useful else None for e in node.edges]
        if all(e is None for e in edges):
            return
        parts = self._pulled(node, g) if node.hooks is None else self._watched(node, node.hooks, g)
        if not self._retain_graph:
            node.release()
        for edge, part in zip(edges, parts, strict=True):
            if edge is not None:
                self._send(edge, part)

    def _pulled(self, node: Node, g: Any) -> Sequence[Any]:
        return node.pull(self._masked(node, g) if self._masks else g, self._create_graph)

    def _masked(self, node: Node, g: Any) -> Any:
        """A cotangent as the rule of the node should have it; a user's gets plain numbers."""
        if isinstance(node, SelectionNode):
            return g
        if not isinstance(node, TapeNode) or "custom" in node.op.traits:
            return _plain_parts(g)
        return Cotangent(g) if node.op in MASKING and g is not None and not isinstance(g, Cotangent) else g

    def _watched(self, node: Node, hooks: Hooks, g: Any) -> Sequence[Any]:
        """What the node hands on, as its own hooks want it."""
        if not (hooks.outputs or hooks.inputs):
            return self._pulled(node, g)
        entered = hooks.replaced_outputs(tuple(map(_tensor, node.gradients(_plain_parts(g)))))
        parts = node.pull(node.cotangent([self._part(e) for e in entered]), self._create_graph)
        return [self._part(p) for p in hooks.replaced_inputs(tuple(map(_tensor, parts)), entered)]

    def _part(self, g: Tensor | None) -> Any:
        return None if g is None else self._bare(g)

    def _send(self, edge: Edge, part: Any) -> None:
        if part is UNDEFINED:
            return
        known = self._cotangents.get(edge, _MISSING)
        if known is _MISSING:
            self._cotangents[edge] = part
            if isinstance(edge, Node):
                heapq.heappush(self._queue, (-edge.sequence, edge))
        elif part is not None:
            self._cotangents[edge] = part if known is None else _sum(known, part)


def _sum(a: Any, b: Any) -> Any:
    """Of cotangents; those of a call with several results are dicts from their numbers."""
    if not isinstance(a, dict):
        return add(a, b)
    out = dict(a)
    for k, g in b.items():
        out[k] = g if out.get(k) is None else out[k] if g is None else add(out[k], g)
    return out


def _plain_parts(g: Any) -> Any:
    return {k: plain(x) for k, x in g.items()} if isinstance(g, dict) else plain(g)


# ------------------------------------------------------------------------------------------------------ the tape


def ancestors(roots: Sequence[Tensor]) -> list[Node]:
    """Every node that the roots depend on, operands first."""
    waiting = [t.grad_fn for t in roots if t.grad_fn is not None]
    seen = set(waiting)
    while waiting:
        for e in waiting.pop().edges:
            if isinstance(e, Node) and e not in seen:
                seen.add(e)
                waiting.append(e)
    return sorted(seen, key=lambda node: node.sequence)


def _between(roots: Sequence[Tensor], ends: Collection[Edge]) -> set[Edge]:
    """The nodes from which a way leads to one of `ends`."""
    useful: set[Edge] = set()
    for node in ancestors(roots):
        if any(e in ends or e in useful for e in node.edges):
            useful.add(node)
    return useful


# ------------------------------------------------------------------------------------------------------ arguments


def required(tensors: Tensors, role: str) -> list[Tensor]:
    """A list of tensors that require grad."""
    listed = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    for t in listed:
        if not isinstance(t, Tensor) or not t.requires_grad:
            raise GradientError(
                f"{role} does not require grad",
                expected="a tensor that requires grad, or is computed from one",
                got=f"{t.type}" if isinstance(t, Tensor) else type(t).__name__,
                fix="tensor(..., requires_grad=True) before the computation, outside of no_grad",
                loc=user_location(),
            )
    return listed


def _cotangents(ys: Sequence[Tensor], given: Any) -> list[Tensor]:
    gs = _listed(given) or [None] * len(ys)
    if len(gs) != len(ys):
        raise GradientError("one cotangent per tensor", expected=str(len(ys)), got=str(len(gs)), loc=user_location())
    return [cotangent(y, g) for y, g in zip(ys, gs, strict=True)]


def _listed(given: Any) -> list[Any]:
    return list(given) if isinstance(given, list | tuple) else [] if given is None else [given]


def cotangent(y: Tensor, g: Any) -> Tensor:
    """g as a tensor of y's shape and element type; 1 where there is none and y has one element."""
    if g is None and y.array.size != 1:
        raise GradientError(
            "the gradient of a tensor of several elements needs a cotangent",
            expected=f"a scalar, or a cotangent of shape {y.shape}",
            got=f"shape {y.shape}",
            fix="y.sum().backward(), or y.backward(gradient)",
            loc=user_location(),
        )
    g = wrapped(np.ones(y.shape, y.dtype)) if g is None else g if isinstance(g, Tensor) else Tensor(g)
    if g.shape != y.shape:
        raise GradientError(
            "a cotangent has the shape of its tensor", expected=str(y.shape), got=str(g.shape), loc=user_location()
        )
    result: Tensor = g if g.dtype == y.dtype else cast(g, dtype=short_dtype(y.dtype))
    return result


# --------------------------------------------------------------------------------------------------------- results


def as_tensor(g: Any, t: Tensor | Hooks) -> Tensor:
    """A cotangent of t as a tensor; None is zero."""
    g = plain(g)
    if g is None:
        return wrapped(np.zeros(t.shape, t.dtype))
    return g if isinstance(g, Tensor) else wrapped(np.asarray(g))


def _tensor(g: Any) -> Tensor | None:
    """A part as hooks of a node see it."""
    if g is None or g is UNDEFINED:
        return None
    return g if isinstance(g, Tensor) else wrapped(np.asarray(g))


def _accumulate(t: Tensor, g: Tensor) -> None:
    """Add to `.grad`, in place unless the sum is recorded.  The first is copied: a rule may give several one array."""
    if t._grad is None:
        t._grad = g if g.requires_grad else wrapped(np.array(g.array, order="C"))
    elif t._grad.requires_grad or g.requires_grad:
        t._grad = add(t._grad, g)
    else:
        t._grad.array += g.array
    if t._hooks is not None:
        for hook in list(t._hooks.after.values()):
            hook(t)
