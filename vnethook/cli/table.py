"""Tables as virsh prints them. Source: vshTableRowPrint(), vshTableSafeEncode() of libvirt's tools/vsh-table.c."""

import unicodedata

from vnethook.cli.report import safe


class Table:
    """Rows of cells under a header."""

    def __init__(self, *columns: str) -> None:
        self._rows: list[tuple[str, ...]] = [columns]

    def add(self, *cells: object) -> None:
        """Add a row; a cell that is empty or None is shown as "-"."""
        self._rows.append(tuple("-" if cell in {"", None} else safe(str(cell)) for cell in cells))

    def text(self, *, with_header: bool = True) -> str:
        """The header, a line of dashes and the rows, one line each; no blanks after the last cell."""
        shown = self._rows if with_header else self._rows[1:]
        widths = [max(map(width, column)) for column in zip(*shown, strict=True)]
        lines = [_line(row, widths) for row in shown]
        if with_header:
            lines.insert(1, "-" * sum(size + 3 for size in widths))
        return "".join(f"{line}\n" for line in lines)


def width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF") for char in text)


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    padded = [f" {cell}{' ' * (size - width(cell) + 2)}" for cell, size in zip(row[:-1], widths, strict=False)]
    return "".join(padded) + f" {row[-1]}"
