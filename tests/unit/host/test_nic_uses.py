"""What the kernel's tables say of a NIC's other uses."""

import pytest

from vnethook.host import foreign_files, nic_uses

ROOT = "22 1 {} / {} rw,relatime shared:1 - {} {} rw"
MOUNTS = {
    "a disk": (ROOT.format("0:21", "/", "ext4", "/dev/sda1"), ""),
    "NFS": (ROOT.format("0:21", "/", "nfs4", "192.0.2.9:/srv"), "/ on nfs4"),
    "NFS for users": (ROOT.format("0:21", "/home", "nfs4", "192.0.2.9:/srv"), ""),
    "both": (
        "\n".join([ROOT.format("0:1", "/", "ext4", "x"), ROOT.format("0:2", "/var", "ceph", "y")]),
        "/var on ceph",
    ),
}


@pytest.mark.parametrize("name", MOUNTS)
def test_a_system_on_the_network_is_seen(name: str) -> None:
    text, found = MOUNTS[name]
    assert nic_uses.remote_disk(text) == found


def test_groups_of_programs_are_told_from_the_kernels_own() -> None:
    text = (
        "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n"
        "2\teth0      :     2      V3\n\t\t\t\tFB0000E0     1 0:00000000\t\t0\n\t\t\t\t010000E0     1 0:00000000\t\t0\n"
        "3\teth1      :     1      V3\n\t\t\t\t050000EF     1 0:00000000\t\t0\n"
    )
    assert list(nic_uses._groups4(text, "eth0")) == ["224.0.0.251"]


def test_name_servers_with_the_name_of_a_link_are_found() -> None:
    text = "# nameserver fe80::9%eth0\nnameserver fe80::1%eth0\nnameserver fe80::2%eth01\nnameserver\nnameserver 192.0.2.1\n"
    assert nic_uses.name_servers(text, "eth0") == ("fe80::1%eth0",)


def test_a_resolver_is_read_where_a_link_leads_and_a_missing_one_has_no_servers(tmp_path):
    path = tmp_path / "resolv.conf"
    assert foreign_files.text(str(path)) == ""
    path.symlink_to("stub-resolv.conf")
    assert foreign_files.text(str(path)) == ""
    (tmp_path / "stub-resolv.conf").write_text("nameserver fe80::1%eth0\n")
    assert nic_uses.name_servers(foreign_files.text(str(path)), "eth0") == ("fe80::1%eth0",)
