from rich.progress import Progress

from service.commands.bench_fingerprints import measure_fingerprints


def test_a_small_gallery_is_searched_without_loss() -> None:
    figures = measure_fingerprints(60, Progress(disable=True))
    assert figures.size == 60
    assert figures.shortlist_loss == 0
    assert figures.bytes_per_template > 1000
    assert figures.peak_mb > 50
    times = (figures.build_ms, figures.search_ms, figures.add_ms, figures.remove_ms)
    assert min(*times, figures.comparisons_per_second_core, figures.scan_templates_per_second_core) > 0
