"""What the host offers to guests beside DHCP, DNS and ICMP: `<host allow='22/tcp 53 8000-8010/udp'/>`."""

from vnethook.definition.forwarding import check_ports, check_protocol, shown_ports
from vnethook.names import refuse, shown
from vnethook.value import Value

EVERYTHING = "all"
SEPARATORS = ",\t\r\n"
"""Beside a blank."""
_FORM = f"must be ports as in '22/tcp 53 8000-8010/udp', or {EVERYTHING}"
_DIGITS = 5
"""A port's most."""


class Service(Value):
    """Ports (first, last) of the host that guests reach by `protocol`: "tcp", "udp" or "both"."""

    ports: tuple[int, int]
    protocol: str = "both"

    @property
    def label(self) -> str:
        """As it is written."""
        return shown_ports(self.ports) + ("" if self.protocol == "both" else f"/{self.protocol}")

    def _check(self) -> None:
        check_ports(self.ports)
        check_protocol(self.protocol)


class Offers(Value):
    """What guests reach of the host: the services in the order in which they are written; `everything`: without any."""

    services: tuple[Service, ...] = ()
    everything: bool = False
    _nested = {"services": Service}  # noqa: RUF012 (ClassVar needs typing)

    @property
    def text(self) -> str:
        """The one form in which it is written."""
        return EVERYTHING if self.everything else " ".join(service.label for service in self.services)

    def ports(self, protocol: str) -> list[tuple[int, int]]:
        """The ports that `protocol` ("tcp", "udp") reaches, as ranges that neither overlap nor touch."""
        found: list[tuple[int, int]] = []
        for first, last in sorted(item.ports for item in self.services if item.protocol in {protocol, "both"}):
            if found and first <= found[-1][1] + 1:
                found[-1] = (found[-1][0], max(found[-1][1], last))
            else:
                found.append((first, last))
        return found

    def _check(self) -> None:
        if bool(self.services) is self.everything:
            refuse(f"host allow: {_FORM}")


def read_offers(text: str) -> Offers:
    """What `allow=` says; raise DefinitionError. Equal ones are kept once, and beside "all" none."""
    for char in SEPARATORS:
        text = text.replace(char, " ")
    words = list(dict.fromkeys(word for word in text.split(" ") if word))
    if EVERYTHING in words:
        words.remove(EVERYTHING)
        for word in words:
            _service(word)
        return Offers(everything=True)
    return Offers(tuple(dict.fromkeys(map(_service, words))))


def _service(word: str) -> Service:
    ports, slash, protocol = word.partition("/")
    ends = ports.split("-")
    is_number = all(end.isascii() and end.isdigit() and len(end) <= _DIGITS for end in ends)
    if len(ends) > 2 or not is_number or (slash and protocol not in {"tcp", "udp"}):
        refuse(f"host allow={shown(word)}: {_FORM}")
    return Service((int(ends[0]), int(ends[-1])), protocol or "both")
