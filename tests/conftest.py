"""Settings shared by all tests."""

from __future__ import annotations

from hypothesis import settings

# the first example of a test may compile or import; time is not what these tests are about
settings.register_profile("chaosbench", deadline=None, max_examples=50)
settings.load_profile("chaosbench")
