"""From LLVM text to machine code in memory: the host's target, object emission and linking.

One text becomes one object, and one object one `Library` with a linker of its own, so that dropping the library frees
everything.  The object bytes are position-independent and name outside addresses by symbol: they may be kept on disk
and linked in another process on the same kind of host.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import llvmlite.binding as llvm

from graphc.codegen.native.store import digest, kept
from graphc.records import dataclass

CODEGEN_LEVEL = 1
QUICK_LEVEL = 0  # for code that does not compute: emitted in a fifth of the time, and no slower
_AVX512 = frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl"})


@dataclass(frozen=True)
class Host:
    """What code is generated for; `features` are LLVM's names, and "avx512" where all of its forms may be used."""

    triple: str
    cpu: str
    features: frozenset[str]
    flags: str

    @property
    def architecture(self) -> str:
        return self.triple.partition("-")[0]

    @property
    def key(self) -> str:
        """Equal on two machines only if object code may be shared between them."""
        return f"{self.triple} {self.cpu} {self.flags} llvm {'.'.join(map(str, llvm.llvm_version_info))}"


@cache
def host() -> Host:
    """The machine that this process runs on."""
    features = llvm.get_host_cpu_features()
    names = frozenset(name for name, present in features.items() if present)
    widest = {"avx512"} if names >= _AVX512 else set()
    return Host(llvm.get_process_triple(), llvm.get_host_cpu_name(), names | widest, features.flatten())


@cache
def _initialize() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()


def _machine(level: int = CODEGEN_LEVEL) -> Any:
    _initialize()
    target = llvm.Target.from_triple(host().triple)
    return target.create_target_machine(
        cpu=host().cpu, features=host().flags, opt=level, reloc="pic", codemodel="default", jit=True
    )


@cache
def _emitter(level: int = CODEGEN_LEVEL) -> Any:
    """The machine that emits objects; a linker needs one of its own."""
    return _machine(level)


def parse(text: str) -> Any:
    """The module of a text, verified.  Raises RuntimeError, with LLVM's message, where the text is not valid IR."""
    _initialize()
    module = llvm.parse_assembly(text)
    module.triple, module.data_layout = host().triple, str(_emitter().target_data)
    module.verify()
    return module


def emit_object(text: str, level: int = CODEGEN_LEVEL) -> bytes:
    """Object code for the host.  Raises RuntimeError as `parse` does."""
    return object_code(parse(text), level)


def object_code(module: Any, level: int = CODEGEN_LEVEL) -> bytes:
    return bytes(_emitter(level).emit_object(module))


def kept_object(text: str) -> bytes:
    """Object code of a text that does not depend on programs, emitted quickly and kept on disk."""
    return kept(digest(text, str(QUICK_LEVEL), host().key), lambda: emit_object(text, QUICK_LEVEL))


def assembly(text: str) -> str:
    """The instructions, for people to read."""
    return str(_emitter().emit_assembly(parse(text)))


class Library:
    """Linked code: `library[name]` is the address of an exported function, valid while the library lives.

    `code` is LLVM text, or an object that `emit_object` made; `helpers` are further objects that it calls.  `imports`
    gives the addresses of symbols that the code names and the C library does not have.  Raises RuntimeError if a symbol
    is missing.
    """

    def __init__(
        self,
        code: str | bytes,
        exports: Sequence[str],
        imports: Mapping[str, int] | None = None,
        helpers: Sequence[bytes] = (),
    ) -> None:
        self.object = code if isinstance(code, bytes) else emit_object(code)
        self._linker = llvm.create_lljit_compiler(_machine(), use_jit_link=True)
        builder = llvm.JITLibraryBuilder().add_current_process()
        for each in (self.object, *helpers):
            builder.add_object_img(each)
        for name, address in (imports or {}).items():
            builder.import_symbol(name, address)
        for name in exports:
            builder.export_symbol(name)
        self._tracker = builder.link(self._linker, "graphc")

    def __getitem__(self, name: str) -> int:
        return int(self._tracker[name])
