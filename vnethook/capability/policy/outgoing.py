"""What guests send outside, as `<outgoing>` says it: the first rule that matches counts, then the default.

Rules that follow each other and differ by TCP and UDP ports only are one look-up for each protocol, however many.
"""

from vnethook.address import parse_subnet
from vnethook.capability.policy import named
from vnethook.capability.policy.matches import ANSWERS, REFUSAL, family, port_set
from vnethook.definition.forwarding import NUMBERS
from vnethook.names import label_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.forwarding import Outgoing, PortRule
    from vnethook.definition.model import Network

    Ports = list[tuple[int, int]]

EVERY_PORT = (0, 65535)
_NUMBERS = {"sctp": "132", "icmp": "{ 1, 58 }", "gre": "47", "esp": "50", "ah": "51"}
_BY_PORTS = ("tcp", "udp", "both")
_ALLOWED = ("accept",)


def chain(network: "Network") -> list[str]:
    """The rules of the chain; none where all may go out."""
    outgoing = network.outgoing
    if outgoing is None:
        return []
    found: list[str] = []
    runs, sets = _runs(outgoing), named.senders(network)
    for index, rules in enumerate(runs):
        said = ("allow", "deny") if index + 1 < len(runs) else _unlike(outgoing)
        found += _of_run(_conditions(rules[0], sets), rules, said)
    if outgoing.default == "deny":
        return [*ANSWERS, *found, *REFUSAL]
    return [*ANSWERS, *found, "accept"] if any(" accept" not in f" {rule}" for rule in found) else []


def _runs(outgoing: "Outgoing") -> "list[list[PortRule]]":
    """The rules, those together that can be one look-up."""
    found: list[list[PortRule]] = []
    for rule in outgoing.rules:
        if found and _run(found[-1][0]) == _run(rule):
            found[-1].append(rule)
        else:
            found.append([rule])
    return found


def _run(rule: "PortRule") -> tuple[str | None, ...]:
    """What rules have in common that can be one look-up."""
    kind = "" if rule.protocol in _BY_PORTS else rule.protocol
    return kind, rule.destination, rule.domain, rule.source


def _unlike(outgoing: "Outgoing") -> tuple[str, ...]:
    """The actions for which a rule is needed at the end, where the default says the other one."""
    return ("allow",) if outgoing.default == "deny" else ("deny",)


def _of_run(where: str, rules: "list[PortRule]", said: tuple[str, ...]) -> list[str]:
    """The rules for a run of them, as far as they say one of these actions; `where`: the match that they share."""
    if rules[0].protocol in _BY_PORTS:
        found = [
            (action, protocol, ports_of(rules, protocol, action)) for action in said for protocol in ("tcp", "udp")
        ]
        return [
            f"{where}{_match(protocol, ports)} {_verdicts(action, protocol)[0]}"
            for action, protocol, ports in found
            if ports
        ]
    needed = max((place for place, rule in enumerate(rules, 1) if rule.action in said), default=0)
    return [
        f"{where}{_plain_match(rule)}{verdict}"
        for rule in rules[:needed]  # of what follows the default says the same
        for verdict in _verdicts(rule.action, rule.protocol)
    ]


def _plain_match(rule: "PortRule") -> str:
    """The match of a rule that is not about ports of TCP and UDP."""
    number = f"meta l4proto {_NUMBERS[rule.protocol]} " if rule.protocol in _NUMBERS else ""
    return number + (f"th dport {port_set([rule.ports])} " if rule.ports else "")


def _conditions(rule: "PortRule", sets: dict[str, str]) -> str:
    """Whose it is and where it goes, as far as a rule says it."""
    found = ""
    if rule.domain:
        found += f"ether saddr @{sets[label_of(rule.domain)]} "
    if rule.source:
        found += f"{family(parse_subnet(rule.source))} saddr {rule.source} "
    if rule.destination:
        found += f"{family(parse_subnet(rule.destination))} daddr {rule.destination} "
    return found


def _match(protocol: str, ports: "Ports") -> str:
    if ports == [EVERY_PORT]:
        return f"meta l4proto {NUMBERS[protocol]}"
    return f"{protocol} dport {{ {port_set(ports)} }}"


def _verdicts(action: str, protocol: str) -> tuple[str, ...]:
    if action == "allow":
        return _ALLOWED
    if protocol == "any":
        return REFUSAL
    return ("reject with tcp reset",) if protocol == "tcp" else ("reject",)


def ports_of(rules: "list[PortRule]", protocol: str, action: str) -> "Ports":
    """The ports, as ranges that neither overlap nor touch, for which the first matching rule says `action`."""
    said = [(rule.action, rule.ports or EVERY_PORT) for rule in rules if rule.protocol in {protocol, "both"}]
    starts = sorted({port for _, ports in said for port in (ports[0], ports[1] + 1)})
    found: Ports = []
    for start, following, what in zip(starts, starts[1:], _actions(said, starts), strict=False):
        if what != action:
            continue
        if found and found[-1][1] + 1 == start:
            found[-1] = (found[-1][0], following - 1)
        else:
            found.append((start, following - 1))
    return found


def _actions(rules: "list[tuple[str, tuple[int, int]]]", starts: list[int]) -> list[str]:
    """What the first matching rule says of the ports from each start to the next; empty where none matches.

    However many rules there are, each stretch is said once: `free` leads from it to the next that is not.
    """
    place = {start: index for index, start in enumerate(starts)}
    said, free = [""] * len(starts), list(range(len(starts) + 1))
    for action, ports in rules:
        index, end = _free(free, place[ports[0]]), place[ports[1] + 1]
        while index < end:
            said[index], free[index] = action, index + 1
            index = _free(free, index)
    return said


def _free(free: list[int], index: int) -> int:
    """The first stretch from `index` on of which nothing is said; makes the way there shorter for the next."""
    while free[index] != index:
        free[index] = free[free[index]]
        index = free[index]
    return index
