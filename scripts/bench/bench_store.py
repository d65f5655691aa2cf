"""Time and memory to list, filter and compare a large store, relative to bare orjson.loads of its lines. Needs Linux.

python scripts/bench/bench_store.py
python scripts/bench/bench_store.py --rows 1000000
"""

import hashlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import orjson
import torch
from benchmarking import describe_machine

from diffstab import MaxEntropyEnsemble, Store, load_dataset, load_model, measure
from diffstab.results import content_key
from diffstab.store import measured_entry
from diffstab.store.lines import as_line

MODELS = 1000
COMMANDS = {
    "results list": ["results", "list"],
    "results list seed=7": ["results", "list", "seed=7"],
    "results query, two filters": ["results", "query", "model=net00*", "R.value<9", "--sort", "seed"],
    "compare of two networks": ["compare", "net0", "net1", "--resamples", "100"],
}


def fill(folder: Path, rows: int, parts: int) -> None:
    """Writes part files of real rows that differ in model, key, job and seed, and share one sidecar."""
    network = load_model("fc_l4", dataset="mnist5k")
    result = measure(network, load_dataset("mnist5k"), MaxEntropyEnsemble(28, delta=1.0), count=50)
    store = Store(folder, create=True)
    store.add(measured_entry(result, asked={"images": 50, "draws": 1, "until_precision": None}))
    (row,) = store.rows()
    store.close()
    streams = [open(folder / "rows" / f"part-{part}.jsonl", "wb") for part in range(parts)]  # noqa: SIM115
    for number in range(rows):
        own = {**row, "job": hashlib.sha256(str(number).encode()).hexdigest()}
        own |= {"model": f"net{number % MODELS}", "seed": number // MODELS}
        own["key"] = content_key(own)
        streams[number * parts // rows].write(as_line(own))
    for stream in streams:
        stream.close()


def bare(folder: Path) -> None:
    """Parses every line with orjson.loads and does nothing else: the least time that reading takes."""
    for path in sorted((folder / "rows").iterdir()):
        with open(path, "rb") as stream:
            for line in stream:
                orjson.loads(line)


def run(folder: Path, words: list[str]) -> tuple[float, float]:
    """Runs a command in a new process; returns its seconds and its peak memory in GB."""
    where = [str(folder)] if words[0] == "compare" else ["--store", str(folder)]
    options = 1 if words[0] == "compare" else 2
    code = (
        "import sys; from diffstab.cli import main; main(sys.argv[1:], standalone_mode=False); "
        "(peak,) = [line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')]; "
        "print(int(peak) / 2**20, file=sys.stderr)"
    )
    start = time.perf_counter()
    command = [sys.executable, "-c", code, *words[:options], *where, *words[options:]]
    answer = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    return time.perf_counter() - start, float(answer.stderr.splitlines()[-1])


@click.command()
@click.option("--rows", default=100_000, show_default=True)
@click.option("--parts", default=50, show_default=True)
@click.option("--rounds", default=3, show_default=True)
def main(rows: int, parts: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "store"
        fill(folder, rows, parts)
        size = sum(path.stat().st_size for path in (folder / "rows").iterdir())
        found: dict[str, list[tuple[float, float]]] = {what: [] for what in ("bare", *COMMANDS)}
        for _ in range(rounds):
            start = time.perf_counter()
            bare(folder)
            found["bare"].append((time.perf_counter() - start, 0.0))
            for what, words in COMMANDS.items():
                found[what].append(run(folder, words))
        print(describe_machine(torch.device("cpu")))
        print(f"{rows:,} rows in {parts} part files, {size / 1e9:.2f} GB; medians of {rounds} rounds")
        least = sorted(found.pop("bare"))[rounds // 2][0]
        print(f"bare orjson.loads line by line: {least:.2f} s")
        for what, runs in found.items():
            seconds, memory = (sorted(values)[rounds // 2] for values in zip(*runs, strict=True))
            print(f"{what}: {seconds:.2f} s, {seconds / least:.1f} of bare; {memory:.2f} GB")


if __name__ == "__main__":
    main()
