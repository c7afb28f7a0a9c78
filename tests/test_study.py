"""Sweeps: order, resumption after every kind of end, executors; what is written, and its manifest."""

import concurrent.futures
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import fakelab
import pytest
import torch

from reproduce.artefacts.rows import rows_csv
from reproduce.engine import fingerprint, keys, store, study
from reproduce.engine.study import Result

HERE = Path(__file__).parent


def csv(sweep) -> bytes:
    return rows_csv(sweep.rows).encode()


def test_rows_are_in_job_order_with_job_fields_first(tmp_path):
    sweep = fakelab.study(tmp_path).sweep("s", fakelab.jobs(3), fakelab.work)
    assert sweep.rows[:2] == [
        {"image": 0, "quality": 0, "try": 0, "value": 1 / 3},
        {"image": 0, "quality": 0, "try": 1, "value": 1 / 6},
    ]
    assert [row["image"] for row in sweep.rows] == [0, 0, 1, 1, 2, 2]
    assert csv(sweep).splitlines()[:3] == [b"image,quality,try,value", b"0,0,0,0.333333", b"0,0,1,0.166667"]


def test_fresh_and_resumed_rows_are_the_same_objects_and_types(tmp_path):
    one = fakelab.study(tmp_path).sweep("s", fakelab.jobs(4), fakelab.work)
    two = fakelab.study(tmp_path).sweep("s", fakelab.jobs(4), fakelab.work)
    assert one.rows == two.rows and [[type(v) for v in r.values()] for r in one.rows] == [[type(v) for v in r.values()] for r in two.rows]
    assert one.seconds == two.seconds


def test_pictures_come_back_by_number_and_by_fields(tmp_path):
    sweep = fakelab.study(tmp_path).sweep("s", fakelab.jobs(6), fakelab.work)
    torch.testing.assert_close(sweep.images(4, "seen"), torch.full((1, 3, 8, 8), 4 / 255), rtol=0, atol=0)
    both = sweep.images({"quality": None}, "seen")
    torch.testing.assert_close(both[:, 0, 0, 0] * 255, torch.tensor([2.0, 5.0]), rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match=r"no 'sene' pictures; it has \['seen'\]"):
        sweep.images(0, "sene")
    with pytest.raises(ValueError, match="no job has"):
        sweep.images({"quality": 7}, "seen")


def test_pictures_are_rounded_not_cut(tmp_path):
    values = torch.tensor([0.0, 0.49, 0.51, 1.51, 254.6, 300.0]) / 255
    picture = values.expand(1, 3, 2, 6)
    sweep = fakelab.study(tmp_path).sweep("s", [{}], lambda job: Result([], {"x": picture}))
    torch.testing.assert_close(sweep.images(0, "x")[0, 0, 0] * 255, torch.tensor([0.0, 0, 1, 2, 255, 255]))


def test_a_stored_job_is_not_computed_again(tmp_path):
    done = []

    def work(job):
        done.append(job["image"])
        return Result([{"value": 1}])

    first = fakelab.study(tmp_path)
    first.sweep("s", fakelab.jobs(3), work, version="1")
    first.sweep("s", fakelab.jobs(5), work, version="1")
    assert done == [0, 1, 2, 3, 4]
    first.sweep("s", fakelab.jobs(1), work, version="2")
    first.sweep("t", fakelab.jobs(1), work, version="1")
    fakelab.study(tmp_path, seed=1).sweep("s", fakelab.jobs(1), work, version="1")
    assert done == [0, 1, 2, 3, 4, 0, 0, 0], "another version, name or seed is another job"


def test_another_model_scale_or_picture_is_another_job(tmp_path):
    pictures = tmp_path / "photos"
    store.write(pictures / "a.png", b"a")
    bases = []
    for scale, images in (("smoke", None), ("standard", None), ("smoke", pictures)):
        one = study.Study("bundled", scale, 0, tmp_path, images=images, store=store.Store(tmp_path), opener=fakelab.opener)
        bases.append(keys.key(one._base("s", "1")))
    store.write(pictures / "a.png", b"b")
    bases.append(keys.key(one._base("s", "1")))
    one.model.fingerprint = "f01"
    bases.append(keys.key(one._base("s", "1")))
    assert len(set(bases)) == 5


@pytest.mark.parametrize("kind", ["ThreadPoolExecutor", "ProcessPoolExecutor"])
def test_any_executor_gives_the_same_rows(tmp_path, kind, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parent)]))
    serial = fakelab.study(tmp_path / "a").sweep("s", fakelab.jobs(5), fakelab.work)
    with getattr(concurrent.futures, kind)(2) as executor:
        spread = fakelab.study(tmp_path / "b").sweep("s", fakelab.jobs(5), fakelab.work, executor=executor)
    assert csv(spread) == csv(serial)


def test_late_jobs_first_is_still_job_order(tmp_path):
    def work(job):
        time.sleep(0.1 if job["image"] == 0 else 0)
        return Result([{"value": job["image"]}])

    with concurrent.futures.ThreadPoolExecutor(3) as executor:
        sweep = fakelab.study(tmp_path).sweep("s", fakelab.jobs(3), work, executor=executor)
    assert [row["value"] for row in sweep.rows] == [0, 1, 2]


@pytest.mark.parametrize("threads", [0, 2])
def test_a_failing_job_is_named_and_the_others_are_kept(tmp_path, threads):
    lab = fakelab.study(tmp_path)
    executor = concurrent.futures.ThreadPoolExecutor(threads) if threads else None
    with pytest.raises(RuntimeError, match=r"job 3 of 3 \{'image': 2.*ValueError: no such picture"):
        lab.sweep("s", fakelab.jobs(3), fakelab.fail, version="1", executor=executor)
    lab.sweep("s", fakelab.jobs(2), lambda job: pytest.fail("was kept"), version="1")


def test_a_job_that_runs_while_another_fails_is_kept(tmp_path):
    def work(job):
        time.sleep(0.3 if job["image"] == 0 else 0.0)
        return fakelab.fail(job)

    lab = fakelab.study(tmp_path)
    with concurrent.futures.ThreadPoolExecutor(3) as executor, pytest.raises(RuntimeError, match="job 3 of 3"):
        lab.sweep("s", fakelab.jobs(3), work, version="1", executor=executor)
    lab.sweep("s", fakelab.jobs(2), lambda job: pytest.fail("was kept"), version="1")


def test_wrong_results_say_what_was_expected(tmp_path):
    lab = fakelab.study(tmp_path)
    with pytest.raises(ValueError, match="expected a study.Result from job 0, got dict"):
        lab.sweep("s", [{"a": 1}], lambda job: {}, version="1")
    with pytest.raises(ValueError, match=r"\(N, 3, H, W\), got 'x' \(3, 4, 4\)"):
        lab.sweep("s", [{"a": 1}], lambda job: Result([], {"x": torch.zeros(3, 4, 4)}), version="1")
    with pytest.raises(ValueError, match="jobs 0 and 1 are the same"):
        lab.sweep("s", [{"a": 1}, {"a": 1}], fakelab.work)
    with pytest.raises(ValueError, match="seed"):
        study.Study(seed=-1)
    with pytest.raises(ValueError, match="did you mean smoke"):
        study.Study(scale="smok")


def test_an_interrupt_keeps_what_is_done_and_says_so(tmp_path, capsys):
    def work(job):
        if job["image"] == 3:
            raise KeyboardInterrupt
        return fakelab.work(job)

    lab = fakelab.study(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        lab.sweep("s", fakelab.jobs(5), work, version="1")
    line = "interrupted: 3 of 5 jobs kept; run the same command again to resume"
    assert capsys.readouterr().err.splitlines()[-1] == line
    resumed = lab.sweep("s", fakelab.jobs(5), fakelab.work, version="1")
    whole = fakelab.study(tmp_path / "b").sweep("s", fakelab.jobs(5), fakelab.work, version="1")
    assert csv(resumed) == csv(whole)


def test_a_full_disk_tells_what_the_rest_needs(tmp_path, monkeypatch):
    lab = fakelab.study(tmp_path)

    def full(*_, **__):
        raise store.NoSpace(tmp_path, 3_000_000)

    monkeypatch.setattr(lab.store, "put", full)
    with pytest.raises(store.NoSpace, match="free about 12 MB"):
        lab.sweep("s", fakelab.jobs(4), fakelab.work)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_killed_half_way_the_next_run_ends_with_the_same_bytes(tmp_path, end):
    code = """if True:
        import sys, fakelab
        from functools import partial
        from pathlib import Path
        lab = fakelab.study(Path(sys.argv[1]))
        work = partial(fakelab.work, pause=float(sys.argv[2]))
        lab.save_rows("rows", lab.sweep("s", fakelab.jobs(12), work, version="1").rows)
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
    assert start(tmp_path / "cut", 0).wait(60) == 0
    assert start(tmp_path / "whole", 0).wait(60) == 0
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
    sweep = lab.sweep("s", fakelab.jobs(2), fakelab.work)
    path = lab.save_rows("levels", sweep.rows, settings={"steps": 3})
    lab.save_table("levels", "| a |\n| --- |\n| 1 |")
    assert path == tmp_path / "figures" / "bundled-smoke" / "levels.csv"
    text = (path.parent / "manifest.json").read_text()
    entry = json.loads(text)["levels"]
    assert set(entry["files"]) == {"levels.csv", "levels.md"}
    assert entry["files"]["levels.csv"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert entry["settings"] == {"steps": 3} and entry["notebook"] == "07_fake" and entry["seed"] == 0
    assert entry["model"] == {"name": "fake", "fingerprint": "f00"} and entry["scale"] == "smoke"
    assert set(entry["versions"]) >= {"python", "torch", "diffusers", "transformers", "piq"}
    assert entry["device"] == "cpu" and entry["profile"] == "bundled" and entry["seconds"] >= 0
    assert entry["size"] == 8 and entry["precision"] == "" and entry["pictures"] is None, "the fake model has no precision"
    lab.save_rows("another", sweep.rows)
    lab.save_rows("levels", sweep.rows, settings={"steps": 3})
    again = json.loads((path.parent / "manifest.json").read_text())
    assert list(again) == ["another", "levels"] and again["levels"] == entry


def test_files_of_another_seed_leave_the_manifest(tmp_path):
    fakelab.study(tmp_path, seed=0).save_table("a", "old")
    fakelab.study(tmp_path, seed=1).save_rows("a", [{"x": 1}])
    entry = json.loads((tmp_path / "figures/bundled-smoke/manifest.json").read_text())["a"]
    assert list(entry["files"]) == ["a.csv"] and entry["seed"] == 1


def test_a_damaged_manifest_is_started_again(tmp_path):
    store.write(tmp_path / "figures/bundled-smoke/manifest.json", b"{")
    with pytest.warns(UserWarning, match="is damaged"):
        fakelab.study(tmp_path).save_rows("a", [{"x": 1}])


def test_figures_are_saved_at_150_dpi_and_closed(tmp_path):
    import matplotlib.pyplot as plt
    from PIL import Image

    figure = plt.figure(figsize=(2, 1))
    assert fakelab.study(tmp_path).save_figure("f", figure) is figure
    assert not plt.fignum_exists(figure.number)
    picture = Image.open(tmp_path / "figures/bundled-smoke/f.png").convert("L")
    assert picture.size == (300, 174)  # and a strip for the signature below
    assert picture.crop((0, 150, 300, 174)).getextrema()[0] < 200, "model, seed and scale stand below"
    assert picture.crop((0, 0, 300, 150)).getextrema() == (255, 255)


def test_only_the_standard_scale_writes_where_the_committed_figures_are():
    assert study.folder("figures", "bundled", "standard").as_posix() == "figures/bundled"
    assert study.folder("figures", "bundled", "smoke").as_posix() == "figures/bundled-smoke"
    assert study.folder("figures", "some/where/mymodel/", "paper").as_posix() == "figures/mymodel-paper"


def test_the_code_of_a_job_counts_but_not_its_comments(tmp_path, monkeypatch):
    def version(text, name="work"):
        path = tmp_path / "lab_module.py"
        path.write_text(text)
        sys.modules.pop("lab_module", None)
        import importlib

        importlib.invalidate_caches()
        module = importlib.import_module("lab_module")
        importlib.reload(module)
        return fingerprint.version(getattr(module, name))

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    base = "STEPS = 3\ndef helper(x):\n    return x\ndef work(job):\n    return helper(job) + STEPS\n"
    first = version(base)
    assert first == version("# why\n" + base + "def draw():\n    return 1\n")
    assert first == version(base.replace("def work(job):", "def work(job):\n    'What it does.'"))
    changed = [
        base.replace("return x", "return x + 1"),
        base.replace("= 3", "= 4"),
        base.replace(") + S", ") - S"),
    ]
    assert len({first, *map(version, changed)}) == 4


def test_values_bound_to_a_job_count():
    quiet, slow = (fingerprint.version(partial(fakelab.work, pause=p)) for p in (0.0, 1.0))
    assert quiet != slow

    def closed(n):
        return lambda job: n

    assert fingerprint.version(closed(1)) != fingerprint.version(closed(2))


def test_code_counts_through_imports_and_drawing_does_not(tmp_path, monkeypatch):
    package = tmp_path / "reproduce"
    base = {
        "images": "A = 1",
        "rng": "A = 1",
        "model": "from .images import A",
        "profiles": "",
        "report": "A = 1",
        "pgd": "A = 1",
        "edit": "A = 1",
        "protect/__init__": "import importlib\nfrom .. import pgd",
        "protect/noise": "A = 1",
        "experiments/subjects": "def f():\n    from ..degrade import A",
        "degrade": "A = 1",
        "experiments/lab": "from . import subjects\nfrom .. import protect, report, edit\n"
        "def work(job):\n    return subjects, protect, report\ndef other():\n    return edit",
    }
    monkeypatch.setattr(fingerprint, "PACKAGE", package)
    names = {}

    def version(**changes):
        for name, text in (base | changes).items():
            store.write(package / f"{name}.py", text.encode())
        exec(compile(base["experiments/lab"].split("\n", 2)[2], package / "experiments/lab.py", "exec"), names)
        return fingerprint.version(names["work"])

    first = version()
    for name in ("report", "edit"):
        assert version(**{name: "A = 2"}) == first, f"{name} has no part in this"
    for name in ("images", "rng", "pgd", "protect/noise", "degrade"):
        assert version(**{name: "A = 2"}) != first, f"{name} has a part in this"
        assert version(**{name: '"""Doc."""\n\nA = 1  # why'}) == first


def test_a_method_counts_with_its_class_and_what_that_uses():
    first, second = (fingerprint._used(fingerprint._tree(HERE / "fakelab.py"), name) for name in ("study", "fail"))
    assert {n.name for n in first if hasattr(n, "name")} == {"study", "opener"}
    assert {n.name for n in second if hasattr(n, "name")} == {"fail", "work"}
    assert fingerprint.version(fakelab.study) != fingerprint.version(fakelab.fail)
