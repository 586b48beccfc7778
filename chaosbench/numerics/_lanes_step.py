"""The machine code of a Taylor method on SIMD lanes, which steps all lanes at the same time.

``march`` steps until the trajectory of some lane ends. Each lane has its own time, step size and
error, and its arithmetic does not depend on the other lanes. `SLOTS` names the vectors that
``march`` keeps.
"""

from __future__ import annotations

from chaosbench.compile import ATTRIBUTES, Emitter, declarations, suffix
from chaosbench.numerics._series import Series

__all__ = ["ENDS", "SLOTS", "march_ir"]

SLOTS = (
    "origin",  # absolute time of the trajectory's start
    "elapsed",  # time since the start
    "end", "first",  # elapsed time at the last and at the first sample
    "h", "pending", "last",  # step to be judged; whether there is one; whether it is the last
    "limit",  # upper bound of the step size
    "row", "out",  # next sample; address of the trajectory's samples
    "status", "attempts", "active",
)  # fmt: skip

ENDS = {"reached": 1.0, "escaped": 2.0, "underflow": 3.0, "exhausted": 4.0}
"""Values of `status` at the end of a trajectory; it is 0 while a lane is running."""

CAUTION = 8.0
"""Factor by which the terms that choose a step must stay below the tolerance."""

CHECKS = 8
"""Points of a step at which an equation with kinks or jumps is checked; a smooth one needs one."""

_GROUP = 8  # variables whose polynomials one loop evaluates
_CHUNK = 8  # samples evaluated at once


class _Body(Emitter):
    """An emitter with the comparisons and slots that the step control needs."""

    def __init__(self, lanes: int, dimension: int) -> None:
        super().__init__(lanes)
        self.d = dimension

    def raw(self, *lines: str) -> None:
        self.lines += [line if line.endswith(":") else f"  {line}" for line in lines]

    def get(self, slot: str) -> str:
        return self.load("%m", SLOTS.index(slot))

    def put(self, slot: str, value: str) -> None:
        self.store(value, "%m", SLOTS.index(slot))

    def place(self, name: str, i: int) -> int:
        """Return the position of variable `i` in the array `name`, which follows the slots."""
        return len(SLOTS) + ("old", "weight").index(name) * self.d + i

    def both(self, a: str, b: str) -> str:
        return self.line(f"and {self.mask} {a}, {b}")

    def no(self, a: str) -> str:
        return self.line(f"xor {self.mask} {a}, {self.true}")

    def fma_text(self, a: str, b: str, c: str) -> str:
        name = "llvm.fmuladd" + suffix(self.lanes)
        return f"call {self.real} @{name}({self.real} {a}, {self.real} {b}, {self.real} {c})"

    def any(self, mask: str) -> str:
        return self.line(f"call i1 @llvm.vector.reduce.or.v{self.lanes}i1({self.mask} {mask})")


def march_ir(series: Series, lanes: int) -> str:
    """Write ``march`` for one system.

    ``void march(double *m, double *c, i64 order, double rtol, double atol, double dt, i64 rows,
    double bound, double budget)``, where `m` holds the slots and two vectors for each variable
    (the state before the step and the weight of an error), and `c` holds the coefficients,
    ``(order + 1, len(series.rows))`` vectors.
    """
    e = _Body(lanes, series.dimension)
    rtol, atol, dt, bound, budget = (
        e.splat(f"%{name}") for name in ("rtol", "atol", "dt", "bound", "budget")
    )
    e.raw("%rowsreal = sitofp i64 %rows to double", "%nreal = sitofp i64 %n to double")
    e.raw("%mreal = fsub double %nreal, 1.0")
    e.raw("%nback = fdiv double 1.0, %nreal", "%mback = fdiv double 1.0, %mreal")
    rows, nback, mback = (e.splat(v) for v in ("%rowsreal", "%nback", "%mback"))
    e.raw("br label %evaluate", "evaluate:")
    values, slopes, error = _evaluate(e, series)
    _judge(e, slopes, error, rows, dt, bound, budget)
    e.raw("orders:")
    for i, slope in enumerate(slopes):
        e.store(slope, "%c", len(series.rows) + i)
    series.coefficients(e, values)
    _choose_step(e, series, rtol, atol, nback, mback)
    e.raw("br label %evaluate", "leave:", "ret void")
    return "\n".join([
        *declarations(lanes),
        f"declare i1 @llvm.vector.reduce.or.v{lanes}i1({e.mask})",
        *_sample_ir(series, lanes),
        "define void @march(ptr noalias %m, ptr noalias %c, i64 %n, double %rtol, double %atol, "
        "double %dt, i64 %rows, double %bound, double %budget) #0 {",
        "entry:", *e.lines, "}",
        *ATTRIBUTES,
    ]).replace("LONG", f"<{lanes} x i64>")  # fmt: skip


def _evaluate(e: _Body, series: Series) -> tuple[dict[int, str], list[str], str]:
    """Emit the polynomial and the equation at the check points, the last at the end of the step.

    Returns:
        the values of all nodes and the slopes at the end of the step, and the largest difference
        between the polynomial's slope and the equation's, in tolerances per time unit.

    """
    checks = CHECKS if series.kinked else 1
    h = e.get("h")
    still = e.compare("oeq", h, e.literal(0.0))
    clock = e.op("fadd", e.get("origin"), e.get("elapsed"))
    e.raw(f"%top = mul i64 %n, {len(series.rows)}", "br label %point", "point:")
    e.raw("%check = phi i64 [ 1, %evaluate ], [ %recheck, %checked ]")
    e.raw(f"%worst = phi {e.real} [ {e.literal(0.0)}, %evaluate ], [ %worse, %checked ]")
    e.raw("%checkreal = sitofp i64 %check to double")
    e.raw(f"%share = fmul double %checkreal, {1.0 / checks!r}")
    s = e.op("fmul", h, e.splat("%share"))
    e.raw(f"%t = fadd {e.real} {clock}, {s}")
    slopes = _polynomial(e, series, s, still)
    e.raw("%y = getelementptr inbounds i8, ptr %c, i64 0")
    values = series.evaluate(e)
    wanted = [e.number(node, values) for node in series.outputs]
    error = "%worst"
    for i in range(e.d):
        gap = e.call("abs", e.op("fsub", wanted[i], slopes[i]))
        error = e.call("max", error, e.op("fmul", gap, e.load("%m", e.place("weight", i))))
    e.raw(f"%worse = bitcast {e.real} {error} to {e.real}", "%recheck = add i64 %check, 1")
    e.raw("br label %checked", "checked:", f"%along = icmp sle i64 %recheck, {checks}")
    e.raw("br i1 %along, label %point, label %judge", "judge:")
    return values, wanted, "%worse"


def _polynomial(e: _Body, series: Series, s: str, still: str) -> list[str]:
    """Emit and store the state at time `s` within the step; return its slopes."""
    width, zero, before = len(series.rows), e.literal(0.0), "%point"
    for g, start in enumerate(range(0, e.d, _GROUP)):
        group = range(start, min(start + _GROUP, e.d))
        e.raw(f"br label %poly{g}", f"poly{g}:")
        e.raw(f"%pk{g} = phi i64 [ %top, {before} ], [ %pl{g}, %poly{g} ]")
        for i in group:
            e.raw(f"%p{i} = phi {e.real} [ {zero}, {before} ], [ %p{i}n, %poly{g} ]")
            e.raw(f"%q{i} = phi {e.real} [ {zero}, {before} ], [ %q{i}n, %poly{g} ]")
        for i in group:
            coefficient = e.load("%c", e.line(f"add i64 %pk{g}, {i}"))
            e.raw(f"%q{i}n = {e.fma_text(f'%q{i}', s, f'%p{i}')}")
            e.raw(f"%p{i}n = {e.fma_text(f'%p{i}', s, coefficient)}")
        e.raw(f"%pl{g} = sub i64 %pk{g}, {width}", f"%pm{g} = icmp sgt i64 %pl{g}, 0")
        e.raw(f"br i1 %pm{g}, label %poly{g}, label %poly{g}.done", f"poly{g}.done:")
        before = f"%poly{g}.done"
    slopes = []
    for i in range(e.d):
        old = e.load("%m", e.place("old", i))
        slopes.append(e.fma(f"%q{i}n", s, f"%p{i}n"))
        # a step of length zero keeps the state even if higher coefficients are not finite
        e.store(e.pick(still, old, e.fma(f"%p{i}n", s, old)), "%c", i)
    return slopes


def _judge(
    e: _Body, slopes: list[str], error: str, rows: str, dt: str, bound: str, budget: str
) -> None:
    """Emit the acceptance or rejection of each lane's step, given the error along it."""
    zero, one = e.literal(0.0), e.literal(1.0)
    elapsed, h = e.get("elapsed"), e.get("h")
    reach = e.op("fadd", elapsed, h)
    largest, faults = zero, zero
    for i, slope in enumerate(slopes):
        faults = e.fma(slope, zero, faults)  # NaN if a slope is not finite, else zero
        largest = e.call("max", largest, e.call("abs", e.load("%c", i)))
    error = e.op("fmul", error, h)
    finite = e.compare("oeq", faults, zero)
    pending = e.compare("une", e.get("pending"), zero)
    active = e.compare("une", e.get("active"), zero)
    last = e.compare("une", e.get("last"), zero)
    good = e.both(e.compare("ole", error, one), finite)
    accepted, rejected = e.both(pending, good), e.both(pending, e.no(good))
    reach = e.pick(last, e.get("end"), reach)
    # samples up to the end of the step
    row = e.get("row")
    count = e.op("fdiv", e.op("fsub", reach, e.get("first")), dt)
    upto = e.op("fadd", e.call("floor", count), one)
    upto = e.pick(last, rows, e.call("min", upto, rows))
    upto = e.pick(e.both(accepted, e.compare("ogt", upto, row)), upto, row)
    due = e.any(e.compare("ogt", upto, row))
    e.raw(f"br i1 {due}, label %sample, label %settle", "sample:")
    for lane in range(e.lanes):
        _call_sample(e, lane, row, upto, elapsed, h)
    e.raw("br label %settle", "settle:")
    e.put("row", upto)
    elapsed = e.pick(accepted, reach, elapsed)
    e.put("elapsed", elapsed)
    limit = e.get("limit")
    limit = e.pick(accepted, e.op("fmul", h, e.literal(2.0)), limit)
    limit = e.pick(rejected, e.op("fmul", h, e.literal(0.5)), limit)
    e.put("limit", limit)
    attempts = e.op("fadd", e.get("attempts"), e.get("pending"))
    e.put("attempts", attempts)
    for i in range(e.d):
        old = e.place("old", i)
        e.store(e.pick(accepted, e.load("%c", i), e.load("%m", old)), "%m", old)
    e.put("pending", zero)
    e.put("h", zero)
    inside = e.both(e.compare("olt", largest, bound), finite)
    floor = e.call("max", elapsed, e.op("fmul", e.get("end"), e.literal(1e-3)))
    floor = e.op("fmul", e.call("max", floor, e.literal(1e-8)), e.literal(1e-15))
    status = e.pick(e.compare("oge", attempts, budget), e.literal(ENDS["exhausted"]), zero)
    vanished = e.both(rejected, e.compare("ult", limit, floor))
    status = e.pick(vanished, e.literal(ENDS["underflow"]), status)
    status = e.pick(e.both(accepted, last), e.literal(ENDS["reached"]), status)
    escaped = e.both(e.no(rejected), e.no(inside))
    status = e.pick(escaped, e.literal(ENDS["escaped"]), status)
    status = e.pick(active, status, zero)
    e.put("status", status)
    e.raw(f"br i1 {e.any(e.compare('une', status, zero))}, label %leave, label %go", "go:")
    e.raw(f"br i1 {e.any(rejected)}, label %evaluate, label %orders")


def _choose_step(e: _Body, series: Series, rtol: str, atol: str, nback: str, mback: str) -> None:
    """Emit the error weights, and the step size from the last two coefficients."""
    zero, one = e.literal(0.0), e.literal(1.0)
    width = len(series.rows)
    e.raw(f"%second = sub i64 %top, {width}")
    sizes = [zero, zero]
    for i in range(e.d):
        state = e.load("%c", i)
        weight = e.op("fdiv", one, e.fma(rtol, e.call("abs", state), atol))
        e.store(weight, "%m", e.place("weight", i))
        for s, base in enumerate(("%top", "%second")):
            term = e.call("abs", e.load("%c", e.line(f"add i64 {base}, {i}")))
            sizes[s] = e.call("max", sizes[s], e.op("fmul", term, weight))
    # h is the smaller size ** (-1/order) of the last two orders; its logarithm need not be exact
    logs = []
    for size, back in zip(sizes, (nback, mback), strict=True):
        bits = e.line(f"bitcast {e.real} {e.op('fmul', size, e.literal(CAUTION))} to LONG")
        log = e.fma(e.line(f"sitofp LONG {bits} to {e.real}"), e.literal(2.0**-52),
                    e.literal(-1023.0))  # fmt: skip
        logs.append(e.op("fmul", log, back))
    log = e.line(f"fneg {e.real} {e.call('max', *logs)}")
    log = e.call("max", e.call("min", log, e.literal(1000.0)), e.literal(-1000.0))
    whole = e.call("floor", log)
    part = e.op("fsub", log, whole)
    mantissa = e.fma(part, e.fma(part, e.literal(0.3435), e.literal(0.6565)), one)
    shifted = e.op("fmul", e.op("fadd", whole, e.literal(1023.0)), e.literal(2.0**52))
    power = e.line(f"fptosi {e.real} {shifted} to LONG")
    h = e.op("fmul", mantissa, e.line(f"bitcast LONG {power} to {e.real}"))
    remaining = e.op("fsub", e.get("end"), e.get("elapsed"))
    h = e.call("min", h, e.get("limit"))
    last = e.compare("oge", h, e.op("fmul", remaining, e.literal(1.0 - 1e-12)))
    h = e.pick(last, remaining, h)
    active = e.get("active")
    h = e.pick(e.compare("une", active, zero), h, zero)
    e.put("h", h)
    e.put("pending", active)
    e.put("last", e.line(f"uitofp {e.mask} {last} to {e.real}"))


def _call_sample(e: _Body, lane: int, row: str, upto: str, elapsed: str, h: str) -> None:
    def part(vector: str) -> str:
        return e.line(f"extractelement {e.real} {vector}, i32 {lane}")

    a, b = (e.line(f"fptosi double {part(v)} to i64") for v in (row, upto))
    e.raw(f"%due{lane} = icmp slt i64 {a}, {b}")
    e.raw(f"br i1 %due{lane}, label %due{lane}.yes, label %due{lane}.no", f"due{lane}.yes:")
    out = e.line(f"bitcast double {part(e.get('out'))} to i64")
    first, coefficients, old = (
        part(e.get("first")),
        e.line(f"getelementptr inbounds double, ptr %c, i64 {lane}"),
        e.line(f"getelementptr inbounds double, ptr %m, i64 {e.place('old', 0) * e.lanes + lane}"),
    )
    where = e.line(f"inttoptr i64 {out} to ptr")
    e.raw(
        f"call void @sample(ptr {coefficients}, ptr {old}, i64 %n, i64 {a}, i64 {b}, i64 %rows, "
        f"double {first}, double %dt, double {part(elapsed)}, double {part(h)}, ptr {where})",
        f"br label %due{lane}.no", f"due{lane}.no:",
    )  # fmt: skip


def _sample_ir(series: Series, lanes: int) -> list[str]:
    """Write ``sample``: one lane's samples in one step, eight at a time.

    Row m of `out` is the state at ``first + m dt``. The last chunk of a step may need fewer than
    eight samples. The surplus is overwritten by the next step; at the end of `out` it goes to a
    scratch array.
    """
    d, width = series.dimension, len(series.rows)
    e = Emitter(_CHUNK)
    raw = e.lines
    head = (
        "define internal void @sample(ptr noalias %c, ptr noalias %old, i64 %n, i64 %row, "
        "i64 %upto, i64 %rows, double %first, double %dt, double %elapsed, double %h, "
        "ptr noalias %out) #2 {"
    )
    raw += ["entry:", f"  %scratch = alloca [{_CHUNK * d} x double], align 64"]
    raw.append("  %shift = fsub double %first, %elapsed")
    dt, shift, h = (e.splat(v) for v in ("%dt", "%shift", "%h"))
    raw += [f"  %top = mul i64 %n, {width * lanes}", "  br label %chunk", "chunk:"]
    raw.append("  %r = phi i64 [ %row, %entry ], [ %next, %stored ]")
    index = e.splat("%r", "i64")
    ramp = ", ".join(f"i64 {m}" for m in range(_CHUNK))
    index = e.line(f"add <{_CHUNK} x i64> {index}, <{ramp}>")
    index = e.line(f"sitofp <{_CHUNK} x i64> {index} to {e.real}")
    s = e.op("fadd", e.op("fmul", index, dt), shift)
    s = e.call("min", e.call("max", s, e.literal(0.0)), h)
    raw += [f"  %next = add i64 %r, {_CHUNK}", "  %fits = icmp sle i64 %next, %rows"]
    raw += [f"  %offset = mul i64 %r, {d}"]
    raw += ["  %there = getelementptr inbounds double, ptr %out, i64 %offset"]
    raw += ["  %target = select i1 %fits, ptr %there, ptr %scratch"]
    before = "%chunk"
    for g, start in enumerate(range(0, d, _GROUP)):
        group = range(start, min(start + _GROUP, d))
        raw += [f"  br label %poly{g}", f"poly{g}:"]
        raw.append(f"  %pk{g} = phi i64 [ %top, {before} ], [ %pl{g}, %poly{g} ]")
        raw += [f"  %p{i} = phi {e.real} [ {e.literal(0.0)}, {before} ], [ %p{i}n, %poly{g} ]"
                for i in group]  # fmt: skip
        for i in group:
            at = e.line(f"add i64 %pk{g}, {i * lanes}")
            place = e.line(f"getelementptr inbounds double, ptr %c, i64 {at}")
            value = e.splat(e.line(f"load double, ptr {place}, align 8"))
            name = "llvm.fmuladd" + suffix(_CHUNK)
            raw.append(f"  %p{i}n = call {e.real} @{name}({e.real} %p{i}, {e.real} {s}, "
                       f"{e.real} {value})")  # fmt: skip
        raw += [f"  %pl{g} = sub i64 %pk{g}, {width * lanes}", f"  %pm{g} = icmp sgt i64 %pl{g}, 0"]
        raw += [f"  br i1 %pm{g}, label %poly{g}, label %poly{g}.done", f"poly{g}.done:"]
        before = f"%poly{g}.done"
        for i in group:
            place = e.line(f"getelementptr inbounds double, ptr %old, i64 {i * lanes}")
            start_value = e.splat(e.line(f"load double, ptr {place}, align 8"))
            value = e.fma(f"%p{i}n", s, start_value)
            for m in range(_CHUNK):
                single = e.line(f"extractelement {e.real} {value}, i32 {m}")
                place = e.line(f"getelementptr inbounds double, ptr %target, i64 {m * d + i}")
                raw.append(f"  store double {single}, ptr {place}, align 8")
    raw += ["  br i1 %fits, label %stored, label %partial", "partial:"]
    raw += ["  %left = sub i64 %rows, %r", f"  %bytes = mul i64 %left, {8 * d}"]
    raw += ["  call void @llvm.memcpy.p0.p0.i64(ptr %there, ptr %scratch, i64 %bytes, i1 false)"]
    raw += ["  br label %stored", "stored:", "  %again = icmp slt i64 %next, %upto"]
    raw += ["  br i1 %again, label %chunk, label %done", "done:", "  ret void", "}"]
    eight = [] if lanes == _CHUNK else [
        f"declare {e.real} @llvm.{name}.v8f64({', '.join([e.real] * count)})"
        for name, count in (("fmuladd", 3), ("minimum", 2), ("maximum", 2))
    ]  # fmt: skip
    return [*eight, "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)", head, *raw]
