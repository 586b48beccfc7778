"""Networks of leaky integrate-and-fire neurons on a grid, simulated spike by spike.

numba compiles the kernel below on its first use, so that importing this module does not load numba.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chaosbench.trajectories import FloatArray

    Integers = NDArray[np.int32]

__all__ = ["Activity", "Liquid", "Plasticity", "draw_liquid", "simulate"]

INPUT, EXCITATORY, INHIBITORY = 0, 1, 2
THRESHOLD = 20.0
LEAK = 1 / 64  # leak of the membrane, per ms
REFRACTORY = 2  # ms without a spike after the ms of a spike
SYNAPTIC = (1.0, 2.0)  # time constants of fast and slow synaptic currents, ms
_REACH = 100  # ms after which the current of a spike, fallen to e^-50 or less, is set to zero
_TRACE_DECAY = float(np.exp(-0.1))
_TRACE_GAIN = 0.1
_RATE_DECAY = 0.99
_ASTROCYTE_TIME = 100.0  # ms
# Connection probability at distance zero, from (rows) excitatory and inhibitory to both (columns).
_PROBABILITY = np.array([[0.2, 0.1], [0.3, 0.05]])
_LENGTH = 3.0  # length over which this probability falls, in grid steps


@dataclass(frozen=True)
class Plasticity:
    """Rates of spike-timing-dependent plasticity (STDP) and of the astrocyte that controls it.

    Attributes:
        rate: rate of potentiation, which is also the bias of the astrocyte and its value at rest.
        astrocyte: weight w_a of liquid spikes minus input spikes; None keeps depression at `rate`.
        bound: largest absolute weight.
        fading: whether all rates fall by 1% per ms after a reset.
        reset: whether each sample begins with the given weights and rates.

    """

    rate: float = 0.15
    astrocyte: float | None = 0.015
    bound: float = 3.0
    fading: bool = True
    reset: bool = True


@dataclass(frozen=True, eq=False)
class Liquid:
    """Neurons and synapses, stored by presynaptic neuron; input neurons come first.

    Attributes:
        kind: ``(N,)``, 0 for input, 1 for excitatory, 2 for inhibitory neurons.
        slow: ``(N,)``, 1 where synaptic currents decay over 2 ms, 0 where they decay over 1 ms.
        begin: ``(N + 1,)``; the synapses of neuron j are ``begin[j]:begin[j + 1]``.
        target: postsynaptic neuron of each synapse, ``(synapses,)``.
        weights: ``(synapses,)``.

    """

    kind: NDArray[np.int8]
    slow: NDArray[np.int8]
    begin: Integers
    target: Integers
    weights: FloatArray

    @property
    def inputs(self) -> int:
        """Number of input neurons."""
        return int((self.kind == INPUT).sum())

    @functools.cached_property
    def source(self) -> Integers:
        """Presynaptic neuron of each synapse."""
        return np.repeat(np.arange(len(self.kind), dtype=np.int32), np.diff(self.begin))

    @functools.cached_property
    def arriving(self) -> tuple[Integers, Integers]:
        """Start of each neuron's incoming synapses ``(N + 1,)``, and the synapses in this order."""
        order = np.argsort(self.target, kind="stable").astype(np.int32)
        count = np.bincount(self.target, minlength=len(self.kind))
        return np.concatenate([[0], np.cumsum(count)]).astype(np.int32), order


def draw_liquid(
    rng: np.random.Generator,
    *,
    side: int = 10,
    inputs: int = 0,
    density: float = 0.15,
    weight: float = 1.0,
    input_weight: float = 1.0,
) -> Liquid:
    """Draw neurons on a cubic grid, connected as in [ivanov2021].

    The probability of a connection is C exp(-(distance / 3)²). Four of five neurons, at random
    places, are excitatory. Each input neuron reaches on average a fraction `density` of the liquid,
    with weights of either sign.
    """
    size = side**3
    inhibitory = round(0.2 * size)
    sort = np.zeros(size, dtype=np.int8)
    sort[size - inhibitory :] = 1
    place = np.stack(np.unravel_index(rng.permutation(size), (side, side, side)), axis=1)
    square = ((place[:, np.newaxis] - place) ** 2).sum(axis=2)
    chance = _PROBABILITY[sort[:, np.newaxis], sort] * np.exp(-square / _LENGTH**2)
    np.fill_diagonal(chance, 0.0)
    inside = rng.random((size, size)) < chance
    reached = np.zeros(inputs * size, dtype=bool)
    reached[rng.permutation(inputs * size)[: int(density * inputs * size)]] = True
    connected = np.zeros((inputs + size, inputs + size), dtype=bool)
    connected[:inputs, inputs:] = reached.reshape(inputs, size)
    connected[inputs:, inputs:] = inside
    signs = rng.choice(np.array([-1.0, 1.0]), size=int(connected[:inputs].sum()))
    source, target = np.nonzero(connected)
    kind = np.concatenate([np.zeros(inputs, dtype=np.int8), sort + 1]).astype(np.int8)
    weights = np.where(kind[source] == INHIBITORY, -weight, weight)
    weights[: len(signs)] = input_weight * signs
    return Liquid(
        kind=kind,
        slow=rng.integers(0, 2, size=inputs + size).astype(np.int8),
        begin=np.concatenate([[0], np.cumsum(connected.sum(axis=1))]).astype(np.int32),
        target=target.astype(np.int32),
        weights=weights,
    )


@dataclass(frozen=True, eq=False)
class Activity:
    """The state of `n` copies of a liquid, changed in place by `simulate`.

    Attributes:
        potential: membrane potential, ``(n, N)``.
        current: synaptic current, ``(n, N)``.
        age: ms since the last spike, ``(n, N)``.
        blocked: ms until the next spike is possible, ``(n, N)``.
        trace: trace of spikes for STDP, ``(n, N)``.
        filtered: spikes per ms through each filter, ``(n, filters, N)``.
        weights: ``(n, synapses)``, or ``(1, synapses)`` without plasticity.
        rates: potentiation, depression, the weight of the astrocyte and its bias, ``(n, 4)``.

    """

    potential: FloatArray
    current: FloatArray
    age: Integers
    blocked: Integers
    trace: FloatArray
    filtered: FloatArray
    weights: FloatArray
    rates: FloatArray

    @classmethod
    def rest(
        cls, liquid: Liquid, n: int, *, filters: int = 0, plasticity: Plasticity | None = None
    ) -> Activity:
        """Return `n` liquids that have been silent for a long time."""
        size = len(liquid.kind)
        copies = 1 if plasticity is None else n
        return cls(
            potential=np.zeros((n, size)),
            current=np.zeros((n, size)),
            age=np.full((n, size), _REACH, dtype=np.int32),
            blocked=np.zeros((n, size), dtype=np.int32),
            trace=np.zeros((n, size)),
            filtered=np.zeros((n, filters, size)),
            weights=np.tile(liquid.weights, (copies, 1)),
            rates=np.tile(_rates(plasticity), (n, 1)),
        )


def _rates(plasticity: Plasticity | None) -> FloatArray:
    if plasticity is None:
        return np.zeros(4)
    return np.array(
        [plasticity.rate, plasticity.rate, plasticity.astrocyte or 0.0, plasticity.rate]
    )


def simulate(
    liquid: Liquid,
    activity: Activity,
    drive: FloatArray,
    *,
    steps: int = 1,
    filters: FloatArray | None = None,
    plasticity: Plasticity | None = None,
    record: bool = False,
) -> tuple[FloatArray, NDArray[np.uint8]]:
    """Run each copy through its samples, `steps` ms each.

    Args:
        liquid: the network.
        activity: the state, changed in place.
        drive: current into each neuron during each sample, ``(n, S, N)``.
        steps: duration of a sample in ms.
        filters: time constants of the filters in ms, as many as the activity has.
        plasticity: STDP and astrocyte, or None to keep the weights of the activity.
        record: whether to return the spikes.

    Returns:
        The filtered spikes at the end of each sample, ``(n, S, filters, N)``, and the spikes
        ``(n, S * steps, N)``, empty unless recorded.

    """
    n, samples, size = drive.shape
    decays = np.exp(-1 / np.asarray(filters)) if filters is not None else np.empty(0)
    found = np.empty((n, samples, len(decays), size))
    spikes = np.zeros((n, samples * steps if record else 0, size), dtype=np.uint8)
    ages = np.arange(_REACH + 1)
    shape = np.stack([np.exp(-ages / tau) / tau for tau in SYNAPTIC])
    shape[:, -1] = 0.0
    rule = plasticity or Plasticity()
    begin, order = liquid.arriving
    _compiled()(
        np.ascontiguousarray(drive), steps, liquid.kind, liquid.slow, liquid.begin, liquid.target,
        liquid.source, begin, order, liquid.weights, shape, np.exp(-1 / np.array(SYNAPTIC)),
        activity.potential, activity.current, activity.age, activity.blocked, activity.trace,
        activity.filtered, activity.weights, activity.rates, decays, _rates(plasticity),
        plasticity is not None, rule.reset, rule.astrocyte is not None,
        _RATE_DECAY if rule.fading else 1.0, rule.bound, found, spikes,
    )  # fmt: skip
    return found, spikes


@functools.cache
def _compiled() -> Any:
    from chaosbench.jit import jit

    return jit()(_simulate)


# One function, because numba can only inline functions that were compiled before.
def _simulate(
    drive: Any, steps: Any, kind: Any, slow: Any, begin: Any, target: Any, source: Any,
    in_begin: Any, in_synapse: Any, initial: Any, shape: Any, fall: Any, potential: Any,
    current: Any, age: Any, blocked: Any, trace: Any, filtered: Any, weights: Any, rates: Any,
    decays: Any, initial_rates: Any, plastic: Any, reset: Any, astrocyte: Any, fading: Any,
    bound: Any, found: Any, spikes: Any,
) -> None:  # fmt: skip
    n, samples, size = drive.shape
    reach = shape.shape[1] - 1
    record = spikes.shape[1] > 0
    fired = np.zeros(size, dtype=np.bool_)
    who = np.empty(size, dtype=np.int32)
    for copy in range(n):
        v, g, since, wait = potential[copy], current[copy], age[copy], blocked[copy]
        tr, w, rate = trace[copy], weights[copy if plastic else 0], rates[copy]
        for sample in range(samples):
            if plastic and reset:
                for k in range(4):
                    rate[k] = initial_rates[k]
                for s in range(len(w)):
                    change = initial[s] - w[s]
                    if change != 0.0:
                        i = target[s]
                        g[i] += change * shape[slow[i], since[source[s]]]
                        w[s] = initial[s]
            force = drive[copy, sample]
            for step in range(steps):
                count = 0
                balance = 0
                for i in range(size):
                    fired[i] = v[i] >= THRESHOLD and wait[i] == 0
                    if fired[i]:
                        who[count] = i
                        count += 1
                        balance += 1 if kind[i] != INPUT else -1
                # A new spike replaces the remaining current of the last one.
                for k in range(count):
                    j = who[k]
                    for s in range(begin[j], begin[j + 1]):
                        i = target[s]
                        g[i] += w[s] * (shape[slow[i], 0] - shape[slow[i], since[j]])
                for k in range(count):
                    j = who[k]
                    v[j] = 0.0
                    since[j] = 0
                    wait[j] = REFRACTORY + 1
                    if record:
                        spikes[copy, sample * steps + step, j] = 1
                for i in range(size):
                    v[i] += g[i] + force[i] - v[i] * LEAK
                    g[i] *= fall[slow[i]]
                    if abs(g[i]) < 1e-30:
                        g[i] = 0.0  # before it becomes denormal, which is slow
                    since[i] = min(since[i] + 1, reach)
                    wait[i] = max(wait[i] - 1, 0)
                if plastic:
                    up, down = rate[0], rate[1]
                    for k in range(count):
                        i = who[k]
                        for at in range(in_begin[i], in_begin[i + 1]):
                            s = in_synapse[at]
                            j = source[s]
                            inhibitory = kind[j] == INHIBITORY
                            change = (-down if inhibitory else up) * tr[j]
                            if fired[j]:
                                change += (up if inhibitory else -down) * tr[i]
                            low = 0.0 if kind[j] == EXCITATORY else -bound
                            high = 0.0 if inhibitory else bound
                            new = min(max(w[s] + change, low), high)
                            g[i] += (new - w[s]) * shape[slow[i], since[j]]
                            w[s] = new
                    for k in range(count):
                        j = who[k]
                        inhibitory = kind[j] == INHIBITORY
                        low = 0.0 if kind[j] == EXCITATORY else -bound
                        high = 0.0 if inhibitory else bound
                        for s in range(begin[j], begin[j + 1]):
                            i = target[s]
                            if fired[i]:
                                continue  # changed above by both spikes together
                            change = (up if inhibitory else -down) * tr[i]
                            new = min(max(w[s] + change, low), high)
                            g[i] += (new - w[s]) * shape[slow[i], since[j]]
                            w[s] = new
                    for i in range(size):
                        tr[i] = _TRACE_DECAY * (tr[i] + (_TRACE_GAIN if fired[i] else 0.0))
                        if tr[i] < 1e-30:
                            tr[i] = 0.0
                    if astrocyte:
                        rate[1] += (rate[2] * balance + rate[3] - rate[1]) / _ASTROCYTE_TIME
                    for k in range(4):
                        rate[k] *= fading
                for f in range(len(decays)):
                    keep = decays[f]
                    for i in range(size):
                        filtered[copy, f, i] *= keep
                    for k in range(count):
                        filtered[copy, f, who[k]] += 1.0 - keep
            for f in range(len(decays)):
                for i in range(size):
                    found[copy, sample, f, i] = filtered[copy, f, i]
