"""Executing one notebook with papermill, in a kernel of this very interpreter.

papermill runs in a thread, so that this thread keeps Ctrl-C and can show the progress the kernel reports. The
executed copy is written whole, without times and without paths of this machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import tempfile
import threading
from pathlib import Path

from ..artefacts import files
from ..engine.study import folder

KERNEL = "reproduce-running"


class Failed(RuntimeError):
    """A cell failed; the message is one line with its heading and error."""


def execute(entry, values: dict, at: Path, workers=None, executor=None) -> Path:
    """Execute `entry` (notebook.Entry) with parameters `values`, working in the folder `at`.

    Returns the executed copy, in the folder of its figures. Raises Failed, or KeyboardInterrupt after the
    kernel has kept its finished jobs.
    """
    target = at / folder(values["OUT"], values["PROFILE"], values["SCALE"], values.get("IMAGES")) / f"{entry.name}.ipynb"
    with tempfile.TemporaryDirectory(prefix="reproduce-") as scratch:
        scratch = Path(scratch)
        copy, progress = scratch / target.name, scratch / "progress"
        progress.touch()
        with _environment(_kernel(scratch), progress, workers, executor):
            error = _papermill(entry.path, copy, values, at, progress)
        if error is None:
            book = _tidy(json.loads(copy.read_text(encoding="utf-8")), at)
            files.write(target, (json.dumps(book, indent=1, ensure_ascii=False) + "\n").encode())
            return target
        if isinstance(error, KeyboardInterrupt):
            raise error
        kept = at / ".cache" / "failed" / target.name
        if copy.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(copy, kept)
        raise Failed(_line(entry, error, copy, kept)) from None


def _papermill(path, copy, values, at, progress) -> BaseException | None:
    """Run papermill in a thread; the exception it ended with, or KeyboardInterrupt, or None."""
    import logging

    import papermill
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NBClientEngine, papermill_engines

    logging.getLogger("papermill").setLevel(logging.ERROR)
    clients = []

    class Engine(NBClientEngine):
        """papermill's own engine, with the client kept where Ctrl-C can reach its kernel."""

        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, **kwargs):
            clients.append(PapermillNotebookClient(nb_man, kernel_name=kernel_name, timeout=None))
            clients[0].execute()

    papermill_engines.register("reproduce", Engine)
    outcome, done = [], threading.Event()

    def work():
        try:
            papermill.execute_notebook(
                path, copy, values, engine_name="reproduce", kernel_name=KERNEL, cwd=at, progress_bar=False
            )
            outcome.append(None)
        except BaseException as error:
            outcome.append(error)
        finally:
            done.set()

    threading.Thread(target=work, daemon=True).start()
    interrupted, reason = 0, "interrupted; run the same command again to resume"
    with progress.open(encoding="utf-8", errors="replace", newline="") as news:
        while True:
            try:
                ended = done.is_set()  # asked before reading, so that the last news is read
                text = news.read()
                last = re.search(r"^interrupted: .*\n", text, re.MULTILINE)
                if last:
                    reason, text = last[0].strip(), text.replace(last[0], "")
                sys.stderr.write(text)
                sys.stderr.flush()
                if ended:
                    break
                done.wait(0.2)  # not Thread.join: Ctrl-C inside it makes a running thread look ended
            except KeyboardInterrupt:
                interrupted += 1
                for client in clients:
                    _signal(client, interrupted)
    return KeyboardInterrupt(reason) if interrupted else outcome[0]


def _signal(client, times: int) -> None:
    """Pass Ctrl-C on to the kernel, which then keeps its finished jobs; from the second time on, end it."""
    import asyncio

    if client.km is not None:
        with contextlib.suppress(RuntimeError):
            asyncio.run(client.km.interrupt_kernel() if times == 1 else client.km.shutdown_kernel(now=True))


def _kernel(scratch: Path) -> Path:
    """A kernelspec for sys.executable: one registered elsewhere as `python3` may be another interpreter."""
    spec = scratch / "kernels" / KERNEL
    spec.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=ERROR"]
    record = {"argv": argv, "display_name": "Python 3", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(record))
    return scratch


@contextlib.contextmanager
def _environment(jupyter: Path, progress: Path, workers, executor):
    """What the kernel inherits: the kernelspec's place, where to report progress, and no scale or folder."""
    path = os.pathsep.join(filter(None, [str(jupyter), os.environ.get("JUPYTER_PATH")]))
    change = {
        "JUPYTER_PATH": path,
        "REPRODUCE_PROGRESS": str(progress),
        "REPRODUCE_PROGRESS_TTY": "1" if sys.stderr.isatty() else "0",
        "REPRODUCE_SCALE": None,  # the parameters say it already
        "REPRODUCE_OUT": None,
        "REPRODUCE_WORKERS": str(workers) if workers else os.environ.get("REPRODUCE_WORKERS"),
        "REPRODUCE_EXECUTOR": executor or os.environ.get("REPRODUCE_EXECUTOR"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    # glibc else gives large blocks back at every free; a fifth of an attack's time on a CPU is page faults then
    change |= {name: os.environ.get(name, str(2**30)) for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")}
    before = {name: os.environ.get(name) for name in change}
    try:
        _set(change)
        yield
    finally:
        _set(before)


def _set(values: dict) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _tidy(book: dict, at: Path) -> dict:
    """The executed notebook without times, papermill's notes and this machine's paths."""
    book["metadata"].pop("papermill", None)
    book["metadata"]["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    for cell in book["cells"]:
        for note in ("papermill", "execution"):
            cell["metadata"].pop(note, None)
        if not cell["metadata"].get("tags", True):
            del cell["metadata"]["tags"]
        if "injected-parameters" in cell["metadata"].get("tags", ()):
            cell["id"] = "given-parameters"  # papermill's is new every time
        for output in cell.get("outputs", []):
            if "text" in output:
                output["text"] = _without_paths(output["text"], at)
    return book


def _without_paths(text, at: Path):
    if isinstance(text, list):
        return [_without_paths(line, at) for line in text]
    for path, name in ((sys.prefix, "<python>"), (str(at), "."), (str(Path.home()), "~")):
        if len(path) > 1:
            text = text.replace(path, name)
    return text


def _line(entry, error, copy: Path, kept: Path) -> str:
    """One line for a failed notebook: under which heading, which error, where the whole story is."""
    if not hasattr(error, "ename"):
        return f"notebook {entry.name} failed: {type(error).__name__}: {str(error).splitlines()[0]}"
    heading = entry.name
    book = json.loads(copy.read_text(encoding="utf-8")) if copy.exists() else {"cells": []}
    for cell in book["cells"]:
        if any(output.get("output_type") == "error" for output in cell.get("outputs", [])):
            break
        text = "".join(cell["source"])
        titles = [line.lstrip("# ") for line in text.splitlines() if line.startswith("#")]
        if cell["cell_type"] == "markdown" and titles and "papermill-error" not in text:
            heading = titles[-1]
    reason = " ".join(f"{error.ename}: {error.evalue}".split())
    return f"notebook {entry.name} failed under {heading!r}: {reason} (whole story in {kept})"
