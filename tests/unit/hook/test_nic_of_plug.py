"""Which NIC of QEMU's command line a plug is for: by its words, and for equal words by the order of QEMU's children."""

import posix
import shlex

import pytest

from vnethook.hook import qemu_vde
from vnethook.hook.qemu_command import Caller
from vnethook.live import process

PATH = "/usr/libexec/vnethook/qemu-vde"


def _command(*networks: str) -> tuple[str, ...]:
    netdevs = [f"-netdev 'vde,id=n{number},sock=cmd://{PATH} {name}'" for number, name in enumerate(networks, 1)]
    nics = [f"-device e1000,netdev=n{number},mac=02:00:00:00:53:0{number}" for number in range(1, len(networks) + 1)]
    return ("qemu", *shlex.split(" ".join([*netdevs, "-netdev vde,id=x,sock=/run/sw", *nics])))


def _mac(networks: tuple[str, ...], called: list[str]) -> str | None:
    nic = qemu_vde._nic_of_call(Caller((7, 8), _command(*networks)), [PATH, *called])
    return nic.mac[-2:] if nic else None


def test_a_plug_is_for_the_nic_with_its_words() -> None:
    assert _mac(("lab", "dmz"), ["lab"]) == "01"
    assert _mac(("lab", "dmz"), ["dmz"]) == "02"
    assert _mac(("",), []) == "01"
    assert _mac(("lab",), ["other"]) is None


@pytest.mark.parametrize(("older", "mac"), [(0, "01"), (1, "02"), (2, None)])
def test_of_nics_with_equal_words_the_older_plugs_have_the_first(
    monkeypatch: pytest.MonkeyPatch, older: int, mac: str | None
) -> None:
    own = posix.getpid()
    words = {own - 1 - number: ["python3", "-IS", PATH, "lab"] for number in range(older)}
    words |= {own + 1: ["python3", "-IS", PATH, "lab"], 1: ["qemu-vde", "dmz"]}
    monkeypatch.setattr(qemu_vde, "_children", lambda pid: list(words))
    monkeypatch.setattr(process, "command_line", lambda pid: words[pid])
    assert _mac(("lab", "lab"), ["lab"]) == mac
