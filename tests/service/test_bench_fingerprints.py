import pytest
from rich.progress import Progress

from models import calibration
from service.commands.bench_fingerprints import measure_fingerprints


def test_a_small_gallery_is_searched_without_loss() -> None:
    figures = measure_fingerprints(60, Progress(disable=True))
    assert figures.size == 60
    assert figures.shortlist_loss == figures.shortlist_ms == 0
    assert figures.rank1_loss is None
    assert figures.bytes_per_template > 1000
    assert figures.peak_mb > 50
    times = (figures.build_ms, figures.search_ms, figures.exact_ms, figures.add_ms, figures.remove_ms)
    assert min(*times, figures.comparisons_per_second_core, figures.scan_templates_per_second_core) > 0


def test_what_a_list_of_one_leaves_out_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = calibration.SHORTLIST._replace(exhaustive_up_to=10, kept=1, second_pass=1, leading_cylinders=1)
    monkeypatch.setattr(calibration, "SHORTLIST", tiny)
    figures = measure_fingerprints(60, Progress(disable=True), rank1=True)
    assert figures.shortlist_ms > 0
    assert figures.shortlist_loss is not None
    assert figures.rank1_loss is not None
    assert 0 < figures.shortlist_loss < 1
    assert 0 < figures.rank1_loss < 1
