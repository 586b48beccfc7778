"""Training by gradient in JAX: schedule, compiled loop, deadline, choice of the best, checkpoints.

An `Objective` is minimised over random windows of the standardised training trajectories. All steps
between two checks of the clock are one call of a compiled loop, which draws its windows on the
device. Step `k` of a seed always draws the same windows, so neither the length of the calls nor a
stop and resume changes a bit.
"""

from __future__ import annotations

import functools
import hashlib
import math
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from zipfile import BadZipFile

import numpy as np

from chaosbench.errors import CorruptDataError, DivergedError, RecipeMismatchError
from chaosbench.files import whole

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from chaosbench.trajectories import FloatArray

__all__ = ["Objective", "Plan", "Progress", "Trained", "precision", "train"]

Parameters = dict[str, Any]
# Long compared with the cost of entering the compiled loop, short compared with any time budget.
_SECONDS_A_CALL = 1.0
_FIRST_CALL = 16


class Objective(Protocol):
    """A function to minimise; it must be hashable, because compiled loops are cached by it.

    `control` is a quantity that steers the loss without being optimised, such as a forcing
    strength.
    """

    def __hash__(self) -> int: ...

    def control(self) -> Any:
        """Return the initial control, a tree of numbers."""
        ...

    def loss(self, parameters: Parameters, windows: Any, control: Any) -> tuple[Any, Any]:
        """Return the loss and the input of `update`; windows are ``(L + 1, batch, d)``."""
        ...

    def update(self, parameters: Parameters, control: Any, seen: Any, step: Any) -> Any:
        """Return the control of the next step."""
        ...


@dataclass(frozen=True)
class Plan:
    """Length, rates and precision of a training.

    Attributes:
        steps: gradient steps.
        batch: windows per step.
        sequence: predicted steps in a window; fewer where the trajectories are shorter.
        rate: learning rate of RAdam [liu2020] at the first step.
        final_rate: learning rate at the last step; it falls exponentially.
        evaluations: number of times that the parameters are scored, at equal intervals.
        seconds: wall time after which training stops with the best parameters so far.
        precision: ``"float32"`` or ``"float64"``.
        tolerance: scores within this fraction of the lowest count as equal, and the latest of them
            is kept. A score of few free runs scatters, while the falling rate improves later
            parameters.
        clip: largest norm of a gradient. RAdam does not yet normalise its first steps by the size
            of the gradients, so that one outlier would end the training.

    """

    steps: int
    batch: int
    sequence: int
    rate: float
    final_rate: float
    evaluations: int
    seconds: float
    precision: str = "float32"
    tolerance: float = 0.0
    clip: float = 10.0


@dataclass(frozen=True)
class Progress:
    """One evaluation: the mean loss since the previous one, and the score."""

    step: int
    steps: int
    loss: float
    score: float


@dataclass(frozen=True, eq=False)
class Trained:
    """The latest parameters whose score is within the tolerance of the lowest.

    Attributes:
        parameters: float64 arrays.
        control: the control at that step.
        step: the step at which they were reached.
        score: their score.
        history: all evaluations.
        ended: ``"finished"``, ``"deadline"`` or ``"diverged"``. Diverged means that the loss left
            the finite numbers after the parameters kept here.

    """

    parameters: Parameters
    control: Any
    step: int
    score: float
    history: tuple[Progress, ...]
    ended: str


@dataclass
class _State:
    """All that a resumed run needs; `live` is the tree that the compiled loop carries."""

    live: Any
    step: int = 0
    loss: float = 0.0
    since: int = 0
    best: Any = None
    best_step: int = 0
    best_score: float = math.inf
    lowest: float = math.inf
    history: list[Progress] = field(default_factory=list)


def train(
    objective: Objective,
    start: Parameters,
    data: FloatArray,
    plan: Plan,
    *,
    seed: int,
    score: Callable[[Parameters, Any], float],
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Trained:
    """Minimise the objective over windows of `data` ``(n, T, d)``.

    Args:
        objective: the function to minimise.
        start: initial parameters.
        data: standardised trajectories, T > 1.
        plan: length, rates and budget.
        seed: seed of the windows.
        score: rates parameters, given as float64 arrays, and the control. Lower is better, infinity
            is useless.
        checkpoint: a file that is written at every evaluation. If it exists, training resumes from
            it, with the whole of `plan.seconds` again.
        progress: called after every evaluation.

    Returns:
        The latest parameters with the lowest score, to within `plan.tolerance`.

    Raises:
        DivergedError: the loss left the finite numbers before the first evaluation. If this happens
            later, the best parameters so far are returned, and `Trained.ended` says so.
        RecipeMismatchError: the checkpoint belongs to another training.
        CorruptDataError: the checkpoint cannot be read.

    """
    deadline = time.monotonic() + plan.seconds
    recipe = _recipe(objective, start, data, plan, seed)
    with precision(plan.precision):
        import jax

        n, length, _ = data.shape
        sequence = min(plan.sequence, length - 1)
        advance = _compiled(objective, plan.batch, sequence)
        real = np.dtype(plan.precision)
        tree = _cast(_begin(objective, start), real)
        state = _State(live=tree)
        if checkpoint is not None and Path(checkpoint).exists():
            state = _load(Path(checkpoint), tree, recipe)
        constants = jax.device_put(
            {
                "data": _padded(data.reshape(n * length, -1).astype(real)),
                "count": np.int32(n),
                "length": np.int32(length),
                "key": np.random.SeedSequence([seed, 1]).generate_state(2),
                "steps": real.type(plan.steps),
                "rate": real.type(plan.rate),
                "clip": real.type(plan.clip),
                "fall": real.type(math.log(plan.final_rate / plan.rate)),
            }
        )
        marks = np.unique(np.linspace(0, plan.steps, plan.evaluations + 1).astype(int))
        ended = "finished"
        for mark in marks[marks > state.step]:
            late = _advance_to(int(mark), state, advance, constants, deadline)
            if not math.isfinite(state.loss):
                ended = "diverged"
                break
            _evaluate(state, plan, score)
            if checkpoint is not None:
                _save(Path(checkpoint), state, recipe)
            if progress is not None:
                progress(state.history[-1])
            if late:
                ended = "deadline"
                break
    if state.best is None:
        raise DivergedError(
            f"the training loss left the finite numbers within {state.step} steps, before the "
            "first evaluation; lower the learning rate"
        )
    return Trained(
        parameters={k: np.asarray(v, np.float64) for k, v in state.best["parameters"].items()},
        control=jax.tree_util.tree_map(np.asarray, state.best["control"]),
        step=state.best_step,
        score=state.best_score,
        history=tuple(state.history),
        ended=ended,
    )


def precision(name: str) -> AbstractContextManager[Any]:
    """Compute in ``"float32"`` or ``"float64"`` inside the block, whatever JAX is set to outside.

    JAX's own switch is global and would change other code of the process; this one holds for the
    block and the thread. Products of float32 stay float32 on a GPU too.
    """
    import jax

    stack = ExitStack()
    stack.enter_context(jax.enable_x64(name == "float64"))
    stack.enter_context(jax.default_matmul_precision("highest"))
    return stack


def _advance_to(
    mark: int, state: _State, advance: Callable[..., Any], constants: Any, deadline: float
) -> bool:
    """Run to step `mark` or to the deadline; return whether it was the deadline."""
    calls = _FIRST_CALL
    while state.step < mark:
        end = min(mark, state.step + calls)
        began = time.monotonic()
        live, loss = advance(state.live, constants, np.int32(state.step), np.int32(end))
        state.loss += float(loss)
        now = time.monotonic()
        state.since += end - state.step
        state.live, state.step = live, end
        if not math.isfinite(state.loss):
            return False
        # The first call includes compilation. Doubling the length of the calls makes up for it.
        if now - began < _SECONDS_A_CALL / 2:
            calls *= 2
        if now >= deadline:
            return True
    return False


def _evaluate(state: _State, plan: Plan, score: Callable[[Parameters, Any], float]) -> None:
    import jax

    parameters = {k: np.asarray(v, np.float64) for k, v in state.live["parameters"].items()}
    value = float(score(parameters, np.asarray(state.live["control"])))
    if math.isnan(value):
        value = math.inf
    if state.best is None or value <= (1 + plan.tolerance) * state.lowest:
        # Predictions do not need the optimiser's part, but one structure makes one file format.
        state.best = jax.tree_util.tree_map(np.asarray, state.live)
        state.best_step, state.best_score = state.step, value
    state.lowest = min(state.lowest, value)
    state.history.append(Progress(state.step, plan.steps, state.loss / state.since, value))
    state.loss, state.since = 0.0, 0


# --- the compiled loop --------------------------------------------------------------------------


def _begin(objective: Objective, start: Parameters) -> dict[str, Any]:
    import optax

    return {
        "parameters": start,
        "optimiser": optax.scale_by_radam().init(start),
        "control": objective.control(),
    }


@functools.lru_cache(maxsize=32)
def _compiled(objective: Objective, batch: int, sequence: int) -> Callable[..., Any]:
    """Return ``advance(live, constants, begin, end) -> live, sum of losses``.

    Everything that differs between fits of one configuration is an argument, so that the loop is
    compiled once for each shape.
    """
    import jax
    import jax.numpy as jnp
    import optax
    from jax import lax

    optimiser = optax.scale_by_radam()

    def draw(constants: Any, step: Any) -> Any:
        key = jax.random.wrap_key_data(constants["key"], impl="threefry2x32")
        length = constants["length"]
        bounds = jnp.stack([constants["count"], length - sequence])[:, None]
        which = jax.random.randint(jax.random.fold_in(key, step), (2, batch), 0, bounds, np.int32)
        rows = which[0] * length + which[1] + jnp.arange(sequence + 1)[:, None]
        return constants["data"][rows]

    def advance(live: Any, constants: Any, begin: Any, end: Any) -> tuple[Any, Any]:
        def body(step: Any, carry: Any) -> Any:
            live, total = carry
            parameters, control = live["parameters"], live["control"]
            (loss, seen), slope = jax.value_and_grad(objective.loss, has_aux=True)(
                parameters, draw(constants, step), control
            )
            leaves = jax.tree_util.tree_leaves(slope)
            norm = jnp.sqrt(sum((leaf**2).sum() for leaf in leaves))
            shrink = constants["clip"] / jnp.maximum(norm, constants["clip"])
            slope = jax.tree_util.tree_map(lambda g: g * shrink, slope)
            direction, memory = optimiser.update(slope, live["optimiser"], parameters)
            done = step / constants["steps"]
            rate = constants["rate"] * jnp.exp(constants["fall"] * done)
            moved = jax.tree_util.tree_map(
                lambda p, u: p - rate.astype(p.dtype) * u, parameters, direction
            )
            control = objective.update(parameters, control, seen, step)
            return {"parameters": moved, "optimiser": memory, "control": control}, total + loss

        zero = jnp.zeros((), constants["data"].dtype)
        final, total = lax.fori_loop(begin, end, body, (live, zero))
        return final, total

    # One thread keeps the order of sums; none of these products is large enough for two.
    return jax.jit(advance, compiler_options={"xla_cpu_multi_thread_eigen": False})


def _padded(rows: FloatArray) -> FloatArray:
    """Add unused rows up to a power of two.

    Data of similar size then share one compiled loop.
    """
    size = 1 << max(10, (len(rows) - 1).bit_length())
    return np.concatenate([rows, np.zeros((size - len(rows), rows.shape[1]), rows.dtype)])


def _cast(tree: Any, real: np.dtype[Any]) -> Any:
    import jax

    def cast(leaf: Any) -> Any:
        array = np.asarray(leaf)
        return array.astype(real) if array.dtype.kind == "f" else array

    return jax.tree_util.tree_map(cast, tree)


# --- checkpoints --------------------------------------------------------------------------------


def _recipe(
    objective: Objective, start: Parameters, data: FloatArray, plan: Plan, seed: int
) -> str:
    """Return a digest of everything that a resumed run must share with the original run."""
    # Another time budget does not make it another run.
    said = (objective, replace(plan, seconds=math.inf), seed)
    digest = hashlib.sha256(repr(said).encode())
    for array in (data, *(start[name] for name in sorted(start))):
        digest.update(repr(np.shape(array)).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _save(path: Path, state: _State, recipe: str) -> None:
    import jax

    arrays = {f"live{i}": x for i, x in enumerate(jax.tree_util.tree_leaves(state.live))}
    arrays |= {f"best{i}": x for i, x in enumerate(jax.tree_util.tree_leaves(state.best))}
    history = [(p.step, p.steps, p.loss, p.score) for p in state.history]
    # a run that is killed meanwhile leaves the older file intact
    with whole(path) as place, place.open("wb") as file:
        np.savez(
            file,
            recipe=recipe,
            step=state.step,
            best_step=state.best_step,
            best_score=state.best_score,
            lowest=state.lowest,
            history=np.array(history),
            **arrays,
        )


def _load(path: Path, like: Any, recipe: str) -> _State:
    import jax

    leaves, structure = jax.tree_util.tree_flatten(like)
    try:
        with path.open("rb") as file, np.load(file) as stored:
            theirs = str(stored["recipe"])
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise CorruptDataError(
            f"the checkpoint {path} cannot be read ({error}); delete it to train from the start"
        ) from error
    if theirs != recipe:
        raise RecipeMismatchError(
            f"the checkpoint {path} belongs to other settings, data or another seed; "
            "name another file, or delete this one to train from the start"
        )

    def tree(name: str) -> Any:
        stored = [arrays[f"{name}{i}"] for i in range(len(leaves))]
        return jax.tree_util.tree_unflatten(structure, stored)

    return _State(
        live=tree("live"),
        step=int(arrays["step"]),
        best=tree("best"),
        best_step=int(arrays["best_step"]),
        best_score=float(arrays["best_score"]),
        lowest=float(arrays["lowest"]),
        history=[Progress(int(a), int(b), float(c), float(e)) for a, b, c, e in arrays["history"]],
    )
