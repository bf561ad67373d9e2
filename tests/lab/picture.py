"""Draw what is connected to what, with box-drawing characters: an uplink, networks below it, guests below them."""

from typing import NamedTuple

ASCII = str.maketrans("─│┌┐└┘┬┴╳–", "-|++++++X-") | str.maketrans({"✓": "ok ", "✗": "NO ", "…": "..."})
GAP = 2


class Block(NamedTuple):
    """A rectangle of text, and the column at which a line from above meets it."""

    lines: list[str]
    top: int

    @property
    def width(self) -> int:
        """How many columns it takes."""
        return len(self.lines[0])


class Node(NamedTuple):
    """A box with what is below it, each on a line that bears a label."""

    text: list[str]
    below: list[tuple[str, "Node"]]


def draw(node: Node) -> list[str]:
    """The node with all that is below it, as lines of text."""
    return [line.rstrip() for line in _drawn(node).lines]


def _drawn(node: Node) -> Block:
    children = [_labelled(label, _drawn(child)) for label, child in node.below]
    inner = max(*map(len, node.text), sum(child.width + GAP for child in children) - GAP - 4 if children else 0)
    width = inner + 4
    used = sum(child.width for child in children) + GAP * (len(children) - 1)
    left = max(0, (width - used) // 2)
    joints, at = [], left
    for child in children:
        joints.append(at + child.top)
        at += child.width + GAP
    bottom = ["─"] * (width - 2)
    for joint in joints:
        bottom[joint - 1] = "┬"
    lines = ["┌" + "─" * (width - 2) + "┐"]
    lines += [f"│ {text.ljust(inner)} │" for text in node.text]
    lines.append("└" + "".join(bottom) + "┘")
    for row in range(max((len(child.lines) for child in children), default=0)):
        parts = [child.lines[row] if row < len(child.lines) else " " * child.width for child in children]
        lines.append((" " * left + (" " * GAP).join(parts)).ljust(width))
    return Block(lines, width // 2)


def _labelled(label: str, block: Block) -> Block:
    """A block with a line down to it and the line's label beside it."""
    width = max(block.width, block.top + 2 + len(label))
    above = [" " * block.top + "│", " " * block.top + f"│ {label}"]
    joined = list(block.lines[0])
    joined[block.top] = "┴"
    below = ["".join(joined), *block.lines[1:]]
    return Block([line.ljust(width) for line in above + below], block.top)


def table(rows: list[list[str]]) -> list[str]:
    """Rows as lines with aligned columns; the first row is the head, with a rule below it."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [lines[0], "─" * max(map(len, lines)), *lines[1:]]
