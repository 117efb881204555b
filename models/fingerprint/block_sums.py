"""Inner products of a vector with a block of others, written down as the vector instructions they should become.

A block holds its vectors value by value: the first value of each, then the second of each, and so on. So a value of the
probe meets that of all others in one instruction, and nothing has to be added up across.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

LANES: Final = 32
"""Vectors of a block."""
_CHAINS: Final = 2
"""Sums that are kept apart, so that no addition waits for the one before."""
_MOST: Final = 2**24 // 2**14
"""Values of the longest vector: sums of so many products of bytes are whole numbers that float32 has."""

_INDEX = ir.IntType(64)
_BYTES, _NUMBERS = ir.VectorType(ir.IntType(8), LANES), ir.VectorType(ir.FloatType(), LANES)
_TO_ALL = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
_UNSET = ir.Constant(_NUMBERS, ir.Undefined)
_CONTRACT = ("contract",)


def sums_of_block(length: int) -> Callable[..., None]:
    """Return `sums(blocks, block, probes, probe, found)` for kernels: writes the inner product of one probe with each.

    Nothing checks that they are there: `blocks` is contiguous int8 (n, length, LANES), `probes` contiguous float32
    (q, length) of whole numbers of a byte, `found` contiguous float32 (LANES,). The products are exact.

    Raises:
        ValueError: `length` is none of which the sums are exact.
    """
    if not 0 < length <= _MOST:
        raise ValueError(f"vectors of {length} values have no exact sums")

    def sums(_typing: object, blocks: Any, _block: Any, probes: Any, _probe: Any, found: Any) -> Any:
        kinds = [(blocks, types.int8), (probes, types.float32), (found, types.float32)]
        if any(array.layout != "C" or array.dtype != kind for array, kind in kinds):
            raise TypingError("blocks of int8, and probes and sums of float32, one after another")

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            def row(array: int, number: Any, size: int) -> Any:
                data = context.make_array(signature.args[array])(context, builder, arguments[array]).data
                return builder.gep(data, [builder.mul(number, ir.Constant(_INDEX, size))])

            block, probe = row(0, arguments[1], length * LANES), row(2, arguments[3], length)
            products = [(_values(builder, block, at), _repeated(builder, probe, at)) for at in range(length)]
            first = row(4, ir.Constant(_INDEX, 0), 0)
            builder.store(_total(builder, products), builder.bitcast(first, _NUMBERS.as_pointer()), align=4)
            return context.get_dummy_value()

        return types.void(blocks, types.int64, probes, types.int64, found), generate

    made: Callable[..., None] = intrinsic(sums)
    return made


def _values(builder: Any, block: Any, at: int) -> Any:
    """Return one value of each vector of a block."""
    place = builder.gep(block, [ir.Constant(_INDEX, at * LANES)])
    return builder.sitofp(builder.load(builder.bitcast(place, _BYTES.as_pointer()), align=1), _NUMBERS)


def _repeated(builder: Any, probe: Any, at: int) -> Any:
    """Return one value of a probe, once for each vector of a block."""
    value = builder.load(builder.gep(probe, [ir.Constant(_INDEX, at)]))
    return builder.shuffle_vector(
        builder.insert_element(_UNSET, value, ir.Constant(ir.IntType(32), 0)), _UNSET, _TO_ALL
    )


def _total(builder: Any, pairs: list[tuple[Any, Any]]) -> Any:
    totals: list[Any] = [ir.Constant(_NUMBERS, [0.0] * LANES)] * _CHAINS
    for number, (one, other) in enumerate(pairs):
        chain, product = number % _CHAINS, builder.fmul(one, other, flags=_CONTRACT)
        totals[chain] = builder.fadd(product, totals[chain], flags=_CONTRACT)
    total = totals[0]
    for each in totals[1:]:
        total = builder.fadd(total, each)
    return total
