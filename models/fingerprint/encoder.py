"""From the bytes of a minutiae record to templates that can be compared, or to the reason why not."""

from __future__ import annotations

from dataclasses import dataclass

from models import calibration
from models.errors import InvalidInput
from models.fingerprint import formats
from models.fingerprint.cylinders import FingerTemplate, build_template
from models.fingerprint.minutiae import normalise
from models.samples import Assessment, Position, Reason, ReasonCode

TOO_FEW_MINUTIAE = Reason(
    ReasonCode.TOO_FEW_MINUTIAE,
    "Clean the scanner and the finger, capture the whole fingertip again with even pressure, or use another finger.",
)


class PositionMismatch(InvalidInput):
    """The finger that the request names is not the one that the record names."""

    slug = "position-mismatch"
    hint = "Send the position that the record carries, or leave it out; check that the right finger was captured."


@dataclass(frozen=True, slots=True)
class FingerprintSample:
    """One record, assessed.

    Attributes:
        assessment: whether the sample may be compared.
        templates: one a usable view, in the order of the record; empty if and only if the sample is refused.
    """

    assessment: Assessment
    templates: tuple[FingerTemplate, ...]


def encode_fingerprint(unverified_template: bytes, position: Position | None) -> FingerprintSample:
    """Read a minutiae record and build one template for each of its usable views.

    Args:
        unverified_template: a minutiae record of any format that `formats` tells apart.
        position: the finger, as far as the sender knows. It fills in for a record that does not know.

    Raises:
        MalformedTemplate: the record breaks its format.
        UnsupportedTemplate: the record is of another format.
        PositionMismatch: sender and record both name a finger, and not the same.
    """
    record = formats.read_record(unverified_template)
    angle_units = record.angle_units
    templates = []
    for view in record.views:
        finger = _agreed_position(position, view.position)
        sampling = record.sampling(view)
        minutiae = normalise(view, sampling.x_resolution, sampling.y_resolution, angle_units)
        if len(minutiae) >= calibration.FINGER_MINIMUM_MINUTIAE:
            templates.append(build_template(minutiae, finger))
    reasons = () if templates else (TOO_FEW_MINUTIAE,)
    return FingerprintSample(Assessment(reasons), tuple(templates))


def _agreed_position(declared: Position | None, recorded: Position) -> Position:
    if declared is None or declared is Position.UNKNOWN:
        return recorded
    if recorded not in (declared, Position.UNKNOWN):
        raise PositionMismatch(f"the request says {declared}, the record says {recorded}")
    return declared
