"""Every family of parity cases, imported for what it enters in `programs`."""

from . import elementwise, functions, higher, hooks, inplace, models, modes, passes, reductions, shapes, training, views
from .programs import FORMULAS, PROGRAMS

FAMILIES = (elementwise, functions, higher, hooks, inplace, models, modes, passes, reductions, shapes, training, views)

__all__ = ["FAMILIES", "FORMULAS", "PROGRAMS"]
