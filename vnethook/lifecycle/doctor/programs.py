"""Programs that networks stand on, and the hooks by which hypervisors call us."""

from typing import TYPE_CHECKING

from vnethook.host.programs import PACKAGES
from vnethook.lifecycle.doctor.finding import STOPS, WARNS, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vnethook.lifecycle.doctor.survey import Survey

_DEBIAN = {"dnsmasq": "dnsmasq-base", "nft": "nftables", "ssh": "openssh-client", "vde_plug": "vdeplug"}
_FEDORA = {"nft": "nftables", "pasta": "passt", "ssh": "openssh-clients", "vde_plug": "vde2"}
_WITHOUT = {
    "vde_plug": "no network is linked with other hosts by tls, tcp or ssh",
    "ssh": "no network is linked with other hosts by ssh",
    "pasta": "guests of networks of yours reach nothing outside; slirp4netns does, too",
}
"""What guests start without."""
_FOR = {
    "nft": "no network has a firewall, so none comes up",
    "iptables": "no network has a firewall, so none comes up",
    "dnsmasq": "no network has DHCP and DNS",
}


def missing(survey: "Survey") -> "Iterator[Finding]":
    """Programs that are not installed."""
    for program in survey.missing_programs:
        package = _DEBIAN.get(program, PACKAGES.get(program, program))
        what = f"not installed: {_WITHOUT.get(program) or _FOR.get(program, 'networks need it')}"
        yield Finding(
            WARNS if program in _WITHOUT else STOPS,
            f"program {program!r}",
            what,
            f"apt-get install {package}   (Fedora: dnf install {_FEDORA.get(program, program)})",
        )


def python(survey: "Survey") -> "Iterator[Finding]":
    """What hooks run on."""
    if survey.python:
        subject, _, what = survey.python.partition(": ")
        yield Finding(STOPS, subject, what, "apt-get install python3")


def users(survey: "Survey") -> "Iterator[Finding]":
    """Whether ordinary users get what they are allowed."""
    if survey.unserved:
        what = f"allows users guests, and nobody listens at {survey.unserved} for their bridge helper"
        mend = "vnet hooks install --enable-users; systemctl daemon-reload; systemctl start vnethook-bridge.socket"
        yield Finding(WARNS, "bridge.conf", what, f"{mend}   (without systemd: vnet bridge-serve)")


def package(survey: "Survey") -> "Iterator[Finding]":
    """Whether our own package is in order."""
    for problem in survey.package:
        subject, _, what = problem.partition(": ")
        yield Finding(WARNS, subject, what, "vnet hooks install   (says it again if it is not mended)")


def hooks(survey: "Survey") -> "Iterator[Finding]":
    """Hooks of the hypervisors that are here: those that lead nowhere stop guests, missing ones do nothing."""
    for hook in survey.hooks:
        subject = f"hook {hook.name!r}"
        if hook.lost:
            what = f"{hook.path} leads to {hook.lost}, where there is no vnethook: guests that call it do not start"
            yield Finding(STOPS, subject, what, "vnet hooks install")
        elif hook.state == "outdated":
            yield Finding(WARNS, subject, f"{hook.path} is of another version", "vnet hooks install")
    for hypervisor in survey.hypervisors:
        states = {hook.state for hook in survey.hooks if hook.hypervisor == hypervisor}
        if states and states <= {"missing", "other"}:
            what = "its hooks are not installed: its guests get no network from us by themselves"
            yield Finding(WARNS, hypervisor, what, "vnet hooks install")
