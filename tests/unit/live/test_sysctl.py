"""Sysctls are read by their path below /proc/sys."""

from vnethook.live import sysctl


def test_a_sysctl_is_read_and_one_that_the_kernel_lacks_is_none():
    with open("/proc/sys/kernel/ostype") as file:
        assert sysctl.read("kernel/ostype") == file.read().strip()
    assert sysctl.read("kernel/none") is None
    assert sysctl.read("kernel") is None
