from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.face.align import ARCFACE, DLIB, TEMPLATES, align, similarity, template_points, warp


def moved(
    points: np.ndarray[tuple[int, ...], np.dtype[np.float64]], degrees: float, scale: float
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    turn = np.radians(degrees)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return points @ matrix.T + (37.0, -12.0)


@pytest.mark.parametrize("degrees", [0, 30, -75, 180])
@pytest.mark.parametrize("scale", [0.2, 1.0, 7.0])
def test_a_similarity_is_recovered_exactly(degrees: float, scale: float) -> None:
    target = TEMPLATES[ARCFACE][1]
    found = similarity(moved(target, degrees, scale), target)
    assert moved(target, degrees, scale) @ found[:, :2].T + found[:, 2] == pytest.approx(target, abs=1e-9)
    assert np.hypot(*found[:, 0]) == pytest.approx(1 / scale)


def test_no_other_similarity_fits_noisy_points_better() -> None:
    noise = np.random.default_rng(5).normal(size=(5, 2))
    target = TEMPLATES[ARCFACE][1]
    source = moved(target, 20, 2.0) + 4 * noise
    found = similarity(source, target)

    def error(transform: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
        return float(((source @ transform[:, :2].T + transform[:, 2] - target) ** 2).sum())

    a, b = found[0, 0], found[1, 0]
    for da, db, dx, dy in np.random.default_rng(6).normal(scale=1e-3, size=(50, 4)):
        other = np.array([[a + da, -b - db, found[0, 2] + dx], [b + db, a + da, found[1, 2] + dy]])
        assert error(other) >= error(found)


def test_a_template_scales_with_its_chip() -> None:
    assert template_points(DLIB, 150) == pytest.approx(TEMPLATES[DLIB][1])
    doubled = template_points(DLIB, 300)
    assert doubled + 0.5 == pytest.approx(2 * (TEMPLATES[DLIB][1] + 0.5))


def test_templates_are_symmetric_enough_for_a_mirrored_face() -> None:
    for side, points in TEMPLATES.values():
        mirrored = points[[1, 0, 2, 4, 3]] * (-1, 1) + (side - 1, 0)
        assert np.abs(mirrored - points).max() < 1.5


@pytest.mark.parametrize("scale", [0.8, 2.0, 5.3, 11.0])
def test_landmarks_land_on_the_template_however_large_the_face_is(scale: float) -> None:
    """Discs at the landmarks of a drawn face are found again at the places of the template."""
    points = moved(TEMPLATES[ARCFACE][1], 25, scale) + 60 * scale
    image = np.full((int(260 * scale), int(260 * scale), 3), 20, np.uint8)
    for x, y in points:
        cv2.circle(image, (round(x * 16), round(y * 16)), int(4 * scale * 16), (250, 250, 250), -1, cv2.LINE_AA, 4)
    chip = align(image, points.astype(np.float32), [(ARCFACE, 112)])[ARCFACE, 112]
    _, _, _, centroids = cv2.connectedComponentsWithStats((chip[:, :, 0] > 130).astype(np.uint8))
    for wanted in TEMPLATES[ARCFACE][1]:
        assert np.hypot(*(centroids[1:] - wanted).T).min() < 0.6


def test_shrinking_averages_pixels() -> None:
    """A fine chequerboard shrinks to an even gray, not to a pattern that is not there."""
    rows, columns = np.indices((1200, 1200))
    board = np.repeat((((rows + columns) % 2) * 255).astype(np.uint8)[:, :, None], 3, axis=2)
    chip = warp(board, np.array([[0.1, 0.0, 0.0], [0.0, 0.1, 0.0]]), 112)
    assert np.abs(chip[2:-2, 2:-2].astype(int) - 128).max() <= 2


def test_what_lies_outside_the_image_is_black() -> None:
    white = np.full((100, 100, 3), 255, np.uint8)
    for scale in (1.0, 0.2):
        chip = warp(white, np.array([[scale, 0.0, 300.0], [0.0, scale, 300.0]]), 112)
        assert chip.max() == 0
        assert chip.shape == (112, 112, 3)
