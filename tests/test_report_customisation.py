"""What notebook 06's rows add up to, on rows whose answers are known by hand."""

from types import SimpleNamespace

import pytest

from reproduce.papers.dreambooth import DREAMBOOTH, PROMPTS, SAMPLING
from reproduce.report import customisation as report
from reproduce.report import customisation_figures as figures


def about(faces="networks", lacks=()):
    import dataclasses

    settings = dict(tuning=dataclasses.asdict(DREAMBOOTH["equal"]), sampling=dataclasses.asdict(SAMPLING["paper"]), faces=faces,
                    clip=dict(name="CLIP"), lacks=list(lacks), counts=dict(among=16))  # fmt: skip
    return SimpleNamespace(settings=settings, count=settings["counts"].__getitem__, model_note=lambda: "Model m.")


def row(subject, letter, right, scene=None, control="tuned", **more):
    """A sample: right is True, False, or None where there is no face."""
    face = 0 if right is None else 1
    told = dict(face=face, ism=None if right is None else (0.8 if right else 0.1), rank=None if right is None else (1 if right else 3))
    prompt = PROMPTS.get(letter, "a photo of a person")
    told |= dict(serfiq=None if right is None else 0.9, scene_seen=scene, fit=0.5)
    return dict(subject=subject, prompt=prompt, control=control) | told | more


ROWS = [
    *(row(who, "A", right) for who in "ab" for right in (True, True, True, False)),
    *(row("a", "C", right, scene) for right, scene in ((True, 1.0), (None, 0.0))),
    *(row("b", "D", right, scene) for right, scene in ((False, 1.0), (True, 1.0))),
    *(row(who, "A", False, control="untuned") for who in "ab"),
    *(row(who, "x", right, control="class prompt, tuned") for who in "ab" for right in (True, False)),
    row("a", "x", False, control="class prompt, untuned"),
]


def test_shares_are_over_all_pictures_and_people_count_alike():
    [a] = report.lines(report.clean(ROWS), "prompt", [PROMPTS["A"]])
    assert a["pictures"] == 8 and a["people"] == 2 and a["found"][0] == 100 and a["right_all"][0] == 75 and "scene_seen" not in a
    assert a["right_all"] == (75, 75, 75) and a["found"] == (100, 100, 100)
    assert a["ism_gap-diff"][0] == pytest.approx(0.625) and a["fit"][0] == 0.5
    [c] = report.lines(report.clean(ROWS), "prompt", [PROMPTS["C"]])
    assert c["found"][0] == 50 and c["right_all"][0] == 50 and c["scene_seen"][0] == 50
    assert c["ism_gap-diff"][0] == pytest.approx(0.8) and c["ism_all pictures"][0] == pytest.approx(0.4)


def test_the_score_says_what_is_below_its_floor():
    lines = {line["what"]: line for line in report.score(ROWS)}
    assert lines["prompt A: face found"]["measured"].startswith("100 %") and lines["prompt A: right person among 16"]["mean"] == 75
    assert lines["prompt C and D: scene recognised"]["mean"] == 75
    told = report.verdict(ROWS, about())
    assert "misses: prompt A: right person among 16 (75 %" in told and "prompt C and D: right person among 16, with a scene (50 %" in told
    assert "scene recognised (" not in told
    assert "Language drift: asked for any person, the tuned model paints this one in 50 % (untuned 0 %)" in told
    assert "in 0 % without fine-tuning" in told


def test_without_face_networks_nothing_is_said_of_faces():
    bare = [{key: value for key, value in one.items() if key not in ("face", "ism", "rank", "serfiq")} for one in ROWS]
    told = report.PAGES["06_table"].make({"06_customised": bare}, about(None, ["faces: none here"]))
    assert "face found" not in told and "Not measured: faces: none here." in told and "| a photo of sks person | 8 |" in told
    assert "not measured" in report.verdict(bare, about(None))


def test_ways_have_their_weights_and_mean_seconds():
    rows = [one | dict(way=way) for one in ROWS[:8] for way in ("denoiser", "keys and values")]
    spent = [dict(way="denoiser", learnt=5000, steps=steps, seconds=took) for steps, took in ((200, 10.0), (300, 30.0))]
    spent.append(dict(way="keys and values", learnt=300, steps=200, seconds=7.0))
    told = report.PAGES["06_ways_table"].make({"06_ways": rows, "06_tunings": spent}, about())
    assert "| denoiser | 5 | 15 | 8 |" in told and "| keys and values | 0.3 | 7 | 8 |" in told


def test_person_and_scene_have_a_line_a_rate_over_the_steps():
    rows = [row("a", letter, step > 100, scene=float(rate < 2), rate=rate, step=step)
            for rate in (1, 2) for step in (100, 300) for letter in "ACD"]  # fmt: skip
    right, scene = figures.trade(rows, about()).axes
    assert curves(right) == {"rate 1": [(100, 0), (300, 100)], "rate 2": [(100, 0), (300, 100)]}
    assert curves(scene) == {"rate 1": [(100, 100), (300, 100)], "rate 2": [(100, 0), (300, 0)]}


def curves(axes):
    return {line.get_label(): [tuple(map(float, one)) for one in zip(*line.get_data(), strict=True)] for line in axes.lines}
