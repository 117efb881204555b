"""Binary Minutia Cylinder-Code: one bit pattern of the neighbourhood of each minutia.

Source: R. Cappelli, M. Ferrara, D. Maltoni, "Minutia Cylinder-Code: a new representation and matching technique for
fingerprint recognition", IEEE TPAMI 32(12), 2010. Parameters: `models.calibration`, section Fingerprint.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.fingerprint.minutiae import Minutiae
from models.fingerprint.vector import LENGTH, vector_of
from models.samples import Position

ENCODING_VERSION = 2
_WITHOUT_VECTOR = 1
"""The version before: the same, but for the vector."""
MAXIMUM_MINUTIAE = 255
_HEADER = struct.Struct("<BBH")  # encoding version, position code, number of minutiae


@dataclass(frozen=True, slots=True, eq=False)
class FingerTemplate:
    """One impression of one finger, ready to be compared.

    Attributes:
        position: the finger, or `Position.UNKNOWN`.
        minutiae: the n minutiae in the order of the record they came from.
        bits: uint64 (6, n), the cylinders: one word an angular section, one bit a cell of the 8 x 8 grid.
        validity: uint64 (n,), which cells lie inside the print; zero where a minutia has no usable cylinder.
        vector: int8 (96,), by which it is looked up in a large gallery; zeros until `with_vector`.
    """

    position: Position
    minutiae: Minutiae
    bits: NDArray[np.uint64]
    validity: NDArray[np.uint64]
    vector: NDArray[np.int8] = field(default_factory=lambda: np.zeros(LENGTH, np.int8))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FingerTemplate):
            return NotImplemented
        return self.position is other.position and self.minutiae == other.minutiae  # all else follows from them

    def __hash__(self) -> int:
        return hash((self.position, self.minutiae))

    def with_vector(self) -> FingerTemplate:
        """Return the template with its vector, which takes far longer than all the rest and is stored with it."""
        return self if self.vector.any() else replace(self, vector=vector_of(self.minutiae))

    def to_bytes(self) -> bytes:
        """Encode position, vector and minutiae (4 + 96 + 8 n bytes).

        The cylinders follow from the minutiae and are rebuilt on load. So would the vector, but that takes far longer.
        """
        header = _HEADER.pack(ENCODING_VERSION, self.position.code, len(self.minutiae))
        return header + self.vector.tobytes() + self.minutiae.to_bytes()

    @classmethod
    def from_bytes(cls, stored_template: bytes) -> FingerTemplate:
        """Decode what `to_bytes` gave, now or before there were vectors, and rebuild the cylinders.

        Raises:
            ValueError: not an encoding of this version, or damaged.
        """
        if len(stored_template) < _HEADER.size:
            raise ValueError("stored finger template is too short")
        version, position, count = _HEADER.unpack_from(stored_template)
        if version not in (ENCODING_VERSION, _WITHOUT_VECTOR):
            raise ValueError(f"stored finger template has encoding version {version}, not {ENCODING_VERSION}")
        begin = _HEADER.size + (LENGTH if version == ENCODING_VERSION else 0)
        if len(stored_template) != begin + 8 * count:
            raise ValueError("stored finger template has the wrong length")
        template = build_template(Minutiae.from_bytes(stored_template[begin:]), Position.from_code(position))
        if begin == _HEADER.size:
            return template
        return replace(template, vector=np.frombuffer(stored_template[_HEADER.size : begin], np.int8))


def build_template(minutiae: Minutiae, position: Position) -> FingerTemplate:
    """Build the cylinders of an impression.

    Fewer than three minutiae, or minutiae without neighbours, give a template without cylinders: it is valid and
    matches nothing.

    Raises:
        ValueError: more than 255 minutiae, which no record holds.
    """
    from models.fingerprint import kernels  # numba is loaded when it is first needed, not on import

    if len(minutiae) > MAXIMUM_MINUTIAE:
        raise ValueError(f"a template holds at most {MAXIMUM_MINUTIAE} minutiae, not {len(minutiae)}")
    bits, validity = kernels.build_cylinders(minutiae.xy, minutiae.angle)
    return FingerTemplate(position, minutiae, bits, validity)
