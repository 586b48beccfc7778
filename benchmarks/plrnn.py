"""How fast is a training step of a PLRNN under teacher forcing?

A shallow PLRNN (M = 3, 50 hidden units) on 16 sequences of 200 steps: loss, gradient and RAdam. The
peer is the same model in eager torch, one thread. Both start from the same parameters and use the
same windows; their losses must agree to 1e-5 before anything is timed. A second case of ours is the
same loss with JAX's own reverse pass, to show the gain of the hand-written one.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
from _pairs import interleave, report
from jax import lax

from chaosbench.forecasters.plrnn._maps import Identity, Shallow
from chaosbench.forecasters.plrnn._teacher_forcing import TeacherForcing, forced_rollout
from chaosbench.forecasters.plrnn._training import precision

UNITS, HIDDEN, BATCH, LENGTH, ALPHA, RATE = 3, 50, 16, 200, 0.1, 1e-3
STEPS = 100  # training steps of ours in one timing


def torch_loss(p: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    state, states = x[0], []
    for t in range(1, len(x)):
        active = torch.relu(state @ p["W2"].T + p["h2"])
        state = p["A"] * state + active @ p["W1"].T + p["h1"]
        states.append(state)
        state = (1 - ALPHA) * state + ALPHA * x[t]
    return ((torch.stack(states) - x[1:]) ** 2).mean()


def main() -> None:
    torch.set_num_threads(1)
    cell = Shallow(UNITS, HIDDEN)
    rng = np.random.default_rng(0)
    start = {k: v.astype(np.float32) for k, v in cell.initial(rng).items()}
    windows = rng.standard_normal((LENGTH + 1, BATCH, UNITS)).cumsum(axis=0).astype(np.float32)
    windows /= windows.std()

    forcing = TeacherForcing(cell, Identity(UNITS, UNITS), "generalized", ALPHA, 25, 0.999, 0.0)
    gates = np.full((LENGTH, UNITS), ALPHA, np.float32)

    def automatic(p, x):
        states, _ = forced_rollout(cell, p, x[0], x[1:], gates)
        return ((states - x[1:]) ** 2).mean()

    rule = optax.radam(RATE)

    def looped(loss):
        @jax.jit
        def advance(p, memory, x):
            def body(_, carry):
                p, memory = carry
                step, memory = rule.update(jax.grad(loss)(p, x), memory, p)
                return optax.apply_updates(p, step), memory

            return lax.fori_loop(0, STEPS, body, (p, memory))

        return lambda: jax.block_until_ready(advance(start, rule.init(start), windows))

    with precision("float32"):
        ours = float(
            jax.jit(lambda p, x: forcing.loss(p, x, jnp.float32(ALPHA))[0])(start, windows)
        )
        p = {k: torch.tensor(v, requires_grad=True) for k, v in start.items()}
        x = torch.tensor(windows)
        theirs = torch_loss(p, x).item()
        print(f"loss from equal parameters: {ours:.7g} ours, {theirs:.7g} torch")
        if abs(ours - theirs) > 1e-5 * abs(theirs):
            raise SystemExit("the losses differ: nothing to compare")
        optimiser = torch.optim.RAdam(list(p.values()), lr=RATE)

        def eager() -> None:
            optimiser.zero_grad()
            torch_loss(p, x).backward()
            optimiser.step()

        times = interleave(
            {
                "ours": looped(lambda p, x: forcing.loss(p, x, jnp.float32(ALPHA))[0]),
                "JAX's own reverse pass": looped(automatic),
                "torch, eager": eager,
            },
            rounds=7,
        )
    times["ours"] /= STEPS
    times["JAX's own reverse pass"] /= STEPS
    report(times, "ours")


if __name__ == "__main__":
    main()
