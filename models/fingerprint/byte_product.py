"""Inner product of two rows of bytes, written down as the vector instructions it should become.

Left to itself the compiler widens every byte to 32 bits and back, eight at a time, which takes three times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

LANES: Final = 32
"""Bytes that are multiplied at a time; a row is a whole number of them."""

_NUMBER, _INDEX = ir.IntType(32), ir.IntType(64)
_BYTES, _NUMBERS = ir.VectorType(ir.IntType(8), LANES), ir.VectorType(_NUMBER, LANES)


def product_of_rows(length: int) -> Callable[..., int]:
    """Return `product(rows, one, others, other)` for kernels: the inner product of a row of each, as an int32.

    Nothing checks that the rows are there: `rows` and `others` are contiguous int8 (n, length), `one` and `other` the
    numbers of rows in them.

    Raises:
        ValueError: `length` is no multiple of `LANES`.
    """
    if length % LANES:
        raise ValueError(f"rows of {length} bytes are not made of whole groups of {LANES}")

    def product(_typing: object, rows: Any, _one: Any, others: Any, _other: Any) -> Any:
        if any(array.layout != "C" or array.dtype != types.int8 for array in (rows, others)):
            raise TypingError("rows have to be of int8, one after another")

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            def row(array: int, number: int) -> Any:
                data = context.make_array(signature.args[array])(context, builder, arguments[array]).data
                return builder.gep(data, [builder.mul(arguments[number], ir.Constant(_INDEX, length))])

            one, other = row(0, 1), row(2, 3)
            places = range(0, length, LANES)
            return _total(builder, [builder.mul(_wide(builder, one, at), _wide(builder, other, at)) for at in places])

        return types.int32(rows, types.int64, others, types.int64), generate

    made: Callable[..., int] = intrinsic(product)
    return made


def _wide(builder: Any, row: Any, at: int) -> Any:
    place = builder.gep(row, [ir.Constant(_INDEX, at)])
    return builder.sext(builder.load(builder.bitcast(place, _BYTES.as_pointer()), align=1), _NUMBERS)


def _total(builder: Any, vectors: list[Any]) -> Any:
    """Add them up, then halves to each other: the form in which compilers know an instruction for multiply and add."""
    total = vectors[0]
    for vector in vectors[1:]:
        total = builder.add(total, vector)
    nothing, half = ir.Constant(_NUMBERS, ir.Undefined), LANES
    while half > 1:
        half //= 2
        upper = ir.Constant(_NUMBERS, [*range(half, 2 * half), *[0] * (LANES - half)])
        total = builder.add(total, builder.shuffle_vector(total, nothing, upper))
    return builder.extract_element(total, ir.Constant(_NUMBER, 0))
