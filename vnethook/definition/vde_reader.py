"""Reads the VDE switch of a network: `<vde>`."""

from vnethook.definition.node import Node
from vnethook.definition.vde import Vde


def vde(node: Node) -> Vde:
    """What `<vde>` says; a mode is read with or without its leading 0."""
    mode = node.attributes.get("mode")
    return node.build(lambda: Vde(node.attributes.get("group"), f"0{mode}" if mode and len(mode) == 3 else mode))
