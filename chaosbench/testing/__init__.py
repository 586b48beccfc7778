"""Conformance suites for plugins; chaosbench runs the same checks on its own code.

The tests of a plugin can run all checks at once ::

    check_forecaster(MyForecaster(units=50))

or one test per check::

    @pytest.mark.parametrize("check", forecaster_checks(), ids=lambda check: check.__name__)
    def test_conformance(check):
        check(MyForecaster(units=50))

Every failure is an `AssertionError`: one sentence that begins with the name of the check.
"""

from __future__ import annotations

from chaosbench.testing._forecasters import check_forecaster, forecaster_checks
from chaosbench.testing._systems import check_system, system_checks

__all__ = ["check_forecaster", "check_system", "forecaster_checks", "system_checks"]
