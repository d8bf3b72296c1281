"""The memory budget gives what it has, counts what it refuses, and takes back."""

from portico.exchange.memory import MemoryBudget


def test_gives_up_to_its_size_and_not_a_byte_more() -> None:
    budget = MemoryBudget(10)
    assert budget.take(6)
    assert budget.take(4)
    assert not budget.take(1)
    assert (budget.used, budget.peak, budget.refusals) == (10, 10, 1)


def test_refused_takers_get_nothing() -> None:
    budget = MemoryBudget(10)
    assert not budget.take(11)
    assert budget.used == 0
    assert budget.take(10)


def test_what_comes_back_can_be_taken_again() -> None:
    budget = MemoryBudget(10)
    assert budget.take(10)
    budget.give(4)
    assert budget.take(4)
    assert not budget.take(1)
    budget.give(10)
    assert (budget.used, budget.peak) == (0, 10)


def test_smaller_size_refuses_until_enough_is_back() -> None:
    budget = MemoryBudget(10)
    assert budget.take(8)
    budget.size = 4
    assert not budget.take(1)
    budget.give(6)
    assert budget.take(2)
