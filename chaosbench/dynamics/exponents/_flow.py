"""Growth along a flow, smooth or switching, that is not stiff."""

from __future__ import annotations

from chaosbench.dynamics.exponents._tangents import CompiledTangents
from chaosbench.dynamics.orbits import (
    MAX_STEPS,
    EventsOrbit,
    raise_status,
    switches_of,
)
from chaosbench.trajectories import FloatArray

__all__ = ["FlowTangents", "SwitchingTangents"]


class FlowTangents(CompiledTangents):
    """Tangent vectors of a smooth flow."""

    def _fill(self, logs: FloatArray) -> int:
        from chaosbench.numerics.tangent import MOST_STEPS, flow_growth

        orbit, d = self.orbit, self.orbit.state.size
        status, elapsed, attempts = flow_growth(
            orbit.system.tangent_kernel(self.count).address, orbit.time, self.y, d, self.count,
            self.segment, 0.0, logs, orbit.rtol, orbit.rtol, orbit.limit, d,
        )  # fmt: skip
        raise_status(status, orbit.system, orbit.time + elapsed, orbit.limit, MOST_STEPS)
        return int(attempts)


class SwitchingTangents(CompiledTangents):
    """Tangent vectors of a flow that switches, carried through events by saltation matrices."""

    def _fill(self, logs: FloatArray) -> int:
        from chaosbench.numerics.event_growth import flow_growth_events

        orbit = self.orbit
        assert isinstance(orbit, EventsOrbit)
        switches = switches_of(orbit)
        modes = switches.undecided() if orbit.modes is None else orbit.modes.copy()
        status, elapsed, attempts = flow_growth_events(
            switches.addresses(self.count), switches.kind_array, orbit.time, self.y, modes,
            orbit.state.size, self.count, self.segment, logs, orbit.rtol, orbit.rtol, orbit.limit,
            MAX_STEPS, orbit.tally,
        )  # fmt: skip
        raise_status(status, orbit.system, orbit.time + elapsed)
        return int(attempts)
