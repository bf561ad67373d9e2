"""Tables for whoever runs a script."""


def table(rows: list[list[str]]) -> list[str]:
    """Rows as lines with aligned columns; the first row is the head, with a rule below it."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [lines[0], "─" * max(map(len, lines)), *lines[1:]]
