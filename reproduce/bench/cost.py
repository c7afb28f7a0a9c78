"""What a call takes of a machine, CPU or GPU: its time, its operations, its memory at the peak; and the most operations it can do."""

from __future__ import annotations

import contextlib
import json
import resource
import subprocess
import sys
import time
from pathlib import Path


def seconds(call) -> float:
    """How long a call takes, with what it leaves to the GPU."""
    wait()
    begun = time.perf_counter()
    call()
    wait()
    return time.perf_counter() - begun


def wait() -> None:
    """Until the GPU has done what it was told, where there is one."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def operations(call) -> int:
    """Floating-point operations of a call, as torch counts them: convolutions, products, attention; forward and backward."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counted:
        call()
    return counted.get_total_flops()


def rate(device, dtype, tries=5) -> float:
    """Operations a second that the device reaches in `dtype`: the best of a square matrix product and a 3 x 3 convolution."""
    import torch

    side, batch = (8192, 16) if torch.device(device).type == "cuda" else (1024, 1)
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    x = torch.randn(batch, 128, 128, 128, device=device).to(dtype, memory_format=torch.channels_last)
    weight = torch.randn(128, 128, 3, 3, device=device).to(dtype, memory_format=torch.channels_last)
    works = {2 * side**3: lambda: a @ b, 2 * 9 * 128 * x.numel(): lambda: torch.nn.functional.conv2d(x, weight, padding=1)}
    return max(work / min(seconds(call) for _ in range(tries)) for work, call in works.items())


def growth(call, device="cpu") -> int:
    """How far the peak memory grows in one call, in bytes: the process's resident memory, or what torch holds on a GPU."""
    import torch

    if torch.device(device).type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        return torch.cuda.max_memory_allocated() - before
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak so far is forgotten
    before = resident()
    call()
    return resident() - before


def resident() -> int:
    """The largest resident memory so far, in bytes."""
    with contextlib.suppress(OSError):
        return 1024 * _field("/proc/self/status", "VmHWM:")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def limit(share=0.75) -> None:
    """Let this process take at most that share of the memory now free (Linux): a call that wants more fails, and disturbs nobody."""
    with contextlib.suppress(OSError, ValueError):
        free, held = _field("/proc/meminfo", "MemAvailable:"), _field("/proc/self/status", "VmSize:")
        resource.setrlimit(resource.RLIMIT_AS, (1024 * (held + int(share * free)),) * 2)


def in_a_child(function, *given):
    """What `function` ("module.function", below this package) returns for words, numbers, None and lists, in a process of its own."""
    module, name = function.rsplit(".", 1)
    code = f"import json; from reproduce.{module} import {name} as call; print(json.dumps(call(*{given!r})))"
    told = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True, cwd=Path(__file__).parents[2])
    return json.loads(told.stdout.splitlines()[-1])


def _field(file, name) -> int:
    return int(Path(file).read_text().split(name)[1].split()[0])
