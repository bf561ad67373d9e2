"""What the doctor tells an ordinary user: of the user's own networks, and nothing that only root could mend."""

from vnethook.lifecycle.doctor import examine
from vnethook.lifecycle.doctor.survey import Hook, Survey

HOOK = Hook("qemu-ifup", "QEMU", "/etc/qemu-ifup", "missing")


def test_a_user_is_told_what_forbids_namespaces_and_taps():
    survey = Survey(user=4321, forbidden="user namespace: make: sysctl a.b is 0", helps="ask for a.b=1", has_tun=False)
    assert [str(finding) for finding in examine(survey)] == [
        "error: /dev/net/tun: is not yours to read and write: no guest gets a tap",
        "warning: user namespaces: user namespace: make: sysctl a.b is 0",
    ]
    assert [finding.command for finding in examine(survey)] == ["ask for chmod 0666 /dev/net/tun", "ask for a.b=1"]


def test_a_user_is_not_told_of_what_is_for_root_to_see_and_mend():
    survey = Survey(user=4321, hypervisors=("QEMU",), hooks=(HOOK,), unseen=("kernel",))
    assert examine(survey) == []
    assert examine(survey.replace(user=0)) != []
