"""Movement: views and joins.  Every one is an index map, which code generation folds into the accesses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import AxisError, DTypeError, ShapeError
from graphc.ir.location import user_location
from graphc.ir.ops.batching import all_mapped, batch_only_operand, shifted
from graphc.ir.ops.reindex import ravel_index, reshape_index
from graphc.ir.poly import Poly, Size, as_size
from graphc.ir.primitive import Case, Operand, Primitive, constant_like, register, traits, type_of
from graphc.ir.types import Shape, Type, volume

_VIEW = traits("pure view linear")


def _linear(op_name: str) -> Any:
    """The jvp of an operation that is linear in its only operand: the operation itself."""

    def jvp(ts: Sequence[Any], y: Any, x: Any, **attrs: Any) -> Any:
        from graphc.ir.primitive import primitive

        return primitive(op_name)(ts[0], **attrs)

    return jvp


def zeros(shape: Shape, like: Any) -> Any:
    """Zeros of like's element type, in like's world."""
    return expand(constant_like(0, like), shape=shape)


def check_permutation(op: str, axes: Sequence[int], ndim: int) -> None:
    if sorted(axes) != list(range(ndim)):
        raise AxisError(
            f"`{op}` takes every axis once",
            expected=f"a permutation of 0..{ndim - 1}",
            got=str(tuple(axes)),
            loc=user_location(),
        )


# ----------------------------------------------------------------------------------------------------- reshape


def _reshape_infer(x: Type, *, shape: Shape) -> Type:
    if Poly.of(x.size) != Poly.of(volume(shape)):
        raise ShapeError(
            "reshape keeps the number of elements",
            expected=f"{x.size} elements, as in {x}",
            got=f"shape ({', '.join(map(str, shape))}) with {volume(shape)}",
            fix="give -1 for one extent to have it computed",
            loc=user_location(),
        )
    return x.with_shape(shape)


def _reshape_loops(k: Any, index: Sequence[Poly], x: Any, *, shape: Shape) -> Any:
    inner = reshape_index(index, shape, x.shape)
    return k.flat(x, ravel_index(index, shape)) if inner is None else k.at(x, inner)


reshape: Primitive = register(
    Primitive(
        "reshape", _reshape_infer, lambda x, *, shape: np.reshape(x, shape),
        vjp=lambda g, y, x, *, shape: [reshape(g, shape=type_of(x).shape)],
        jvp=_linear("reshape"),
        batch=batch_only_operand("reshape", lambda x, *, shape: {"shape": (type_of(x).shape[0], *shape)}),
        loops=_reshape_loops, traits=_VIEW,
        cases=(
            Case((Operand((6, 4)),), {"shape": (2, 3, 4)}), Case((Operand((2, 3, 4)),), {"shape": (6, 4)}),
            Case((Operand((3, 1, 5)),), {"shape": (1, 3, 5, 1)}), Case((Operand((4, 6)),), {"shape": (3, 8)}),
            Case((Operand((1,)),), {"shape": ()}), Case((Operand((0, 3)),), {"shape": (3, 0)}),
        ),
    )
)  # fmt: skip


# ----------------------------------------------------------------------------------------------------- permute


def _permute_infer(x: Type, *, axes: tuple[int, ...]) -> Type:
    check_permutation("permute", axes, x.ndim)
    return x.with_shape(x.shape[a] for a in axes)


def inverse_permutation(axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


def _permute_loops(k: Any, index: Sequence[Poly], x: Any, *, axes: tuple[int, ...]) -> Any:
    return k.at(x, [index[n] for n in inverse_permutation(axes)])


permute: Primitive = register(
    Primitive(
        "permute", _permute_infer, lambda x, *, axes: np.transpose(x, axes),
        vjp=lambda g, y, x, *, axes: [permute(g, axes=inverse_permutation(axes))],
        jvp=_linear("permute"),
        batch=batch_only_operand("permute", lambda x, *, axes: {"axes": (0, *shifted(axes))}),
        loops=_permute_loops, traits=_VIEW,
        cases=(Case((Operand((3, 17)),), {"axes": (1, 0)}), Case((Operand((2, 3, 5)),), {"axes": (2, 0, 1)}),
               Case((Operand((0, 3)),), {"axes": (1, 0)})),
    )
)  # fmt: skip


# ------------------------------------------------------------------------------------------------------ expand


def _expand_infer(x: Type, *, shape: Shape) -> Type:
    if x.ndim > len(shape) or any(e not in (1, n) for e, n in zip(x.shape[::-1], shape[::-1], strict=False)):
        raise ShapeError(
            "cannot broadcast to this shape",
            expected="a shape that ends in the operand's extents, where those are not 1",
            got=f"{x} to ({', '.join(map(str, shape))})",
            loc=user_location(),
        )
    return x.with_shape(shape)


def broadcast_index(index: Sequence[Poly], shape: Shape) -> list[Poly]:
    """The index into an operand of that shape, aligned at the last axis; extent 1 is read at 0."""
    own = list(index)[len(index) - len(shape) :]
    return [Poly() if extent == 1 else i for i, extent in zip(own, shape, strict=True)]


def sum_to(g: Any, shape: Shape) -> Any:
    """Undo a broadcast: add up what was repeated."""
    from graphc.ir.ops.reduce import sum_

    have = type_of(g).shape
    if have == shape:
        return g
    lead = len(have) - len(shape)
    axes = tuple(range(lead)) + tuple(k + lead for k, e in enumerate(shape) if e == 1 and have[k + lead] != 1)
    total = sum_(g, axes=axes) if axes else g
    return total if type_of(total).shape == shape else reshape(total, shape=shape)


def _expand_batch(mapped: Sequence[bool], x: Any, *, shape: Shape) -> Any:
    """New axes come between the batch axis and the others."""
    size, *own = type_of(x).shape
    return expand(reshape(x, shape=(size, *[1] * (len(shape) - len(own)), *own)), shape=(size, *shape))


expand: Primitive = register(
    Primitive(
        "expand", _expand_infer, lambda x, *, shape: np.broadcast_to(x, shape),
        vjp=lambda g, y, x, *, shape: [sum_to(g, type_of(x).shape)],
        jvp=_linear("expand"), batch=_expand_batch,
        loops=lambda k, index, x, *, shape: k.at(x, broadcast_index(index, x.shape)), traits=_VIEW,
        cases=(Case((Operand((3, 1)),), {"shape": (2, 3, 5)}), Case((Operand(()),), {"shape": (4,)}),
               Case((Operand((1,)),), {"shape": (0,)})),
    )
)  # fmt: skip


# ------------------------------------------------------------------------------------------------------- slice


def _slice_infer(x: Type, *, starts: Shape, sizes: Shape, steps: tuple[int, ...]) -> Type:
    return x.with_shape(sizes)


def _slice_numpy(x: Any, *, starts: tuple[int, ...], sizes: tuple[int, ...], steps: tuple[int, ...]) -> Any:
    return x[tuple(slice(a, a + n * s, s) for a, n, s in zip(starts, sizes, steps, strict=True))]


def _slice_loops(k: Any, index: Sequence[Poly], x: Any, *, starts: Shape, sizes: Shape, steps: tuple[int, ...]) -> Any:
    return k.at(x, [Poly.of(a) + i * s for a, i, s in zip(starts, index, steps, strict=True)])


def _slice_vjp(g: Any, y: Any, x: Any, *, starts: Shape, sizes: Shape, steps: tuple[int, ...]) -> list[Any]:
    """Spread the steps apart with zeros, pad to the end of the operand or, where the last step reaches past it, to
    there, and cut: no extent on the way is negative, whatever the symbols are."""
    shape = type_of(x).shape
    high = [Poly.of(e) - a - Poly.of(n) * s + (s - 1) for e, a, n, s in zip(shape, starts, sizes, steps, strict=True)]
    stepped = any(s > 1 for s in steps)
    spread = _dilate(g, steps) if stepped else g
    wide = pad(spread, low=starts, high=tuple(map(as_size, high)), value=0.0)
    return [slice_(wide, starts=(0,) * len(shape), sizes=shape, steps=(1,) * len(shape)) if stepped else wide]


def _dilate(g: Any, steps: Sequence[int]) -> Any:
    """Follow every item by step - 1 zeros, along each axis."""
    shape = type_of(g).shape
    split = tuple(e for n in shape for e in (n, 1))
    high = tuple(e for s in steps for e in (0, s - 1))
    wide = pad(reshape(g, shape=split), low=(0,) * len(high), high=high, value=0.0)
    return reshape(wide, shape=tuple(as_size(Poly.of(n) * s) for n, s in zip(shape, steps, strict=True)))


def _slice_attributes(x: Any, *, starts: Shape, sizes: Shape, steps: tuple[int, ...]) -> dict[str, Any]:
    return {"starts": (0, *starts), "sizes": (type_of(x).shape[0], *sizes), "steps": (1, *steps)}


slice_: Primitive = register(
    Primitive(
        "slice", _slice_infer, _slice_numpy, _slice_vjp, _linear("slice"),
        batch_only_operand("slice", _slice_attributes), loops=_slice_loops, traits=_VIEW,
        cases=(
            Case((Operand((5, 17)),), {"starts": (1, 2), "sizes": (3, 15), "steps": (1, 1)}),
            Case((Operand((5, 17)),), {"starts": (0, 1), "sizes": (3, 5), "steps": (2, 3)}),
            Case((Operand((5, 17)),), {"starts": (2, 0), "sizes": (0, 17), "steps": (2, 1)}),
        ),
    )
)  # fmt: skip


# -------------------------------------------------------------------------------------------------------- flip


def _flip_infer(x: Type, *, axes: tuple[int, ...]) -> Type:
    return x


def _flip_loops(k: Any, index: Sequence[Poly], x: Any, *, axes: tuple[int, ...]) -> Any:
    return k.at(x, [Poly.of(x.shape[n]) - 1 - i if n in axes else i for n, i in enumerate(index)])


flip: Primitive = register(
    Primitive(
        "flip", _flip_infer, lambda x, *, axes: np.flip(x, axes),
        vjp=lambda g, y, x, *, axes: [flip(g, axes=axes)], jvp=_linear("flip"), loops=_flip_loops, traits=_VIEW,
        batch=batch_only_operand("flip", lambda x, *, axes: {"axes": shifted(axes)}),
        cases=(Case((Operand((3, 17)),), {"axes": (1,)}), Case((Operand((3, 17)),), {"axes": (0, 1)}),
               Case((Operand((0, 3)),), {"axes": (0,)})),
    )
)  # fmt: skip


# --------------------------------------------------------------------------------------------------------- pad


def _pad_infer(x: Type, *, low: Shape, high: Shape, value: float) -> Type:
    return x.with_shape(as_size(Poly.of(a) + n + z) for a, n, z in zip(low, x.shape, high, strict=True))


def _pad_numpy(x: Any, *, low: tuple[int, ...], high: tuple[int, ...], value: float) -> Any:
    x = np.asarray(x)
    out = np.full([a + n + z for a, n, z in zip(low, x.shape, high, strict=True)], value, x.dtype)
    out[tuple(slice(a, a + n) for a, n in zip(low, x.shape, strict=True))] = x
    return out


def _pad_vjp(g: Any, y: Any, x: Any, *, low: Shape, high: Shape, value: float) -> list[Any]:
    shape = type_of(x).shape
    return [slice_(g, starts=low, sizes=shape, steps=(1,) * len(shape))]


def _pad_loops(k: Any, index: Sequence[Poly], x: Any, *, low: Shape, high: Shape, value: float) -> Any:
    inner = [i - Poly.of(a) for i, a in zip(index, low, strict=True)]
    padded = [n for n, (a, z) in enumerate(zip(low, high, strict=True)) if a != 0 or z != 0]
    return k.inside([(inner[n], x.shape[n]) for n in padded], lambda: k.at(x, inner), value)


def _pad_attributes(x: Any, *, low: Shape, high: Shape, value: float) -> dict[str, Any]:
    return {"low": (0, *low), "high": (0, *high), "value": value}


pad: Primitive = register(
    Primitive(
        "pad", _pad_infer, _pad_numpy, _pad_vjp,
        jvp=lambda ts, y, x, *, low, high, value: pad(ts[0], low=low, high=high, value=0.0),
        batch=batch_only_operand("pad", _pad_attributes),
        loops=_pad_loops, traits=traits("pure view"),
        cases=(
            Case((Operand((3, 17)),), {"low": (1, 0), "high": (0, 2), "value": 0.0}),
            Case((Operand((4,)),), {"low": (2,), "high": (3,), "value": 1.0}),
            Case((Operand((0, 2)),), {"low": (1, 1), "high": (1, 0), "value": 1.0}),
        ),
    )
)  # fmt: skip


# ------------------------------------------------------------------------------------------------- concatenate


def _concatenate_infer(*xs: Type, axis: int) -> Type:
    first = xs[0]
    same = all(t.ndim == first.ndim and _without(t.shape, axis) == _without(first.shape, axis) for t in xs)
    if not same:
        raise ShapeError(
            f"concatenate joins along axis {axis}",
            expected="tensors whose other extents agree",
            got=", ".join(map(str, xs)),
            loc=user_location(),
        )
    if len({t.dtype for t in xs}) > 1:
        raise DTypeError("concatenate joins tensors of one type", got=", ".join(map(str, xs)), loc=user_location())
    length: Size = as_size(sum((Poly.of(t.shape[axis]) for t in xs), Poly()))
    return first.with_shape((*first.shape[:axis], length, *first.shape[axis + 1 :]))


def _without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1 :]


def _starts(xs: Sequence[Any], axis: int) -> list[Poly]:
    """Where each part begins."""
    out = [Poly()]
    for x in xs:
        out.append(out[-1] + type_of(x).shape[axis])
    return out


def _concatenate_vjp(g: Any, y: Any, *xs: Any, axis: int) -> list[Any]:
    parts = []
    for x, start in zip(xs, _starts(xs, axis), strict=False):
        shape = type_of(x).shape
        starts = tuple(as_size(start) if n == axis else 0 for n in range(len(shape)))
        parts.append(slice_(g, starts=starts, sizes=shape, steps=(1,) * len(shape)))
    return parts


def _concatenate_jvp(ts: Sequence[Any], y: Any, *xs: Any, axis: int) -> Any:
    parts = [zeros(type_of(x).shape, x) if t is None else t for t, x in zip(ts, xs, strict=True)]
    return concatenate(*parts, axis=axis)


def _concatenate_batch(mapped: Sequence[bool], *xs: Any, axis: int) -> Any:
    return concatenate(*all_mapped(mapped, xs), axis=axis + 1)


def _concatenate_loops(k: Any, index: Sequence[Poly], *xs: Any, axis: int) -> Any:
    """From the last part backwards: where the index lies before its start, ask the parts before."""
    starts = _starts(xs, axis)
    element = k.at(xs[0], index) if len(xs) == 1 else _part(k, index, xs[0], axis, starts[0])
    for x, start in zip(xs[1:], starts[1:], strict=False):
        own = _part(k, index, x, axis, start)
        after = k.op("ge", "bool", k.position(index[axis], "i64"), k.position(start, "i64"))
        element = k.op("select", x.dtype, after, own, element)
    return element


def _part(k: Any, index: Sequence[Poly], x: Any, axis: int, start: Poly) -> Any:
    inner = [i - start if n == axis else i for n, i in enumerate(index)]
    return k.inside([(inner[axis], x.shape[axis])], lambda: k.at(x, inner), 0)


concatenate: Primitive = register(
    Primitive(
        "concatenate", _concatenate_infer, lambda *xs, axis: np.concatenate(xs, axis),
        _concatenate_vjp, _concatenate_jvp, _concatenate_batch, loops=_concatenate_loops, traits=traits("pure"),
        cases=(
            Case((Operand((3, 17)), Operand((2, 17))), {"axis": 0}),
            Case((Operand((3, 4)), Operand((3, 0)), Operand((3, 5))), {"axis": 1}), Case((Operand((2,)),), {"axis": 0}),
        ),
    )
)  # fmt: skip

__all__ = ["concatenate", "expand", "flip", "pad", "permute", "reshape", "slice_", "sum_to", "zeros"]
