"""Drawings of a topology: as text at any number of guests, and for Graphviz."""

import os
import shutil
import subprocess
from collections.abc import Callable

import pytest

from tests.lab.packages import missing, unpacked
from vnethook.cli import dot, drawing, top
from vnethook.cli.screen import cut
from vnethook.cli.table import width
from vnethook.lifecycle.guests import GuestNic
from vnethook.lifecycle.topology import PHYSICAL, VIRTUAL, Port, Segment, Topology, Uplink
from vnethook.live.nics import Nic

MAC = "52:54:00:00:53:{:02x}"
ETH0 = Uplink("eth0", MAC.format(255), addresses=("192.0.2.20/24", "fe80::1/64"), is_up=True)


def _guests(count: int, network: str = "lab") -> tuple[GuestNic, ...]:
    return tuple(
        GuestNic(Nic(f"tap{number}", network, guest=f"guest{number}"), MAC.format(number), f"198.51.100.{number + 2}")
        for number in range(count)
    )


def _lab(count: int = 1, **more: object) -> Segment:
    return Segment(
        **{  # type: ignore[arg-type]  # what a test says instead
            "name": "lab",
            "kind": VIRTUAL,
            "bridge": "vnbr7",
            "is_active": True,
            "forward": "nat",
            "addresses": ("198.51.100.1/24", "fe80::1/64"),
            "services": ("NAT", "DHCP", "DNS", "firewall"),
            "uplinks": (ETH0,),
            "guests": _guests(count),
            **more,
        }
    )


SHARED = Segment(
    name="eth0",
    kind=PHYSICAL,
    bridge="ebreth0",
    is_active=True,
    forward="bridge",
    addresses=("192.0.2.20/24",),
    uplinks=(ETH0,),
    guests=(GuestNic(Nic("vif1.0", "office", guest="desk"), MAC.format(9), ""),),
    others=(Port("tap9", "tun", MAC.format(10), "192.0.2.31"),),
    networks=("ebreth0", "office"),
)
DOWN = Segment(name="spare", kind=VIRTUAL, bridge="vnbr8", is_active=False, forward="none", problem="<stdin>:3: no")
HOST = Topology("host1", (SHARED, _lab(uplinks=(Uplink("ebreth0", "", "eth0", ("192.0.2.20/24",), is_up=True),)), DOWN))


def test_a_drawing_leads_from_the_outside_by_the_bridges_to_the_guests() -> None:
    assert drawing.text(HOST, 80) == [
        "host host1",
        "",
        "  physical network",
        "    │ eth0  52:54:00:00:53:ff",
        "┌───┴────────────────────┐",
        "│ eth0  (physical)       │",
        "│ ebreth0  192.0.2.20/24 │",
        "│ networks office        │",
        "└───┬────────────────────┘",
        "    ├─ vif1.0 ─ desk  52:54:00:00:53:09  (office)",
        "    └─ tap9   ─ not ours (tun)  192.0.2.31  52:54:00:00:53:0a",
        "",
        "  outside",
        "    │ ebreth0 (shared eth0)  192.0.2.20/24",
        "┌───┴──────────────────────┐",
        "│ lab  (virtual, NAT)      │",
        "│ vnbr7  198.51.100.1/24   │",
        "│ NAT  DHCP  DNS  firewall │",
        "└───┬──────────────────────┘",
        "    └─ tap0 ─ guest0  198.51.100.2  52:54:00:00:53:00",
        "",
        "not active:",
        "  spare  (virtual, isolated): <stdin>:3: no",
    ]


@pytest.mark.parametrize(("count", "lines"), [(0, 0), (1, 1), (12, 12), (13, 11), (100, 23)])
def test_many_guests_fold_into_their_names_and_none_is_left_out(count, lines) -> None:
    text = drawing.text(Topology("host1", (_lab(count),)), 80)
    below = text[text.index(next(line for line in text if line.startswith("└"))) + 1 :]
    assert len(below) == lines
    assert max(map(width, text)) <= 80
    words = " ".join(below).split()
    assert [name for name in (f"guest{number}" for number in range(count)) if name not in words] == []


def test_what_guests_cannot_leave_by_is_said() -> None:
    assert drawing.text(Topology("h", (_lab(uplinks=()),)), 80)[2] == "    ╳ no way out of this host now"
    broken = Segment(name="bad", kind=VIRTUAL, bridge="", is_active=False, problem="bad.xml:3: no")
    assert drawing.text(Topology("h", (broken,)), 80)[-1] == "  bad  (virtual): bad.xml:3: no"
    isolated = drawing.text(Topology("h", (_lab(0, uplinks=(), forward="none"),)), 80)
    assert isolated[2:4] == ["┌──────────────────────────┐", "│ lab  (virtual, isolated) │"]


@pytest.mark.parametrize("columns", [40, 60, 200])
def test_a_drawing_is_as_wide_as_the_terminal_at_most(columns) -> None:
    long = Nic("vethvethvethvet", "lab", guest="東" * 250)
    addresses = tuple(f"2001:db8:0:{number:x}::1/64" for number in range(9))
    segment = _lab(guests=(GuestNic(long, MAC.format(1), "192.0.2.2"),), addresses=addresses, links=("other",))
    text = drawing.text(Topology("h" * 60, (segment, _lab(99))), columns)
    assert max(map(width, text)) <= columns
    boxes = [line for line in text if line[:1] in {"┌", "│", "└"}]
    assert {line[-1] for line in boxes} == {"┐", "│", "┘"}


def test_a_drawing_can_be_shown_where_there_is_only_ascii() -> None:
    assert "\n".join(drawing.text(HOST, 40)).translate(drawing.ASCII).isascii()


def test_a_terminal_is_told_nothing_by_a_name() -> None:
    evil = _lab(guests=(GuestNic(Nic("tap0", "lab", guest="\x1b[2J"), "", ""),))
    for text in (drawing.text(Topology("h", (evil,)), 80), dot.text(Topology("h", (evil,)))):
        assert [line for line in text if not line.isprintable()] == []


def test_a_graph_joins_uplinks_bridges_and_guests() -> None:
    lines = dot.text(HOST)
    assert lines[0] == 'graph "host1" {'
    assert '    "bridge ebreth0" -- "guest vif1.0" [label="vif1.0"];' in lines
    assert '  "bridge ebreth0" -- "bridge vnbr7" [label="NAT"];' in lines
    assert '  "link eth0" -- "bridge ebreth0" [label=""];' in lines


def test_networks_that_are_connected_are_joined_once() -> None:
    one, other = _lab(links=("far",)), _lab(name="far", bridge="vnbr9", links=("lab",), guests=())
    lines = dot.text(Topology("h", (one, other)))
    assert [line for line in lines if "bold];" in line and "--" in line] == [
        '  "bridge vnbr7" -- "bridge vnbr9" [style=bold];'
    ]


@pytest.fixture(scope="module")
def graphviz() -> Callable[[str], str]:
    """Graphviz's `dot -Tplain`: the machine's own, else Debian's package, unpacked."""
    program, environment = shutil.which("dot"), dict(os.environ)
    if program is None:
        try:
            place = unpacked(*missing("graphviz"))
        except (OSError, subprocess.CalledProcessError):
            if os.environ.get("CI"):
                raise
            pytest.skip("no Graphviz here, and no package to be had")
        [plugins] = place.glob("usr/lib/*/graphviz")
        program = str(place / "usr/bin/dot")
        environment |= {"LD_LIBRARY_PATH": str(plugins.parent), "GVBINDIR": str(plugins)}
        subprocess.run([program, "-c"], env=environment, check=True)

    def dot(text: str) -> str:
        done = subprocess.run(
            [program, "-Tplain"], input=text, env=environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return dot


def test_graphviz_reads_it_whatever_names_hold(graphviz) -> None:
    names = ['"; }', "a\\", "<b>x</b>", "\\N", "]--[", "#", "//", "東"]
    guests = tuple(GuestNic(Nic(f"tap{n}", "lab", guest=name), "", "") for n, name in enumerate(names))
    text = "\n".join(dot.text(Topology('h"', (SHARED, _lab(guests=guests)))))
    drawn = [line for line in graphviz(text).splitlines() if line.startswith("node ")]
    assert len(drawn) == len(["eth0", "ebreth0", "vnbr7", "desk", "tap9", *names])


def test_numbers_are_short() -> None:
    found = [top.short(number) for number in (0, 0.25, 9.96, 950, 999.9, 1234, 99_960, 1e6, 123_456_789, 5e12)]
    assert found == ["0", "0.2", "10", "950", "1.0k", "1.2k", "100k", "1.0M", "123M", "5.0T"]


def test_a_line_is_cut_where_the_terminal_ends() -> None:
    assert [cut("東京都", columns) for columns in (6, 5, 4, 1, 0)] == ["東京都", "東京…", "東…", "…", ""]


@pytest.mark.parametrize(
    ("network", "shared", "place"), [("ebreth0", "eth0", "eth0"), ("office", "eth0", "office"), ("br0", "", "br0")]
)
def test_a_guest_that_named_the_nic_is_on_it_and_another_on_its_network(network, shared, place) -> None:
    assert GuestNic(Nic("tap0", network), "", "", shared, bridge="br0" if not shared else "ebreth0").place == place
