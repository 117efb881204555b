"""Choose the subject among the faces of an image, or refuse to."""

from __future__ import annotations

import math
from collections.abc import Sequence

from models.calibration import FACE_CENTRALITY, FACE_RIVAL_LIMIT
from models.face.detect import DetectedFace
from models.samples import Reason, ReasonCode

NO_FACE = Reason(
    ReasonCode.NO_FACE,
    "No face was found. Ask the person to look at the camera, upright and uncovered, and capture again.",
)
SEVERAL_FACES = Reason(
    ReasonCode.SEVERAL_FACES,
    "Several people are equally prominent. Make sure that one person alone is before the camera, and capture again.",
)


def choose_subject(faces: Sequence[DetectedFace], height: int, width: int) -> DetectedFace | Reason:
    """Return the most prominent face, or the reason why nobody can be taken for the subject.

    Bystanders are ignored as long as they are clearly less prominent: smaller, or further from the centre.
    """
    if not faces:
        return NO_FACE
    ranked = sorted(faces, key=lambda face: _prominence(face, height, width), reverse=True)
    subject, rivals = ranked[0], ranked[1:]
    if rivals and _prominence(rivals[0], height, width) > FACE_RIVAL_LIMIT * _prominence(subject, height, width):
        return SEVERAL_FACES
    return subject


def _prominence(face: DetectedFace, height: int, width: int) -> float:
    """Return the side of the face, less by a Gaussian the further it is from the centre, in shares of the image."""
    left, top, box_width, box_height = face.box
    across = (left + box_width / 2) / width - 0.5
    down = (top + box_height / 2) / height - 0.5
    return math.sqrt(box_width * box_height) * math.exp(-0.5 * (across**2 + down**2) / FACE_CENTRALITY**2)
