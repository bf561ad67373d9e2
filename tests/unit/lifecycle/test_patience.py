"""How often a network is mended that another program undoes again and again."""

from vnethook.lifecycle.patience import CALM_S, FREE, LONGEST_S, Patience


def _repairs(patience: Patience, *, until_s: float, from_s: float = 0.0) -> list[float]:
    """When a network is mended that is undone the moment after, a look each second."""
    found, now_s = [], from_s
    while now_s < until_s:
        if patience.see_fault(now_s):
            found.append(now_s)
            patience.see_repair(now_s)
        now_s += 1.0
    return found


def test_the_waits_between_repairs_double_up_to_the_longest() -> None:
    times = _repairs(Patience(), until_s=3600)
    waits = [later - sooner for sooner, later in zip(times, times[1:], strict=False)]
    assert waits[:9] == [1, 1, 2, 4, 8, 16, 32, 64, 128]
    assert set(waits[10:]) == {LONGEST_S}


def test_a_fight_begins_once() -> None:
    patience = Patience()
    begins = [patience.see_repair(float(now_s)) for now_s in range(6)]
    assert begins == [False] * FREE + [True, False, False, False]
    assert patience.is_fight


def test_a_repair_that_has_stood_for_a_while_ends_the_fight() -> None:
    patience = Patience()
    last_s = _repairs(patience, until_s=30)[-1]
    assert patience.is_fight
    calm_s = last_s + CALM_S + 1
    assert patience.see_fault(calm_s)
    assert not patience.is_fight
    assert _repairs(patience, from_s=calm_s, until_s=calm_s + 3) == [calm_s, calm_s + 1, calm_s + 2]


def test_the_wait_itself_is_no_calm() -> None:
    patience = Patience()
    times = _repairs(patience, until_s=1000)
    assert patience.is_fight
    assert patience.wait_s == LONGEST_S
    assert not patience.see_fault(times[-1] + LONGEST_S - 1)
    assert patience.see_fault(times[-1] + LONGEST_S)
    assert patience.is_fight


def test_rare_repairs_never_wait() -> None:
    patience = Patience()
    for number in range(10):
        now_s = number * (CALM_S + 1)
        assert patience.see_fault(now_s)
        assert not patience.see_repair(now_s)
