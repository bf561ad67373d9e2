"""What a user is told on a machine that gives no namespaces."""

from errno import EINVAL, ENOSPC, EPERM

import pytest

from vnethook.host import namespace_calls
from vnethook.live import files

RESTRICTED = "kernel.apparmor_restrict_unprivileged_userns"
VDE = "or use a network of kind vde: <forward mode='user'><backend type='vde'/></forward>"


@pytest.mark.parametrize(
    ("sysctls", "errno", "reason", "hint"),
    [
        (
            {"kernel/unprivileged_userns_clone": "0\n"},
            EPERM,
            "sysctl kernel.unprivileged_userns_clone is 0",
            "ask for sysctl -w kernel.unprivileged_userns_clone=1",
        ),
        (
            {"user/max_user_namespaces": "0\n"},
            ENOSPC,
            "sysctl user.max_user_namespaces is 0",
            "ask for sysctl -w user.max_user_namespaces=10000",
        ),
        (
            {"kernel/apparmor_restrict_unprivileged_userns": "1\n"},
            EPERM,
            "sysctl kernel.apparmor_restrict_unprivileged_userns is 1",
            f"ask for an AppArmor profile for vnet with `userns,`, or sysctl -w {RESTRICTED}=0",
        ),
        (
            {"user/max_user_namespaces": "4096\n"},
            ENOSPC,
            "there are too many already",
            "ask for a higher sysctl user.max_user_namespaces",
        ),
        ({}, EINVAL, "the kernel has none, or this process has several threads", "a kernel with CONFIG_USER_NS"),
        ({}, EPERM, "Operation not permitted", "a container or a security module forbids it: run it outside"),
    ],
)
def test_what_forbids_a_namespace_is_named_with_what_helps(monkeypatch, sysctls, errno, reason, hint):
    monkeypatch.setattr(files, "read_text", lambda path: sysctls.get(path.removeprefix("/proc/sys/")))
    error = namespace_calls.forbidden(errno)
    assert str(error) == f"user namespace: make: {reason}"
    assert error.hint == f"{hint}, {VDE}"
