"""When a link is tried again, and who has to go when too many knock."""

import time
from types import SimpleNamespace

import pytest

from vnethook.hook.links.chain import Chain
from vnethook.hook.links.doors import OpenDoor
from vnethook.hook.links.reception import STRANGERS, STRANGERS_FROM_ONE, Reception
from vnethook.live.link_config import Config, Door
from vnethook.live.link_status import DOWN, UP, LinkStatus


def _ended(chain: Chain, *, times: int = 1) -> float:
    for _ in range(times):
        chain.end(SimpleNamespace(), "no answer in time")
    return chain.pause_s


def test_pauses_double_up_to_a_minute() -> None:
    chain = Chain(LinkStatus("tls", "192.0.2.1"))
    assert [_ended(chain) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert (chain.status.state, chain.status.retries, chain.status.reason) == (DOWN, 8, "no answer in time")


def test_what_was_up_lately_is_tried_every_five_seconds_at_least() -> None:
    chain = Chain(LinkStatus("tls", "192.0.2.1"))
    chain.say_up()
    assert chain.status.state == UP
    assert [_ended(chain) for _ in range(5)] == [1, 2, 4, 5, 5]
    chain.was_up_at = time.monotonic() - 601
    assert _ended(chain) == 32


def test_what_ends_at_once_each_time_is_not_tried_ever_faster() -> None:
    chain = Chain(LinkStatus("tls", "192.0.2.1"))
    pauses = []
    for _ in range(4):
        chain.say_up()
        pauses.append(_ended(chain))
    assert pauses == [1, 2, 4, 5]


@pytest.mark.parametrize("addresses", [["192.0.2.9"] * STRANGERS_FROM_ONE, [f"192.0.2.{n}" for n in range(STRANGERS)]])
def test_of_too_many_strangers_the_first_goes(addresses: list[str]) -> None:
    reception = Reception(SimpleNamespace(config=Config(tls="/nonexistent")))
    assert reception.crowd("192.0.2.9") is None
    reception.strangers = [Chain(LinkStatus("tls", address)) for address in addresses]
    assert reception.crowd("192.0.2.9") is reception.strangers[0]
    reception.strangers.pop(0)
    assert reception.crowd("192.0.2.9") is None


def test_the_same_refusal_is_logged_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    monkeypatch.setattr("vnethook.host.log.warning", logged.append)
    door = OpenDoor(Door("tls", "2001:db8::1", 7443))
    for _ in range(1000):
        door.refuse("lab", "192.0.2.9", "no TLS")
    assert logged == ["network 'lab': listen for tls at [2001:db8::1]:7443: 192.0.2.9 refused: no TLS"]
    assert (door.status.refused, door.status.refusal) == (1000, "192.0.2.9: no TLS")


def test_who_calls_from_ever_new_addresses_does_not_fill_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    monkeypatch.setattr("vnethook.host.log.warning", logged.append)
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    door = OpenDoor(Door("tls", "2001:db8::1", 7443))
    for number in range(1000):
        door.refuse("lab", f"2001:db8::{number:x}", "no TLS")
    assert (len(logged), door.status.refused) == (256, 1000)
    now = 60.0
    door.refuse("lab", "192.0.2.9", "no TLS")
    assert len(logged) == 257
