"""The scalar operations of every primitive as LLVM instructions, over one element or a vector of them.

This is the builder protocol that scalar rules, monoids and elementary functions are written against.  Operands carry a
dtype; a Python number takes the type and width of the others.  Half precision is never computed with: `cast` to it
rounds and gives f32.  Every operation is total: no division or conversion traps or is undefined.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from graphc.codegen.llvm.division import floor_divide, modulo, quotient, rest
from graphc.codegen.llvm.emit_loop import write_rarely
from graphc.codegen.llvm.quotient import is_shared, shared_quotient
from graphc.codegen.llvm.rounding import saturated
from graphc.codegen.llvm.types import (
    BITS_OF,
    REAL_OF,
    bit_width,
    is_unsigned,
    item_type,
    memory_item,
    register_type,
    vector_of,
)
from graphc.codegen.llvm.writer import Operand, Writer
from graphc.codegen.nest.elements import ITEMSIZE, is_float
from graphc.codegen.vecmath import FUNCTIONS

Argument: TypeAlias = "Operand | float"
Slow: TypeAlias = "Callable[..., Sequence[Operand]]"
VECTOR_BYTES = 64
_KINDS = ("quiet_nan", "signaling_nan", "zero", "one", "minus_infinity", "infinity", "negative", "positive")
_RESPONSES = ("value", "x", "quiet x", "nan", "-inf", "inf", "signed inf", "minus zero", "zero")
_LOGIC = {"add": "or", "mul": "and", "and": "and", "or": "or", "xor": "xor"}  # arithmetic of booleans, as in NumPy


class Builder(Writer):
    """`features` are those of the target: names such as "fma", and "avx512" where all of its forms may be used."""

    def __init__(self, features: frozenset[str]) -> None:
        super().__init__()
        self.features = features
        self.negated: dict[str, Operand] = {}  # by the text of -x

    def __getattr__(self, op: str) -> Callable[..., Operand]:
        """Elementary functions: exp, log, sin ..."""
        if op not in FUNCTIONS:
            raise AttributeError(f"{type(self).__name__} has no operation {op!r}")
        function = FUNCTIONS[op]
        return lambda *args: function(self, *self.match(*args))

    # ---------------------------------------------------------------------------------------------- operands

    def const(self, value: float, like: Operand) -> Operand:
        """A number of the type and width of `like`."""
        return self.number(value, like.dtype, like.lanes)

    def match(self, *items: Argument) -> list[Operand]:
        """Values and numbers brought to one type and width."""
        values = [x for x in items if isinstance(x, Operand)]
        dtypes = {v.dtype for v in values}
        if len(dtypes) != 1:
            raise TypeError(f"operands of one type expected, got {sorted(dtypes) or items}")
        lanes, dtype = max(v.lanes for v in values), values[0].dtype
        return [self.spread(x, lanes) if isinstance(x, Operand) else self.number(x, dtype, lanes) for x in items]

    def _binary(self, real: str, whole: str, x: Argument, y: Argument) -> Operand:
        a, c = self.match(x, y)
        op = real if is_float(a.dtype) else _LOGIC[whole] if a.dtype == "bool" else whole
        return self.emit(a.dtype, a.lanes, f"{op} {a}, {c.text}", a, c)

    def _unary(self, op: str, x: Operand, dtype: str) -> Operand:
        """A conversion instruction."""
        return self.emit(dtype, x.lanes, f"{op} {x} to {register_type(dtype, x.lanes)}", x)

    def _compare(self, real: str, whole: str, x: Argument, y: Argument) -> Operand:
        a, c = self.match(x, y)
        sign = "" if whole in ("eq", "ne") else "u" if is_unsigned(a.dtype) else "s"
        op = f"fcmp {real}" if is_float(a.dtype) else f"icmp {sign}{whole}"
        return self.emit("bool", a.lanes, f"{op} {a}, {c.text}", a, c)

    # -------------------------------------------------------------------------------------------- arithmetic

    def add(self, x: Argument, y: Argument) -> Operand:
        return self._binary("fadd contract", "add", x, y)

    def sub(self, x: Argument, y: Argument) -> Operand:
        return self._binary("fsub contract", "sub", x, y)

    def mul(self, x: Argument, y: Argument) -> Operand:
        return self._binary("fmul contract", "mul", x, y)

    def xadd(self, x: Argument, y: Argument) -> Operand:
        return self._binary("fadd", "add", x, y)

    def xsub(self, x: Argument, y: Argument) -> Operand:
        return self._binary("fsub", "sub", x, y)

    def xmul(self, x: Argument, y: Argument) -> Operand:
        return self._binary("fmul", "mul", x, y)

    def div(self, x: Argument, y: Argument) -> Operand:
        if isinstance(x, Operand) and isinstance(y, Operand) and is_shared(self, x, y):
            return shared_quotient(self, x, y)
        return self.divide_lanes(x, y)

    def divide_lanes(self, x: Argument, y: Argument) -> Operand:
        """One division per lane, by the divider."""
        a, c = self.match(x, y)
        if not is_float(a.dtype):
            raise TypeError(f"div takes floats, got {a.dtype}: integers divide by quotient or floordiv")
        return self.emit(a.dtype, a.lanes, f"fdiv {a}, {c.text}", a, c)

    def neg(self, x: Operand) -> Operand:
        if not is_float(x.dtype):
            return self.sub(0, x)
        negative = self.emit(x.dtype, x.lanes, f"fneg {x}", x)
        self.negated[negative.text] = x
        return negative

    def abs(self, x: Operand) -> Operand:
        if is_float(x.dtype):
            return self.intrinsic("fabs", self.negated.get(x.text, x))  # so sigmoid(x) and sigmoid(-x) share e^-|x|
        if is_unsigned(x.dtype):
            return x
        name = self.intrinsic_name("abs", (item_type(x.dtype), x.lanes))
        return self.call(name, x.dtype, x.lanes, x, self.number(0, "bool"))

    def fma(self, x: Argument, y: Argument, z: Argument) -> Operand:
        """x * y + z, rounded once where the target can; elsewhere that would be a call of the C library per lane."""
        return self.intrinsic("fma" if "fma" in self.features else "fmuladd", *self.match(x, y, z))

    def quotient(self, x: Argument, y: Argument) -> Operand:
        return quotient(self, *self.match(x, y))

    def rest(self, x: Argument, y: Argument) -> Operand:
        return rest(self, *self.match(x, y))

    def floordiv(self, x: Argument, y: Argument) -> Operand:
        return floor_divide(self, *self.match(x, y))

    def mod(self, x: Argument, y: Argument) -> Operand:
        return modulo(self, *self.match(x, y))

    def divide_exactly(self, op: str, x: Operand, y: Operand) -> Operand:
        """sdiv udiv srem urem frem: undefined for an integer divisor of 0 and for the least value by -1."""
        return self.emit(x.dtype, x.lanes, f"{op} {x}, {y.text}", x, y)

    # -------------------------------------------------------------------------------------------------- bits

    def and_(self, x: Argument, y: Argument) -> Operand:
        return self._binary("", "and", x, y)

    def or_(self, x: Argument, y: Argument) -> Operand:
        return self._binary("", "or", x, y)

    def xor(self, x: Argument, y: Argument) -> Operand:
        return self._binary("", "xor", x, y)

    def not_(self, x: Operand) -> Operand:
        return self.xor(x, True if x.dtype == "bool" else -1)

    def shl(self, x: Argument, y: Argument) -> Operand:
        return self._shift("shl", x, y)

    def shr(self, x: Argument, y: Argument) -> Operand:
        """Arithmetic for signed types, logical for unsigned ones."""
        a, c = self.match(x, y)
        if is_unsigned(a.dtype):
            return self._shift("lshr", a, c)
        most = bit_width(a.dtype) - 1
        inside = self._in_range(a, c)
        return self._binary("ashr", "ashr", a, c if inside is None else self.select(inside, c, most))

    def _shift(self, op: str, x: Argument, y: Argument) -> Operand:
        """0 for an amount that is negative or not below the width, as in NumPy."""
        a, c = self.match(x, y)
        inside = self._in_range(a, c)
        if inside is None:
            return self._binary(op, op, a, c)
        return self.select(inside, self._binary(op, op, a, self.select(inside, c, 0)), 0)

    def _in_range(self, x: Operand, amount: Operand) -> Operand | None:
        """Whether an amount is one that the machine shifts by; None where it surely is."""
        known, width = amount.integer, self.const(bit_width(x.dtype), x)
        if known is not None and 0 <= known < bit_width(x.dtype):
            return None
        return self.emit("bool", x.lanes, f"icmp ult {amount}, {width.text}", amount)

    def bits(self, x: Operand) -> Operand:
        return self._unary("bitcast", x, BITS_OF[x.dtype])

    def real(self, x: Operand) -> Operand:
        return self._unary("bitcast", x, REAL_OF[x.dtype])

    # ------------------------------------------------------------------------------------ comparison, choice

    def lt(self, x: Argument, y: Argument) -> Operand:
        return self._compare("olt", "lt", x, y)

    def le(self, x: Argument, y: Argument) -> Operand:
        return self._compare("ole", "le", x, y)

    def gt(self, x: Argument, y: Argument) -> Operand:
        return self._compare("ogt", "gt", x, y)

    def ge(self, x: Argument, y: Argument) -> Operand:
        return self._compare("oge", "ge", x, y)

    def eq(self, x: Argument, y: Argument) -> Operand:
        return self._compare("oeq", "eq", x, y)

    def ne(self, x: Argument, y: Argument) -> Operand:
        return self._compare("une", "ne", x, y)

    def isnan(self, x: Operand) -> Operand:
        return self._compare("uno", "ne", x, x)

    def select(self, c: Operand, x: Argument, y: Argument) -> Operand:
        a, d = self.match(x, y)
        lanes = max(c.lanes, a.lanes)
        if c.is_constant and c.lanes == 1:
            return a if c.text == "true" else d
        c, a, d = self.spread(c, lanes), self.spread(a, lanes), self.spread(d, lanes)
        return self.emit(a.dtype, lanes, f"select {c}, {a}, {d}", c, a, d)

    def maximum(self, x: Argument, y: Argument) -> Operand:
        return self._extreme("max", self.gt, x, y)

    def minimum(self, x: Argument, y: Argument) -> Operand:
        return self._extreme("min", self.lt, x, y)

    def _extreme(self, name: str, better: Callable[[Operand, Operand], Operand], x: Argument, y: Argument) -> Operand:
        """NaN if either is: the machine's own max returns its second operand, so only the first has to be asked."""
        a, c = self.match(x, y)
        if not is_float(a.dtype):
            return self.intrinsic(f"{'u' if is_unsigned(a.dtype) else 's'}{name}", a, c)
        return self.select(self.isnan(a), a, self.select(better(a, c), a, c))

    def any(self, c: Operand) -> Operand:
        """Whether a boolean holds in some lane."""
        name = self.intrinsic_name("vector.reduce.or", ("i1", c.lanes))
        return c if c.lanes == 1 else self.call(name, "bool", 1, c)

    def rarely(self, c: Operand, fast: Sequence[Operand], slow: Slow, *args: Operand) -> list[Operand]:
        """`fast`, but slow(b, *args) in the lanes where c holds: a branch skips that code where it holds in none.

        Equal calls are written once, `slow` being known by its name; raises ValueError if it has none in its module.
        """
        if "<" in slow.__qualname__:
            raise ValueError(f"{slow.__qualname__} is not a function of a module")
        inputs = [c, *fast, *args]

        def replace(c: Operand, *rest: Operand) -> list[Operand]:
            values = slow(self, *rest[len(fast) :])
            return [self.select(c, s, f) for s, f in zip(values, rest[: len(fast)], strict=True)]

        known = self.regions[max(v.depth for v in inputs)].known
        keys = [f"{slow.__module__}.{slow.__qualname__}.{n} {[str(v) for v in inputs]}" for n in range(len(fast))]
        if keys[0] not in known:
            known.update(zip(keys, write_rarely(self, self.any(c), fast, replace, inputs), strict=True))
        return [known[key] for key in keys]

    # -------------------------------------------------------------------------------------------- conversion

    def cast(self, x: Argument, dtype: str) -> Operand:
        """The value as another type: floats to integers truncate and saturate (NaN gives 0), to bool is `!= 0`."""
        if not isinstance(x, Operand):
            return self.number(x, dtype)
        if dtype == "f16":
            return self.to_half(x)
        if dtype == x.dtype:
            return x
        if dtype == "bool":
            return self.ne(x, 0)
        if x.dtype == "bool":
            return self.select(x, self.number(1, dtype), self.number(0, dtype))
        if is_float(x.dtype):
            return self._from_float(x, dtype)
        if is_float(dtype):
            return self._unary("uitofp" if is_unsigned(x.dtype) else "sitofp", x, dtype)
        return self._resize(x, dtype)

    def _from_float(self, x: Operand, dtype: str) -> Operand:
        if is_float(dtype):
            return self._unary("fpext" if dtype == "f64" else "fptrunc", x, dtype)
        return saturated(self, x, dtype)

    def truncated(self, x: Operand, dtype: str) -> Operand:
        """The integer part of a float; undefined beyond the range of the type."""
        return self._unary("fptoui" if is_unsigned(dtype) else "fptosi", x, dtype)

    def _resize(self, x: Operand, dtype: str) -> Operand:
        have, want = bit_width(x.dtype), bit_width(dtype)
        if have == want:  # LLVM's integers have no sign
            return Operand(x.text, dtype, x.lanes, x.depth)
        return self._unary("trunc" if have > want else "zext" if is_unsigned(x.dtype) else "sext", x, dtype)

    def to_half(self, x: Operand) -> Operand:
        """Rounded to half precision, held as f32."""
        return self._unary("fpext", self.narrow(x), "f32")

    def narrow(self, x: Operand) -> Operand:
        """To half precision, as a value of LLVM's `half` that can only be widened or stored."""
        if not is_float(x.dtype):
            x = self.cast(x, "f32")
        return self._unary("fptrunc", self._round_to_odd(x) if x.dtype == "f64" else x, "f16")

    def _round_to_odd(self, x: Operand) -> Operand:
        """f64 -> f32 such that a second rounding gives what one alone would.

        Boldo & Melquiond, "When double rounding is odd", 2005.
        """
        near = self._unary("fptrunc", x, "f32")
        back = self._unary("fpext", near, "f64")
        bits = self.bits(near)
        inward = self.select(self.gt(self.abs(back), self.abs(x)), self.sub(bits, 1), bits)
        return self.real(self.select(self.ne(back, x), self.or_(inward, 1), bits))

    # ---------------------------------------------------------------------------------------------- rounding

    def floor(self, x: Operand) -> Operand:
        return self._round("floor", x)

    def ceil(self, x: Operand) -> Operand:
        return self._round("ceil", x)

    def rint(self, x: Operand) -> Operand:
        return self._round("rint", x)

    def trunc(self, x: Operand) -> Operand:
        return self._round("trunc", x)

    def _round(self, name: str, x: Operand) -> Operand:
        return self.intrinsic(name, x) if is_float(x.dtype) else x

    def copysign(self, x: Argument, y: Argument) -> Operand:
        return self.intrinsic("copysign", *self.match(x, y))

    # ---------------------------------------------------------------------------------------- AVX-512 forms

    def wide(self, x: Operand) -> bool:
        """Whether x fills a 512-bit register of a target with the forms below."""
        return "avx512" in self.features and is_float(x.dtype) and x.lanes * ITEMSIZE[x.dtype] == VECTOR_BYTES

    def getexp(self, x: Operand) -> Operand:
        """floor(log2(abs(x))) as a float, subnormals included."""
        return self._avx512("mask.getexp", x, x, x, _every_lane(x), "i32 4")

    def getmant(self, x: Operand, imm: int) -> Operand:
        """The mantissa of x in the interval and with the sign rule that `imm` encodes (Intel SDM, VGETMANTPS)."""
        return self._avx512("mask.getmant", x, x, f"i32 {imm}", x, _every_lane(x), "i32 4")

    def rsqrt14(self, x: Operand) -> Operand:
        """1 / sqrt(x) to 14 bits; exact where that is 0 or infinite, NaN below 0, subnormals included."""
        return self._x86(f"rsqrt14.{'ps' if x.dtype == 'f32' else 'pd'}.512", x, x, x, _every_lane(x))

    def fixup(self, value: Operand, x: Operand, **cases: str) -> Operand:
        """`value`, but what the cases say where x is of their kind: `zero="-inf"`, `negative="nan"` ... (VFIXUPIMM)."""
        table = sum(_RESPONSES.index(answer) << 4 * _KINDS.index(kind) for kind, answer in cases.items())
        signed = table - (1 << 32 if table >> 31 else 0)
        each = self.number(signed, BITS_OF[x.dtype], x.lanes)
        return self._avx512("mask.fixupimm", x, value, x, each, "i32 0", _every_lane(x), "i32 4")

    def scalef(self, x: Operand, n: Operand) -> Operand:
        """x * 2**floor(n), rounded once."""
        return self._avx512("mask.scalef", x, *self.match(x, n), x, _every_lane(x), "i32 4")

    def minps(self, x: Operand, y: Operand) -> Operand:
        """x where it is less, else y: of two zeros, and where one is NaN, the second."""
        return self._avx512("min", x, x, y, "i32 4")

    def maxps(self, x: Operand, y: Operand) -> Operand:
        """x where it is greater, else y."""
        return self._avx512("max", x, x, y, "i32 4")

    def table(self, index: Operand, values: Sequence[float]) -> Operand:
        """values[index modulo their number], where the values fill one or two registers.

        They are of the type of the index if all are integers, else floats of its width.
        """
        lanes, whole = index.lanes, all(isinstance(v, int) for v in values)
        dtype = index.dtype if whole else REAL_OF[index.dtype]
        low, high = self.vector(values[:lanes], dtype), self.vector(values[lanes:] or (0.0,), dtype)
        if len(values) == lanes:
            kind = {"i32": "si", "i64": "di", "f32": "sf", "f64": "df"}[dtype]
            return self._x86(f"permvar.{kind}.512", low, low, index)
        kind = {"i32": "d", "i64": "q", "f32": "ps", "f64": "pd"}[dtype]
        return self._x86(f"vpermi2var.{kind}.512", low, low, index, high)

    def compress(self, x: Operand, chosen: Operand) -> Operand:
        """The chosen lanes side by side, then zeros; x fills a 512-bit register with integers of 32 or 64 bits."""
        return self._x86(f"mask.compress.v{x.lanes}{item_type(x.dtype)}", x, x, self.const(0, x), chosen)

    def count(self, chosen: Operand) -> Operand:
        """In how many lanes a boolean holds, as an i8."""
        mask = self.emit(f"i{chosen.lanes}", 1, f"bitcast {chosen} to i{chosen.lanes}", chosen)
        return self.cast(self.call(f"llvm.ctpop.i{chosen.lanes}", mask.dtype, 1, mask), "i8")

    def _avx512(self, name: str, like: Operand, *args: Operand | str) -> Operand:
        return self._x86(f"{name}.{'ps' if like.dtype == 'f32' else 'pd'}.512", like, *args)

    def _x86(self, name: str, like: Operand, *args: Operand | str) -> Operand:
        """A call with operands and immediates, whose result has the type of `like`."""
        if "avx512" not in self.features:
            raise ValueError(f"the target has no {name}")
        full = f"llvm.x86.avx512.{name}"
        self.declare(full, like.type, *(a.type if isinstance(a, Operand) else _immediate(a) for a in args))
        operands = [a for a in args if isinstance(a, Operand)]
        text = f"call {like.type} @{full}({', '.join(map(str, args))})"
        return self.emit(like.dtype, like.lanes, text, *operands)

    # ----------------------------------------------------------------------------------------------- memory

    def from_memory(self, raw: Operand, dtype: str) -> Operand:
        """What a loaded element stands for: a byte is a boolean where it is not 0, a half is widened."""
        if dtype == "bool":
            return self.ne(raw, 0)
        if dtype == "f16":
            return self._unary("fpext", self._unary("bitcast", raw, "f16"), "f32")
        return Operand(raw.text, dtype, raw.lanes, raw.depth)

    def words_of(self, name: str, data: bytes, offset: Operand) -> Operand:
        """The 64-bit words, lowest byte first, that start at byte offsets of a constant; all of them lie inside."""
        self.declared.add(f'@graphc.{name} = internal constant [{len(data)} x i8] c"{_escaped(data)}", align 8')
        at = self.emit("ptr", offset.lanes, f"getelementptr i8, ptr @graphc.{name}, {offset}", offset)
        if at.lanes == 1:
            return self.emit("i64", 1, f"load i64, {at}, align 1", at)
        gather, held = f"llvm.masked.gather.v{at.lanes}i64.v{at.lanes}p0", vector_of("i64", at.lanes)
        mask = self.number(1, "bool", at.lanes)
        self.declare(gather, held, at.type, "i32 immarg", mask.type, held)
        return self.emit("i64", at.lanes, f"call {held} @{gather}({at}, i32 1, {mask}, {held} poison)", at)

    def to_memory(self, x: Operand, dtype: str) -> Operand:
        """What is stored for x in a buffer of this type."""
        if dtype == "bool":
            return self.cast(x, "u8")
        if dtype == "f16":
            half = self.narrow(x)
            return self.emit("i16", x.lanes, f"bitcast {half} to {vector_of(memory_item(dtype), x.lanes)}", half)
        if x.dtype != dtype:
            raise TypeError(f"a value of type {x.dtype} is stored in a buffer of {dtype}")
        return x


def _every_lane(x: Operand) -> str:
    return f"i{x.lanes} -1"


def _escaped(data: bytes) -> str:
    return "".join(f"\\{byte:02X}" for byte in data)


def _immediate(text: str) -> str:
    """The declared type of `i32 4` or `i16 -1`: only masks may be computed."""
    kind = text.split(maxsplit=1)[0]
    return "i32 immarg" if kind == "i32" else kind
