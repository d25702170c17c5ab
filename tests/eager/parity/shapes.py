"""Formulas that move, cut, join, repeat and select items, and matrix products."""

from __future__ import annotations

from .programs import pure

VECTOR = [0.5, -1.5, 2.0, 3.25, 1.0, -0.25]
MATRIX = [[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]]
SQUARE = [[2.0, -1.0, 0.5], [1.0, 3.0, 0.25], [-0.5, 1.5, 1.0]]
CUBE = [[[1.0, 2.0, 0.5], [3.0, -4.0, 1.0]], [[0.5, -0.25, 2.0], [1.5, 2.5, -1.0]]]

pure("reshape", lambda t, x: x.reshape(3, 2) ** 2, MATRIX)
pure("reshape_unknown", lambda t, x: t.reshape(x, (-1,)) ** 2, MATRIX)
pure("view", lambda t, x: x.view(3, 2).exp(), MATRIX)
pure("view_unknown", lambda t, x: x.view(-1, 1) * x.view(1, -1), VECTOR)
pure("view_as", lambda t, x, y: x.view_as(y) * y, MATRIX, [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
pure("flatten", lambda t, x: (x.flatten() ** 2, t.flatten(x, 1), t.flatten(x, start_dim=0, end_dim=1)), CUBE)
pure("flatten_scalar", lambda t, x: t.flatten(x) * 2, 3.0)
pure("unflatten", lambda t, x: t.unflatten(x, 0, (2, -1)) ** 2, VECTOR)
pure("squeeze", lambda t, x: x.unsqueeze(0).squeeze() * 2, MATRIX)
pure("squeeze_dim", lambda t, x: (x.unsqueeze(1).squeeze(1), t.squeeze(x, 0), x.squeeze(dim=1)), MATRIX)
pure("squeeze_dims", lambda t, x: t.squeeze(x.unsqueeze(0).unsqueeze(3), (0, 3)), MATRIX)
pure("unsqueeze", lambda t, x: x.unsqueeze(-1) * x.unsqueeze(0), [1.0, 2.0, 3.0])
pure("none_indexing", lambda t, x: x[None] * x[:, None], [1.0, 2.0, 3.0])
pure("transpose", lambda t, x: t.transpose(x, 0, 1) ** 2, MATRIX)
pure("transpose_inner", lambda t, x: t.transpose(x, 1, -1) ** 2, CUBE)
pure("swapaxes", lambda t, x: x.swapaxes(0, 2).exp(), CUBE)
pure("t", lambda t, x: x.t() ** 2, MATRIX)
pure("t_of_vector", lambda t, x: x.t() ** 2, VECTOR)
pure("T", lambda t, x: x.T * 3, MATRIX)
pure("mT", lambda t, x: x.mT * 3, CUBE)
pure("permute", lambda t, x: x.permute(2, 0, 1) ** 2, CUBE)
pure("permute_function", lambda t, x: t.permute(x, (1, 2, 0)) ** 2, CUBE)
pure("movedim", lambda t, x: t.movedim(x, 0, -1) ** 2, CUBE)
pure("flip", lambda t, x: t.flip(x, (0, 1)) * x, MATRIX)
pure("flip_method", lambda t, x: x.flip(0) * x, VECTOR)
pure("fliplr_flipud", lambda t, x: t.fliplr(x) * t.flipud(x), MATRIX)
pure("roll", lambda t, x: t.roll(x, 2) * x, VECTOR)
pure("roll_dims", lambda t, x: t.roll(x, (1, -1), (0, 1)) * x, MATRIX)
pure("roll_all", lambda t, x: x.roll(1) * x, MATRIX)
pure("rot90", lambda t, x: t.rot90(x) ** 2, MATRIX)
pure("expand", lambda t, x: x.expand(4, 6) * 2, VECTOR)
pure("expand_column", lambda t, x: x.expand(-1, 3).exp(), [[1.0], [2.0]])
pure("expand_as", lambda t, x, y: x.expand_as(y) * y, [1.0, 2.0, 3.0], MATRIX)
pure("broadcast_to", lambda t, x: t.broadcast_to(x, (2, 2, 3)) ** 2, MATRIX)
pure("broadcast_tensors", lambda t, x, y: t.broadcast_tensors(x, y), [[1.0], [2.0]], [3.0, 4.0])
pure("tile", lambda t, x: t.tile(x, (2, 2)) ** 2, MATRIX)
pure("repeat_interleave", lambda t, x: t.repeat_interleave(x, 2) ** 2, VECTOR)
pure("repeat_interleave_dim", lambda t, x: x.repeat_interleave(3, dim=1) ** 2, MATRIX)
pure("cat", lambda t, x, y: t.cat([x, y, x], dim=0) ** 2, MATRIX, SQUARE)
pure("cat_columns", lambda t, x: t.cat((x, x * 2), 1) ** 2, MATRIX)
pure("cat_last", lambda t, x: t.cat([x, x.exp()], dim=-1), VECTOR)
pure("stack", lambda t, x, y: t.stack([x, y]) ** 2, [1.0, 2.0], [3.0, 4.0])
pure("stack_last", lambda t, x: t.stack((x, x * x), dim=-1), VECTOR)
pure("hstack_vstack", lambda t, x: (t.hstack([x, x * 2]), t.vstack([x, x * 3])), [1.0, 2.0])
pure("column_stack", lambda t, x: t.column_stack((x, x**2)), VECTOR)
pure("split", lambda t, x: t.split(x, 4), VECTOR)
pure("split_sizes", lambda t, x: x.split([1, 2, 3])[1] ** 2, VECTOR)
pure("split_columns", lambda t, x: t.split(x, 2, dim=1)[0] ** 2, MATRIX)
pure("chunk", lambda t, x: tuple(c**2 for c in t.chunk(x, 4)), VECTOR)
pure("chunk_uneven", lambda t, x: t.chunk(x, 2, dim=1), MATRIX)
pure("tensor_split", lambda t, x: t.tensor_split(x, 4), VECTOR)
pure("unbind", lambda t, x: x.unbind(1)[1] * x.unbind(0)[0].sum(), MATRIX)
pure("unpacking", lambda t, x: t.mul(*x), MATRIX)
pure("narrow", lambda t, x: t.narrow(x, 1, 1, 2) ** 2, MATRIX)
pure("select", lambda t, x: x.select(1, 2) ** 2, MATRIX)
pure("diag_of_matrix", lambda t, x: t.diag(x) ** 2, SQUARE)
pure("diag_of_vector", lambda t, x: t.diag(x) ** 2, [1.0, 2.0, 3.0])
pure("diagonal", lambda t, x: t.diagonal(x, offset=1) ** 2, SQUARE)
pure("diag_embed", lambda t, x: t.diag_embed(x) ** 2, MATRIX)
pure("tril_triu", lambda t, x: (t.tril(x) ** 2, t.triu(x, diagonal=1) ** 2), SQUARE)
pure("trace", lambda t, x: t.trace(x) ** 2, SQUARE)
pure("meshgrid", lambda t, x, y: t.meshgrid(x, y, indexing="ij"), [1.0, 2.0], [3.0, 4.0, 5.0])
for mode in ("constant", "reflect", "replicate", "circular"):
    pure(f"pad_{mode}", lambda t, x, m=mode: functional(t).pad(x, (1, 2), mode=m) ** 2, CUBE)
pure("pad_value", lambda t, x: functional(t).pad(x, (1, 0, 0, 2), value=5.0) ** 2, MATRIX)
pure("pad_negative", lambda t, x: functional(t).pad(x, (-1, 1)) ** 2, MATRIX)


def functional(t):
    """torch.nn.functional, whose functions graphc.eager has itself."""
    return t.nn.functional if hasattr(t, "nn") else t


# ------------------------------------------------------------------------------------------------------- selection

pure("index_one", lambda t, x: x[1] ** 2, VECTOR)
pure("index_negative", lambda t, x: x[-1] * x[0], VECTOR)
pure("index_row", lambda t, x: x[1] ** 2, MATRIX)
pure("index_item", lambda t, x: x[1, 2] ** 2, MATRIX)
pure("slices", lambda t, x: x[1:5:2] ** 2, VECTOR)
pure("slice_columns", lambda t, x: x[:, 1:] ** 2, MATRIX)
pure("ellipsis", lambda t, x: x[..., 0] ** 2, CUBE)
pure("overlapping_slices", lambda t, x: (x[1:] - x[:-1]) ** 2, VECTOR)
pure("integer_list", lambda t, x: x[[0, 2, 2, 5]] ** 2, VECTOR)
pure("integer_tensor", lambda t, x: x[t.tensor([1, 1, 0])] ** 2, MATRIX)
pure("integer_matrix", lambda t, x: x[t.tensor([[0, 1], [1, 5]])] ** 2, VECTOR)
pure("two_lists", lambda t, x: x[[0, 1, 1], [2, 0, 0]] ** 2, MATRIX)
pure("list_and_slice", lambda t, x: x[:, [0, 0, 2]] ** 2, MATRIX)
pure("negative_positions", lambda t, x: x[[-1, -2, 0]] ** 2, VECTOR)
pure("mask", lambda t, x: x[t.tensor([True, False, True, True, False, False])] ** 2, VECTOR)
pure("mask_of_matrix", lambda t, x: x[t.tensor([[True, False, True], [False, True, False]])] ** 2, MATRIX)
pure("index_select", lambda t, x: t.index_select(x, 1, t.tensor([0, 2, 2])) ** 2, MATRIX)
pure("gather", lambda t, x: t.gather(x, 1, t.tensor([[0, 0], [2, 1]])) ** 2, MATRIX)
pure("gather_rows", lambda t, x: x.gather(0, t.tensor([[0, 1, 0]])) ** 2, MATRIX)
pure("take", lambda t, x: t.take(x, t.tensor([0, 4, 4])) ** 2, MATRIX)
pure("take_along_dim", lambda t, x: t.take_along_dim(x, t.tensor([[2], [0]]), dim=1) ** 2, MATRIX)
pure("scatter_add", lambda t, x, y: x.scatter_add(0, t.tensor([0, 0, 2]), y) ** 2, VECTOR, [1.0, 2.0, 3.0])
pure(
    "scatter_add_rows",
    lambda t, x, y: t.scatter_add(x, 1, t.tensor([[0, 0], [2, 1]]), y) ** 2,
    MATRIX,
    [[1.0, 2.0], [3.0, 4.0]],
)
pure("index_add", lambda t, x, y: t.index_add(x, 0, t.tensor([1, 1]), y) ** 2, MATRIX, MATRIX)
pure("one_hot", lambda t, x: functional(t).one_hot(x.long(), 4) * 2.0, [0.0, 3.0, 1.0], orders=0)
pure("embedding", lambda t, x: functional(t).embedding(t.tensor([[1, 0], [1, 1]]), x) ** 2, MATRIX)

# -------------------------------------------------------------------------------------------------------- products

pure("matmul", lambda t, x, y: x @ y, MATRIX, SQUARE)
pure("mm", lambda t, x, y: x.mm(y), MATRIX, SQUARE)
pure("matrix_vector", lambda t, x, y: x @ y, MATRIX, [1.0, -2.0, 3.0])
pure("vector_matrix", lambda t, x, y: x @ y, [1.0, -2.0], MATRIX)
pure("vector_vector", lambda t, x, y: x @ y, [1.0, -2.0], [3.0, 0.5])
pure("mv", lambda t, x, y: t.mv(x, y), MATRIX, [1.0, -2.0, 3.0])
pure("dot", lambda t, x, y: t.dot(x, y) + x.dot(y), [1.0, -2.0], [3.0, 0.5])
pure("bmm", lambda t, x, y: t.bmm(x, y), CUBE, [[[1.0], [2.0], [3.0]], [[0.5], [-1.0], [2.0]]])
pure("batched_matmul", lambda t, x, y: t.matmul(x, y), CUBE, SQUARE)
pure("outer", lambda t, x, y: t.outer(x, y), [1.0, -2.0], [3.0, 0.5, 2.0])
pure("inner", lambda t, x, y: t.inner(x, y), MATRIX, SQUARE)
pure("addmm", lambda t, x, y, z: t.addmm(z, x, y, beta=0.5, alpha=2.0), MATRIX, SQUARE, [1.0, 2.0, 3.0])
pure("tensordot", lambda t, x, y: t.tensordot(x, y, dims=1), MATRIX, SQUARE)
pure("einsum", lambda t, x, y: t.einsum("ij,jk->ki", x, y), MATRIX, SQUARE)
pure("einsum_trace", lambda t, x: t.einsum("ii->", x @ x), SQUARE)
pure("kron", lambda t, x, y: t.kron(x, y), MATRIX, [[1.0, 2.0]])
pure("quadratic_form", lambda t, x, y: x @ y @ x, [1.0, -2.0, 0.5], SQUARE)
pure("gram", lambda t, x: x @ x.T, MATRIX)
pure("chain_of_products", lambda t, x, y: (x @ y).tanh() @ y.t(), MATRIX, SQUARE)
