"""`graphc cache`: the compiled code that is kept on disk."""

from __future__ import annotations

from graphc.codegen.native.store import Store, store

OFF = "no compiled code is kept: the cache is switched off"


def show() -> str:
    """Where code is kept, how much of it, and why none is, if so."""
    files = store()
    return OFF if files is None else f"{files.folder}: {_content(files)}"


def clear() -> str:
    """Remove all code that is kept."""
    files = store()
    if files is None:
        return OFF
    found = len(files.entries())
    files.clear()
    return f"{files.folder}: removed {found} files"


def _content(files: Store) -> str:
    refusal = files.refusal()
    if refusal:
        return f"not used, as {refusal}"
    entries = files.entries()
    used = sum(e.size for e in entries) / 2**20
    return f"{len(entries)} files, {used:.1f} of {files.most / 2**20:.0f} MiB"
