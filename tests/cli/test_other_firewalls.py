"""What `vnet hooks` tells ufw and firewalld, and what it says where they refuse; with the real ones: test_coexistence.py."""

import pytest

from vnethook.cli import hooks, other_firewalls, report
from vnethook.errors import HostError
from vnethook.host.programs import Finished

OURS = " comment 'vnethook'"


class Ufw:
    """A ufw with these rules; what it was told. It refuses what holds the word `refused`."""

    def __init__(self, *rules: str, refused: str = "-") -> None:
        self.rules = rules
        self.refused = refused
        self.told: list[str] = []

    def run(self, argv: list[str], **_: object) -> Finished:
        words = " ".join(argv[1:])
        if self.refused in words:
            return Finished(1, "", "ERROR: problem running\n")
        if words == "show added":
            return Finished(
                0, "Added user rules (see 'ufw status'):\n" + "".join(f"ufw {rule}\n" for rule in self.rules), ""
            )
        self.told.append(words)
        return Finished(0, "Rules updated\n", "")


@pytest.fixture
def install(monkeypatch):
    """Have a ufw installed, or with None none, and no firewalld running; what is said."""
    lines: list[str] = []

    def install(ufw, *others: str):
        there = {"ufw", *others} if ufw else set()
        find = lambda program: f"/usr/sbin/{program}" if program in there else None  # noqa: E731
        monkeypatch.setattr(other_firewalls.programs, "find", find)
        monkeypatch.setattr(other_firewalls.programs, "run", ufw.run if ufw else None)
        monkeypatch.setattr(other_firewalls.Firewalld, "is_running", lambda _: False)
        monkeypatch.setattr(report, "line", lines.append)
        return lines

    return install


def test_ufw_is_told_what_it_lacks_and_nothing_twice(install) -> None:
    ufw = Ufw("allow in on vnbr+ to any port 53", f"route allow in on vnbr+{OURS}", "allow 22/tcp")
    said = install(ufw)
    assert hooks._tell_firewalls(is_zone_new=True) == []
    assert ufw.told == [
        "allow in on vnbr+ to any port 67 proto udp comment vnethook",
        "allow in on vnbr+ to any port 547 proto udp comment vnethook",
        "route allow out on vnbr+ comment vnethook",
    ]
    assert said == ["ufw: 3 rules for bridges vnbr+ added"]


def test_only_rules_that_we_added_are_taken_back(install) -> None:
    ufw = Ufw(
        "allow in on vnbr+ to any port 53",
        f"allow in on vnbr+ to any port 67 proto udp{OURS}",
        f"route allow in on vnbr+{OURS}",
    )
    said = install(ufw)
    assert hooks._tell_firewalls(is_zone_new=False, is_removal=True) == []
    assert ufw.told == ["delete allow in on vnbr+ to any port 67 proto udp", "route delete allow in on vnbr+"]
    assert said == ["ufw: 2 rules for bridges vnbr+ removed"]


def test_nothing_is_said_of_a_ufw_that_has_all_or_is_not_installed(install) -> None:
    for ufw in (Ufw(*(f"{rule}{OURS}" for rule in other_firewalls.UFW_RULES)), None):
        said = install(ufw)
        assert (hooks._tell_firewalls(is_zone_new=True), said) == ([], [])
    assert hooks._tell_firewalls(is_zone_new=True, is_removal=True) == []


def test_beside_docker_ufw_is_not_told_to_let_everything_through_that_guests_send_on(install) -> None:
    ufw = Ufw()
    install(ufw, "dockerd")
    hooks._tell_firewalls(is_zone_new=True)
    assert [words for words in ufw.told if "route" in words] == ["route allow out on vnbr+ comment vnethook"]


def test_a_ufw_that_refuses_is_a_warning(install) -> None:
    install(Ufw(refused="547"))
    [refusal] = hooks._tell_firewalls(is_zone_new=True)
    assert refusal.startswith(
        "ufw allow in on vnbr+ to any port 547 proto udp comment vnethook: ERROR: problem running"
    )


def test_a_firewalld_that_refuses_does_not_keep_ufw_from_its_rules(install, monkeypatch) -> None:
    ufw = Ufw()
    install(ufw)

    def reload(_: object) -> None:
        msg = "firewalld: reload: exit status 13"
        raise HostError(msg)

    monkeypatch.setattr(other_firewalls.Firewalld, "is_running", lambda _: True)
    monkeypatch.setattr(other_firewalls.Firewalld, "reload", reload)
    assert hooks._tell_firewalls(is_zone_new=True) == ["firewalld: reload: exit status 13"]
    assert len(ufw.told) == 5
