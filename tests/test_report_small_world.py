"""What notebook 00's scorecard, condition and verdict make of rows whose answers are known."""

import pytest
import rowkit

from reproduce.artefacts.about import about
from reproduce.report import small_world as read


def scores(psnr=30.0, right=True):
    codec = [
        dict(pictures=pictures, codec=codec, psnr=value, ssim=0.9)
        for pictures, codec, value in (
            ("renders", "autoencoder", psnr), ("renders", "8x average pooling", 22.0), ("photographs", "autoencoder", 25.0),
        )
    ]  # fmt: skip
    generated = [dict(right=True), dict(right=True), dict(right=right), dict(right=True)]
    inpainted = [dict(kept=True, right=True), dict(kept=False, right=True), dict(kept=True, right=right), dict(kept=True, right=True)]
    return read.scorecard(generated, inpainted, codec, [dict(retrieval=0.9)])


def condition(attack=0.7, after=0.85, noise=0.98):
    found = {"attack": attack, "attack, JPEG 75": after, "noise": noise}
    return [dict(subject="render 1", condition=name, ratio=ratio) for name, ratio in found.items()]


def test_the_scorecard_measures_beside_floor_and_goal():
    lines = {line["what"]: line["measured"] for line in scores()}
    assert lines["autoencoder, renders: PSNR"] == "30.0 dB" and lines["… above 8x average pooling"] == "8.0 dB"
    assert lines["scene of a generated picture recognised"] == "100% of 4"
    assert lines["inpainting: person kept and scene as asked"] == "75% of 4"


def test_the_verdict_names_what_is_below_its_floor():
    assert read.given_back(condition()) == pytest.approx(0.5)
    told = read.verdict(condition(), scores())
    assert "leaves 0.70 of the distance to grey" in told and "restores 50%" in told
    assert "has the condition it was bred for" in told and "Every model is above its floor." in told
    told = read.verdict(condition(noise=0.9), scores(psnr=27.0, right=False))
    assert "does not fully have the condition" in told
    assert told.endswith("Below their floors: autoencoder, renders: PSNR; inpainting: person kept and scene as asked.")


def test_the_condition_stands_beside_a_real_autoencoders():
    attack, _, noise = read.condition(condition())
    assert (attack["ours"][0], attack["floor"], attack["goal"]) == (0.7, "0.75", "0.55") and 0 < attack["real"] < 1
    assert noise["floor"] == "0.97" and read.condition([dict(subject="render 1", condition="else", ratio=1.0)])[0]["floor"] == "–"


def test_footnotes_come_from_the_settings(tmp_path):
    rowkit.save(tmp_path, "00_condition_rows", condition())
    known = about(tmp_path, ["00_condition_rows"])
    first, second, _, last = read.score_notes(known)
    assert "mean over 32 renders" in first and "thumbnails of 340 renders) is right on 93% of others" in second
    assert last == "Model bundled (f00), 128 px, cpu, float32; seed 0, scale smoke."
    notes = read.condition_notes(condition(), known)
    assert notes[1].startswith("The attack keeps 90% of its direction") and notes[2].startswith("JPEG 75 restores 50%")
