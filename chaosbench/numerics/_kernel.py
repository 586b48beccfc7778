"""Call compiled machine code by its address from inside numba."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["call_kernel"]


@intrinsic
def call_kernel(typingctx, address, time, y, start, out, offset):  # noqa: ARG001
    """Call ``void kernel(double t, double *y + start, double *out + offset)``.

    `y` and `out` are contiguous float64 arrays. The kernel's own sizes decide how many entries it
    reads and writes.
    """
    signature = types.void(types.int64, types.float64, y, types.int64, out, types.int64)

    def codegen(context, builder, signature, args):
        def data(position):
            array = context.make_array(signature.args[position])(context, builder, args[position])
            return array.data

        double = ir.DoubleType()
        pointer = double.as_pointer()
        function = ir.FunctionType(ir.VoidType(), [double, pointer, pointer])
        callee = builder.inttoptr(args[0], function.as_pointer())
        source = cgutils.gep(builder, data(2), args[3])
        target = cgutils.gep(builder, data(4), args[5])
        builder.call(callee, [args[1], source, target])
        return context.get_dummy_value()

    return signature, codegen
