"""The command line: a face over the stages.  `graphc COMMAND --help` tells the options of each command."""

from graphc.cli.main import main

__all__ = ["main"]
