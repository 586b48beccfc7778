"""Conformance suites: what a plugin's author can run, and what chaosbench runs on its own.

In a plugin's tests, either all at once ::

    check_forecaster(MyForecaster(units=50))

or one test a check::

    @pytest.mark.parametrize("check", forecaster_checks(), ids=lambda check: check.__name__)
    def test_conformance(check):
        check(MyForecaster(units=50))

Every failure is an `AssertionError` whose one sentence begins with the name of the check.
"""

from __future__ import annotations

from chaosbench.testing._forecasters import check_forecaster, forecaster_checks
from chaosbench.testing._systems import check_system, system_checks

__all__ = ["check_forecaster", "check_system", "forecaster_checks", "system_checks"]
