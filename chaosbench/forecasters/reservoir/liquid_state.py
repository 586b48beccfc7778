"""Liquid state machines: a fixed or plastic network of spiking neurons and a ridge readout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from chaosbench.errors import InvalidForecastError
from chaosbench.forecasters._protocol import Forecast
from chaosbench.forecasters._shared.arrays import Scaler, checked_context, checked_training
from chaosbench.forecasters._shared.ridge import NormalEquations, select_ridge
from chaosbench.forecasters._shared.rollout import closed_loop, output_bounds
from chaosbench.forecasters._shared.selection import hold_out
from chaosbench.forecasters._shared.settings import require_integer, require_real, single_threaded
from chaosbench.forecasters.reservoir._spiking import (
    Activity,
    Liquid,
    Plasticity,
    draw_liquid,
    simulate,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["LiquidStateMachine", "NeuronAstrocyteLiquid", "branching_factor"]

_CHUNK_BYTES = 32_000_000
_RIDGES = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
_DEFAULT_RIDGE = 1e-5
# The closed loop amplifies the noise of the spikes and is lost within a few Lyapunov times. Later
# steps cannot tell the penalties apart.
_HELD_OUT_HORIZON = 100


@dataclass(frozen=True)
class LiquidStateMachine:
    """Liquid state machine with a ridge readout of increments [maass2002], [ivanov2021].

    Leaky integrate-and-fire neurons on a cubic grid follow, in steps of 1 ms,

        V_i ← V_i (1 - 1/64) + Σ_j w_ij exp(-t_j/τ_i)/τ_i + I_i,

    where t_j is the time since neuron j last fired and τ_i is 1 or 2 ms. They fire at V ≥ 20, are
    reset to 0 and stay silent for 2 ms. Four of five are excitatory. Two neurons are connected with
    probability C exp(-(distance/3)²), so that with N = 1,000 each reaches about 17. The
    standardised value z is held for `steps` ms as a direct current I = b + B z into every neuron,
    with B and b drawn at random, which makes each neuron selective for a direction of the state
    space. The spikes pass two exponential filters with outputs x, and

        z(t+1) = f(z(t) + W_out [1, z(t), x(t)])

    comes from ridge regression, where f is the output function of `ReservoirForecaster`: it clips
    every variable to its training range, widened by half of it on either side. With ``ridge=None``
    the penalty is the one of 1e-3 … 1e-8 whose closed loop follows the last 15% of the training
    data longest. Only the last `transient` points of a context are used.

    Cost: to fit, O(nT) times `steps` passes over N neurons and the synapses of those that fire
    (0.02 ms each at N = 1,000) and O(nT N²) for the normal equations, with O(N²) memory; to
    predict, `steps` passes per step and window. It fails by the noise of the spikes: a few spikes
    in each filter are a coarse measure of a rate, no penalty averages this noise away, and the
    closed loop leaves a chaotic orbit after about one Lyapunov time. More neurons or longer samples
    help.

    Attributes:
        side: number of neurons along each edge of the grid, N = side³.
        weight: absolute weight of all synapses; at 0.8 the liquid of the source has a branching
            factor of 1.
        gain: standard deviation of the current that the input makes.
        bias: mean of b; without input, a neuron fires from a current of 20/64 on.
        spread: standard deviation of b.
        density: fraction of the entries of B that are not zero.
        steps: duration of a sample in ms.
        fast: time constant of the first filter in ms.
        slow: time constant of the second filter in ms.
        ridge: penalty per sample, or None to choose it by held-out rollout.
        transient: number of training steps dropped while the liquid forgets its initial state.

    """

    libraries: ClassVar[tuple[str, ...]] = ("numba", "scipy.linalg")
    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "gain": (0.8, 1.7, 3.5),
            "bias": (0.5, 1.0, 2.0),
            "steps": (5, 10, 20),
            "weight": (0.2, 0.5, 0.8, 1.1),
        }
    )

    side: int = 10
    weight: float = 0.8
    gain: float = 1.7
    bias: float = 1.0
    spread: float = 0.5
    density: float = 1.0
    steps: int = 10
    fast: float = 20.0
    slow: float = 100.0
    ridge: float | None = None
    transient: int = 100

    def __post_init__(self) -> None:
        require_integer(self, "side", minimum=1)
        require_real(self, "weight")
        require_real(self, "gain", open_low=True)
        require_real(self, "bias")
        require_real(self, "spread")
        require_real(self, "density", high=1.0, open_low=True)
        require_integer(self, "steps", minimum=1)
        require_real(self, "fast", open_low=True)
        require_real(self, "slow", open_low=True)
        require_real(self, "ridge", optional=True)
        require_integer(self, "transient", minimum=0)

    @single_threaded
    def fit(self, train: Trajectories, *, seed: int) -> _LiquidPredictor:
        """Draw the liquid from `seed` and solve for the readout.

        Raises:
            DivergedError: the training data are not finite.
            InvalidForecastError: the training trajectories have fewer than 3 points.

        """
        values = checked_training(train, minimum=3, who=type(self).__name__)
        scaler = Scaler.of(values)
        z = scaler.apply(values)
        n, length, _ = z.shape
        transient = min(self.transient, (length - 1) // 2)
        network = self._settled(self._draw(scaler, z, seed), z)

        ridge = self.ridge
        held_out = None
        if ridge is None:
            held_out = hold_out(
                values, scale=scaler.scale, warmup=max(1, transient), horizon=_HELD_OUT_HORIZON
            )
        split = length if held_out is None else held_out.split
        equations = NormalEquations(*network.readout.shape)
        activity = network.rest(n)
        network.drive(z[:, :transient], activity)
        network.gather(equations, z[:, transient:split], activity)
        if held_out is not None:
            ridge = select_ridge(
                equations, _RIDGES, lambda readout: replace(network, readout=readout), held_out
            )
            # `gather` stops before the last sample, whose increment it does not know.
            network.gather(equations, z[:, split - 1 :], activity)
        readout = equations.solve(_DEFAULT_RIDGE if ridge is None else ridge)
        return replace(network, readout=readout)

    def _plasticity(self) -> Plasticity | None:
        return None

    def _draw(self, scaler: Scaler, z: FloatArray, seed: int) -> _LiquidPredictor:
        """Draw the network and its input; the readout is zero."""
        rng = np.random.default_rng([seed, 0])
        d, size = len(scaler.mean), self.side**3
        plasticity = self._plasticity()
        # The astrocyte compares the liquid's spikes with those of twins of its neurons. The twins
        # have no synapses and are driven by the input alone.
        twins = 0 if plasticity is None else size
        liquid = draw_liquid(rng, side=self.side, inputs=twins, density=0.0, weight=self.weight)
        coupling = rng.standard_normal((size, d)) * (rng.random((size, d)) < self.density)
        coupling *= self.gain / np.sqrt(d * self.density)
        current = self.bias + self.spread * rng.standard_normal(size)
        copies = 1 if plasticity is None else 2
        return _LiquidPredictor(
            who=type(self).__name__,
            scaler=scaler,
            liquid=liquid,
            plasticity=plasticity,
            coupling=np.tile(coupling, (copies, 1)),
            current=np.tile(current, copies),
            steps=self.steps,
            filters=np.array([self.fast, self.slow]),
            transient=max(1, self.transient),
            readout=np.zeros((1 + d + 2 * size, d)),
            bounds=output_bounds(z),
        )

    def _settled(self, network: _LiquidPredictor, z: FloatArray) -> _LiquidPredictor:  # noqa: ARG002
        return network


@dataclass(frozen=True)
class NeuronAstrocyteLiquid(LiquidStateMachine):
    """NALSM: a liquid whose plasticity an astrocyte keeps near criticality [ivanov2021].

    The neurons, the input and the readout are those of `LiquidStateMachine`. The weights follow the
    times of the spikes. With traces tr ← e^(-0.1) (tr + 0.1 s) of the spikes s, each ms

        Δw_ij = rate tr_j s_i - A tr_i s_j     (j excitatory; for inhibitory j the signs swap),

    within [0, 3], or [-3, 0]. The astrocyte sets the depression A by how much more the liquid fires
    than its input,

        A ← A + (w_a (Σ s_liquid - Σ s_input) + rate - A) / 100,

    and so weakens excitation and strengthens inhibition where activity grows. A direct current has
    no spikes; the input spikes are counted on twins of the neurons, with the same current and no
    synapses. As in the source, the weights first settle from their largest values, here during the
    first `settling` samples of the training data. From then on every sample begins with the settled
    weights, and all rates fall by 1% per ms within a sample.

    Cost: that of the liquid with twice as many neurons, plus all synapses of a neuron for each of
    its spikes (in all about 0.05 ms per step at N = 1,000). It fails where the liquid does.

    Attributes:
        side: number of neurons along each edge of the grid, N = side³.
        weight: absolute weight of all synapses when settling begins, at most 3.
        gain: standard deviation of the current that the input makes.
        bias: mean of b; without input, a neuron fires from a current of 20/64 on.
        spread: standard deviation of b.
        density: fraction of the entries of B that are not zero.
        steps: duration of a sample in ms.
        fast: time constant of the first filter in ms.
        slow: time constant of the second filter in ms.
        ridge: penalty per sample, or None to choose it by held-out rollout.
        transient: number of training steps dropped while the liquid forgets its initial state.
        astrocyte: weight w_a of liquid spikes minus input spikes.
        rate: rate of potentiation, which is also the bias of the astrocyte and its value at rest.
        settling: number of training samples during which the weights settle.

    """

    search_space: ClassVar[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
        {
            "gain": (0.8, 1.7, 3.5),
            "bias": (0.5, 1.0, 2.0),
            "steps": (5, 10, 20),
            "astrocyte": (0.002, 0.0075, 0.015, 0.05),
        }
    )

    weight: float = 3.0
    astrocyte: float = 0.015
    rate: float = 0.15
    settling: int = 1000

    def __post_init__(self) -> None:
        super().__post_init__()
        require_real(self, "weight", high=3.0)
        require_real(self, "astrocyte")
        require_real(self, "rate")
        require_integer(self, "settling", minimum=0)

    def _plasticity(self) -> Plasticity:
        return Plasticity(rate=self.rate, astrocyte=self.astrocyte)

    def _settled(self, network: _LiquidPredictor, z: FloatArray) -> _LiquidPredictor:
        series = z.reshape(1, -1, z.shape[2])[:, : self.settling]
        unrest = replace(self._plasticity(), fading=False, reset=False)
        playing = replace(network, plasticity=unrest)
        activity = playing.rest(1)
        playing.drive(series, activity)
        return replace(network, liquid=replace(network.liquid, weights=activity.weights[0]))


@dataclass(frozen=True, eq=False)
class _LiquidPredictor:
    who: str
    scaler: Scaler
    liquid: Liquid
    plasticity: Plasticity | None
    coupling: FloatArray  # (neurons, d)
    current: FloatArray  # (neurons,)
    steps: int
    filters: FloatArray  # (2,)
    transient: int
    readout: FloatArray  # (1 + d + 2 N, d)
    bounds: FloatArray  # (2, d)

    def rest(self, n: int) -> Activity:
        """Return `n` silent copies of the liquid."""
        return Activity.rest(self.liquid, n, filters=len(self.filters), plasticity=self.plasticity)

    def drive(self, z: FloatArray, activity: Activity) -> FloatArray:
        """Play the samples ``(n, T, d)``; return the inputs of the readout, ``(n, T, 1 + d + 2N)``.

        `activity` is advanced to the end of the last sample.
        """
        n, length, d = z.shape
        phi = np.empty((n, length, len(self.readout)))
        phi[..., 0] = 1.0
        phi[..., 1 : 1 + d] = z
        chunk = max(1, _CHUNK_BYTES // (8 * n * len(self.readout)))
        for begin in range(0, length, chunk):
            part = z[:, begin : begin + chunk]
            filtered, _ = simulate(
                self.liquid,
                activity,
                self._currents(part),
                steps=self.steps,
                filters=self.filters,
                plasticity=self.plasticity,
            )
            liquid = filtered[..., self.liquid.inputs :]
            phi[:, begin : begin + chunk, 1 + d :] = liquid.reshape(n, part.shape[1], -1)
        return phi

    def gather(self, equations: NormalEquations, z: FloatArray, activity: Activity) -> None:
        """Add features and increments of all samples ``(n, T, d)`` except the last."""
        n, length, d = z.shape
        chunk = max(1, _CHUNK_BYTES // (8 * n * len(self.readout)))
        for begin in range(0, length - 1, chunk):
            end = min(begin + chunk, length - 1)
            phi = self.drive(z[:, begin:end], activity)
            target = z[:, begin + 1 : end + 1] - z[:, begin:end]
            equations.add(phi.reshape(-1, phi.shape[2]), target.reshape(-1, d))

    def _currents(self, z: FloatArray) -> FloatArray:
        # Not by BLAS, whose sums may depend on the number of windows: a rounding error can add or
        # remove a spike.
        return np.asarray(np.einsum("ntd,Nd->ntN", z, self.coupling) + self.current)

    @single_threaded
    def predict(self, context: FloatArray, horizon: int) -> Forecast:
        z, alive = self._standardised(context, horizon, used=self.transient + 1)
        activity = self.rest(len(z))
        self.drive(z[:, :-1], activity)

        def step(latest: FloatArray) -> FloatArray:
            phi = self.drive(latest[:, np.newaxis], activity)[:, 0]
            newest = latest + np.einsum("np,pd->nd", phi, self.readout)
            return np.asarray(np.clip(newest, *self.bounds))

        return Forecast(self.scaler.undo(closed_loop(step, z[:, -1], horizon, alive)))

    def spikes(self, context: FloatArray) -> NDArray[np.bool_]:
        """Return the liquid's spikes while each context is played, ``(n, C * steps, N)``.

        The liquid is silent at first. A context with non-finite numbers is played as the training
        mean.
        """
        z, _ = self._standardised(context, 1, used=None)
        _, spikes = simulate(
            self.liquid,
            self.rest(len(z)),
            self._currents(z),
            steps=self.steps,
            filters=self.filters,
            plasticity=self.plasticity,
            record=True,
        )
        return np.asarray(spikes[..., self.liquid.inputs :] > 0)

    def branching_factor(self, context: FloatArray) -> float:
        """Return the branching factor of the liquid while each context ``(n, C, d)`` is played.

        A current into all neurons makes them fire together, whatever their synapses: on Lorenz a
        liquid with all weights 0 also has a branching factor of 1.5. Compare with this value rather
        than with 1.
        """
        inside = self.liquid.source >= self.liquid.inputs
        first = self.liquid.inputs
        return branching_factor(
            self.spikes(context),
            self.liquid.source[inside] - first,
            self.liquid.target[inside] - first,
        )

    def _standardised(
        self, context: FloatArray, horizon: int, *, used: int | None
    ) -> tuple[FloatArray, NDArray[np.bool_]]:
        rows, alive = checked_context(
            context, horizon, d=self.coupling.shape[1], minimum=1, used=used, who=self.who
        )
        z = self.scaler.apply(rows)
        z[~alive] = 0.0
        return z, alive


def branching_factor(
    spikes: ArrayLike,
    source: ArrayLike,
    target: ArrayLike,
    *,
    window: int = 4,
    edge: int = 25,
) -> float:
    """Return how many spikes follow a spike, relative to those that came before it [ivanov2021].

    For every spike, take the number of spikes that the neurons it reaches emit in the next `window`
    ms. Divide it by the number of spikes that the neurons that reach it have emitted in the last
    `window` ms, or by 1 where there were none. The mean is taken over the spikes of a neuron, then
    over the neurons that fired, then over the runs. A value of about 1 marks the edge between
    activity that dies out and activity that grows.

    Args:
        spikes: ``(n, T, N)`` or ``(T, N)``, true or 1 where a neuron fires, one row per ms.
        source: presynaptic neuron of each synapse.
        target: postsynaptic neuron of each synapse.
        window: ms before and after each spike.
        edge: ms dropped at each end of a run.

    Returns:
        The mean; NaN where no neuron fired.

    Raises:
        InvalidForecastError: the spikes have another shape, or the runs are too short for the
            windows.

    Example:
        Neuron 0 fires, then both of the neurons that it reaches.

        >>> spikes = np.zeros((20, 3))
        >>> spikes[10, 0] = spikes[12, 1:] = 1
        >>> branching_factor(spikes, [0, 0], [1, 2], edge=0)
        0.6666666666666666

    """
    from scipy.sparse import coo_array

    array = np.asarray(spikes, dtype=np.float64)
    runs = array[np.newaxis] if array.ndim == 2 else array
    if runs.ndim != 3 or runs.shape[1] <= 2 * (edge + window):
        raise InvalidForecastError(
            f"the branching factor needs spikes of shape (n, T, N) with more than "
            f"{2 * (edge + window)} ms, not {array.shape}"
        )
    size = runs.shape[2]
    sources, targets = np.asarray(source), np.asarray(target)
    reaches = coo_array((np.ones(len(sources)), (sources, targets)), shape=(size, size)).tocsr()
    time = np.arange(edge + window, runs.shape[1] - edge - window)
    factors = []
    for run in runs:
        total = np.concatenate([np.zeros((1, size)), np.cumsum(run, axis=0)])
        before = (total[time] - total[time - window]) @ reaches
        after = (total[time + 1 + window] - total[time + 1]) @ reaches.T
        fires = run[time] > 0
        ratio = np.where(fires, after / np.maximum(1.0, before), 0.0).sum(axis=0)
        count = fires.sum(axis=0)
        if count.any():
            factors.append((ratio[count > 0] / count[count > 0]).mean())
    return float(np.mean(factors)) if factors else float("nan")
