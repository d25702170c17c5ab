"""Writes docs/errors.md from the docstrings of graphc/errors.py.

    python tools/errors_page.py > docs/errors.md

A test compares the page with what this prints, so that the manual is never behind the code.
"""

from __future__ import annotations

import inspect

from graphc import errors

HEAD = """# Errors

One class per mistake, in `graphc/errors.py`. All derive from `GraphcError`, and from the Python error that one would
expect, so `except ValueError` catches a wrong shape. A message says what is wrong, what was expected and got, your own
line, and what to write instead.

This page is made from the docstrings by `tools/errors_page.py`.
"""


def classes() -> list[type[errors.GraphcError]]:
    """The error classes in the order in which the file defines them."""
    found = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.GraphcError)]
    return [c for c in found if c is not errors.GraphcError]


def section(error: type[errors.GraphcError]) -> str:
    bases = ", ".join(f"`{b.__name__}`" for b in error.__bases__ if b is not errors.GraphcError)
    kind = f"Also a {bases}.\n\n" if bases else ""
    return f"## {error.__name__}\n\n{kind}{inspect.cleandoc(error.__doc__ or '')}\n"


def page() -> str:
    return "\n".join([HEAD, *map(section, classes())])


if __name__ == "__main__":
    print(page(), end="")
