"""Time to open a store of 100,000 rows, relative to bare json.loads of its lines; and to filter and export it.

python scripts/bench/bench_store.py
"""

import hashlib
import json
import tempfile
from pathlib import Path

import click
import torch
from benchmarking import describe_machine, medians

from diffstab import MaxEntropyEnsemble, Store, load_dataset, load_model, measure
from diffstab.store import exported, measured_entry, select


def fill(folder: Path, rows: int, parts: int) -> None:
    """Part files of real rows that differ in key, job and seed; the sidecars are left out."""
    data = load_dataset("mnist5k")
    network = load_model("fc_l4", dataset="mnist5k")
    result = measure(network, data, MaxEntropyEnsemble(28, delta=1.0), indices=torch.arange(50))
    row = measured_entry(result, asked={"images": 50, "draws": 1, "until_precision": None}, training=None).row
    Store(folder, create=True)
    for part in range(parts):
        with open(folder / "rows" / f"part-{part}.jsonl", "w") as stream:
            for number in range(part, rows, parts):
                digest = hashlib.sha256(str(number).encode()).hexdigest()
                own = {**row, "key": digest, "job": digest, "raw": digest, "checksum": digest, "seed": number}
                stream.write(json.dumps(own, separators=(",", ":")) + "\n")


@click.command()
@click.option("--rows", default=100_000, show_default=True)
@click.option("--parts", default=50, show_default=True)
@click.option("--rounds", default=5, show_default=True)
def main(rows: int, parts: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "store"
        fill(folder, rows, parts)
        files = sorted((folder / "rows").iterdir())
        size = sum(path.stat().st_size for path in files)

        def bare() -> None:
            for path in files:
                for line in path.read_bytes().splitlines():
                    json.loads(line)

        seconds = medians({"open": lambda: Store(folder), "bare": bare}, rounds=rounds, warmup=1)
        found = Store(folder).rows()
        assert len(found) == rows
        print(describe_machine(torch.device("cpu")))
        print(f"{rows:,} rows in {parts} part files, {size / 1e6:.0f} MB")
        ratio = seconds["open"] / seconds["bare"]
        print(f"open the store: {seconds['open']:.2f} s, {ratio:.2f} of bare json.loads line by line")
        after = medians(
            {
                "two filters": lambda: select(found, [f"seed<{rows // 2}", "model=fc*"]),
                "export csv": lambda: exported(found, "csv"),
            },
            rounds=3,
            warmup=0,
        )
        for what, time in after.items():
            print(f"{what}: {time:.2f} s")


if __name__ == "__main__":
    main()
