"""Tests of code generation verify loop nests after each step of a schedule; those of entries bind them."""

from __future__ import annotations

from typing import Any

import pytest
from codegen.entries import COPY, DEFAULT, Bind

from graphc.codegen.native.emit_entry import entry_text
from graphc.codegen.native.engine import Library
from graphc.codegen.native.entry import Bindings, EntrySpec, PythonEntry, bind_entry, entry_imports
from graphc.config import config


@pytest.fixture(autouse=True)
def verified():
    with config(verify=True):
        yield


@pytest.fixture(params=["native", "python"])
def bind(request: pytest.FixtureRequest) -> Bind:
    """Builds the callable of a spec in either form."""

    def make(spec: EntrySpec, bindings: Bindings = DEFAULT, keep: Any = None) -> Any:
        library = Library(COPY + entry_text(spec), ["run", "entry"], entry_imports(spec, bindings))
        form = bind_entry if request.param == "native" else PythonEntry
        return form(library, spec, bindings, keep)

    return make
