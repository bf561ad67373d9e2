"""A user's switch with slirpvde: what that is told, and what only libslirp's plug does."""

import pytest

from tests.unit.definition.test_user_switch import IP, parsed
from vnethook.capability import slirpvde, user_switch
from vnethook.errors import UnsupportedError
from vnethook.host.facts import Facts
from vnethook.live.paths import Paths
from vnethook.plan.vde import RunUplink

FORWARDS = (
    "<forwarding><incoming><allow port='8080-8081' to='80-81' protocol='tcp' address='10.77.0.2'/>"
    "<allow port='5353' address='10.77.0.3'/></incoming></forwarding>"
)
FACTS = Facts(Paths("/etc", "/run", "/state"), user=1000, kind="vde", is_slirpvde=True)


def uplink(network, facts):
    [step] = [step for step in user_switch.plan(network, facts) if isinstance(step, RunUplink)]
    return step


def test_it_is_told_all_that_it_can_do():
    step = uplink(parsed(IP + FORWARDS), FACTS)
    sockets, pid_file = FACTS.paths.vde("x"), f"{FACTS.paths.switch('x')}/control/uplink.pid"
    assert (step.program, step.word) == ("slirpvde", pid_file)
    assert step.arguments == (
        *("-d", "-p", pid_file, "-q", "-s", sockets, "-H", "10.77.0.1/24", "-N", "10.77.0.254", "--dhcp=10.77.0.2"),
        *("-L", "8080:10.77.0.2:80", "-L", "8081:10.77.0.2:81"),
        *("-L", "5353:10.77.0.3:5353", "-U", "5353:10.77.0.3:5353"),
    )


def test_another_program_or_another_network_is_another_start():
    network, other = parsed(IP), parsed(IP + FORWARDS)
    libslirp = FACTS.replace(is_slirpvde=False)
    steps = [uplink(network, FACTS), uplink(other, FACTS), uplink(network, libslirp)]
    assert len({step.configuration for step in steps}) == 3
    assert len({step.word for step in steps}) == 1, "each finds the one before it"


@pytest.mark.parametrize(
    ("inside", "what"),
    [
        (f"{IP}<ip family='ipv6' address='2001:db8:77::1' prefix='64'/>", "ip: IPv6"),
        (f"{IP}<domain name='x.example'/>", "domain"),
        (f"{IP}<mtu size='1400'/>", "mtu 1400"),
        (
            f"{IP}<forwarding><incoming><allow port='8080' on='192.0.2.9' address='10.77.0.3'/></incoming></forwarding>",
            "incoming port 8080: on 192.0.2.9",
        ),
    ],
)
def test_what_only_libslirp_does_is_refused_by_the_name_of_its_package(inside, what):
    with pytest.raises(UnsupportedError) as caught:
        user_switch.plan(parsed(inside), FACTS)
    assert str(caught.value) == f"network 'x': {what}: slirpvde cannot do that"
    assert caught.value.hint == slirpvde.INSTALL
