"""A test outside `slow` that takes too long fails, by CPU time or by the clock."""

import os
from typing import Any
from unittest.mock import Mock, patch

import pytest

from tests import conftest


def finish(*, cpu: float = 0.0, clock: float = 0.0, mark: Any = None) -> None:
    """Run the hook around a test that took these seconds."""
    before = os.times()
    after = os.times_result((before.user, before.system, before.children_user + cpu, before.children_system,
                             before.elapsed + clock))  # fmt: skip
    with patch("os.times", side_effect=[before, after]):
        hook = conftest.pytest_runtest_call(Mock(get_closest_marker=lambda name: mark))
        next(hook)
        with pytest.raises(StopIteration):
            hook.send(None)


@pytest.mark.parametrize("seconds", [{"cpu": 5.1}, {"clock": 60.1}])
def test_a_test_that_takes_too_long_fails_unless_it_is_marked(seconds: dict[str, float]) -> None:
    finish(**seconds, mark=pytest.mark.slow)
    with pytest.raises(pytest.fail.Exception, match="mark it slow"):
        finish(**seconds)


def test_a_busy_machine_fails_no_test() -> None:
    finish(cpu=4.9, clock=59.9)
