"""The documentation runs: every Python block, every `graphc` command line; docs/errors.md is what the code says."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from graphc import cli

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page, language):
    """The fenced blocks of a language, each with the number of its first line."""
    text = page.read_text()
    for match in re.finditer(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield text.count("\n", 0, match.start(1)), match[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_python_blocks_run(page, tmp_path, monkeypatch):
    """All blocks of a page are one program, read from top to bottom."""
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__doc__", "np": np}
    for line, source in blocks(page, "python"):
        code = "\n" * line + source
        exec(compile(code, str(page), "exec"), namespace)


COMMANDS = [
    (page.name, line.removeprefix("$ "))
    for page in PAGES
    for _, block in blocks(page, "console")
    for line in block.splitlines()
    if line.startswith("$ graphc ")
]


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=lambda v: v)
def test_command_lines_run(page, command, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert cli.main(shlex.split(command, comments=True)[1:]) in (0, None)
    assert capsys.readouterr().out.strip()


def test_errors_page_is_up_to_date():
    spec = importlib.util.spec_from_file_location("errors_page", ROOT / "tools" / "errors_page.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert (ROOT / "docs" / "errors.md").read_text() == tool.page(), "run: python tools/errors_page.py > docs/errors.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
