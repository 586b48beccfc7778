"""Shared by the tests and the benchmark of spiking liquids: a plain loop, and images."""

from __future__ import annotations

import numpy as np

from chaosbench.forecasters.reservoir._spiking import Activity, Liquid, Plasticity, simulate


class DenseLiquid:
    """The model with full matrices, in which every synapse is computed every ms."""

    def __init__(self, liquid: Liquid, rule: Plasticity | None) -> None:
        size = len(liquid.kind)
        self.liquid, self.rule = liquid, rule
        self.w = np.zeros((size, size))  # post, pre
        self.w[liquid.target, liquid.source] = liquid.weights
        self.start = self.w.copy()
        self.connected = np.zeros((size, size), dtype=bool)
        self.connected[liquid.target, liquid.source] = True
        self.tau = np.where(liquid.slow == 1, 2.0, 1.0)[:, np.newaxis]
        self.v, self.trace = np.zeros(size), np.zeros(size)
        self.age, self.wait = np.full(size, np.inf), np.zeros(size)
        self.inhibitory = liquid.kind == 2
        bound = 3.0 if rule is None else rule.bound
        self.low = np.where(liquid.kind == 1, 0.0, -bound)
        self.high = np.where(self.inhibitory, 0.0, bound)
        self.begin()

    def begin(self) -> None:
        rate = 0.15 if self.rule is None else self.rule.rate
        self.up = self.down = self.bias = rate
        self.w_a = 0.0 if self.rule is None else (self.rule.astrocyte or 0.0)

    def run(self, drive: np.ndarray, *, steps: int) -> np.ndarray:
        """Return the spikes ``(S * steps, N)`` of the samples ``(S, N)``."""
        spikes = []
        for current in drive:
            if self.rule is not None and self.rule.reset:
                self.w = self.start.copy()
                self.begin()
            spikes += [self.step(current) for _ in range(steps)]
        return np.array(spikes)

    def step(self, current: np.ndarray) -> np.ndarray:
        fires = (self.v >= 20) & (self.wait == 0)
        self.v[fires] = 0.0
        self.age[fires] = 0.0
        self.v = (
            self.v
            + (self.w * np.exp(-self.age / self.tau) / self.tau).sum(axis=1)
            + (current - self.v / 64)
        )
        self.age = self.age + 1
        self.wait = np.where(fires, 2, np.maximum(self.wait - 1, 0))
        if self.rule is not None:
            self.learn(fires)
        return fires

    def learn(self, s: np.ndarray) -> None:
        after = np.outer(s, self.trace)  # the postsynaptic neuron fires
        before = np.outer(self.trace, s)
        hebbian = self.up * after - self.down * before
        swapped = self.up * before - self.down * after
        change = np.where(self.inhibitory, swapped, hebbian)
        self.w = np.clip(self.w + change, self.low, self.high) * self.connected
        self.trace = np.exp(-0.1) * (self.trace + 0.1 * s)
        if self.rule.astrocyte is not None:
            inputs = self.liquid.kind == 0
            balance = float(s[~inputs].sum()) - float(s[inputs].sum())
            self.down += (self.w_a * balance + self.bias - self.down) / 100
        if self.rule.fading:
            for name in ("up", "down", "bias", "w_a"):
                setattr(self, name, 0.99 * getattr(self, name))

    def synapses(self) -> np.ndarray:
        return self.w[self.liquid.target, self.liquid.source]


PIXELS = 28 * 28
# Expected input spikes per ms of an image. The source normalises MNIST to an equal sum; its value
# follows from the thinnest digit and is not published. 28 puts the crossing of the static liquid
# where it was published. The other published values are then a test.
INK = 28.0


def digits(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return digits on 28 x 28 pixels as probabilities of a spike per ms, ``(count, 784)``."""
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    scans = load_digits().images
    images = np.zeros((count, 28, 28))
    for image, k in zip(images, rng.choice(len(scans), size=count), strict=True):
        image[4:24, 4:24] = np.clip(zoom(scans[k], 2.5, order=1), 0, None)
        image *= INK / image.sum()
    return np.clip(images.reshape(count, PIXELS), 0, 1)


def poisson(images: np.ndarray, ms: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return currents ``(n, ms, size)`` that make the input neurons (the first) fire at random."""
    drive = np.zeros((len(images), ms, size))
    drive[..., :PIXELS] = 100.0 * (rng.random((len(images), ms, PIXELS)) < images[:, np.newaxis])
    return drive


def settle_on_snapshots(
    liquid: Liquid, rule: Plasticity, images: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return the weights after each image was shown to the resting liquid for 20 ms."""
    activity = Activity.rest(liquid, 1, plasticity=rule)
    rest = Activity.rest(liquid, 1, plasticity=rule)
    for image in images:
        for name in ("potential", "current", "age", "blocked", "rates"):
            getattr(activity, name)[:] = getattr(rest, name)
        drive = poisson(image[np.newaxis], 20, len(liquid.kind), rng)
        simulate(liquid, activity, drive, plasticity=rule)
    return activity.weights[0]
