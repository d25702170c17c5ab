"""Python code in a process of its own, which finds graphc and the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = str(Path(__file__).parents[1])
ROOT = str(Path(__file__).parents[2])


def python(code: str, text: str = "", **environment: str) -> str:
    """What the code prints; `text` is its input. Fails with what it writes to stderr where it ends badly."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join((ROOT, TESTS)), **environment}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, input=text, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
