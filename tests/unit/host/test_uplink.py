"""What an uplink is told: ports without overlaps, and name servers as they are reached from a user's namespace."""

import pytest

from vnethook.host import uplink
from vnethook.host.ports_merged import is_covered, merged
from vnethook.host.uplink import PASTA, PASTA_NAMES, SLIRP, SLIRP_NAMES, Outside


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        ([], []),
        (["8080", "8080"], ["8080"]),
        (["8080", "8000-8100", "9000"], ["8000-8100", "9000"]),
        (["8000-8010", "8011", "8020"], ["8000-8011", "8020"]),
        (["127.0.0.1/8080", "8080"], ["8080"]),
        (["127.0.0.1/8080-8090", "8085"], ["8085", "127.0.0.1/8080-8084", "127.0.0.1/8086-8090"]),
        (["192.0.2.1/8080", "127.0.0.1/8080"], ["127.0.0.1/8080", "192.0.2.1/8080"]),
    ],
)
def test_ports_of_several_networks_are_bound_once(specs: list[str], expected: list[str]) -> None:
    assert merged(specs) == expected
    assert all(is_covered(spec, expected) or "127.0.0.1/8080-8090" in specs for spec in specs)


def test_a_port_is_covered_by_what_has_all_of_it_on_its_address() -> None:
    assert is_covered("127.0.0.1/8080", ["8000-8090"])
    assert not is_covered("8080", ["127.0.0.1/8080"])
    assert not is_covered("8080-8091", ["8000-8090"])


@pytest.mark.parametrize(
    ("servers", "through", "far"),
    [
        ((), False, []),
        (("192.0.2.53", "127.0.0.1"), False, ["192.0.2.53"]),
        (("127.0.0.53",), True, []),
        (("::1", "192.0.2.53"), True, ["192.0.2.53"]),
        (("192.0.2.2",), True, []),  # the machine's own address is the namespace's, too
    ],
)
def test_a_name_server_on_the_machine_is_asked_through_the_uplink(
    servers: tuple[str, ...], through: bool, far: list[str]
) -> None:
    now = Outside(ways=((4, "eth0", "192.0.2.1", ("192.0.2.2/24",)),), own=("192.0.2.2",), servers=servers)
    for program, address in ((PASTA, PASTA_NAMES[4]), (SLIRP, SLIRP_NAMES)):
        expected = [address] * through + far
        assert uplink.resolv_conf(program, now) == "".join(f"nameserver {server}\n" for server in expected)
