"""What a kernel computes again instead of reading it: cheap elementwise work of an earlier kernel.

The gradient of an activation needs several values of the forward pass that are all functions of one array.  Storing
that one and computing the others again takes less time than storing and reading them, where arrays are too large for a
cache.  What to read and what to compute is a minimum cut.  For each value there are two questions, is it needed and is
it computed again, and a price for each of three answers:

- it is needed and not computed again: it is read, and stored too if nobody else reads it;
- it is computed again: its operations, and all of its operands are needed;
- it is not needed: nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from graphc.ir.costs import cost
from graphc.ir.node import Node, Value
from graphc.ir.poly import Poly
from graphc.passes.access import Footprint
from graphc.passes.minimum_cut import UNBOUNDED, Network

FAR = 1 << 18  # bytes that kernels have read or written meanwhile when an array is no more in the nearest caches
LEAST = 1 << 12  # bytes of an array that are worth the trouble
READ, WRITTEN = 3, 7  # additions in the time in which a byte of such an array is read, or written: 30 GB/s, and half
USUAL = 256  # what a symbolic extent is reckoned as

Price = Callable[[Value], int]
_SOURCE, _SINK = -1, -2


def size(p: Poly) -> int:
    return p.evaluate(dict.fromkeys(p.free, USUAL))


def size_of(v: Value) -> int:
    """In bytes."""
    return size(Poly.of(v.type.nbytes))


def read_price(v: Value) -> int:
    is_number = v.node.op.name == "constant" and v.type.size == 1
    return 0 if is_number else READ * size_of(v)


def store_price(v: Value) -> int:
    """Of storing a value and reading it."""
    return (READ + WRITTEN) * size_of(v)


def computed_again(needed: Iterable[Value], spaces: Mapping[int, Footprint], price: Price) -> list[Node]:
    """Those of the nodes in `spaces` that a reader of the needed values does best to compute by itself, the last first.

    `price`: of reading a value, and of storing it where that is done for this reader alone.
    """
    ask = _Questions(spaces, price)
    for v in needed:
        ask.network.edge(ask.needed(v), _SINK, UNBOUNDED)
    pending = list(ask.numbers)
    for v in pending:  # grows as it goes
        pending += ask.about(v)
    behind = ask.network.behind_cut(_SOURCE, _SINK)
    return sorted((v.node for v in pending if ask.computed(v) in behind), key=lambda n: -n.id)


class _Questions:
    """The network: two nodes for each value, by numbers, which are found faster than values."""

    def __init__(self, spaces: Mapping[int, Footprint], price: Price) -> None:
        self.spaces, self.price = spaces, price
        self.network: Network[int] = Network()
        self.numbers: dict[Value, int] = {}

    def needed(self, v: Value) -> int:
        return 2 * self.numbers.setdefault(v, len(self.numbers))

    def computed(self, v: Value) -> int:
        return self.needed(v) + 1

    def about(self, v: Value) -> list[Value]:
        """Enter the two questions about a value; gives the operands, new ones, that computing it again needs."""
        space, known, computed = self.spaces.get(v.node.id), len(self.numbers), self.computed(v)
        self.network.edge(computed, self.needed(v), self.price(v))
        self.network.edge(_SOURCE, computed, work(space) if space else UNBOUNDED)
        operands = dict.fromkeys(a.value for a in space.accesses) if space else {}
        for x in operands:
            self.network.edge(self.needed(x), computed, UNBOUNDED)
        return [x for x in operands if self.numbers[x] >= known]


def work(space: Footprint) -> int:
    """Of computing a value once."""
    return cost(space.node.op.name) * size(Poly.of(space.node.types[0].size))
