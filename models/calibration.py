"""Every threshold and every calibration constant of Crosscheck, each with its source.

A raw similarity means nothing to a partner. `-log10(FMR)` does: 4.0 is one false match in ten thousand comparisons,
whichever modality gave it. Raw similarities therefore never leave `models/`.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import NamedTuple

from models.score_calibration import ScoreCalibration

# --- Images: caps checked before anything is decoded -----------------------------------------------------------------

IMAGE_BYTES_LIMIT = 10 * 1024 * 1024
"""Longest image file in bytes. A 25-megapixel JPEG at good quality has 8 to 10 MB; a passport chip's portrait 20 KB."""

IMAGE_PIXELS_LIMIT = 25_000_000
"""Most pixels of an image: decoded, 75 MB at 8 bits. Checkpoint cameras have 2 to 12 megapixels."""

# --- Face: detection, choice of the subject, quality -----------------------------------------------------------------

FACE_DETECTION_MINIMUM = 0.6
"""Lowest confidence of YuNet that counts as a face at all."""

FACE_UPRIGHT_CONFIDENCE = 0.905
FACE_LEVEL_CONFIDENCE = 0.92
FACE_TURN_GAIN = 0.01
"""A face seen at least as surely is taken to be upright, or level; another is turned if YuNet then sees it more surely
by the gain. Of 150 LFW images 99 % are above 0.90 as they are and 88 % above 0.92; on their head 98 % are below 0.905,
tilted by 30 degrees 90 % below 0.92. Turning them so lowers the FNMR at an FMR of 1e-3 (100 mated pairs, one image of
each turned) from 94 % to 0 at 90 degrees, from 82 % to 1 % at 180, and from 44 % to 10 % at 45."""

FACE_OVERLAP_LIMIT = 0.3
"""Two detections whose boxes overlap more (intersection over union) are one face; the threshold of OpenCV's YuNet."""

FACE_SEEN_SIDE_RANGE = (50.0, 100.0)
"""Side of a face, in pixels as the network saw it, at which YuNet's landmarks are used as they are. On 659 LFW images
seen at 15 scales, the separation of mated from other pairs by SFace (difference of the mean cosines over their pooled
standard deviation) is 5.7 to 5.8 for faces of 56 to 92 pixels, and falls to 5.6 for 97 to 140 pixels."""

FACE_CLOSE_UP_SIDE = 70.0
"""Side of the face in a close-up, in pixels: the same separation is 5.85 there, as the mean of a straight and a
mirrored look."""

FACE_CENTRALITY = 0.2
"""Standard deviation, in shares of the image's width and height, of the Gaussian by which a face counts for less the
further it is from the centre."""

FACE_RIVAL_LIMIT = 0.52
"""A second face with more than this share of the first one's prominence makes the image ambiguous. In 659 LFW images,
each of one named person and 110 of them with bystanders, the largest share is 0.49; of 1500 pairs of them put side by
side 99 % are above 0.58."""

FACE_EYE_DISTANCE_MINIMUM = 12.0
"""Fewest pixels between the eyes. LFW images shrunk and compared with the originals at an FMR of 1e-3: FNMR 0.4 % at 17
pixels, 0.5 % at 13, 1.0 % at 10, 3.3 % at 8, 15 % at 7."""

FACE_LUMA_MINIMUM = 15.0
FACE_LUMA_WARNING = 25.0
"""Lowest median luma of a face, 0..255. LFW images darkened (with noise of 2 grey levels) against the originals at an
FMR of 1e-3: FNMR 1.0 % at 25 to 30, 1.4 % at 20 to 25, 6.5 % at 15 to 18, 8 % at 12 to 15, 33 % at 10 to 12."""

FACE_BLOWN_OUT_LUMA = 250
FACE_BLOWN_OUT_SHARE_LIMIT = 0.5
FACE_BLOWN_OUT_SHARE_WARNING = 0.2
"""Share of the face's pixels at or above that luma. LFW images brightened against the originals at an FMR of 1e-3: FNMR
0.6 % at shares of 0.1 to 0.2, 4 % at 0.2 to 0.4, 8 % at 0.4 to 0.5, 12 % at 0.5 to 0.6, 27 % at 0.7 to 0.8."""

SCENE_LUMA_MINIMUM = 50.0
"""An image without a face whose 99th percentile of luma is below this is dark: an LFW image darkened until YuNet finds
no face has one of 7 to 13, the darkest undisturbed one 139."""

FACE_YAW_LIMIT = 70.0
FACE_YAW_WARNING = 40.0
FACE_PITCH_LIMIT = 40.0
FACE_PITCH_WARNING = 25.0
"""Degrees of turning as `models.quality` estimates them. In 659 LFW images, all of which match: yaw up to 64 (2 % over
39), pitch from -21 to 17. Beyond the limits landmarks are guesses."""

FACE_CONFIDENCE_MINIMUM = 0.75
FACE_CONFIDENCE_WARNING = 0.86
"""Confidence of YuNet. 659 LFW images: 0.888 to 0.949. With noise, blur and covered eyes or mouth against the originals
at an FMR of 1e-3: FNMR 99 % below 0.8, 60 % at 0.84 to 0.88, 20 % at 0.9 to 0.92."""

FACE_NOSE_DEPTH = 0.43
"""Depth of the nose tip before the plane of eyes and mouth, in eye distances: 27 of 63 mm for an average adult."""
FACE_NOSE_REST = 0.56
"""Share of the way from eyes to mouth at which the nose tip of an upright face lies (mean of 659 LFW images)."""
FACE_MOUTH_DROP = 1.05
"""Distance from eyes to mouth in eye distances (mean of 659 LFW images)."""

FACE_WEIGHTS = {"dlib": 0.53, "sface": 0.47}
"""Shares of the networks' cosines in the fused similarity: 0.3 and 0.7 of their z-scores, that is 0.3 / 0.0338 and
0.7 / 0.0878 with the standard deviations of 216,406 non-mated cosines of 659 LFW images, made to add up to 1. The 0.3
is from LFW view 2 (7,170 mated, 23.75 million non-mated comparisons): EER 0.43 % fused, 0.70 % by SFace, 1.06 % by
dlib. A change of the weights, of an alignment or of a network needs a new calibration and a new name of the model."""

# --- Fingerprint: cylinders, comparison, quality ---------------------------------------------------------------------

# No finger reaches this far, in pixels at 500 dpi (4096 pixels are 20 cm; a hand is about 10 cm wide).
FINGER_POSITION_LIMIT = 4095.0

# Pixels per centimetre: 99 is the lowest resolution that ISO/IEC 19794-2:2005 allows (7.3.7), 800 twice the 1000 dpi of
# the finest livescan devices.
FINGER_RESOLUTION_RANGE = (98, 800)
FINGER_PPI_RANGE = (249, 2032)
"""The same in pixels an inch: what may be assumed in place of a resolution that a record misstates."""

# Quality of an impression. The figures are of 768 templates (384 impressions of 48 fingers, FVC2002 and FVC2004, set B,
# each extracted twice) and count the misses among the seven mated comparisons of each at an FMR of 1e-3. 29 templates
# (3.8 %) are warned of: FNMR 48 %, against 11 % of the others. None is refused. Areas are of the convex hull.

FINGER_MINIMUM_MINUTIAE = 6
FINGER_MINUTIAE_WARNING = 16
"""A cylinder needs neighbours, and a comparison several cylinders: below the minimum a sample says nothing about its
owner. FNMR 63 % below 14, 50 % at 14 and 15, 29 % at 16 and 17, 16 % from 25 to 29. The sparsest template has 6."""

FINGER_AREA_MINIMUM = 4.0
FINGER_AREA_WARNING = 25.0
"""Square millimetres. FNMR 56 % below 25 (13 templates), 38 % from 25 to 40, 10 % over 60. The smallest has 4.3, and
still three of its seven mates are found."""

FINGER_DENSITY_RANGE = (0.02, 3.0)
FINGER_DENSITY_WARNING = (0.1, 1.0)
"""Minutiae a square millimetre; whole fingertips have 0.2 to 0.25 (D. Maltoni et al., Handbook of Fingerprint
Recognition, chapter 3). The templates have 0.12 to 1.7, but for one of 2.5 with the smallest area; 6 have more than 1.
Below the range a cylinder, which looks at 78 square millimetres, has less than two neighbours and is empty; above it
every ridge, and there are 2.2 mm of them a square millimetre, would have more than one minutia a millimetre."""

FINGER_REPEAT_DISTANCE = 2.0
FINGER_REPEAT_ANGLE = 0.1
FINGER_REPEATED_LIMIT = 0.5
FINGER_REPEATED_WARNING = 0.1
"""Minutiae this close in place (pixels at 500 dpi) and direction (radians) are one, recorded repeatedly; shares of such
repetitions. No template repeats more than one of its minutiae (at most 4 %)."""

FINGER_SPACING_WARNING = (12.0, 36.0)
"""Mean distance of a minutia from the nearest other, in pixels at 500 dpi. Six of the 751 templates with at least
`FINGER_MINUTIAE_WARNING` minutiae are outside; 83 % are if their resolution is stated half as high as it is, and 74 %
if twice as high. By one warning or another 83 % and 92 % are noticed; 26 % if it is stated at two thirds."""


class CylinderParameters(NamedTuple):
    """How cylinders are built.

    The defaults are those of Cappelli, Ferrara and Maltoni (TPAMI 2010, table I, the 8 x 8 x 6 bit variant) unless a
    comment says otherwise. Pixels at 500 dpi, angles in radians.
    """

    radius: float = 70.0
    spatial_sigma: float = 28 / 3
    angular_sigma: float = 2 * math.pi / 9
    hull_margin: float = 50.0
    """How far outside the convex hull of the minutiae a cell still counts as inside the print."""
    bit_threshold: float = 0.005
    """A cell's bit is set from this contribution on."""
    minimum_valid_cells: float = 0.6
    """A cylinder is used if this part of its cells lies inside the print (0.75 in the paper: too strict at the rim)."""
    minimum_neighbours: int = 2


CYLINDERS = CylinderParameters()


class ComparisonParameters(NamedTuple):
    """How two templates are compared. Pixels at 500 dpi, angles in radians.

    Values without a source were chosen on 384 impressions of 48 fingers (FVC2002 and FVC2004, set B, fingers 101 to
    106), extracted twice, where error rates are flat around them: a change by a quarter moves the EER by less than 0.3
    percentage points, within the noise of 1,344 mated comparisons.
    """

    minimum_common_cells: int = 31
    """Of 52 cells of a cylinder, so many must be valid in both (60 %, as the paper has it)."""
    candidate_pairs: int = 80
    candidate_pairs_per_minutia: float = 1.6
    """Pairs of minutiae that enter the relaxation, at most, and of the smaller template."""
    distance_centre: float = 5.0
    distance_slope: float = -1.6
    angle_centre: float = math.pi / 12
    angle_slope: float = -30.0
    """Centres and slopes of the sigmoids that turn differences of distance and of the two angles of two pairs into
    compatibility (TPAMI 2010, table III)."""
    distance_limit: float = 12.0
    angle_limit: float = 0.55
    angle_limit_cosine: float = math.cos(0.55)
    """Beyond these the compatibility is below 2e-4 and is not computed."""
    relaxation_weight: float = 0.5
    relaxation_rounds: int = 8
    pairs_low: float = 4.0
    pairs_high: float = 12.0
    pairs_centre: float = 20.0
    pairs_slope: float = 0.4
    """Number of pairs that make the relaxed score, a sigmoid of the smaller number of minutiae (TPAMI 2010, eq. 16)."""
    motions: int = 3
    """Rigid motions that are tried, each from a pair that none before it explains. Eight change no rate by more
    than 0.3 percentage points; five of which some were the same were no better than these three, and slower."""
    same_motion_distance: float = 16.0
    """A motion explains a pair of minutiae that it brings this close (and within `angle_limit`)."""
    hopeless_gap: int = 1
    """A motion that pairs fewer minutiae than the best so far, by more than this, is not looked at closer."""
    direction_weight: float = 400.0
    """Square pixels that a squared radian weighs in the fit of a motion."""
    pairing_distance: float = 12.0
    pairing_angle: float = 0.5
    """Minutiae this close after the motion may be the same minutia: about 1.3 ridge periods."""
    stiffness: float = 2e4
    """Square pixels by which the skin resists an affine distortion: ten minutiae 45 pixels from their centre."""
    refinement_floor: float = -8.0
    """A motion with less evidence than this is not refined: most comparisons of strangers end here."""
    fewest_to_refine: int = 3
    overlap_margin: float = 12.0
    position_deviation: float = 5.0
    direction_deviation: float = 0.18
    """Misplacement of mated minutiae (measured after the best motion: 4.4 to 4.7 pixels in the plane and 0.11 to 0.14
    radians, with heavier tails than a normal density has)."""
    paired_share: float = 0.65
    """Share of the minutiae in the overlap that find their mate (measured: 0.78 and 0.62 with the two extractors)."""
    rotation_deviation: float = 0.3
    any_rotation: float = 0.1
    """Rotation between impressions of a finger: normal, but for one in ten that may have any."""
    relaxed_weight: float = 10.0
    relaxed_floor: float = 1e-4
    """The relaxed score counts as a likelihood ratio that grows with its tenth power; flat between 6 and 12."""
    evidence_floor: float = -100.0
    evidence_top: float = 400.0
    """The sum of the logarithms is brought into 0..1 between these. Strangers reach -62 in the median and -20 in 70,000
    comparisons, their tail falling off exponentially; mates reach 23 in the median, up to 200, and a template with
    itself 150 to 300."""


COMPARISON = ComparisonParameters()


class ShortlistParameters(NamedTuple):
    """Which templates of a large gallery are compared exactly. `docs/evaluation.md` has what was tried."""

    exhaustive_up_to: int = 5000
    """With so many templates to compare, or fewer, all are compared exactly: no longer than 0.2 s on one core."""
    kept: int = 1500
    """Templates that are compared exactly when there are more. Of mates at rank 1 among 100,000, 1000 lose 2 of 317, 2
    of 313 and 2 of 600 (two extractors and generated ones), and 2000 lose 2, 1 and 1."""
    second_pass: int = 16
    """Templates that the second pass looks at for each one it keeps. Half as many would lose no more generated mates;
    but among real strangers, who look more alike to the network than generated ones do, they would."""
    vector_weight: float = 1.0
    """What likeness of the vectors counts for against that of the cylinders, in both passes, each in its deviations
    among the templates at hand. 1.5 and 2 lose as many generated mates, and more of mindtct's templates."""
    leading_cylinders: int = 24
    """Cylinders of the probe in the first pass, which takes time in proportion; eight are scanned together."""
    fewest_minutiae: int = 10
    """Scores are divided by the root of a template's minutiae; one with fewer does not profit from having few. Without
    the root more mates are lost, and so they are by comparing with the mean score of as many minutiae."""
    credit: int = 11
    """A bit that is set in one of two cylinders; one that is set in both counts twice."""
    debit: int = 20
    """A bit in which they differ. At 11 : 20 a pair counts from 45 % common bits on (twice those of both, by the sum of
    those of each); of ratios from 7 : 20 to 15 : 20 it kept mates of real and generated fingers nearest to the top."""


SHORTLIST = ShortlistParameters()

# --- Scores: similarity -> -log10(FMR), fusion, bands, flag threshold ------------------------------------------------

DEFAULT_TARGET_FPIR = 0.01
"""False alarms accepted per search of a person on nobody's list, unless the operator chooses: one in a hundred."""

SCORE_CAP = 8.0
"""The highest score of one comparison: one false match in a hundred million. The face data reach to about 5, the finger
data to 4; from there to here scores are a bound on a fitted tail (`models.evaluation.fit`), and beyond nothing is."""

MINIMUM_FLAG_SCORE = 3.0
"""No flag below this score, however small the gallery: one comparison in a thousand between strangers scores as much.
With a handful of entries the formula alone would ask for less, and put weak evidence before a reviewer as a match."""

MAXIMUM_FLAG_SCORE = 7.5
"""No flag threshold above this score, however large the gallery: a comparison at the top of its scale is never passed
over in silence. It is `SCORE_CAP` less `log10(3)` for the three looks of a check with both
modalities, rounded down. Over 316,000 visible templates the false alarm rate therefore exceeds the default target."""


VERIFICATION_SCORE = 3.0
"""Score from which two samples compared 1:1 are taken to be of one person: a false match in a thousand, the security
level that Frontex asks of automated border gates (Best Practice Technical Guidelines for ABC Systems, 2015)."""

FINGER_NEIGHBOUR_RATE = 0.05
FACE_NEIGHBOUR_RATE = 0.001
"""How many strangers a probe is taken for, at most, among the recent probes that its fingers, or its face, are compared
with (`models.scores.neighbour_score`). Chains of probes grow through any member, so both must stay far below one, or
one chain would swallow all: at 0.1 strangers a probe a chain has 1.1 members in the mean, and less than one in a
million has ten. Faces need the margin: those of one origin, sex and age are taken for one another 10 to 100 times as
often as those of a mixed public (NISTIR 8280, 2019). Fingers are not, and a strict score would miss prints with few
minutiae, which even a copy of them does not score highly against: one with 9 has 5.5 to 6.5."""

FACE_HUB_LIMIT = 0.56
"""Mean similarity to all people from which a face is like too many of them (`models.hubs`). 659 LFW images have 0.490
in the mean with a standard deviation of 0.013, and 0.521 at most; those of people who had no part in the average have
0.518. 74 of them shrunk to a fifth, blurred (5 pixels), darkened to a quarter or made gray have 0.529 at most. The
average face itself has 0.63 and is like 90 % of 420 people at a score of 1.5, where a real face is like 10 % of them at
most. Of 300 means of three people's vectors all have 0.56 or more; a blend of their pictures has 0.517 at most, for its
face is that of one of them."""

DUPLICATE_FPIR = 0.001
"""How many new entries of strangers are reported to their owner as like one of its others."""

LIKE_MANY_LIMIT = 4
"""Most other people of its owner's lists that an entry may be like. At a `DUPLICATE_FPIR` of 0.001 a stranger
is like five of them once in 10**17 (Poisson); whom the owner lists so often it links, or says that it means it."""


class Band(StrEnum):
    """A score in words, for agreements that let a partner see how strong a match is but not its score."""

    NONE = "none"
    """Below 3: strangers score this much too often for it to mean anything."""
    WEAK = "weak"
    """3 to 4: expected once in a gallery of one thousand to ten thousand strangers."""
    MODERATE = "moderate"
    """4 to 5: expected once in ten thousand to a hundred thousand strangers."""
    STRONG = "strong"
    """5 to 6: expected once in a hundred thousand to a million strangers."""
    VERY_STRONG = "very-strong"
    """6 and more: expected less than once in a million strangers."""


BAND_FLOORS: tuple[tuple[float, Band], ...] = (
    (6.0, Band.VERY_STRONG),
    (5.0, Band.STRONG),
    (4.0, Band.MODERATE),
    (MINIMUM_FLAG_SCORE, Band.WEAK),
)
"""Lowest score of each band, strongest first."""


# Both tables are printed by `crosscheck evaluate ... --fit`; how they are fitted: models/evaluation/fit.py.
# fmt: off
FACE = ScoreCalibration(
    knots=(
        (0.2629, 0.0), (0.4811, 0.237), (0.5127, 0.479), (0.5349, 0.724), (0.553, 0.971),
        (0.5685, 1.215), (0.5824, 1.461), (0.5952, 1.705), (0.6066, 1.943), (0.621, 2.268),
        (0.6301, 2.5), (0.6518, 3.0), (0.6754, 3.5), (0.7004, 4.0), (0.7268, 4.5),
        (0.7549, 5.0), (0.7846, 5.5), (0.816, 6.0), (0.8494, 6.5), (0.8847, 7.0),
        (0.922, 7.5), (0.9616, 8.0),
    ),
    source="LFW (deep-funneled), 659 images of 420 people; 216,406 non-mated comparisons; November 2026",
)

FINGER = ScoreCalibration(
    knots=(
        (0.01111, 0.0), (0.07484, 0.181), (0.08286, 0.401), (0.0889, 0.627), (0.09457, 0.85),
        (0.09972, 1.05), (0.1049, 1.267), (0.1105, 1.486), (0.1153, 1.665), (0.1218, 2.0),
        (0.1321, 2.5), (0.1433, 3.0), (0.1564, 3.5), (0.1691, 4.0), (0.1827, 4.5),
        (0.1976, 5.0), (0.214, 5.5), (0.2305, 6.0), (0.2478, 6.5), (0.2662, 7.0),
        (0.2861, 7.5), (0.3071, 8.0),
    ),
    source="FVC2002 and FVC2004 set B, 48 fingers of 8 scanners, templates of a commercial extractor; 7,680 non-mated "
    "comparisons within a scanner; November 2026",
)
# fmt: on
