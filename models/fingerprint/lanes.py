"""Eight 64-bit words at a time: what the shortlist's scan is made of, written down as the vector it should become.

Left to itself the compiler takes four words at a time, converts between widths and leaves the rest of each short loop
to scalar instructions, which takes twice as long. Processors without such wide vectors get the same in more steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from models.fingerprint.sides import LANES

_WORD = ir.IntType(64)
_VECTOR = ir.VectorType(_WORD, LANES)
_FIRST = ir.Constant(ir.VectorType(ir.IntType(32), LANES), None)  # every lane takes the first
_LOW = ir.Constant(_WORD, 0xFFFF)  # known to be short, a factor needs no multiplication of full width


def _explained(
    _typing: object, own: Any, probe: Any, _at: Any, words: Any, _start: Any, _stop: Any, weights: Any, _debit: Any
) -> tuple[Any, Callable[..., Any]]:
    if any(array.layout != "C" for array in (own, probe.dtype, words.dtype, weights)):
        raise TypingError("explained reads memory end to end: its arrays have to be contiguous")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def data(array_type: Any, array: Any) -> Any:
            return context.make_array(array_type)(context, builder, array).data

        def rows(tuple_type: Any, arrays: Any) -> list[Any]:
            return [data(tuple_type.dtype, builder.extract_value(arrays, k)) for k in range(tuple_type.count)]

        own, probe, at, words, start, stop, weights, debit = arguments
        weights, words = data(signature.args[6], weights), rows(signature.args[3], words)
        eight = [_load_eight(builder, row, at) for row in rows(signature.args[1], probe)]
        ours = _load_eight(builder, data(signature.args[0], own), at)
        cost = _fill(builder, builder.and_(debit, _LOW))
        best = cgutils.alloca_once_value(builder, builder.neg(ours))
        with cgutils.for_range_slice(builder, start, stop, ir.Constant(_WORD, 1)) as (j, _):
            differing = [builder.xor(a, _load_one(builder, b, j)) for a, b in zip(eight, words, strict=True)]
            bits = _sum(builder, [_popcount(builder, vector) for vector in differing])
            weight = _load_one(builder, weights, builder.sub(j, start))
            value = builder.sub(weight, builder.mul(bits, cost))
            so_far = builder.load(best)
            builder.store(builder.select(builder.icmp_signed(">", value, so_far), value, so_far), best)
        return _total(builder, builder.add(builder.load(best), ours))

    whole = types.int64
    return whole(own, probe, whole, words, whole, whole, weights, whole), generate


explained: Callable[..., int] = intrinsic(_explained)
"""explained(own, probe, at, words, start, stop, weights, debit): what a template explains of eight cylinders of a
probe.

The sum over the cylinders i = at..at + 7 of the probe, of the largest of 0 and `own[i] + weights[j] - debit * d(i, j)`
over the cylinders j = start..stop - 1 of the template, d being the number of bits in which the two differ. To be called
in kernels only; nothing checks that `at + 8` lies within the probe.

Args:
    own, probe: those of `Sought`.
    at: the first of the eight.
    words: a tuple of k arrays uint64, the same sections of the gallery's cylinders.
    start, stop: where the template lies among them.
    weights: int64 (stop - start,), weights of the template's cylinders.
    debit: 0..65535.
"""


def _load_eight(builder: Any, data: Any, at: Any) -> Any:
    return builder.load(builder.bitcast(builder.gep(data, [at]), _VECTOR.as_pointer()), align=8)


def _load_one(builder: Any, data: Any, at: Any) -> Any:
    return _fill(builder, builder.load(builder.gep(data, [at]), align=8))


def _fill(builder: Any, scalar: Any) -> Any:
    """A vector that holds the scalar in every lane."""
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    one = builder.insert_element(nothing, scalar, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, nothing, _FIRST)


def _popcount(builder: Any, vector: Any) -> Any:
    return _call(builder, "llvm.ctpop.v8i64", _VECTOR, vector)


def _total(builder: Any, vector: Any) -> Any:
    return _call(builder, "llvm.vector.reduce.add.v8i64", _WORD, vector)


def _call(builder: Any, name: str, returned: Any, vector: Any) -> Any:
    kind = ir.FunctionType(returned, [_VECTOR])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [vector])


def _sum(builder: Any, vectors: list[Any]) -> Any:
    total = vectors[0]
    for vector in vectors[1:]:
        total = builder.add(total, vector)
    return total
