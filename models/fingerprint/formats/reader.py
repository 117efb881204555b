"""A cursor over the bytes of a record that never reads past its end."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from models.errors import MalformedTemplate


class Reader:
    """Reads big-endian fields one after the other; a field that is not all there is an error with its offset."""

    __slots__ = ("_data", "_end", "offset")

    def __init__(self, data: bytes, offset: int = 0, end: int | None = None) -> None:
        self._data = data
        self._end = len(data) if end is None else end
        self.offset = offset

    @property
    def remaining(self) -> int:
        """Bytes between the cursor and the end."""
        return self._end - self.offset

    def unpack(self, layout: struct.Struct, what: str) -> Any:
        """Read the fields of `layout`; `what` names them in the error.

        Raises:
            MalformedTemplate: the record ends before or inside them.
        """
        if self.remaining < layout.size:
            raise MalformedTemplate(self.offset, f"the record ends inside {what}")
        fields = layout.unpack_from(self._data, self.offset)
        self.offset += layout.size
        return fields

    def take(self, size: int, what: str) -> bytes:
        """Read `size` bytes as they are.

        Raises:
            MalformedTemplate: fewer are left.
        """
        if self.remaining < size:
            raise MalformedTemplate(self.offset, f"the record ends inside {what}")
        start, self.offset = self.offset, self.offset + size
        return self._data[start : self.offset]

    def part(self, length: int, at: int, what: str) -> Reader:
        """Return a reader of the part that goes from byte `at` over `length` bytes, and step behind that part.

        Args:
            length: as the record claims it, in the field at `at`; the cursor stands behind that field.
            at: where the part and its length field begin.
            what: names the part in the error.

        Raises:
            MalformedTemplate: the part would end before the cursor or behind the end.
        """
        end = at + length
        if not self.offset <= end <= self._end:
            raise MalformedTemplate(at, f"{what} claims to be {length} bytes long, which it cannot be")
        part = Reader(self._data, self.offset, end)
        self.offset = end
        return part

    def finish(self, what: str) -> None:
        """Make sure that nothing but zero padding is left.

        Raises:
            MalformedTemplate: there is more, which nobody asked for.
        """
        rest = self._data[self.offset : self._end]
        if any(rest):
            raise MalformedTemplate(self.offset, f"{len(rest)} bytes follow {what}")


class Frame(NamedTuple):
    """What a record claims about its own extent.

    Attributes:
        length: of the whole record, as claimed.
        length_offset: where it claims that.
        header: size of the record header; the views begin behind it.
        shortfall: by how much records of the edition are known to claim too little, because what wrote them took the
            header to be smaller than it is.
    """

    length: int
    length_offset: int
    header: int
    shortfall: int = 0

    def open(self, data: bytes) -> Reader:
        """Return a reader of the views.

        Raises:
            MalformedTemplate: the claimed length is shorter than the header or longer than the data.
        """
        if self.length < self.header:
            raise MalformedTemplate(
                self.length_offset, f"the record claims to be {self.length} bytes long, shorter than its header"
            )
        if self.length > len(data):
            raise MalformedTemplate(
                self.length_offset, f"the record claims to be {self.length} bytes long, but has {len(data)}"
            )
        return Reader(data, self.header, min(self.length + self.shortfall, len(data)))

    def close(self, data: bytes, views: Reader) -> None:
        """Make sure that the views ended where the record does, and that nothing but zero padding follows.

        Raises:
            MalformedTemplate: they did not, or there is more.
        """
        if views.offset > self.length and views.offset != self.length + self.shortfall:
            raise MalformedTemplate(
                self.length_offset, f"the record claims to end at byte {self.length}, inside a view"
            )
        Reader(data, views.offset).finish("the last finger view")
