"""From the bytes of a minutiae record to templates that can be compared, or to the reason why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from models import calibration
from models.errors import InvalidInput
from models.fingerprint import formats
from models.fingerprint.cylinders import FingerTemplate, build_template
from models.fingerprint.minutiae import Minutiae, normalise
from models.fingerprint.quality import assess_finger, measure
from models.samples import Assessment, Position, Reason, ReasonCode, Severity


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


@dataclass(frozen=True, slots=True)
class _JudgedView:
    finger: Position
    minutiae: Minutiae
    reasons: tuple[Reason, ...]

    def usable(self, enrolling: bool) -> bool:
        return not self.reasons or (not enrolling and Assessment(self.reasons).accepted)


def encode_fingerprint(
    unverified_template: bytes, position: Position | None, *, enrolling: bool = False, assume_ppi: int | None = None
) -> FingerprintSample:
    """Read a minutiae record and build one template for each of its usable views.

    A view of which there is only a warning is used at a check, where a comparison still means something, and not at an
    enrolment: there it would be missed at every check to come. Where other views are usable, the assessment warns of
    each finger that has no good view.

    Args:
        unverified_template: a minutiae record of any format that `formats` tells apart.
        position: the finger, as far as the sender knows. It fills in for a record that does not know.
        enrolling: whether the templates are to be searched from now on.
        assume_ppi: resolution of the images in pixels an inch, in place of what the record states. For scanners that
            are known to state a wrong one; None, to believe the record, for all others.

    Raises:
        ValueError: `assume_ppi` is not a resolution that finger scanners have.
        MalformedTemplate: the record breaks its format.
        UnsupportedTemplate: the record is of another format.
        PositionMismatch: sender and record both name a finger, and not the same.
    """
    resolution = None if assume_ppi is None else _pixels_per_centimetre(assume_ppi)
    record = formats.read_record(unverified_template)
    views = [_judge(record, view, position, resolution) for view in record.views]
    usable = [view for view in views if view.usable(enrolling)]
    severity = Severity.WARNING if usable else Severity.REFUSED
    templates = (build_template(view.minutiae, view.finger) for view in usable)
    # A probe may never meet a gallery that is large enough to look things up in by vector.
    ready = tuple(template.with_vector() if enrolling else template for template in templates)
    return FingerprintSample(Assessment(_remarks(views, severity)), ready)


def _pixels_per_centimetre(ppi: int) -> int:
    lowest, highest = calibration.FINGER_PPI_RANGE
    if not lowest <= ppi <= highest:
        raise ValueError(f"a resolution of {ppi} pixels an inch is not of a finger scanner")
    return round(ppi / 2.54)


def _judge(
    record: formats.Record, view: formats.View, position: Position | None, resolution: int | None
) -> _JudgedView:
    finger = _agreed_position(position, view.position)
    sampling = record.sampling(view)
    across, down = (resolution or sampling.x_resolution), (resolution or sampling.y_resolution)
    minutiae = normalise(view, across, down, record.angle_units)
    return _JudgedView(finger, minutiae, assess_finger(measure(minutiae)))


def _remarks(views: Sequence[_JudgedView], severity: Severity) -> tuple[Reason, ...]:
    """Return what is wrong with the best view of each finger, each reason once, in the given severity."""
    best: dict[Position, _JudgedView] = {}
    for view in sorted(views, key=lambda view: (not view.usable(enrolling=True), not view.usable(enrolling=False))):
        best.setdefault(view.finger, view)
    found: dict[ReasonCode, Reason] = {}
    for view in best.values():
        for reason in view.reasons:
            found.setdefault(reason.code, replace(reason, severity=severity))
    return tuple(found.values())


def _agreed_position(declared: Position | None, recorded: Position) -> Position:
    if declared is None or declared is Position.UNKNOWN:
        return recorded
    if recorded not in (declared, Position.UNKNOWN):
        raise PositionMismatch(f"the request says {declared}, the record says {recorded}")
    return declared
