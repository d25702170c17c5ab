"""What the forward pass of a user's operation leaves for its backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from graphc.eager.node import Array, Edge, released, stale
from graphc.eager.tensor import Tensor, attached
from graphc.eager.versions import last_change, next_number

Place: TypeAlias = "Edge | int"
"""Where a saved tensor is on the tape; of a result, its number: a node does not refer to what refers to it."""

_Saved: TypeAlias = "tuple[Array, Place] | None"


def _no_node(result: int) -> Edge:
    return None


class Context:
    """Saved tensors, and attributes of the user's, whose names have no underscore in front."""

    needs_input_grad: tuple[bool, ...] = ()
    """Per argument of `forward`, whether its gradient is wanted."""

    def __init__(self, name: str) -> None:
        self._materializes = True
        self._constant: tuple[Any, ...] = ()
        self._node_of_result: Callable[[int], Edge] = _no_node
        self._name = name
        self._given: tuple[Any, ...] = ()
        self._given_forward: tuple[Any, ...] | None = None
        self._saved: list[_Saved] | None = None
        self._saved_forward: list[_Saved] | None = None
        self._is_forward = False
        self._released = False
        self._number = 0

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep arguments, results, anything between or None; changing one in place before `backward` is an error."""
        self._given = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """The same for `jvp`, which else finds what was saved for `backward`."""
        self._given_forward = tensors

    def mark_non_differentiable(self, *results: Any) -> None:
        """These results require no grad."""
        self._constant = results

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros (the default) or None for results that nothing was computed from."""
        self._materializes = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """Raises GradientError where a pass has released them, or one was changed in place."""
        if self._released:
            raise released(self._name)
        forward = self._is_forward and self._given_forward is not None
        if self._saved is None:
            return (self._given_forward or ()) if forward else self._given
        saved = self._saved_forward if forward else self._saved
        return tuple(s and self._unpacked(*s) for s in saved or ())

    def _unpacked(self, array: Array, place: Place) -> Tensor:
        if last_change(array) > self._number:
            raise stale(self._name)
        return attached(array, self._node_of_result(place) if isinstance(place, int) else place)

    # ------------------------------------------------------------------------------------------------- of the tape

    def pack(self, arguments: Sequence[Any], results: Sequence[Any]) -> None:
        """From now on the saved tensors are arrays and places."""
        places: dict[int, Place] = {id(r): k for k, r in enumerate(results)}
        places.update({id(a): a.edge for a in arguments if isinstance(a, Tensor)})

        def packed(tensors: Sequence[Any]) -> list[_Saved]:
            return [None if t is None else (t.array, places.get(id(t))) for t in tensors]

        self._saved = packed(self._given)
        if self._given_forward is not None:
            self._saved_forward, self._given_forward = packed(self._given_forward), ()
        self._given = self._constant = ()
        self._number = next_number()

    @contextmanager
    def running(self, node_of_result: Callable[[int], Edge] = _no_node, forward: bool = False) -> Iterator[None]:
        """Meanwhile saved results are tensors made by these nodes; `forward`: it is `jvp` that runs."""
        before = self._node_of_result, self._is_forward
        self._node_of_result, self._is_forward = node_of_result, forward
        try:
            yield
        finally:
            self._node_of_result, self._is_forward = before

    def release(self) -> None:
        """Drop what is saved, if anything is."""
        if self._saved or self._saved_forward:
            self._saved = self._saved_forward = None
            self._released = True
