"""Means, intervals, curves and tables."""

import io
import math
import statistics

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import stats

from reproduce import report
from reproduce.report import figures, looks
from reproduce.report import statistics as statistics_of


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def rows(count=8, slope=0.01):
    """`count` images, three qualities and none, two protections; ssim is known."""
    return [
        {
            "subject": i,
            "protection": p,
            "quality": q,
            "ssim": 0.5 + 0.1 * k + slope * (q or 100) / 100 + i / 100,
        }
        for k, p in enumerate(["clean", "encoder"])
        for q in (5, 50, 95, None)
        for i in range(count)
    ]


def test_a_subject_is_averaged_first_and_n_counts_subjects():
    table = report.summarise(
        [{"subject": 0, "k": "a", "v": 1.0}, {"subject": 0, "k": "a", "v": 3.0}, {"subject": 1, "k": "a", "v": 8.0}]
        + [
            {"subject": 0, "k": "b", "v": 5.0},
            {"subject": 1, "k": "b", "v": None},
            {"subject": 2, "k": "b", "v": math.nan},
        ],
        "k",
        "v",
    )
    assert [(row["k"], row["mean"], row["n"]) for row in table] == [("a", 5.0, 2), ("b", 5.0, 1)]
    assert math.isnan(table[1]["low"]) and math.isnan(table[1]["high"])


@pytest.mark.parametrize("people", [2, 4, 20])
def test_the_interval_is_students_and_covers_as_often_as_it_says(people):
    chance, hits = np.random.default_rng(1), 0
    for _ in range(400):
        values = chance.normal(2, 1, people)
        [row] = report.summarise([{"subject": i, "k": 0, "v": v} for i, v in enumerate(values)], "k", "v")
        hits += row["low"] <= 2 <= row["high"]
    theirs = stats.t.interval(0.95, people - 1, values.mean(), stats.sem(values))
    assert (row["low"], row["high"]) == pytest.approx(theirs, rel=1e-12)
    assert 0.92 <= hits / 400 <= 0.98


def test_the_interval_of_a_ratio_holds_what_a_paired_test_does_not_reject():
    chance = np.random.default_rng(2)
    below = chance.normal(1.0, 0.3, 12)
    above = 0.4 * below + chance.normal(0.05, 0.1, 12)
    rows = [dict(subject=i, above=a, below=b) for i, (a, b) in enumerate(zip(above, below, strict=True))]
    found, low, high, people = statistics_of.ratio(rows, "above", "below")
    assert found == pytest.approx(above.mean() / below.mean()) and people == 12 and low < found < high
    for end in (low, high):
        assert stats.ttest_1samp(above - end * below, 0).pvalue == pytest.approx(0.05, abs=1e-9)
    assert statistics_of.ratio([row | {"above": 2 * row["below"]} for row in rows], "above", "below")[:3] == pytest.approx((2, 2, 2))
    unclear = [row | {"below": b} for row, b in zip(rows, chance.normal(0.05, 1, 12), strict=True)]
    assert math.isnan(statistics_of.ratio(unclear, "above", "below")[1]) and math.isnan(statistics_of.ratio(rows[:1], "above", "below")[1])


def test_the_chance_of_a_mean_is_a_t_tests():
    values = np.random.default_rng(4).normal(0.3, 1, 9)
    assert statistics_of.chance(values) == pytest.approx(stats.ttest_1samp(values, 0).pvalue)
    assert statistics_of.chance([1.0]) == 1 and statistics_of.chance([2.0, 2.0]) == 0 and statistics_of.chance([0.0, 0.0]) == 1


def test_edits_of_one_subject_are_not_independent_evidence():
    chance = np.random.default_rng(0)
    level = chance.normal(size=10)
    many = [
        {"subject": i, "k": 0, "v": level[i] + 0.01 * chance.normal()} for i in range(10) for _ in range(20)
    ]
    [by_subject] = report.summarise(many, "k", "v")
    [by_row] = report.summarise([{**row, "subject": n} for n, row in enumerate(many)], "k", "v")
    assert by_subject["n"] == 10 and by_row["n"] == 200
    assert (by_subject["high"] - by_subject["low"]) > 3 * (by_row["high"] - by_row["low"])


def test_the_effect_on_a_few_people_has_students_interval():
    few = [dict(subject=f"p{i}", more=value) for i, value in enumerate((0.0026, 0.0135, 0.0199, 0.0524)) for _ in range(2)]
    mean, low, high, images = report.effect(few, "more")
    reach = 3.18245 * statistics.stdev((0.0026, 0.0135, 0.0199, 0.0524)) / 2  # Student's t of three degrees of freedom, from a table
    assert (mean, low, high, images) == pytest.approx((0.0221, 0.0221 - reach, 0.0221 + reach, 4), abs=1e-6) and low < 0
    assert math.isnan(report.effect(few[:2], "more")[1]) and report.effect(few[:2], "more")[3] == 1


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="no column 'sim' .* there is: protection, quality, ssim, subject"):
        report.summarise(rows(), "protection", "sim")
    with pytest.raises(ValueError, match="no column 'x'"):
        report.table_markdown(rows(), ["x"])


def test_a_curve_draws_the_means_its_bands_and_the_place_apart():
    ax = report.curve(None, rows(), "quality", "ssim", "protection", looks.PROTECTIONS, none="no JPEG")
    table = report.summarise(rows(), ["protection", "quality"], "ssim")
    lines = [line for line in ax.get_lines() if len(line.get_xdata()) == 3]
    assert len(lines) == 2
    for line, name in zip(lines, ["clean", "encoder"], strict=True):
        np.testing.assert_array_equal(line.get_xdata(), [5, 50, 95])
        expected = [row["mean"] for row in table if row["protection"] == name and row["quality"] is not None]
        np.testing.assert_allclose(line.get_ydata(), expected, rtol=0, atol=1e-12)
    assert [(line.get_color(), line.get_marker()) for line in lines] == [
        (looks.PROTECTIONS[key].colour, looks.PROTECTIONS[key].marker) for key in ("clean", "encoder")
    ]
    band = ax.collections[0].get_paths()[0].vertices
    first = table[0]
    assert {round(first["low"], 9), round(first["high"], 9)} <= {round(y, 9) for x, y in band if x == 5}
    ticks = dict(zip([t.get_text() for t in ax.get_xticklabels()], ax.get_xticks(), strict=True))
    assert ticks["no JPEG"] > 95 and ax.get_xlim()[1] > ticks["no JPEG"]
    apart = [bar[0].get_ydata()[0] for bar in ax.containers]
    np.testing.assert_allclose(apart, [row["mean"] for row in table if row["quality"] is None], atol=1e-12)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["clean picture", "PhotoGuard, encoder attack"]


def test_a_curve_without_bands_and_without_a_number_to_draw_along():
    _, ax = plt.subplots()
    files = [row for row in rows() if row["quality"]]
    same = report.curve(ax, files, "quality", "ssim", "protection", looks.PROTECTIONS, band=False)
    assert same is ax and len(ax.collections) == 0 and not ax.containers
    with pytest.raises(ValueError, match="as 'quality'"):
        report.curve(None, [row for row in rows() if row["quality"] is None], "quality", "ssim", "protection", looks.PROTECTIONS)


def test_a_line_is_labelled():
    _, ax = plt.subplots()
    assert report.hline(ax, 0.7, "another seed") is ax
    assert ax.get_lines()[0].get_ydata()[0] == 0.7 and ax.texts[0].get_text() == "another seed"


def test_a_table_reads_well():
    table = report.table_markdown(
        [
            {"method": "a|b", "ssim": (0.81234, 0.78, 0.84), "n": 12, "ok": True, "t": 12345.6},
            {"method": "c", "ssim": (0.5, math.nan, math.nan), "n": None, "ok": False, "t": 1.0},
        ],
        {"method": "Method", "ssim": "SSIM", "n": "images", "ok": "held", "t": "s"},
        ["eps is 16 levels"],
    )
    assert table.splitlines() == [
        "| Method | SSIM | images | held | s |",
        "| :--- | ---: | ---: | ---: | ---: |",
        "| a\\|b | 0.812 [0.78, 0.84] | 12 | yes | 12\u202f346 |",
        "| c | 0.5 | – | no | 1 |",
        "",
        "- eps is 16 levels",
    ]
    assert table._repr_markdown_() == table


def test_intervals_reach_as_far_as_they_say_and_nowhere_where_there_is_none():
    np.testing.assert_allclose(figures.reach([(0.5, 0.4, 0.8), (1.0, math.nan, math.nan)]), [[0.1, 0], [0.3, 0]], atol=1e-12)


def test_a_note_counts_people_and_stands_inside_the_figure():
    assert figures.people(rows(count=3)).startswith("3 people. ") and figures.people(rows(count=1)) == "1 person: no intervals."
    with report.style():
        figure = report.noted(plt.figure(figsize=(4, 3)), "a word and another " * 12)
        figure.draw_without_rendering()
        box = figure._supxlabel.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= 4 * figure.dpi and figure.get_supxlabel().count("\n") >= 2


def test_a_long_signature_is_not_cut():
    """Every letter of it is on the page: a signature in many lines leaves as much ink as the same words in one."""
    long, ink = "bundled-sd15-custom-model (996ae76f71b1), 128 px; " * 3, []
    for wide in (4, 16):
        data = figures.signed(plt.figure(figsize=(wide, 1), layout="none"), long)
        page = plt.imread(io.BytesIO(data))[..., :3]
        assert (page[:, :3] == 1).all() and (page[:, -3:] == 1).all() and (page[-2:] == 1).all()
        ink.append((1 - page).sum())
    assert ink[0] == pytest.approx(ink[1], rel=0.05)


def test_the_style_is_a_context_and_takes_nothing_from_outside():
    with plt.rc_context({"font.size": 31, "axes.spines.top": True}):
        with report.style():
            assert plt.rcParams["axes.spines.top"] is False and plt.rcParams["font.size"] == 10
        assert plt.rcParams["axes.spines.top"] is True and plt.rcParams["font.size"] == 31
