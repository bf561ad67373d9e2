"""What Xen's network script is asked, in the words of both generations of network-bridge."""

import pytest

from vnethook.errors import UsageError
from vnethook.hook.xen_network import Call, parse

HINT = "usage: network-vnet start|stop|status [netdev=NIC] [bridge=BRIDGE] [vifnum=NUMBER] [antispoof=yes|no]"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["start"], Call("start")),
        (["stop"], Call("stop")),
        (["status"], Call("status")),
        (["start", "netdev=eth1"], Call("start", "eth1")),
        (["netdev=eth1", "start"], Call("start", "eth1")),
        (["start", "vifnum=0"], Call("start", "", "xenbr0")),
        (["start", "vifnum=1", "netdev=eth1", "bridge=xenbr1"], Call("start", "eth1", "xenbr1")),
        (["vifnum=1", "bridge=lan", "stop"], Call("stop", "", "lan")),
        (["start", "vifnum=", "netdev=", "bridge="], Call("start")),
        (["start", "netdev=eth0", "netdev=eth1"], Call("start", "eth1")),
        (["start", "antispoof=yes"], Call("start", antispoof=True)),
        (["start", "antispoof=No"], Call("start", antispoof=False)),
        (["start", "bridge=null"], Call("start", "", "null")),
    ],
    ids=ascii,
)
def test_the_action_stands_anywhere_and_what_is_not_said_is_empty(words: list[str], expected: Call) -> None:
    assert parse(words) == expected
    assert parse(words).is_for_nothing == (expected.bridge == "null")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "0 actions given, one is needed"),
        (["netdev=eth0"], "0 actions given, one is needed"),
        (["start", "stop"], "2 actions given, one is needed"),
        (["begin"], "argument 'begin': unknown"),
        (["start", "$(id)"], "argument '$(id)': unknown"),
        (["start", "x=$(touch /tmp/x)"], "argument 'x': unknown"),
        (["start", "=eth0"], "argument '': unknown"),
        (["start", "vifnum=one"], "argument 'vifnum=one': no number"),
        (["start", "vifnum=-1"], "argument 'vifnum=-1': no number"),
        (["start", "vifnum=٣"], r"argument 'vifnum=\u0663': no number"),
        (["start", "vifnum=12345"], "argument 'vifnum=12345': no number"),
        (["start", "antispoof=perhaps"], "argument 'antispoof=perhaps': neither yes nor no"),
    ],
    ids=ascii,
)
def test_anything_else_is_refused_with_the_usage(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(words)
    assert (str(refused.value), refused.value.hint) == (message, HINT)


@pytest.mark.parametrize("name", ["../x", "eth0;id", "x" * 16, "-x", "a b", "eth0\n"], ids=ascii)
@pytest.mark.parametrize("key", ["netdev", "bridge"])
def test_what_is_no_name_for_an_interface_is_refused(key: str, name: str) -> None:
    with pytest.raises(UsageError, match="interface "):
        parse(["start", f"{key}={name}"])
