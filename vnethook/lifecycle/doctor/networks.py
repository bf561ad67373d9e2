"""What is wrong with networks themselves."""

from typing import TYPE_CHECKING

from vnethook.lifecycle.doctor.finding import STOPS, WARNS, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vnethook.lifecycle.doctor.survey import Survey


def definitions(survey: "Survey") -> "Iterator[Finding]":
    """Definitions that are not in order, and networks that did not come up the last time."""
    for network in survey.networks:
        subject = f"network {network.name!r}"
        if network.problem:
            level = WARNS if network.is_active else STOPS  # it goes on with the definition that it came up with
            yield Finding(level, subject, network.problem, f"vnet net-edit {network.name}", network.name)
        elif network.failure and not network.is_active:
            more = ", and it is to start at boot" if network.is_autostart else ""
            what = f"did not come up the last time{more}: {network.failure}"
            yield Finding(STOPS, subject, what, f"vnet net-start {network.name}", network.name)


def faults(survey: "Survey") -> "Iterator[Finding]":
    """Networks that are up and not as they are defined."""
    for network in survey.networks:
        if network.faults:
            more = f"; and {len(network.faults) - 1} more" if len(network.faults) > 1 else ""
            what = f"is not as defined: {network.faults[0]}{more}"
            yield Finding(STOPS, f"network {network.name!r}", what, f"vnet net-repair {network.name}", network.name)


def fabrics(survey: "Survey") -> "Iterator[Finding]":
    """Networks that are up here and do not reach other hosts."""
    for network in survey.networks:
        for line in network.apart:
            command = f"vnet fabric-list {network.name}"
            yield Finding(WARNS, f"network {network.name!r}", line, command, network.name)


def links(survey: "Survey") -> "Iterator[Finding]":
    """Links with other hosts that are down."""
    for network in survey.networks:
        for line in network.unlinked:
            yield Finding(WARNS, f"network {network.name!r}", line, f"vnet link-list {network.name}", network.name)


def certificates(survey: "Survey") -> "Iterator[Finding]":
    """What all networks with links by TLS prove themselves by."""
    for what in dict.fromkeys(network.certificate for network in survey.networks if network.certificate):
        name, _, reason = what.partition(": ")
        yield Finding(WARNS, name, f"{reason}: links by tls need it", "vnet link-cert show")


def overlaps(survey: "Survey") -> "Iterator[Finding]":
    """Networks whose subnets the host uses otherwise, as by a VPN."""
    for network in survey.networks:
        if not network.overlap or (network.is_chosen and not network.is_active):
            continue  # one that we chose is chosen again at the next start
        if network.is_active:
            what = f"{network.overlap}: one of the two does not reach what it should"
            command = f"vnet net-restart {network.name}" if network.is_chosen else f"vnet net-edit {network.name}"
        else:
            what, command = f"{network.overlap}: it cannot be started", f"vnet net-edit {network.name}"
        yield Finding(STOPS, f"network {network.name!r}", what, command, network.name)
