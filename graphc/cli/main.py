"""Arguments, commands, and how mistakes are told: one line on stderr, exit code 2, no traceback.

Exit codes: 0 done, 1 `diff` found a difference, 2 a mistake in what was asked for or in the user's program.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from graphc.cli import cache
from graphc.cli.diff import diff
from graphc.cli.dump import FORMATS, STAGES, dump
from graphc.cli.listing import listing
from graphc.cli.observe import Observer
from graphc.cli.options import Compilation, Inputs
from graphc.cli.program import load
from graphc.cli.run import run
from graphc.cli.timing import timing
from graphc.errors import GraphcError, OptionError

LEVELS = ("O0", "O1", "O2", "O3")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    try:
        options = _parser().parse_args(arguments)
        command: Callable[[argparse.Namespace], int] = options.command
        code = command(options)
        sys.stdout.flush()
        return code
    except GraphcError as error:
        print(f"graphc: error: {one_line(error)}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `graphc dump ... | head`: nobody reads on, and Python must not complain at its exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def one_line(error: GraphcError) -> str:
    """The parts of a message behind one another."""
    parts = [error.problem]
    parts += [f"expected {error.expected}"] if error.expected else []
    parts += [f"got {error.got}"] if error.got else []
    parts += [f"at {error.loc.file}:{error.loc.line} in {error.loc.function}"] if error.loc else []
    parts += [f"write {error.fix}"] if error.fix else []
    return "; ".join(" ".join(p.split()) for p in parts)


# --------------------------------------------------------------------------------------------------------- arguments


class _Parser(argparse.ArgumentParser):
    """An argparse parser whose mistakes are errors like all others."""

    def error(self, message: str) -> NoReturn:
        raise OptionError(message, fix=f"{self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="graphc", description="Look into the compiler: stages, passes, differences.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    _dump_command(commands.add_parser("dump", help="print a program at one stage of compilation"))
    _dot_command(commands.add_parser("dot", help="print a graph as DOT text, for Graphviz"))
    _run_command(commands.add_parser("run", help="run a program on random inputs and print its outputs"))
    _diff_command(commands.add_parser("diff", help="compare eager, each pass and native code; name what differs"))
    _time_command(commands.add_parser("time", help="where the time of a compilation goes, stage by stage"))
    _passes_command(commands.add_parser("passes", help="list levels, passes and rules with their reasons"))
    _cache_command(commands.add_parser("cache", help="what compiled code is kept on disk; remove it"))
    return parser


def _dump_command(p: argparse.ArgumentParser) -> None:
    _program(p)
    _passes(p)
    p.add_argument("--stage", choices=STAGES, default="trace", help="how far to go (default: %(default)s)")
    p.add_argument("--format", choices=FORMATS, default="text", help="default: %(default)s")
    p.set_defaults(command=_dump)


def _dot_command(p: argparse.ArgumentParser) -> None:
    _program(p)
    _passes(p)
    p.add_argument("--stage", choices=STAGES[:4], default="trace", help="`kernels` draws a box around each")
    p.set_defaults(command=_dump, format="dot")


def _run_command(p: argparse.ArgumentParser) -> None:
    _program(p)
    _passes(p)
    _inputs(p)
    p.set_defaults(command=_run)


def _diff_command(p: argparse.ArgumentParser) -> None:
    _program(p)
    _level(p)
    _inputs(p)
    p.add_argument("--rtol", type=float, help="largest relative difference that is none (default: by element type)")
    p.set_defaults(command=_diff)


def _time_command(p: argparse.ArgumentParser) -> None:
    _program(p)
    _passes(p)
    p.set_defaults(command=_time)


def _passes_command(p: argparse.ArgumentParser) -> None:
    p.set_defaults(command=_listing)


def _cache_command(p: argparse.ArgumentParser) -> None:
    p.add_argument("action", choices=("show", "clear"))
    p.set_defaults(command=_cache)


def _program(p: argparse.ArgumentParser) -> None:
    p.add_argument("program", metavar="FILE.py:NAME", help="a function, a jit function or a Graph of that file")
    p.add_argument("--args", metavar="TYPES", help='types of the arguments, like "f32[batch,64], f32[64,10]"')
    p.add_argument("--grad", action="store_true", help="the program with the gradients of its one output")


def _passes(p: argparse.ArgumentParser) -> None:
    _level(p)
    p.add_argument("--print-between-passes", action="store_true", help="the graph after each pass, on stderr")
    p.add_argument("--time-passes", action="store_true", help="what each pass did and how long it took, on stderr")


def _level(p: argparse.ArgumentParser) -> None:
    p.add_argument("--level", choices=LEVELS, default="O3", help="which passes run (default: %(default)s)")
    p.add_argument(
        "--disable", metavar="NAME", action="append", default=[], help="leave out a pass or rule; repeatable"
    )


def _inputs(p: argparse.ArgumentParser) -> None:
    p.add_argument("--seed", type=int, default=0, help="of the random inputs (default: %(default)s)")
    p.add_argument("--dim", metavar="NAME=N", action="append", default=[], help="a symbolic dimension (default: 4)")


# ---------------------------------------------------------------------------------------------------------- commands


def _dump(o: argparse.Namespace) -> int:
    program = load(o.program, o.args, o.grad or o.stage == "grad")
    print(dump(program, o.stage, o.format, _compilation(o)))
    return 0


def _run(o: argparse.Namespace) -> int:
    print(run(load(o.program, o.args, o.grad), _drawn(o), _compilation(o)))
    return 0


def _diff(o: argparse.Namespace) -> int:
    report = diff(load(o.program, o.args, o.grad), _drawn(o), Compilation(o.level, tuple(o.disable)), o.rtol)
    print(report.text)
    return 1 if report.differs else 0


def _time(o: argparse.Namespace) -> int:
    print(timing(load(o.program, o.args, o.grad), _compilation(o)))
    return 0


def _listing(o: argparse.Namespace) -> int:
    print(listing())
    return 0


def _cache(o: argparse.Namespace) -> int:
    print(cache.show() if o.action == "show" else cache.clear())
    return 0


def _compilation(o: argparse.Namespace) -> Compilation:
    observer = Observer(times=o.time_passes, graphs=o.print_between_passes)
    return Compilation(o.level, tuple(o.disable), observer)


def _drawn(o: argparse.Namespace) -> Inputs:
    return Inputs(o.seed, dims(o.dim))


def dims(texts: Sequence[str]) -> dict[str, int]:
    """`["batch=8"]` as numbers by name.  Raises OptionError."""
    found = {}
    for text in texts:
        name, _, number = text.partition("=")
        if not name.isidentifier() or not number.isdecimal():
            raise OptionError("a dimension is given as NAME=N", expected="--dim batch=8", got=repr(text))
        found[name] = int(number)
    return found


__all__ = ["main"]
