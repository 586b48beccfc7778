"""Settings shared by all tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

# Tests run side by side. With a team of threads each, they wait for each other at every barrier:
# on a busy machine, the fit of a network of 0.1 s took 8 s.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

# the first example of a test may compile or import; time is not what these tests are about
settings.register_profile("chaosbench", deadline=None, max_examples=50)
settings.load_profile("chaosbench")


@pytest.fixture(scope="module", autouse=True)
def no_loaded_system_is_left() -> Iterator[None]:
    """Forget what the tests of a file have loaded: others count the systems of the catalogue."""
    yield
    own = sys.modules.get("chaosbench.systems.own")
    for file in list(own._loaded) if own else ():
        own.unload(file)
