"""Test and time the package on one GPU, in stages that each write their result to a folder.

    python scripts/maintain/check_gpu.py --output gpu

    tests    everything that takes a device agrees with the CPU, random draws bit for bit (tests/device)
    waits    number of waits for the device in measuring and augmentation, by line
    memory   peak memory of measuring, which must not grow with the number of images
    deform   images per second of deform, relative to bare grid_sample; also a copy and other libraries
    measure  time of measuring, relative to its bare forward passes
    train    images per second of training steps: augmented in loader workers, on the device, not augmented
    table    gpu.md, with all results

The script needs torch, torchvision, timm and pytest, and no internet; kornia is timed if it is installed. With
`--device cpu` all stages run with small sizes. Exit status 1 if a stage failed, 2 if there is no such device.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parents[2]
SECONDS = {"tests": 150, "waits": 60, "memory": 40, "deform": 90, "measure": 90, "train": 50}  # 8 minutes in all
HEAD = "stage | what | value\n--- | --- | ---\n"


def stage_tests(device: str, output: Path) -> dict[str, Any]:
    """Runs the tests of devices; returns pytest's last line, and whether all passed."""
    if find_spec("pytest") is None:
        return {"passed": False, "told": "pytest is not installed here; bring it to run this stage"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(ROOT / "tests" / "device")]
    environment = {**os.environ, "DIFFSTAB_DEVICE": device}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    (output / "tests.txt").write_text(done.stdout + done.stderr)
    return {"passed": done.returncode == 0, "told": (done.stdout.strip().splitlines() or ["nothing"])[-1]}


def stage_waits(device: str, output: Path) -> dict[str, Any]:
    """Counts the waits of measuring 40 images in batches of 10, and of augmenting a batch; on a CPU by simulation."""
    if device == "cpu":
        command = [sys.executable, str(Path(__file__).with_name("strict_device.py"))]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        report = json.loads(done.stdout)
        return {"batch": report["measured"]["plain"]["waits of a batch"], "augmentation": report["transform"]["waits"]}
    import torch
    from gpu_stages import augment, measure_small

    run, transform = measure_small(device, 40, 10), augment(device)
    return {"measuring": waits_of(run, torch), "augmentation": waits_of(transform, torch)}


def waits_of(run: Callable[[], object], torch: Any) -> dict[str, int]:
    """Counts synchronisations by line with CUDA's debug mode, after a run that fills caches."""
    import warnings

    run()
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            run()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    places = [f"{Path(one.filename).name}:{one.lineno}" for one in caught if "synchroniz" in str(one.message)]
    return {place: places.count(place) for place in dict.fromkeys(places)}


def stage_memory(device: str, output: Path) -> dict[str, Any]:
    """Measures few images and four times as many; returns the peak bytes and their ratio."""
    import torch
    from gpu_stages import measure_small

    counts, batch = ((20, 80), 10) if device == "cpu" else ((256, 1024), 128)
    peaks = {}
    for count in counts:
        run = measure_small(device, count, batch)
        run()
        if device != "cpu":
            torch.cuda.reset_peak_memory_stats(device)
            run()
            peaks[count] = torch.cuda.max_memory_allocated(device)
    if not peaks:
        return {"peaks": "not known on a CPU"}
    few, many = peaks.values()
    return {"peaks": peaks, "ratio": round(many / few, 3), "passed": many <= 1.1 * few}


def stage_deform(device: str, output: Path) -> dict[str, Any]:
    """Returns speeds relative to bare grid_sample, by shape and cutoff."""
    from gpu_stages import bench_deform

    return bench_deform(device)


def stage_measure(device: str, output: Path) -> dict[str, Any]:
    """Returns the time of measuring relative to its forward passes, by network."""
    from gpu_stages import bench_measure

    return bench_measure(device)


def stage_train(device: str, output: Path) -> dict[str, Any]:
    """Returns images per second of whole training steps."""
    from gpu_stages import bench_train

    return bench_train(device)


STAGES = {name: globals()[f"stage_{name}"] for name in SECONDS}


def table(found: dict[str, Any]) -> str:
    """Returns the results as a Markdown table."""
    lines = [f"{found.pop('machine', '')}\n\n", HEAD]
    for stage, result in found.items():
        for what, value in result.items():
            lines.append(f"{stage} | {what} | {json.dumps(value) if isinstance(value, dict) else value}\n")
    return "".join(lines)


def run_stage(name: str, device: str, output: Path) -> dict[str, Any]:
    """Runs a stage in a new process with a time limit; returns its result, or the reason why it failed."""
    command = [sys.executable, __file__, "--device", device, "--output", str(output), "--stage", name]
    start = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS[name])
        failed = None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no reason"])[-1]
    except subprocess.TimeoutExpired:
        failed = f"took longer than {SECONDS[name]} s"
    path = output / f"{name}.json"
    found = json.loads(path.read_text()) if failed is None else {"passed": False, "told": failed}
    path.write_text(json.dumps(found, indent=2))
    outcome = "" if found.get("passed", True) else f", FAILED: {found.get('told', found)}"
    click.echo(f"{name}: {time.perf_counter() - start:.0f} s{outcome}")
    return found


@click.command()
@click.option("--device", default="cuda", show_default=True, help="Device: cuda, cuda:1, or cpu with small sizes.")
@click.option(
    "--output", type=click.Path(path_type=Path), default="gpu", show_default=True, help="Folder of all results."
)
@click.option("--stage", type=click.Choice(list(STAGES)), help="Run only this stage, in this process.")
def main(device: str, output: Path, stage: str | None) -> None:
    """Test and time the package on a GPU."""
    sys.path[:0] = [str(ROOT), str(ROOT / "scripts" / "bench")]
    import torch

    if device != "cpu" and not torch.cuda.is_available():
        came = f"device is {device!r} and torch finds no CUDA device"
        click.echo(f"Error: {came}; run this where there is one, or with --device cpu", err=True)
        raise SystemExit(2)
    output.mkdir(parents=True, exist_ok=True)
    if stage is not None:
        (output / f"{stage}.json").write_text(json.dumps(STAGES[stage](device, output)))
        return
    from benchmarking import describe_machine

    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    found: dict[str, Any] = {"machine": f"{date.today()}: {describe_machine(torch.device(device))}"}
    click.echo(found["machine"])
    found |= {name: run_stage(name, device, output) for name in STAGES}
    failed = [name for name in STAGES if not found[name].get("passed", True)]
    (output / "gpu.md").write_text(table(found))
    click.echo(f"{output / 'gpu.md'}: {len(STAGES) - len(failed)} of {len(STAGES)} stages passed")
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
