"""vifname=: an interface gets the administrator's name, never another's, and gives it back."""

import pytest

from tests.lab.xen import CONNECTED

pytestmark = [pytest.mark.netns, pytest.mark.xen]


def is_quiet(done):
    return (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_vif_is_attached_by_its_new_name_and_the_guest_learns_its_mtu(dom0, domid):
    lan = f"lan{domid}"
    vif = dom0.vif(domid, guest=f"web{domid}", bridge="lab", vifname=lan)
    assert is_quiet(vif.online())
    assert vif.status == CONNECTED
    link = dom0.link(lan)
    assert (link["master"], "UP" in link["flags"], link["ifalias"]) == ("vnlab", True, vif.name)
    assert dom0.link(vif.name) == {}
    assert dom0.node(f"{vif.frontend}/mtu") == "1400"
    assert dom0.node(f"/local/domain/{lan}/device/vif/{lan}/mtu") is None
    nic = dom0.port(lan)
    assert (nic.interface, nic.device, nic.hostname) == (lan, vif.name, f"web{domid}")
    dom0.vnet("net-check", "lab")


def test_online_again_finds_it_by_its_new_name(dom0, domid):
    lan = f"lan{domid}"
    vif = dom0.vif(domid, bridge="lab", vifname=lan)
    vif.online()
    before = dom0.port(lan)
    assert is_quiet(vif.online())
    assert dom0.port(lan) == before


def test_offline_after_the_device_has_gone_finds_it_without_the_store(dom0, domid):
    lan = f"lan{domid}"
    vif = dom0.vif(domid, bridge="lab", vifname=lan)
    vif.online()
    dom0.run(["ip", "link", "delete", lan])
    dom0.store("rm", vif.nodes, vif.frontend)
    assert is_quiet(vif.offline())
    assert dom0.port(lan) is None
    assert not (dom0.root / "run/vnethook/renamed" / vif.name).is_symlink()


def test_a_taken_name_is_refused_and_whose_it_is_stays_untouched(dom0, domid):
    """In vif-bridge the new guest's shutdown took the running one's interface down."""
    lan = f"lan{domid}"
    first = dom0.vif(domid, bridge="lab", vifname=lan)
    assert is_quiet(first.online())
    second = dom0.vif(domid, 1, bridge="lab", vifname=lan)
    link, record = dom0.link(lan), dom0.port(lan)
    done = second.online()
    message = f"interface '{second.name}': rename to '{lan}': another interface has that name"
    hint = "choose another vifname= for one of the two guests"
    assert (done.returncode, done.stderr) == (4, f"vif-vnet: {message}\n  {hint}\n")
    assert (second.status, second.error) == ("error", f"{message} ({hint})")
    assert not (dom0.root / "run/vnethook/renamed" / second.name).is_symlink()
    assert is_quiet(second.offline())
    assert (dom0.link(lan), dom0.port(lan)) == (link, record)
    assert dom0.link(second.name)
    assert is_quiet(first.online())


@pytest.mark.parametrize("taken", ["vnlab", "lo"])
def test_a_name_of_the_hosts_own_is_refused_too(dom0, domid, taken):
    vif = dom0.vif(domid, bridge="lab", vifname=taken)
    before = dom0.link(taken)
    assert vif.online().returncode == 4
    assert is_quiet(vif.offline())
    assert dom0.link(taken) == before


def test_a_refused_attach_gives_the_vif_its_own_name_back(dom0, domid):
    vif = dom0.vif(domid, bridge="nowhere", vifname=f"lan{domid}")
    assert vif.online().returncode == 3
    link = dom0.link(vif.name)
    assert "ifalias" not in link
    assert dom0.link(f"lan{domid}") == {}
    dom0.store("write", f"{vif.nodes}/bridge", "lab")
    assert is_quiet(vif.online())
    assert dom0.link(f"lan{domid}")["master"] == "vnlab"


def test_a_call_that_was_killed_after_it_had_renamed_is_taken_up(dom0, domid):
    lan = f"lan{domid}"
    vif = dom0.vif(domid, bridge="lab", vifname=lan)
    dom0.run(["ip", "link", "set", vif.name, "name", lan])
    dom0.run(["ip", "link", "set", lan, "alias", vif.name])
    assert is_quiet(vif.online())
    assert dom0.link(lan)["master"] == "vnlab"


def test_a_link_that_is_up_is_renamed_all_the_same(dom0, domid):
    vif = dom0.vif(domid, bridge="lab", vifname=f"lan{domid}")
    dom0.run(["ip", "link", "set", vif.name, "up"])
    assert is_quiet(vif.online())
    assert dom0.link(f"lan{domid}")["master"] == "vnlab"


def test_its_own_name_is_no_other(dom0, domid):
    vif = dom0.vif(domid, bridge="lab", vifname=f"vif{domid}.0")
    assert is_quiet(vif.online())
    assert vif.port.device == ""


def test_the_second_of_a_pair_goes_by_the_vifs_name(dom0, domid):
    lan = f"lan{domid}"
    vif = dom0.vif(domid, guest=f"hvm{domid}", bridge="lab", vifname=lan, is_pair=True)
    assert is_quiet(vif.online())
    assert is_quiet(vif.add())
    assert dom0.link(f"{lan}-emu")["master"] == "vnlab"
    second = dom0.port(f"{lan}-emu")
    assert (second.beside, second.device, second.hostname) == (lan, vif.tap, "")
    dom0.run(["ip", "link", "delete", lan])
    dom0.run(["ip", "link", "delete", f"{lan}-emu"])
    assert is_quiet(vif.offline())
    assert is_quiet(vif.remove())
    assert (dom0.port(lan), dom0.port(f"{lan}-emu")) == (None, None)


def test_a_name_that_is_too_long_with_its_end_leaves_the_tap_its_own(dom0, domid):
    name = f"a-long-name{domid:03}"
    vif = dom0.vif(domid, bridge="lab", vifname=name, is_pair=True)
    assert is_quiet(vif.online())
    assert is_quiet(vif.add())
    assert (dom0.link(name)["master"], dom0.link(vif.tap)["master"]) == ("vnlab", "vnlab")
    assert is_quiet(vif.offline())
    assert is_quiet(vif.remove())


def test_who_has_the_name_by_now_is_left_alone_by_a_late_offline(dom0, domid):
    """The first guest was killed with its toolstack; another has come by the name since."""
    lan = f"lan{domid}"
    first = dom0.vif(domid, bridge="lab", vifname=lan)
    first.online()
    dom0.run(["ip", "link", "delete", lan])
    second = dom0.vif(domid, 1, bridge="lab", vifname=lan)
    assert is_quiet(second.online())
    assert is_quiet(first.offline())
    assert dom0.link(lan)["master"] == "vnlab"
    assert dom0.port(lan).device == second.name


def test_a_renamed_vif_that_the_administrator_moved_is_still_detached_by_its_own_name(dom0, domid):
    lan = f"lan{domid}"
    vif = dom0.vif(domid, bridge="lab", vifname=lan)
    vif.online()
    dom0.vnet("attach", lan, "--network", "default")
    assert (dom0.port(lan).network, dom0.port(lan).device) == ("default", vif.name)
    assert is_quiet(vif.offline())
    assert dom0.port(lan) is None
    assert "master" not in dom0.link(vif.name)
