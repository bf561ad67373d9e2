"""The part of `FakeHost` that stands for nftables."""

import copy
import ipaddress

from vnethook.errors import HostError


class FakeNft:
    """nftables, as far as our own texts go: one table, its chains, maps and sets; a transaction is all or nothing."""

    def __init__(self, changes):
        self._changes = changes
        self.tables: dict[str, dict[str, dict[str, list[str]]]] = {}

    def require(self):
        """It is installed."""

    def is_usable(self):
        return True

    def apply(self, text):
        def change():
            after = copy.deepcopy(self.tables)
            for number, line in enumerate(text.splitlines(), 1):
                reason = _apply_nft(after, line)
                if reason:
                    msg = f"nft: apply rules: /dev/stdin:{number}: Error: {reason}"
                    raise HostError(msg, hint="the transaction was refused as a whole, nothing of it is in force")
            self.tables = after

        self._changes.make("apply nft rules", change)

    def uses(self, chains):
        table = self.tables.get("inet vnethook", {"chain": {}, "map": {}})
        jumps = _jumps(table)
        return {name: len(table["chain"][name]) + jumps.count(name) for name in chains if name in table["chain"]}

    def missing_elements(self, elements):
        table = self.tables.get("inet vnethook", {"set": {}})
        return [f"{name} {key}" for name, key in elements if key not in map(_key, table["set"].get(name, []))]


def _jumps(table):
    """The chains that an element of a map or a rule leads to, once for each."""
    elements = [element.rsplit(" ", 1)[-1] for elements in table["map"].values() for element in elements]
    return elements + [
        rule.rsplit(" ", 1)[-1] for rules in table["chain"].values() for rule in rules if " goto " in f" {rule}"
    ]


def _key(element):
    """An element's key as the kernel keeps it, in hexadecimal."""
    if element.startswith('"'):
        return element.strip('"').encode().ljust(16, b"\0").hex()
    return ipaddress.ip_interface(element).network.network_address.packed.hex()


def _apply_nft(tables, line):
    """Apply one command of nft(8); why it is refused, empty if it is not."""
    verb, kind, rest = line.split(" ", 2)
    family, name, *what = rest.split(" ", 3)
    table = f"{family} {name}"
    if kind == "table":
        if verb == "add":
            tables.setdefault(table, {"chain": {}, "map": {}, "set": {}})
        elif tables.pop(table, None) is None:
            return "No such file or directory"
        return ""
    if table not in tables:
        return "No such file or directory"
    kinds = tables[table]
    if kind == "rule":
        if {what[0], *_jumps({"map": {}, "chain": {"": what[1:]}})} - kinds["chain"].keys():
            return "No such file or directory"
        kinds["chain"][what[0]].append(what[1])
    elif kind == "element":
        return _apply_element(kinds, verb, what[0], what[1].removeprefix("{ ").removesuffix(" }"))
    else:
        return _apply_to_object(kinds, verb, kind, what[0])
    return ""


def _apply_to_object(kinds, verb, kind, name):
    """A chain, map or set as a whole."""
    if verb == "add":
        kinds[kind].setdefault(name, [])
    elif verb == "flush":
        kinds[kind][name].clear()
    else:
        if name in _jumps(kinds):
            return "Device or resource busy"
        del kinds[kind][name]
    return ""


def _apply_element(kinds, verb, name, element):
    holder = kinds["map"].get(name, kinds["set"].get(name))
    if holder is None:
        return "No such file or directory"
    if verb == "delete":
        if element not in holder:
            return "No such file or directory"
        holder.remove(element)
    elif element not in holder:
        key = element.partition(" : ")[0]
        if any(other.partition(" : ")[0] == key for other in holder):
            return "File exists"
        holder.append(element)
    return ""
