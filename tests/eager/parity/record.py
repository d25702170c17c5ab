"""Write values.json: what PyTorch computes for every parity case.  Run by hand, with PyTorch in the environment:

    python -m tests.eager.parity.record

Tests never import this.  Python numbers make float64 tensors here as there (`set_default_dtype`).
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from .families import FORMULAS, PROGRAMS
from .programs import derivatives, yielded

VALUES = Path(__file__).with_name("values.json")


def main() -> None:
    torch.set_default_dtype(torch.float64)
    values = {
        "library": f"torch {torch.__version__.partition('+')[0]}",
        "formulas": {name: derivatives(torch, formula) for name, formula in sorted(FORMULAS.items())},
        "programs": {name: yielded(torch, program) for name, program in sorted(PROGRAMS.items())},
    }
    lines = [json.dumps(values["library"])]
    for kind in ("formulas", "programs"):
        rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in values[kind].items())
        lines.append(f'"{kind}": {{\n{rows}\n}}')
    VALUES.write_text('{\n"library": ' + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
