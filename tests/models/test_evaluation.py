from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from numpy.typing import NDArray

from models.calibration import SCORE_CAP
from models.evaluation.comparisons import FAILED, Comparisons, nonmated_pairs
from models.evaluation.det_plot import Line, draw_det
from models.evaluation.fit import MINIMUM_SHAPE, ParetoTail, fit_calibration, fit_shape, fit_tail
from models.evaluation.intervals import bootstrap_intervals, draw_subjects, widen
from models.evaluation.manifest import (
    ManifestError,
    read_face_manifest,
    read_fingerprint_manifest,
    subject_numbers,
)
from models.evaluation.rates import PairTable
from models.evaluation.report import evaluate
from models.evaluation.search import search_all
from models.samples import Modality


def silent(_step: str, _share: float) -> None:
    """Progress that nobody watches."""


def comparisons(
    subjects: list[int], pairs: dict[tuple[int, int], float], *, rest: float = 0.1, failed: tuple[int, ...] = ()
) -> Comparisons:
    """All pairs have the similarity `rest` but those named."""
    similarity = np.full((len(subjects), len(subjects)), rest, dtype=np.float32)
    for (i, j), value in pairs.items():
        similarity[i, j] = similarity[j, i] = value
    lost = np.isin(np.arange(len(subjects)), failed)
    similarity[lost, :] = similarity[:, lost] = FAILED
    return Comparisons(np.array(subjects), similarity, lost, np.zeros(len(subjects), dtype=np.int64))


# Four subjects of two samples: 4 mated pairs, 24 non-mated, of which two stand out.
TWINS = [0, 0, 1, 1, 2, 2, 3, 3]
TWIN_PAIRS = {(0, 1): 0.9, (2, 3): 0.8, (4, 5): 0.7, (6, 7): 0.3, (0, 2): 0.75, (4, 6): 0.5}


def cloud(subjects: int, several: int, noise: float, seed: int) -> Comparisons:
    """Random directions in 64 dimensions; the first subjects have three samples each, the others one."""
    random = np.random.default_rng(seed)
    owner = np.repeat(np.arange(subjects), np.where(np.arange(subjects) < several, 3, 1))
    centres = random.normal(size=(subjects, 64)) / 8
    vectors = centres[owner] + noise * random.normal(size=(owner.size, 64))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity = (vectors @ vectors.T).astype(np.float32)
    return Comparisons(owner, similarity, np.zeros(owner.size, dtype=np.bool_), np.zeros(owner.size, dtype=np.int64))


# --- 1:1 rates -------------------------------------------------------------------------------------------------------


def test_counts_of_pairs() -> None:
    found = comparisons([0, 0, 0, 1, 2], {})
    assert (found.samples, found.mated, found.nonmated) == (5, 3, 7)


def test_error_rates_at_every_threshold_by_hand() -> None:
    curve = PairTable(comparisons(TWINS, TWIN_PAIRS)).curve()
    at = {round(float(t), 3): (f, n) for t, f, n in zip(curve.thresholds, curve.fmr, curve.fnmr, strict=True)}
    assert at[-np.inf] == (1.0, 0.0)
    assert at[0.1] == (pytest.approx(2 / 24), 0.0)
    assert at[0.3] == (pytest.approx(2 / 24), 0.25)
    assert at[0.5] == (pytest.approx(1 / 24), 0.25)
    assert at[0.7] == (pytest.approx(1 / 24), 0.75 - 0.25)
    assert at[0.75] == (0.0, 0.5)
    assert at[0.9] == (0.0, 1.0)


def test_eer_takes_the_better_side_of_the_step() -> None:
    # Rates cross between threshold 0.1 (FMR 2/24, FNMR 0) and 0.3 (2/24, 6/24): the first has the smaller sum.
    assert PairTable(comparisons(TWINS, TWIN_PAIRS)).curve().eer() == pytest.approx(1 / 24)


def test_eer_of_separated_and_of_reversed_similarities() -> None:
    apart = {(0, 1): 0.9, (2, 3): 0.9}
    assert PairTable(comparisons([0, 0, 1, 1], apart)).curve().eer() == 0.0
    reversed_pairs = {(0, 1): 0.0, (2, 3): 0.0}
    assert PairTable(comparisons([0, 0, 1, 1], reversed_pairs)).curve().eer() == 1.0


def test_eer_where_the_rates_meet_exactly() -> None:
    # 2 mated and 4 non-mated pairs: half of each on the wrong side of 0.5.
    pairs = {(0, 1): 0.9, (2, 3): 0.2, (0, 2): 0.8, (0, 3): 0.8, (1, 2): 0.1, (1, 3): 0.1}
    assert PairTable(comparisons([0, 0, 1, 1], pairs)).curve().eer() == pytest.approx(0.5)


def test_fnmr_at_fmr_and_its_limit() -> None:
    curve = PairTable(comparisons(TWINS, TWIN_PAIRS)).curve()
    assert curve.fnmr_at(0.1) == 0.0
    assert curve.fnmr_at(0.05) == 0.25
    assert curve.fnmr_at(1 / 24) == 0.25
    assert curve.fnmr_at(0.01) is None


def test_tied_similarities_are_on_the_same_side() -> None:
    # The mated pairs tie with a non-mated one: accepting the former would accept the latter.
    pairs = {(0, 1): 0.6, (2, 3): 0.6, (0, 2): 0.6}
    assert PairTable(comparisons([0, 0, 1, 1], pairs, rest=0.0)).curve().fnmr_at(0.25) == 0.0
    tied = {**pairs, (1, 3): 0.6}
    assert PairTable(comparisons([0, 0, 1, 1], tied, rest=0.0)).curve().fnmr_at(0.25) == 1.0


def test_a_failure_to_enrol_is_a_miss_and_never_a_false_match() -> None:
    curve = PairTable(comparisons(TWINS, TWIN_PAIRS, failed=(0,))).curve()
    assert curve.fnmr[0] == 0.25
    assert curve.fmr[0] == pytest.approx(18 / 24)
    # The false match at 0.75 went with the failed sample: above 0.1 there is 1 of 24, and only that sample is missed.
    assert curve.fnmr_at(1 / 24) == 0.25


def test_weights_count_subjects_as_often_as_they_were_drawn() -> None:
    data = comparisons(TWINS, TWIN_PAIRS)
    # Subject 0 twice, 1 once, 2 once, 3 never: pairs 2*2*2 (0 with 1), 2*2*2 (0 with 2), 2*2 (1 with 2) = 20.
    curve = PairTable(data).curve(np.array([2, 1, 1, 0]))
    assert curve.resolution == pytest.approx(1 / 20)
    last = np.flatnonzero(curve.thresholds < 0.72)[-1]
    assert curve.fmr[last] == pytest.approx(2 / 20)
    assert curve.fnmr[last] == pytest.approx(1 / 4)


def test_a_table_of_the_most_similar_pairs_gives_the_same_low_rates() -> None:
    data = cloud(60, 30, 0.12, seed=1)
    whole, part = PairTable(data).curve(), PairTable(data, share=0.2).curve()
    assert part.thresholds.size < whole.thresholds.size / 2
    for fmr in (0.1, 0.01, 0.001):
        assert part.fnmr_at(fmr) == whole.fnmr_at(fmr)
    assert part.eer() == whole.eer()


def test_nonmated_pairs_name_their_subjects() -> None:
    pairs = nonmated_pairs(comparisons(TWINS, TWIN_PAIRS), share=2 / 24)
    assert pairs.similarity.tolist() == pytest.approx([0.5, 0.75])
    assert list(zip(pairs.first, pairs.second, strict=True)) == [(2, 3), (0, 1)]


# --- 1:N rates -------------------------------------------------------------------------------------------------------


def test_search_with_single_samples_as_strangers() -> None:
    subjects = [0, 0, 0, 1, 1, 2, 3]
    pairs = {(0, 1): 0.9, (0, 2): 0.3, (2, 3): 0.4, (3, 4): 0.8, (0, 5): 0.5, (3, 6): 0.2}
    searches = search_all(comparisons(subjects, pairs))
    ones = np.ones(4, dtype=np.int64)
    assert searches.mate.tolist() == pytest.approx([0.9, 0.3, 0.8])
    assert searches.best_other.tolist() == pytest.approx([0.1, 0.4, 0.1])
    assert sorted(searches.best.tolist()) == pytest.approx([0.2, 0.5])
    assert searches.rank1(ones) == pytest.approx(2 / 3)
    assert searches.fnir_at(0.5, ones) == pytest.approx(0.0)
    assert searches.fnir_at(0.01, ones) is None


def test_fnir_counts_mates_at_or_below_the_threshold() -> None:
    subjects = [0, 0, 1, 1, *range(2, 102)]
    strangers = {(0, 4 + k): 0.2 + k / 1000 for k in range(100)}
    pairs = {(0, 1): 0.2985, (2, 3): 0.2975, **strangers}
    searches = search_all(comparisons(subjects, pairs))
    # One alarm in a hundred searches is allowed: the threshold is the second best stranger, 0.298.
    assert searches.fnir_at(0.01, np.ones(102, dtype=np.int64)) == 0.5


def test_search_without_single_samples_leaves_the_own_subject_out() -> None:
    searches = search_all(comparisons(TWINS, TWIN_PAIRS))
    assert searches.best.tolist() == searches.best_other.tolist()
    assert searches.mate.tolist() == pytest.approx([0.9, 0.8, 0.7, 0.3])
    assert searches.rank1(np.ones(4, dtype=np.int64)) == 1.0


def test_failures_count_in_searches() -> None:
    """A mate that could not be enrolled is missed, and so is a probe that could not be encoded."""
    ones = np.ones(4, dtype=np.int64)
    assert search_all(comparisons(TWINS, TWIN_PAIRS, failed=(0,))).rank1(ones) == 0.75
    assert search_all(comparisons(TWINS, TWIN_PAIRS, failed=(1, 2))).rank1(ones) == 0.5


# --- Intervals -------------------------------------------------------------------------------------------------------


def test_draws_keep_the_number_of_subjects_and_repeat() -> None:
    draws = draw_subjects(37, 20)
    assert (draws.sum(axis=1) == 37).all()
    assert (draws == draw_subjects(37, 20)).all()
    assert (draws != draw_subjects(37, 20, seed=1)).any()


def test_intervals_of_a_mean_cover_it_as_often_as_they_say() -> None:
    random = np.random.default_rng(3)
    covered = 0
    for _ in range(200):
        errors = random.uniform(size=100) < 0.2

        def rate(weights: NDArray[np.int64], errors: NDArray[np.bool_] = errors) -> NDArray[np.float64]:
            return np.array([weights[errors].sum() / weights.sum()])

        ((low, high),) = bootstrap_intervals(rate, 100, replicates=200)
        covered += bool(low <= 0.2 <= high)
    assert 0.88 <= covered / 200 <= 0.99


def test_dependent_samples_widen_the_interval() -> None:
    """Ten equal answers of a subject are one answer, not ten."""
    random = np.random.default_rng(4)
    errors = random.uniform(size=50) < 0.3
    owner = np.repeat(np.arange(50), 10)

    def rate(weights: NDArray[np.int64]) -> NDArray[np.float64]:
        drawn = weights[owner]
        return np.array([drawn[errors[owner]].sum() / drawn.sum()])

    ((low, high),) = bootstrap_intervals(rate, 50)
    independent = 1.96 * np.sqrt(errors.mean() * (1 - errors.mean()) / 500)
    assert high - low > 2 * 2 * independent


def test_no_error_seen_is_not_no_error() -> None:
    low, high = widen((0.0, 0.0), 0.0, 100)
    assert low == 0.0
    assert high == pytest.approx(1 - 0.025**0.01)  # 3.6 %
    assert widen((1.0, 1.0), 1.0, 100) == pytest.approx((0.025**0.01, 1.0))
    assert widen((0.1, 0.2), 0.15, 100) == (0.1, 0.2)


# --- The report ------------------------------------------------------------------------------------------------------


def test_report_has_every_documented_figure() -> None:
    data = cloud(120, 60, 0.1, seed=5)
    found = evaluate(Modality.FACE, data, np.array([3.0, 1.0, 2.0]), 1234.5, silent).as_json()
    assert list(found) == [
        "modality",
        "samples",
        "subjects",
        "mated",
        "nonmated",
        "fte",
        "eer",
        "fnmr_at_fmr",
        "rank1",
        "fnir_at_fpir",
        "encode_ms",
        "comparisons_per_second",
        "intervals",
    ]
    assert (found["modality"], found["samples"], found["subjects"]) == ("face", 240, 120)
    assert (found["mated"], found["nonmated"]) == (180, 240 * 239 // 2 - 180)
    assert list(found["fnmr_at_fmr"]) == ["0.01", "0.001", "0.0001"]
    assert list(found["fnir_at_fpir"]) == ["0.01"]
    assert found["encode_ms"] == 2.0
    assert found["fnir_at_fpir"]["0.01"] is None  # 60 strangers cannot show one false alarm in a hundred
    assert found["intervals"]["fnir_at_fpir"]["0.01"] is None
    for name in ("fte", "eer", "rank1"):
        low, high = found["intervals"][name]
        assert low <= found[name] <= high
    json.dumps(found, allow_nan=False)


def test_failures_show_in_every_rate() -> None:
    good = cloud(120, 60, 0.05, seed=6)
    lost = np.zeros(240, dtype=np.bool_)
    lost[:24] = True
    similarity = good.similarity.copy()
    similarity[lost, :] = similarity[:, lost] = FAILED
    before = evaluate(Modality.FACE, good, np.ones(1), 1.0, silent).rates
    after = evaluate(
        Modality.FACE, Comparisons(good.subjects, similarity, lost, good.sets), np.ones(1), 1.0, silent
    ).rates
    assert before.fte == before.eer == 0.0
    assert after.fte == pytest.approx(0.1)
    assert after.fnmr_at_fmr[0.001] == pytest.approx(24 / 180)  # eight subjects, all three pairs of each
    assert after.rank1 == pytest.approx(1 - 16 / 120)


def test_samples_without_two_of_anyone_are_refused() -> None:
    with pytest.raises(ManifestError, match="two or more samples"):
        evaluate(Modality.FACE, comparisons([0, 1, 2], {}), np.ones(3), 1.0, silent)


# --- Calibration fit -------------------------------------------------------------------------------------------------


def test_shape_of_a_light_and_a_heavy_tail() -> None:
    random = np.random.default_rng(10)
    assert fit_shape(np.sort(random.exponential(0.05, size=20_000))) == MINIMUM_SHAPE
    assert fit_shape(np.sort(0.05 * (random.uniform(size=20_000) ** -0.3 - 1) / 0.3)) == pytest.approx(0.3, abs=0.04)


def test_a_bounded_tail_declares_no_similarity_impossible() -> None:
    excess = np.sort(np.random.default_rng(11).uniform(0.0, 0.1, size=3000))
    tail = fit_tail(excess, np.ones(3000, dtype=np.int64), 0.9, 300_000, fit_shape(excess))
    assert tail is not None
    assert np.isfinite(tail.score(np.array([2.0]))).all()


def test_tail_takes_share_and_scale_from_the_weights() -> None:
    tail = fit_tail(np.array([0.1, 0.3]), np.array([3, 1]), 0.5, 400, 0.1)
    assert tail is not None
    assert (tail.threshold, tail.share, tail.shape) == (0.5, 0.01, 0.1)
    assert tail.scale == pytest.approx(0.15 * 0.9)
    assert fit_tail(np.array([0.1]), np.array([0]), 0.5, 400, 0.1) is None


def test_tail_score_at_its_threshold_is_its_share() -> None:
    for shape in (0.05, 0.2):
        score = ParetoTail(0.5, 0.01, 0.1, shape).score(np.array([0.5, 0.7]))
        assert score[0] == pytest.approx(2.0)
        assert score[1] > 2.0


def test_fitted_scores_hold_for_other_strangers() -> None:
    """The calibration of 300 subjects, checked on 1500 others: FMR at a score stays at or below what it says."""
    fitted = fit_calibration(cloud(300, 0, 0.1, seed=12), "directions", lambda _: None)
    others = cloud(1500, 0, 0.1, seed=13)
    scores = fitted.score(nonmated_pairs(others).similarity)
    for score, most, least in ((1.0, 1.1, 0.8), (2.0, 1.1, 0.7), (3.0, 1.1, 0.2), (4.0, 1.1, 0.05), (5.0, 1.5, 0.0)):
        rate = np.count_nonzero(scores >= score) / scores.size * 10**score
        assert least <= rate <= most, (score, rate)
    assert fitted.cap == SCORE_CAP
    assert "44,850 non-mated comparisons of 300 subjects" in fitted.source


def test_only_comparisons_within_a_set_are_calibrated() -> None:
    """Strangers of the same set resemble each other here; those of different sets would hide it by their number."""
    random = np.random.default_rng(15)
    sets = np.repeat(np.arange(4), 60)
    noise = random.normal(0.0, 0.05, size=(240, 240))
    similarity = np.where(sets[:, None] == sets[None, :], 0.3, 0.0) + (noise + noise.T) / 2
    data = Comparisons(np.arange(240), similarity.astype(np.float32), np.zeros(240, dtype=np.bool_), sets)
    fitted = fit_calibration(data, "sets", lambda _: None)
    assert fitted.score(0.3) == pytest.approx(0.3, abs=0.1)  # half of the comparisons within sets are above
    assert "7,080 non-mated comparisons" in fitted.source


def test_too_few_comparisons_are_not_calibrated() -> None:
    with pytest.raises(ManifestError, match="too few"):
        fit_calibration(cloud(40, 0, 0.1, seed=14), "directions", lambda _: None)


# --- Plot ------------------------------------------------------------------------------------------------------------


def test_det_plot_is_a_drawing_of_both_curves() -> None:
    curve = PairTable(cloud(60, 30, 0.15, seed=2)).curve()
    drawing = draw_det("A & B <faces>", [Line("ours", curve), Line("theirs", curve)])
    root = ET.fromstring(drawing)
    space = "{http://www.w3.org/2000/svg}"
    curves = root.findall(f"{space}polyline")
    assert len(curves) == 2
    points = [tuple(map(float, point.split(","))) for point in curves[0].attrib["points"].split()]
    assert len(points) >= 10
    assert all(84 <= x <= 736 and 56 <= y <= 496 for x, y in points)
    texts = [element.text for element in root.iter(f"{space}text")]
    assert "A & B <faces>" in texts
    assert any(text and text.startswith("ours (EER ") for text in texts)


def test_det_plot_of_a_perfect_comparison_has_axes_and_no_points() -> None:
    curve = PairTable(comparisons([0, 0, 1, 1], {(0, 1): 0.9, (2, 3): 0.9})).curve()
    root = ET.fromstring(draw_det("perfect", [Line("ours", curve)]))
    assert [line.attrib["points"] for line in root.iter("{http://www.w3.org/2000/svg}polyline")] == [""]


# --- Manifest --------------------------------------------------------------------------------------------------------


def folder_with(folder: Path, manifest: str, *files: str) -> Path:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    (folder / "manifest.csv").write_text(manifest, encoding="utf-8")
    return folder


def test_face_manifest(tmp_path: Path) -> None:
    folder = folder_with(
        tmp_path,
        "\ufeffidentity,path,source\nAnn,a/1.jpg,here\nBob,b.jpg,there\nAnn,a/2.jpg,\n",
        "a/1.jpg",
        "a/2.jpg",
        "b.jpg",
    )
    samples = read_face_manifest(folder)
    assert [sample.path.name for sample in samples] == ["1.jpg", "b.jpg", "2.jpg"]
    assert subject_numbers(samples).tolist() == [0, 1, 0]


def test_a_finger_is_named_by_set_and_number(tmp_path: Path) -> None:
    folder = folder_with(
        tmp_path, "path,set,finger,impression\na,s1,1,1\nb,s1,1,2\nc,s2,1,1\nd,s1,2,1\n", "a", "b", "c", "d"
    )
    assert subject_numbers(read_fingerprint_manifest(folder)).tolist() == [0, 0, 1, 2]


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("", "lacks the columns path, identity"),
        ("path,who\na,Ann\n", "lacks the column identity"),
        ("path,identity\n", "names no sample"),
        ("path,identity\na,Ann\nmissing,Bob\n", "line 3 of manifest.csv does not exist"),
        ("path,identity\na,Ann\n../a,Bob\n", "line 3 of manifest.csv leaves the folder"),
        ("path,identity\n/etc/hostname,Ann\n", "line 2 of manifest.csv leaves the folder"),
        ("path,identity\na,Ann\n./a,Bob\n", "line 3 of manifest.csv repeats the sample of line 2"),
        ("path,identity\na,\n", "line 2 of manifest.csv has no identity"),
        ("path,identity\na\n", "line 2 of manifest.csv has no identity"),
        ("path,identity\n.,Ann\n", "line 2 of manifest.csv does not exist"),
    ],
)
def test_manifest_errors_name_the_line(tmp_path: Path, manifest: str, message: str) -> None:
    folder = folder_with(tmp_path / "faces", manifest, "a")
    (tmp_path / "a").write_bytes(b"outside")
    with pytest.raises(ManifestError, match=message) as caught:
        read_face_manifest(folder)
    assert "Ann" not in caught.value.detail
    assert "Bob" not in caught.value.detail


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"x")
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "a").symlink_to(tmp_path / "outside")
    with pytest.raises(ManifestError, match="leaves the folder"):
        read_face_manifest(folder_with(tmp_path / "faces", "path,identity\na,Ann\n"))


def test_an_impression_may_appear_once(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "path,set,finger,impression\na,s,1,1\nb,s,1,1\n", "a", "b")
    with pytest.raises(ManifestError, match=r"line 3 .* repeats the sample of line 2"):
        read_fingerprint_manifest(folder)


def test_a_folder_without_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="there is no file"):
        read_face_manifest(tmp_path)
    with pytest.raises(ManifestError, match="there is no file"):
        read_face_manifest(tmp_path / "nowhere")


def test_a_manifest_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_bytes(b"path,identity\n\xff\xfe,x\n")
    with pytest.raises(ManifestError, match="not UTF-8"):
        read_face_manifest(tmp_path)
