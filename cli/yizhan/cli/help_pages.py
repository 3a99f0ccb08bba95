"""Help pages in the language chosen, with Chinese measured as a terminal does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import click

from yizhan.runtime.terminal_text import columns, wrap
from yizhan.schemas.i18n import _, marked


class Formatter(click.HelpFormatter):
    """A help page in the language chosen."""

    _HEADINGS: ClassVar = {"Options": marked("选项"), "Commands": marked("命令")}

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write the usage line."""
        super().write_usage(prog, args, _("用法：") if prefix is None else prefix)

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Indent what stands under a heading."""
        heading = self._HEADINGS.get(name, name)
        with super().section(_(heading)):
            yield

    def write_text(self, text: str) -> None:
        """Write paragraphs, wrapped."""
        indent = " " * self.current_indent
        paragraphs = [wrap(paragraph, max(self.width - self.current_indent, 11)) for paragraph in text.split("\n\n")]
        self.write("\n".join("".join(f"{indent}{line}\n" for line in lines) for lines in paragraphs))

    def write_dl(self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write terms beside their explanations."""
        first = min(max((columns(term) for term, _help in rows), default=0), col_max) + col_spacing
        indent = " " * self.current_indent
        for term, explanation in rows:
            lines = wrap(explanation, max(self.width - first - self.current_indent, 10)) or [""]
            if columns(term) > first - col_spacing:
                self.write(f"{indent}{term}\n")
            else:
                self.write(f"{indent}{term}{' ' * (first - columns(term))}{lines.pop(0)}".rstrip() + "\n")
            for line in lines:
                self.write(f"{indent}{' ' * first}{line}".rstrip() + "\n")


class Context(click.Context):
    """A context whose help pages are ``Formatter``'s."""

    formatter_class = Formatter
