"""Which strings may be a name: of a network, a link, a DNS domain or a host.

Names reach file names, dnsmasq configuration, nft text and terminals, so each kind has a strict set of characters
(notes: newline injection is the class of fault to exclude). No `re`: the hook's cold way checks names too.
"""

from vnethook.errors import DefinitionError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_ALNUM = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_NETWORK = _ALNUM | frozenset("_.+@-")
_LINK = _ALNUM | frozenset("_.+@:-")
_LABEL = _ALNUM | frozenset("_-")

BRIDGE_PREFIX = "vnbr"
"""Begins the bridge names that we choose; one wildcard rule of another firewall covers them all."""
SHARED_BRIDGE_PREFIX = "ebr"
"""Begins the names that we choose for bridges with a NIC of the host's as a port."""
ZONE = "vnethook"
"""The zone of firewalld that we bring, with all bridges that have our prefix in it."""
NETWORK_MAX = 64
LINK_MAX = 15
"""IFNAMSIZ less the closing NUL, linux/if.h."""


def shown(text: object) -> str:
    """A string from outside, quoted and cut for a message: one line, whatever it holds."""
    quoted = ascii(text)
    return quoted if len(quoted) <= 80 else f"{quoted[:60]}…{quoted[-8:]}"


def refuse(message: str) -> "NoReturn":
    """Raise DefinitionError with `message`."""
    raise DefinitionError(message)


def is_network_name(name: str) -> bool:
    """Whether `name` may name a network: 1-64 of A-Z a-z 0-9 _ . + @ -, beginning with a letter, digit or _."""
    return 0 < len(name) <= NETWORK_MAX and _NETWORK.issuperset(name) and name[0] not in ".+@-"


def is_link_name(name: str) -> bool:
    """Whether the kernel and we accept `name` for a link: 1-15 of A-Z a-z 0-9 _ . + @ : -. Source: dev_valid_name()."""
    return 0 < len(name) <= LINK_MAX and _LINK.issuperset(name) and name not in {".", ".."} and name[0] not in "-+@:"


def is_domain_name(name: str) -> bool:
    """Whether `name` is a DNS name: labels of 1-63 letters, digits, - and _, 253 in all. Source: RFC 1035, RFC 2181."""
    labels = name.split(".")
    return 0 < len(name) <= 253 and all(
        0 < len(label) <= 63 and _LABEL.issuperset(label) and label[0] != "-" and label[-1] != "-" for label in labels
    )


def check_network_name(name: str) -> str:
    """Give `name` back, or raise DefinitionError."""
    if not is_network_name(name):
        refuse(f"network name {shown(name)}: must be 1 to {NETWORK_MAX} of A-Z a-z 0-9 _.+@-, not one of .+@- first")
    return name


def check_link_name(name: str) -> str:
    """Give `name` back, or raise UsageError."""
    if not is_link_name(name):
        why = f"longer than {LINK_MAX} characters" if len(name) > LINK_MAX else "not a name for a network interface"
        msg = f"interface {shown(name)}: {why}"
        raise UsageError(msg, hint="the name of the guest's tap, veth or vif in the host, for example tap0")
    return name


def is_dnsmasq_keyword(name: str) -> bool:
    """Whether dnsmasq takes a name for something else: `ignore`, a lease time (101, 10m, infinite), an address.

    A unit without digits is a name. Source: dnsmasq's option.c, what it reads of --dhcp-host.
    """
    digits = name[:-1] if len(name) > 1 and name[-1].lower() in set("smhdw") else name
    return name.lower() in {"ignore", "infinite"} or not digits.strip("0123456789.")


def label_of(text: str) -> str:
    """A guest's name as a DNS label: lower case, other characters become "-"; empty if nothing is left. RFC 1123."""
    label = "".join(char if char in _ALNUM else "-" for char in text.lower())[:63]
    while "--" in label:
        label = label.replace("--", "-")
    return label.strip("-")
