# ruff: noqa: ARG001, ARG005 - an overload receives all arguments and chooses by the type of one
"""Two arithmetics from one source: doubles, and double-doubles with 106 bits.

A double-double is the unevaluated sum of two doubles [dekker1971], here a tuple ``(high, low)``
with ``|low| <= ulp(high)/2``. Sums and products use error-free transformations: Knuth's TwoSum, and
TwoProd with a fused multiply–add. The algorithms are those of [hida2001]. The functions of this
module accept both kinds of number, and numba compiles the arithmetic for the given type, so the
Taylor method is written once. Arrays hold the two halves in a last axis of length 2.

Nothing here may be compiled with ``contract`` or reassociation. These options may simplify
``(a + b) - a - b`` to zero, and the low half consists of exactly such differences.

Measured against `decimal`, sums, products, quotients and roots are accurate to 4e-32 and elementary
functions to 1e-30 (relative; absolute for sine and cosine with arguments up to 1e5).
"""

from __future__ import annotations

import math

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload, register_jitable

LN2 = (0.6931471805599453, 2.3190468138462996e-17)
"""The logarithm of 2 as a double-double."""

HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591833e-33)
"""Half of π as the sum of three doubles, so that a large angle is reduced without loss."""


@intrinsic
def fma(typingctx, a, b, c):
    """Return ``a b + c`` with one rounding."""
    signature = types.float64(types.float64, types.float64, types.float64)

    def codegen(context, builder, signature, args):
        return builder.fma(*args)

    return signature, codegen


@register_jitable
def two_sum(a, b):
    """Return the rounded sum and its error, exactly."""
    s = a + b
    z = s - a
    return s, (a - (s - z)) + (b - z)


@register_jitable
def quick_two_sum(a, b):
    """Return the rounded sum and its error, exactly, for ``|a| >= |b|``."""
    s = a + b
    return s, b - (s - a)


@register_jitable
def two_prod(a, b):
    """Return the rounded product and its error, exactly."""
    p = a * b
    return p, fma(a, b, -p)


def _is_pair(kind):
    return isinstance(kind, types.BaseTuple)


def _unary(double, pair):
    """Make a function of one number that numba compiles for the given kind of number."""

    def function(x):
        return pair(x) if isinstance(x, tuple) else double(x)

    @overload(function)
    def choose(x):
        return pair if _is_pair(x) else double

    return function


def _binary(double, pair):
    """Make a function of two numbers that numba compiles for the kind of the first number."""

    def function(x, y):
        return pair(x, y) if isinstance(x, tuple) else double(x, y)

    @overload(function)
    def choose(x, y):
        return pair if _is_pair(x) else double

    return function


# ---------------------------------------------------------------- arrays of numbers


@intrinsic
def _peek(typingctx, c, offset):
    """Return the double at `offset` in a contiguous array, without checking or wrapping it."""
    signature = types.float64(c, types.int64)

    def codegen(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.load(cgutils.gep(builder, data, args[1]))

    return signature, codegen


@intrinsic
def _poke(typingctx, c, offset, x):
    """Write the double `x` at `offset` in a contiguous array, without checking or wrapping it."""
    signature = types.void(c, types.int64, types.float64)

    def codegen(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        builder.store(args[2], cgutils.gep(builder, data, args[1]))
        return context.get_dummy_value()

    return signature, codegen


def load(c, i, k):
    """Return number `k` of row `i`."""


@overload(load)
def _load(c, i, k):
    def one(c, i, k):
        return _peek(c, i * c.shape[1] + k)

    def two(c, i, k):
        at = 2 * (i * c.shape[1] + k)
        return _peek(c, at), _peek(c, at + 1)

    return one if c.ndim == 2 else two


def store(c, i, k, x):
    """Write number `k` of row `i`."""


@overload(store)
def _store(c, i, k, x):
    def one(c, i, k, x):
        _poke(c, i * c.shape[1] + k, x)

    def two(c, i, k, x):
        at = 2 * (i * c.shape[1] + k)
        _poke(c, at, x[0])
        _poke(c, at + 1, x[1])

    return one if c.ndim == 2 else two


def lift(c, x):
    """Return the double `x` as the kind of number that `c` holds."""


@overload(lift)
def _lift(c, x):
    return (lambda c, x: x) if c.ndim == 2 else (lambda c, x: (x, 0.0))


def convolve(c, i, j, first, last, k):
    """Return the sum of ``c[i, m] c[j, k - m]`` over ``first <= m <= last``, a Cauchy product.

    In double precision two partial sums run in parallel. In double-double arithmetic the high
    halves of the products are summed exactly, with their errors collected [ogita2005]; each term
    rounds the low half once.
    """


@overload(convolve)
def _convolve(c, i, j, first, last, k):
    def one(c, i, j, first, last, k):
        up = i * c.shape[1] + first
        down = j * c.shape[1] + k - first
        end = i * c.shape[1] + last
        a, b = 0.0, 0.0
        while up < end:
            a = fma(_peek(c, up), _peek(c, down), a)
            b = fma(_peek(c, up + 1), _peek(c, down - 1), b)
            up += 2
            down -= 2
        if up == end:
            a = fma(_peek(c, up), _peek(c, down), a)
        return a + b

    def two(c, i, j, first, last, k):
        high, low = 0.0, 0.0
        up = 2 * (i * c.shape[1] + first)
        down = 2 * (j * c.shape[1] + k - first)
        for _ in range(first, last + 1):
            a: float = _peek(c, up)
            a1 = _peek(c, up + 1)
            b = _peek(c, down)
            b1 = _peek(c, down + 1)
            product = a * b
            error = fma(a, b1, fma(a1, b, fma(a, b, -product)))
            high, lost = two_sum(high, product)
            low += lost + error
            up += 2
            down -= 2
        return quick_two_sum(high, low)

    return one if c.ndim == 2 else two


# ---------------------------------------------------------------- arithmetic


@register_jitable
def _add(x, y):
    s, e = two_sum(x[0], y[0])
    t, f = two_sum(x[1], y[1])
    s, e = quick_two_sum(s, e + t)
    return quick_two_sum(s, e + f)


@register_jitable
def _neg(x):
    return -x[0], -x[1]


@register_jitable
def _sub(x, y):
    return _add(x, _neg(y))


@register_jitable
def _mul(x, y):
    p, e = two_prod(x[0], y[0])
    return quick_two_sum(p, e + fma(x[0], y[1], x[1] * y[0]))


@register_jitable
def _times(x, f):
    p, e = two_prod(x[0], f)
    return quick_two_sum(p, fma(x[1], f, e))


@register_jitable
def _div(x, y):
    first = x[0] / y[0]
    rest = _sub(x, _times(y, first))
    second = rest[0] / y[0]
    rest = _sub(rest, _times(y, second))
    third = rest[0] / y[0]
    q, e = quick_two_sum(first, second)
    return _add((q, e), (third, 0.0))


@register_jitable
def _over(x, y):
    """Divide by a double; the remainder of the rounded quotient is known exactly."""
    q = x[0] / y
    p, e = two_prod(q, y)
    return quick_two_sum(q, ((x[0] - p) - e + x[1]) / y)


@register_jitable
def _sqrt(x):
    if not x[0] > 0.0:
        return math.sqrt(x[0]), 0.0
    root = math.sqrt(x[0])
    square = two_prod(root, root)
    return quick_two_sum(root, _sub(x, square)[0] / (2.0 * root))


@register_jitable
def _floor(x):
    whole = math.floor(x[0]) * 1.0
    if whole == x[0]:
        return quick_two_sum(whole, math.floor(x[1]) * 1.0)
    return whole, 0.0


@register_jitable
def _less(x, y):
    return x[0] < y[0] or (x[0] == y[0] and x[1] < y[1])


@register_jitable
def _less_equal(x, y):
    return x[0] < y[0] or (x[0] == y[0] and x[1] <= y[1])


add = _binary(lambda x, y: x + y, lambda x, y: _add(x, y))
sub = _binary(lambda x, y: x - y, lambda x, y: _sub(x, y))
mul = _binary(lambda x, y: x * y, lambda x, y: _mul(x, y))
div = _binary(lambda x, y: x / y, lambda x, y: _div(x, y))

times = _binary(lambda x, y: x * y, lambda x, y: _times(x, y))
"""Multiply a number by a double."""

over = _binary(lambda x, y: x / y, lambda x, y: _over(x, y))
"""Divide a number by a double."""

less = _binary(lambda x, y: x < y, lambda x, y: _less(x, y))
less_equal = _binary(lambda x, y: x <= y, lambda x, y: _less_equal(x, y))


def horner(x, s, y):
    """Return ``x s + y`` for a double `s`."""


@overload(horner)
def _horner(x, s, y):
    if _is_pair(x):
        return lambda x, s, y: _add(_times(x, s), y)
    return lambda x, s, y: fma(x, s, y)


neg = _unary(lambda x: -x, lambda x: _neg(x))

leading = _unary(lambda x: x, lambda x: x[0])
"""Return the double nearest to a number."""

sqrt = _unary(lambda x: math.sqrt(x), lambda x: _sqrt(x))
floor = _unary(lambda x: math.floor(x) * 1.0, lambda x: _floor(x))


# ---------------------------------------------------------------- elementary functions


@register_jitable
def _exp(x):
    """Subtract a multiple of ln 2, divide by 2⁹, sum the series of exp − 1, square nine times."""
    if not x[0] < 709.0:
        return math.exp(x[0]), 0.0
    if x[0] < -709.0:
        return 0.0, 0.0
    halvings = math.floor(x[0] / LN2[0] + 0.5) * 1.0
    r = _times(_sub(x, _times(LN2, halvings)), 1.0 / 512.0)
    term = r
    total = r
    for n in range(2, 11):
        term = _over(_mul(term, r), n * 1.0)
        total = _add(total, term)
    for _ in range(9):  # exp(2r) - 1 = (exp(r) - 1)(exp(r) + 1)
        total = _add(_times(total, 2.0), _mul(total, total))
    total = _add(total, (1.0, 0.0))
    # in two factors: each power of two is exact, and 2**halvings alone may overflow
    half = math.floor(0.5 * halvings)
    return _times(_times(total, 2.0**half), 2.0 ** (halvings - half))


@register_jitable
def _log(x):
    """Improve the double result by one Newton step on exp, which doubles the number of digits."""
    guess = math.log(x[0])
    if not math.isfinite(guess):
        return guess, 0.0
    rest = _sub(_mul(x, _exp((-guess, 0.0))), (1.0, 0.0))
    # log(1 + r) = r - r²/2 + …, where r is of order 1e-14 at most
    return _add((guess, 0.0), _sub(rest, (0.5 * rest[0] * rest[0], 0.0)))


@register_jitable
def _sin_cos(x):
    """Subtract quarter turns, then sum both series for the rest, at most an eighth of a turn."""
    turns = math.floor(x[0] / HALF_PI[0] + 0.5) * 1.0
    if not abs(turns) < 1e15:
        return (math.nan, 0.0), (math.nan, 0.0)
    r = _sub(x, two_prod(turns, HALF_PI[0]))
    r = _sub(r, two_prod(turns, HALF_PI[1]))
    r = _sub(r, (turns * HALF_PI[2], 0.0))
    square = _mul(r, r)
    sine = r
    cosine = (1.0, 0.0)
    up = r
    across = (1.0, 0.0)
    for n in range(1, 15):
        across = _over(_mul(across, square), -(2.0 * n - 1.0) * (2.0 * n))
        up = _over(_mul(up, square), -(2.0 * n) * (2.0 * n + 1.0))
        cosine = _add(cosine, across)
        sine = _add(sine, up)
    quadrant = int(turns) % 4
    if quadrant == 1:
        return cosine, _neg(sine)
    if quadrant == 2:
        return _neg(sine), _neg(cosine)
    if quadrant == 3:
        return _neg(cosine), sine
    return sine, cosine


@register_jitable
def _sinh_cosh(x):
    if abs(x[0]) > 0.3:
        up = _exp(x)
        down = _div((1.0, 0.0), up)
        return _times(_sub(up, down), 0.5), _times(_add(up, down), 0.5)
    square = _mul(x, x)
    total = x
    term = x
    for n in range(1, 12):
        term = _over(_mul(term, square), (2.0 * n) * (2.0 * n + 1.0))
        total = _add(total, term)
    return total, _sqrt(_add((1.0, 0.0), _mul(total, total)))


@register_jitable
def _tanh(x):
    if abs(x[0]) > 40.0:  # within 1e-34 of the limit
        return math.copysign(1.0, x[0]), 0.0
    sine, cosine = _sinh_cosh(x)
    return _div(sine, cosine)


@register_jitable
def _atan2(y, x):
    """Improve the double result by one step: the missing angle equals its sine up to its cube."""
    guess = math.atan2(y[0], x[0])
    radius = _sqrt(_add(_mul(x, x), _mul(y, y)))
    if not radius[0] > 0.0:
        return guess, 0.0
    sine, cosine = _sin_cos((guess, 0.0))
    return _add((guess, 0.0), _div(_sub(_mul(y, cosine), _mul(x, sine)), radius))


@register_jitable
def _power(x, y):
    if x[0] == 0.0 and y[0] > 0.0:
        return 0.0, 0.0
    return _exp(_mul(y, _log(x)))


exp = _unary(lambda x: math.exp(x), lambda x: _exp(x))
log = _unary(lambda x: math.log(x), lambda x: _log(x))
tanh = _unary(lambda x: math.tanh(x), lambda x: _tanh(x))
sin_cos = _unary(lambda x: (math.sin(x), math.cos(x)), lambda x: _sin_cos(x))
sinh_cosh = _unary(lambda x: (math.sinh(x), math.cosh(x)), lambda x: _sinh_cosh(x))
atan2 = _binary(lambda x, y: math.atan2(x, y), lambda x, y: _atan2(x, y))
power = _binary(lambda x, y: x**y, lambda x, y: _power(x, y))
