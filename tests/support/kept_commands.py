"""The transcript of many commands on one small store: what `tests/cli/test_kept_commands.py` holds on to.

Two versions of the code are compared byte for byte, on one machine, by

    python tests/support/kept_commands.py --write before.txt
    python tests/support/kept_commands.py --write after.txt
    diff before.txt after.txt

Without a file, `--write` renews tests/kept/commands.txt.
"""

import json
import re
import shlex
import tempfile
from contextlib import chdir, contextmanager
from difflib import unified_diff
from pathlib import Path

import click
import torch
from click.testing import CliRunner

from diffstab.cli import main, progress
from diffstab.native.library import using
from diffstab.provenance import git_commit, versions

TRANSCRIPT = Path(__file__).parents[1] / "kept" / "commands.txt"
SPEC = """\
train: {model: fc_l2, recipe: laptop, optimizer: sgd, lr: 0.01, train_size: 1000, epochs: 1, seed: 1, device: cpu}
measure:
  images: 20
  resamples: 100
  device: cpu
  include:
    - {model: [fc_l2, lenet], weights: pretrained, delta: [0.5, 1]}
    - {model: lenet-w0.25, weights: init, batch_norm: batch, noise-radius: per-image}
    - {weights: train, draws: 2, layers: auto}
    - {model: nonsuch}
stripe: {train_size: 50, dimension: 3, width: 10, until_loss: 0.5, test_points: 50}
"""
FILES = {
    "sweep.yaml": SPEC,
    "regime.yaml": "regime: {train_size: 50, width: 10, layers: 1, turn: 0.1, until_loss: 0.5, images: 20}\n",
    "defaults.yaml": "train: {model: nonsuch}\nmeasure: {model: nonsuch, weights: pretrained}\n",
    "misspelt.yaml": "measure: {model: fc_l2, cutof: 3}\n",
    "twice.yaml": "measure: {model: fc_l2, delta: 1, temperature: 0.1}\n",
    "grid.yaml": "train: {model: [fc_l2, lenet], epochs: [1, 2]}\nmeasure: {weights: [init, train], seed: [0, 1]}\n",
}
SMALL = "--images 20 --resamples 100 --device cpu"
# KEY is the key that was printed last as JSON; `cat` shows a file that a command wrote
COMMANDS = f"""\
diffstab measure --help
diffstab train --help
diffstab sweep --help
diffstab results query --help
diffstab results export --help
diffstab results recompute --help
diffstab compare --help
diffstab figure fig05-error --help
diffstab field --help
diffstab deform --help
diffstab report --help
diffstab measure fc_l2 --device cpu --json
diffstab measure fc_l2 {SMALL}
diffstab measure fc_l2 {SMALL} --with-init --layers all --draws 2 --transform rotation --delta 0.7
diffstab measure fc_l2 {SMALL} --convention both --json
diffstab measure fc_l2 {SMALL} --average mean --layers 2,5 --transform translation --store store --json
diffstab measure fc_l2 {SMALL} --convention reference --with-init --temperature 0.002 --cutoff 4 --store store --json
diffstab measure fc_l2 {SMALL} --weights init --seed 3 --noise-norm 3 --precision float64 --interpolation gaussian \
--cutoff-rule half-integer --delta-rule asymptotic --store store --json
diffstab measure fc_l2 --images 20 --resamples 100 --device cpu --until-precision 1.5 --seed 5 --store store
diffstab measure lenet {SMALL} --weights init --img-size 32 --crop-pct 0.9 --mean 0.2 --std 0.4 --num-classes 7 \
--batch-size 7 --channels-last --noise-radius per-image --store store --json
diffstab measure fc_l2 {SMALL} --draws 2 --layers 1,4* --store store --output measured.json
cat measured.json
diffstab measure --from-row KEY --store store --device cpu
diffstab train fc_l2 --recipe laptop --optimizer sgd --lr 0.01 --train-size 1000 --epochs 1 --label-noise 0.1 \
--stability-images 10 --translate 1 --diffeo-temperature 0.001 --output run --device cpu --json
cat run/config.json
diffstab measure local-dir:run {SMALL} --store store --json
diffstab measure timm:test_resnet.r160_in1k --weights init --img-size 32 {SMALL} --layers auto --store store
cat sweep.yaml
diffstab sweep sweep.yaml --store store --dry-run
diffstab sweep sweep.yaml --store store --jobs 1
diffstab sweep sweep.yaml --store store --json
diffstab sweep grid.yaml --store store --dry-run
diffstab sweep regime.yaml --store store --jobs 1 --json
diffstab sweep defaults.yaml --store defaults --jobs 1 --json
diffstab results list --store defaults --json
diffstab results list --store store
diffstab results list --store store --json model=fc_l2 'draws>1'
diffstab results show KEY --store store
diffstab results query --store store kind=measure --columns model,weights,convention,noise_norm,R.value --sort R.value
diffstab results recompute --store store transform=diffeo convention=paper weights=pretrained --average mean
diffstab results export --store store
diffstab results export --store store --format timm
diffstab results export --store store --format layers kind=measure
diffstab compare store --where draws=1 --where delta=1 --where average=median
diffstab compare store local-dir:run fc_l2 --where weights=pretrained --where draws=1 --where average=median --json
diffstab results check --store store
diffstab measure fc_l2 {SMALL} --baseline store --fail-if worse --fail-above 1
diffstab figure fig05-error --preset own --store store --where seed=0 --where weights=pretrained --where draws=1 \
--where delta=1 --where average=median --output figures
cat figures/fig05-error.csv
diffstab figure lazy-alpha --preset own --store store --output figures
cat figures/lazy-alpha.csv
diffstab measure fc_l2 --weights nonsuch
diffstab measure fc_l2 --delta 1 --temperature 0.1
diffstab measure fc_l2 --noise-norm 3 --noise-radius per-image
diffstab measure fc_l2 --layers nonsuch {SMALL}
diffstab measure fc_l2 --images 0
diffstab train fc_l2 --recipe nonsuch --output other
diffstab train fc_l2 --alpha 0 --output other
diffstab sweep misspelt.yaml --store store
diffstab sweep twice.yaml --store store
diffstab results list --store store nonsuch=3
diffstab results query --store store --columns model,delt
"""
TIMES = (  # and what stands for them
    (r"; \d+\.\d s$", "; SECONDS"),
    (r"\[\d+\.\d s\]$", "[SECONDS]"),
    (r"  \d+\.\d s, \d+ s left$", "  SECONDS"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00", "TIME"),
    (r"(seconds\"?:? +)\d[\d.e-]*", r"\1SECONDS"),
    (r"(\"checksum\": ?)\"\w{64}\"", r'\1"CHECKSUM"'),
    (r"^\d+ done, \d+ running, .* left\n", ""),  # printed after some seconds
)
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?!\w)")


@contextmanager
def alone():
    """A temporary folder to work in; one thread, and no progress that depends on time."""
    before = torch.get_num_threads(), progress.SOON, progress.FIRST
    torch.set_num_threads(1)
    progress.SOON = progress.FIRST = 3600.0
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        yield Path(folder)
    torch.set_num_threads(before[0])
    progress.SOON, progress.FIRST = before[1:]


def transcript(exact=False):
    """Returns all commands with what they print, and the store's rows, without what no two runs have in common.

    Unless `exact`, names stand for the hashes that follow from the last bits of a float.
    """
    with alone() as folder, using("off"):  # the kernel has other last digits, and not every machine has it
        for name, text in FILES.items():
            Path(name).write_text(text)
        parts, key = [], ""
        for command in COMMANDS.splitlines():
            parts.append(f"$ {command}\n{answer(shlex.split(command.replace('KEY', key)))}")
            key = (re.findall(r'"key": ?"(\w{12})', parts[-1]) or [key])[-1]
            number_parts()
        rows = "".join(path.read_text() for path in sorted(Path("store/rows").iterdir()))
        text = "".join([*parts, "$ cat store/rows/*.jsonl\n", rows]).replace(str(folder.resolve()), "FOLDER")
    names = changing(rows) | ({} if exact else of_bits(rows))
    return named(text, names)


def answer(words):
    """Returns the status of a command if it isn't 0, its stdout, and its stderr under a line of its own."""
    if words[0] == "cat":
        return Path(words[1]).read_text() if Path(words[1]).exists() else "no such file\n"
    found = CliRunner(env={"COLUMNS": "120", "LINES": "40"}).invoke(main, words[1:], prog_name="diffstab")
    status = f"--- status {found.exit_code}: {found.exception!r}\n" if found.exit_code else ""
    return f"{status}{found.stdout}" + (f"--- stderr\n{found.stderr}" if found.stderr else "")


def number_parts():
    """Renames new files of rows to 001, 002, ...: those of one second would be read in any order."""
    parts = Path("store/rows")
    new = [path for path in parts.glob("*") if not re.fullmatch(r"\d{3}", path.stem)]
    for path in sorted(new, key=lambda path: path.stat().st_mtime_ns):
        path.rename(parts / f"{len(list(parts.iterdir())) - len(new) + 1 + new.index(path):03}.jsonl")


def changing(rows):
    """Names for the values in rows that change from run to run, from commit to commit, or with what is installed."""
    found = {text: f"<{package}>" for package, text in versions().items()} | {git_commit() or "-": "COMMIT"}
    for row in map(json.loads, rows.splitlines()):
        found |= {row["checksum"]: "CHECKSUM", json.dumps(row.get("seconds")): "SECONDS"}
        if row.get("model") == "local-dir:run":
            found[row.get("job", "-")] = "JOB"  # it knows of the folder's path
    return {text: name for text, name in found.items() if text not in ("-", "null")}


def of_bits(rows):
    """Names for hashes of raw values and of trained or random weights, and for the keys that follow from these."""
    found = {}
    for row in map(json.loads, rows.splitlines()):
        found |= {row.get("raw"): "RAW", row.get("checkpoint_sha256"): "CHECKPOINT"}
        if row.get("weights") in ("train", "init") or row.get("model") == "local-dir:run":
            found |= {row["weights_sha256"]: "WEIGHTS", row["key"]: "KEY", row["key"][:12]: "KEY"}
    found.pop(None)
    return found


def named(text, names):
    """Replaces whole words by their names, and times."""
    for word in sorted(names, key=len, reverse=True):
        text = re.sub(rf"(?<![\w.]){re.escape(word)}(?![\w+]|\.\d)", names[word], text)
    for pattern, name in TIMES:
        text = re.sub(pattern, name, text, flags=re.MULTILINE)
    return text


def differences(kept, found):
    """Lines that differ: texts and integers exactly, other numbers by more than 1e-4 of them, or their last digit."""
    kept, found = kept.splitlines(), found.splitlines()
    blank = [[NUMBER.sub("#", line) for line in lines] for lines in (kept, found)]
    if blank[0] != blank[1]:
        return list(unified_diff(*blank, "kept", "found", lineterm="", n=1))
    pairs = zip(kept, found, strict=True)
    return [line for pair in pairs if not all(map(close, *map(NUMBER.findall, pair))) for line in pair]


def close(one, other):
    """Tells whether two printed numbers are the same but for the rounding of another processor.

    Numbers of three to six digits may differ by one in the last, since they were rounded when they were printed.
    """
    if one == other or not ({".", "e"} & set(one) and {".", "e"} & set(other)):
        return one == other
    digits = len(one.partition("e")[0].replace(".", "").lstrip("-0"))
    last = 10.0 ** -len(one.partition(".")[2]) if 3 <= digits <= 6 and "e" not in one else 0.0
    return abs(float(one) - float(other)) <= 1e-4 * abs(float(one)) + 1.01 * last


@click.command()
@click.option("--write", "path", is_flag=False, flag_value="", required=True, type=str, metavar="[FILE]")
def write(path):
    """Write the transcript: exactly into FILE, or without FILE as the test compares it."""
    Path(path or TRANSCRIPT).write_text(transcript(exact=bool(path)), encoding="utf-8")


if __name__ == "__main__":
    write()
