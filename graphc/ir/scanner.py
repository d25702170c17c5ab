"""A cursor over text, for recursive-descent parsers: it skips blanks, matches patterns and says where it failed."""

from __future__ import annotations

import re
from typing import NoReturn

from graphc.errors import ParseError
from graphc.records import dataclass

_BLANK = re.compile(r"(?:\s|#[^\n]*)*")


@dataclass
class Scanner:
    """Blanks and comments, `# ...` to the end of the line, are skipped before every match."""

    text: str
    position: int = 0

    def peek(self, pattern: str) -> bool:
        return self._match(pattern) is not None

    def accept(self, pattern: str) -> re.Match[str] | None:
        """Take the pattern if it comes next, else stay."""
        return self._take(self._match(pattern))

    def accept_here(self, pattern: str) -> re.Match[str] | None:
        """The same without skipping anything."""
        return self._take(re.compile(pattern).match(self.text, self.position))

    def expect(self, pattern: str, expected: str) -> re.Match[str]:
        """Take the pattern.  Raises ParseError."""
        return self.accept(pattern) or self.fail(expected)

    def line_at(self, position: int) -> int:
        return self.text.count("\n", 0, position) + 1

    def fail(self, expected: str, problem: str = "cannot read this", at: int | None = None) -> NoReturn:
        """Raises ParseError with the number of the line and what stands there."""
        where = self._next() if at is None else at
        got = self.text[where:].partition("\n")[0][:60] or "the end of the text"
        raise ParseError(f"line {self.line_at(where)}: {problem}", expected=expected, got=got)

    def _match(self, pattern: str) -> re.Match[str] | None:
        return re.compile(pattern).match(self.text, self._next())

    def _take(self, m: re.Match[str] | None) -> re.Match[str] | None:
        self.position = m.end() if m else self.position
        return m

    def _next(self) -> int:
        """Where the next token starts."""
        m = _BLANK.match(self.text, self.position)
        return m.end() if m else self.position
