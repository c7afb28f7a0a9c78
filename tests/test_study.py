"""Sweeps: order, keys, resumption after every kind of end; what is written, where, and its manifest."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import fakelab
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from reproduce.artefacts.files import NoSpace, write
from reproduce.artefacts.rows import rows_csv
from reproduce.engine import study
from reproduce.engine.jobs import Job, levels
from reproduce.engine.study import folder

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def nothing_done_yet(monkeypatch):
    fakelab.done.clear()
    monkeypatch.setattr(fakelab, "codes", fakelab.codes)
    fakelab.codes.clear()


def csv(sweep) -> bytes:
    return rows_csv(sweep.rows).encode()


def test_rows_are_in_job_order_with_what_is_told_first(tmp_path):
    sweep = fakelab.study(tmp_path).sweep("s", fakelab.jobs(3))
    assert sweep.rows[:2] == [
        {"image": 0, "quality": 0, "try": 0, "value": 1 / 3},
        {"image": 0, "quality": 0, "try": 1, "value": 1 / 6},
    ]
    assert [row["image"] for row in sweep.rows] == [0, 0, 1, 1, 2, 2]
    assert csv(sweep).splitlines()[:3] == [b"image,quality,try,value", b"0,0,0,0.333333", b"0,0,1,0.166667"]
    assert [len(rows) for _, rows in sweep.grouped()] == [2, 2, 2]


def test_fresh_and_resumed_rows_are_the_same_objects_and_types(tmp_path):
    one = fakelab.study(tmp_path).sweep("s", fakelab.jobs(4))
    two = fakelab.study(tmp_path).sweep("s", fakelab.jobs(4))
    assert one.rows == two.rows and [[type(v) for v in r.values()] for r in one.rows] == [[type(v) for v in r.values()] for r in two.rows]
    assert one.seconds == two.seconds and fakelab.done == [0, 1, 2, 3]


def test_pictures_come_back_by_what_their_jobs_say(tmp_path):
    sweep = fakelab.study(tmp_path).sweep("s", fakelab.jobs(6))
    torch.testing.assert_close(sweep.images({"image": 4}, "seen"), torch.full((1, 3, 8, 8), 4 / 255), rtol=0, atol=0)
    both = sweep.images({"quality": None}, "seen")
    torch.testing.assert_close(both[:, 0, 0, 0] * 255, torch.tensor([2.0, 5.0]), rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match=r"no 'sene' pictures; it has \['seen'\]"):
        sweep.images({"image": 0}, "sene")
    with pytest.raises(ValueError, match="no job has"):
        sweep.images({"quality": 7}, "seen")


def test_pictures_are_rounded_not_cut(tmp_path):
    sweep = fakelab.study(tmp_path).sweep("s", [Job("fakelab:shade", {})])
    torch.testing.assert_close(sweep.images({}, "x")[0, 0, 0] * 255, torch.tensor([0.0, 0, 1, 2, 255, 255]))


def test_a_job_may_take_pictures_of_earlier_jobs(tmp_path):
    lab = fakelab.study(tmp_path)
    first = lab.sweep("s", fakelab.jobs(3))
    array = np.full((1, 8, 8, 3), 9, np.uint8)
    given = [first.stored({"image": 2}, "seen"), array, first.stored({"image": 1}, "seen", [0])]
    second = lab.sweep("t", [Job("fakelab:double", {}, {"given": given})])
    assert second.rows == [{"levels": [pytest.approx(2, abs=1e-4), pytest.approx(9, abs=1e-4), pytest.approx(1, abs=1e-4)]}]
    torch.testing.assert_close(levels(second.images({}, "seen"))[:, 0, 0, 0].tolist(), [4, 18, 2])


def test_a_job_may_take_the_weights_of_an_earlier_job(tmp_path):
    lab = fakelab.study(tmp_path)
    learnt = lab.sweep("learn", fakelab.jobs(2, "learn"))
    jobs = [Job("fakelab:use", {}, weights=learnt.stored({"image": i}, "weights")) for i in (1, 0)]
    rows = lab.sweep("use", [*jobs, Job("fakelab:use", {})]).rows
    third = torch.tensor(1 / 3).half().item()
    assert rows[0] == {"weights": str({"a.b": ["torch.float16"] + [third] * 6, "c": ["torch.float32", 1.0]})}
    assert rows[1]["weights"].count("0.0") == 6 and rows[2] == {"weights": "{}"}
    lab.store.drop(learnt.stored({"image": 1}, "weights").key)
    assert lab.sweep("use", jobs).rows == rows[:2], "what was made of them is there"
    with pytest.raises(RuntimeError, match="weights of an earlier job are gone"):
        lab.sweep("again", [Job("fakelab:use", {"again": 1}, weights=learnt.stored({"image": 1}, "weights"))])


def test_a_key_holds_what_the_result_depends_on_and_nothing_else(tmp_path):
    lab = fakelab.study(tmp_path)
    first = lab.sweep("s", fakelab.jobs(2))
    array = np.zeros((1, 8, 8, 3), np.uint8)

    def key(lab=lab, work="fakelab:double", values=None, pictures=array, **more):
        return lab.key(Job(work, values or {}, {"given": pictures}, **more))

    same = [
        key(), key(fakelab.study(tmp_path / "b")), key(fakelab.study(tmp_path, seed=7)), key(fakelab.study(tmp_path, scale="paper")),
        key(told={"a": 1}), key(at={"b": 2}), key(pictures=array.copy()),
    ]  # fmt: skip
    other = [
        key(work="fakelab:work"), key(values={"a": 1}), key(pictures=array + 1), key(pictures=first.stored({"image": 0}, "seen")),
        key(pictures=first.stored({"image": 1}, "seen")), key(pictures=[array, array]),
    ]  # fmt: skip
    assert len(set(same)) == 1 and len({same[0], *other}) == 1 + len(other)
    fakelab.codes["fakelab:double"] = "2"
    assert key() != same[0], "the code of its function"
    fakelab.codes.clear()
    for field, value in (("fingerprint", "f01"), ("device", "cuda"), ("precision", "float16")):
        changed = fakelab.study(tmp_path)
        setattr(changed.identity, field, value)
        assert key(changed) != same[0], field


def test_further_places_count_by_their_code(tmp_path):
    lab = fakelab.study(tmp_path)
    keys = {lab.key(Job("experiments.stages:purify", {}, uses=uses)) for uses in ((), ("purify.plain:jpeg",), ("purify.plain:blur",))}
    assert len(keys) == 3


def test_a_stored_job_is_not_computed_again(tmp_path):
    first = fakelab.study(tmp_path)
    first.sweep("s", fakelab.jobs(3))
    first.sweep("t", fakelab.jobs(5))
    fakelab.study(tmp_path, seed=1).sweep("s", fakelab.jobs(2))
    assert fakelab.done == [0, 1, 2, 3, 4], "neither a sweep's name nor the study's seed is in a key: jobs name the seeds they use"
    fakelab.codes["fakelab:work"] = "2"
    first.sweep("s", fakelab.jobs(1))
    assert fakelab.done[5:] == [0]


def test_a_failing_job_is_named_and_the_others_are_kept(tmp_path):
    lab = fakelab.study(tmp_path)
    with pytest.raises(RuntimeError, match=r"job 3 of 3 of 's' \{'image': 2.*ValueError: no such picture"):
        lab.sweep("s", fakelab.jobs(3, "fail"))
    fakelab.done.clear()
    lab.sweep("s", fakelab.jobs(2, "fail"))
    assert fakelab.done == []


def test_wrong_results_say_what_was_expected(tmp_path):
    lab = fakelab.study(tmp_path)
    with pytest.raises(RuntimeError, match="fakelab:dictionary: expected a Result, got dict"):
        lab.sweep("s", [Job("fakelab:dictionary", {})])
    with pytest.raises(RuntimeError, match=r"\(N, 3, H, W\), got 'x' \(3, 4, 4\)"):
        lab.sweep("s", [Job("fakelab:flat", {})])
    with pytest.raises(ValueError, match="jobs 0 and 1 are the same"):
        lab.sweep("s", [Job("fakelab:work", {"image": 1}), Job("fakelab:work", {"image": 1}, told={"other": "words"})])
    with pytest.raises(ValueError, match="seed"):
        study.Study(seed=-1)
    with pytest.raises(ValueError, match="did you mean smoke"):
        study.Study(scale="smok")


@pytest.mark.parametrize("count", ["0", "two", "-1"])
def test_a_wrong_number_of_workers_is_one_line(monkeypatch, count):
    monkeypatch.setenv("REPRODUCE_WORKERS", count)
    with pytest.raises(ValueError, match="workers: expected a whole number, 1 or more, got"):
        study.Study()


def test_an_interrupt_keeps_what_is_done_and_says_so(tmp_path, capsys):
    lab = fakelab.study(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        lab.sweep("s", fakelab.jobs(5, "stop"))
    assert capsys.readouterr().err.splitlines()[-1] == "interrupted: 3 of 5 jobs kept; run the same command again to resume"
    fakelab.done.clear()
    lab.sweep("s", fakelab.jobs(3, "stop"))
    assert fakelab.done == []


def test_a_full_disk_tells_what_the_rest_needs(tmp_path, monkeypatch):
    lab = fakelab.study(tmp_path)

    def full(*_, **__):
        raise NoSpace(tmp_path, 3_000_000)

    monkeypatch.setattr(lab.store, "put", full)
    with pytest.raises(NoSpace, match="free about 12 MB"):
        lab.sweep("s", fakelab.jobs(4))


def test_pictures_that_are_gone_are_one_line(tmp_path):
    lab = fakelab.study(tmp_path)
    first = lab.sweep("s", fakelab.jobs(1))
    gone = first.stored({"image": 0}, "seen")
    lab.store.drop(gone.key)
    with pytest.raises(RuntimeError, match="pictures of an earlier job are gone"):
        lab.sweep("t", [Job("fakelab:double", {}, {"given": gone})])


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_killed_half_way_the_next_run_ends_with_the_same_bytes(tmp_path, end):
    code = """if True:
        import sys, fakelab
        from pathlib import Path
        lab = fakelab.study(Path(sys.argv[1]))
        lab.save_rows("rows", lab.sweep("s", fakelab.jobs(12, pause=float(sys.argv[2]))).rows)
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)])}

    def start(where, pause):
        return subprocess.Popen([sys.executable, "-c", code, str(where), str(pause)], env=environment, stderr=subprocess.PIPE)

    store = tmp_path / "cut" / "store"
    first = start(tmp_path / "cut", 0.15)
    deadline = time.time() + 60
    while len(list(store.glob("*/*.json"))) < 4 and time.time() < deadline:
        time.sleep(0.01)
    first.send_signal(end)
    told = first.communicate()[1].decode()
    kept = len(list(store.glob("*/*.json")))
    assert 4 <= kept < 12 and first.returncode != 0
    assert (f"interrupted: {kept} of 12 jobs kept" in told) == (end == signal.SIGINT)
    before = {path: path.stat().st_mtime_ns for path in store.glob("*/*.json")}
    assert start(tmp_path / "cut", 0.15).wait(60) == 0
    assert start(tmp_path / "whole", 0.15).wait(60) == 0
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items()), "kept jobs were not redone"
    rows = [(tmp_path / name / "figures/bundled-smoke/rows.csv").read_bytes() for name in ("cut", "whole")]
    assert rows[0] == rows[1] and len(rows[0].splitlines()) == 25


def test_csv_text_is_stable():
    rows = [
        {"a": 1 / 3, "b": None, "c": True},
        {"d": "x,y", "a": 1e-9},
        {"a": 123456789.0, "b": 2, "d": [1, 2]},
    ]
    assert rows_csv(rows) == 'a,b,c,d\n0.333333,,true,\n1e-09,,,"x,y"\n1.23457e+08,2,,"[1, 2]"\n'


def test_the_manifest_says_where_an_artefact_comes_from(tmp_path):
    lab = fakelab.study(tmp_path)
    lab.notebooks = {"levels": "07_fake"}
    sweep = lab.sweep("s", fakelab.jobs(2))
    lab.save_rows("levels", sweep.rows, settings={"steps": 3})
    path = lab.folder / "levels.csv"
    lab.save_figure("levels", plt.figure())
    assert path == tmp_path / "figures" / "bundled-smoke" / "levels.csv"
    text = (path.parent / "manifest.json").read_text()
    entry = json.loads(text)["levels"]
    assert set(entry["files"]) == {"levels.csv", "levels.png"}
    assert entry["files"]["levels.csv"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert entry["settings"] == {"steps": 3} and entry["notebook"] == "07_fake" and entry["seed"] == 0
    assert entry["model"] == {"name": "fake", "fingerprint": "f00"} and entry["scale"] == "smoke"
    assert set(entry["versions"]) >= {"python", "torch", "diffusers", "transformers", "piq"}
    assert entry["device"] == "cpu" and entry["profile"] == "bundled" and entry["seconds"] >= 0
    assert entry["size"] == 8 and entry["precision"] == "float32" and entry["pictures"] is None
    lab.save_rows("another", sweep.rows)
    lab.save_rows("levels", sweep.rows, settings={"steps": 3})
    again = json.loads((path.parent / "manifest.json").read_text())
    assert list(again) == ["another", "levels"] and again["levels"] == entry


def test_files_of_another_seed_leave_the_manifest(tmp_path):
    fakelab.study(tmp_path, seed=0).save_figure("a", plt.figure())
    fakelab.study(tmp_path, seed=1).save_rows("a", [{"x": 1}])
    entry = json.loads((tmp_path / "figures/bundled-smoke/manifest.json").read_text())["a"]
    assert list(entry["files"]) == ["a.csv"] and entry["seed"] == 1


def test_a_damaged_manifest_is_started_again(tmp_path):
    write(tmp_path / "figures/bundled-smoke/manifest.json", b"{")
    with pytest.warns(UserWarning, match="is damaged"):
        fakelab.study(tmp_path).save_rows("a", [{"x": 1}])


def test_figures_are_saved_at_150_dpi_and_closed(tmp_path):
    from PIL import Image

    figure = plt.figure(figsize=(2, 1))
    assert fakelab.study(tmp_path).save_figure("f", figure) is figure
    assert not plt.fignum_exists(figure.number)
    picture = Image.open(tmp_path / "figures/bundled-smoke/f.png").convert("L")
    assert picture.width == 300 and 160 < picture.height < 200  # and a strip below, as high as the signature's lines are
    assert picture.crop((0, 150, *picture.size)).getextrema()[0] < 200, "model, seed and scale stand below"
    assert picture.crop((0, 0, 300, 150)).getextrema() == (255, 255)


def test_a_folder_is_named_by_model_pictures_and_scale(tmp_path):
    def name(profile, scale="standard", images=None):
        return folder("figures", profile, scale, images).as_posix()

    assert name("bundled") == "figures/bundled" and name("bundled", "smoke") == "figures/bundled-smoke"
    assert name("sd15", "paper") == "figures/sd15-paper"
    runs = [
        name("bundled"), name("bundled", images="photos"), name("bundled", images="more/photos"), name("./bundled"), name("a/final"),
        name("b/final"), name("a/final", "smoke"), name("a/final", images="photos"), name(tmp_path / "bundled"),
    ]  # fmt: skip
    assert len(set(runs)) == len(runs), "no run writes over another's files"
    assert name("a/final") == name("a/final/") == name(Path("a/final").absolute()) and name("a/final").startswith("figures/final-")
    assert name("bundled", images="photos").startswith("figures/bundled-photos-")
