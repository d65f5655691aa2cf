"""Help: in groups, with examples, one plain line an option; what could be typed before can be typed still."""

import re
import shlex
import subprocess
import sys

import click
import pytest

from diffstab.cli import main
from diffstab.cli.help import Command
from diffstab.options import MeasureOptions, settings_of

# Options that stand in no group, where there are groups.
UNGROUPED = {"help"}
# First words that leave a line of help without its noun or verb.
RIDDLES = "of likewise that those what how which as its it their them behind instead or also only for".split()
# Every option as it could be given before there were groups.
BEFORE = """\
measure --model x --num-classes 3 --in-chans 3 --model-kwargs a=1 --weights init --checkpoint x --weights-key
    KEY --dataset x --data-dir x --download --split x --img-size 3 --crop-pct 0.5 --mean M --std S
    --exif-orientation --cutoff 0.5 --delta 0.5 --temperature 0.5 --convention both --cutoff-rule half-integer
    --delta-rule asymptotic --transform scale --interpolation gaussian --average mean --noise-radius per-image
    --noise-norm 0.5 --layers auto --with-init --batch-norm batch --images 3 --draws 3 --until-precision 0.5
    --seed 3 --batch-size 3 --resamples 3 --precision float64 --amp --channels-last --compile --workers 3
    --device x --store DIR --from-row KEY --trust NAME --output FILE --report FILE --json
train --model x --dataset x --data-dir x --download --recipe laptop --epochs 3 --train-size 3 --label-noise
    0.5 --seed 3 --batch-size 3 --optimizer adam --lr 0.5 --head-lr 0.5 --momentum 0.5 --weight-decay 0.5
    --decay-vectors --no-decay-vectors --schedule constant --cosine-span 0.5 --gamma 0.5 --start imagenet
    --translate 3 --flip --no-flip --diffeo-temperature 0.5 --diffeo-cutoff 0.5 --diffeo-cutoff-rule
    half-integer --loss soft-hinge --alpha 0.5 --select test --holdout 0.5 --ema 0.5 --bfloat16 --float32
    --channels-last --no-channels-last --compile --no-compile --stability-images 3 --trust NAME --device x
    --output DIR --resume --tensorboard --wandb PROJECT --json
sweep a --store DIR --dry-run --trust NAME --yes --retry-failed --executor ray --jobs 2 --threads 1
    --ray-address auto --cpus-per-job 0.5 --gpus-per-job 0.5 --json
figure fig05-error --preset own --store x --output FOLDER -o FOLDER --where FILTER --run --executor ray
    --jobs 2 --threads 1 --ray-address auto --cpus-per-job 0.5 --gpus-per-job 0.5
figure all --preset own --store x --output FOLDER -o FOLDER --where FILTER --run --executor ray --jobs 2
    --threads 1 --ray-address auto --cpus-per-job 0.5 --gpus-per-job 0.5
results list --store DIR a --json
results show --store DIR a --json
results query --store DIR a --columns A --sort COLUMN --limit 100 --json
results export --store DIR a --format layers --for-spreadsheets --output FILE -o FILE
results recompute --store DIR a --average mean --median-rule coordinate --pairs all --resamples 100
results check --store DIR --json
compare a a --where FILTER --resamples 3 --seed 3 --json
report a --output FILE -o FILE --where FILTER --title x --compare 3 --resamples 3 --seed 3
models a --weights none --json
field --size 20x32 --cutoff 0.5 --delta 0.5 --temperature 0.5 --convention reference --cutoff-rule
    half-integer --delta-rule asymptotic --json
deform a a --cutoff 0.5 --delta 0.5 --temperature 0.5 --convention reference --cutoff-rule half-integer
    --delta-rule asymptotic --interpolation gaussian --seed 3 --draw 3
explore a --output FILE -o FILE --side 3
"""


def commands(group=main, path=()):
    """Every command, groups included, with the words that call it."""
    yield path, group
    if isinstance(group, click.Group):
        for name in group.list_commands(click.Context(group)):
            yield from commands(group.get_command(click.Context(group), name), (*path, name))


SECTIONED = {name for name, one in settings_of(MeasureOptions).items() if one.section}  # newer settings
NEW = SECTIONED | {
    "penalty",
    "worst",
    "changed_dir",
    "ascent_steps",
    "ascent_starts",
    "example",
    "shard",
    "fail_above",
    "baseline",
    "fail_if",
    "margin",
    "delta_share",
    "atlas",
}  # options that the lines below could not have
COMMANDS = dict(commands())
NAMES = [" ".join(path) for path in COMMANDS]


def parsed(words):
    """The context of a command line, without running it."""
    command, rest = main, list(words)
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), rest.pop(0))
    return command.make_context(command.name, rest)


def shown(cli, path):
    answer = cli(*path, "--help")
    assert answer.exit_code == 0
    return answer.stdout


@pytest.mark.parametrize("line", BEFORE.replace("\n    ", " ").splitlines(), ids=lambda line: line[:20])
def test_what_was_understood_before_is_understood(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    context = parsed(line.split())
    given = {parameter.name for parameter in context.command.params if not isinstance(parameter, click.Argument)}
    assert all(context.get_parameter_source(name).name == "COMMANDLINE" for name in given - NEW)


def test_all_that_could_be_given_is_in_the_list_or_new():
    listed = {tuple(line.split()[: 1 + (line.split()[0] in ("results", "figure"))]) for line in BEFORE.splitlines()}
    assert {path for path in COMMANDS if path[:1] not in ((), ("figure",)) and path != ("results",)} <= listed


@pytest.mark.parametrize("name", NAMES)
def test_every_help_has_examples_that_are_understood(cli, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = shown(cli, name.split())
    lines = re.findall(
        r"^    (?:torchrun .* -m )?diffstab (.*)$",
        text.split("Examples" if "Examples:" in text else "Example")[1],
        re.MULTILINE,
    )
    assert lines
    assert name != "measure" or len(lines) >= 3
    for line in lines:
        words = shlex.split(line.partition(" > ")[0])
        assert " ".join(words).startswith(name)
        if "--example" not in words:
            parsed(words)


@pytest.mark.parametrize("name", NAMES)
def test_every_line_of_help_begins_with_a_verb_or_the_noun(name):
    for parameter in COMMANDS[tuple(name.split())].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, (name, parameter.name)
            first = re.match(r"[^\W_]+", parameter.help)
            assert first, (name, parameter.help)
            assert first[0].lower() not in RIDDLES, (name, parameter.help)
            assert first[0][0].isupper() or first[0].startswith("torch"), (name, parameter.help)


@pytest.mark.parametrize("name", NAMES)
def test_each_option_stands_in_one_group(cli, name):
    command = COMMANDS[tuple(name.split())]
    if not isinstance(command, Command):
        return
    options = {one.name for one in command.params if isinstance(one, click.Option)}
    grouped = [one for names in command.groups.values() for one in names.split()]
    grouped += [one for one in SECTIONED if name == "measure"]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) <= options  # none that is not there
    if command.groups or len(options) > 12:
        assert options - set(grouped) <= UNGROUPED
    text = shown(cli, name.split())
    for title in command.groups:
        assert f"\n{title}:\n" in text
    for option in options:
        (one,) = [parameter for parameter in command.params if parameter.name == option]
        assert len(re.findall(rf"^  (?:-\w, )?{re.escape(max(one.opts, key=len))}\b(?!-)", text, re.MULTILINE)) == 1


def test_help_imports_nothing_heavy():
    calls = [[*path, "--help"] for path in COMMANDS]
    script = (
        f"import sys\nfrom diffstab.cli import main\nfor words in {calls!r}:\n"
        "    try:\n        main(words)\n    except SystemExit as end:\n        assert not end.code\n"
        "print(*sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(answer.stdout.splitlines()[-1].split())
    assert "diffstab.cli" in loaded
    assert not {"torch", "timm", "torchvision", "numpy", "rich", "matplotlib"} & loaded


@pytest.mark.parametrize("command", ["measure", "train --output a"])
def test_the_network_may_be_the_first_word(command):
    words = command.split()
    named = parsed([*words, "--model", "lenet"]).params
    assert parsed([*words, "lenet"]).params == named
    assert parsed([*words, "lenet", "--model", "lenet"]).params == named
    assert named["model"] == "lenet"
    assert parsed(words).params["model"] == "resnet18"


@pytest.mark.parametrize("words", [["lenet", "--model", "resnet18"], ["--model", "resnet18", "lenet"]])
def test_two_networks_are_refused_in_one_line(cli, words):
    answer = cli("measure", *words)
    assert answer.exit_code == 2
    assert answer.stderr == "Error: the network is 'lenet' and --model is 'resnet18'; give one of the two\n"


def test_a_network_by_its_word_is_beside_a_row_an_option_too_many(cli, tmp_path):
    answer = cli("measure", "lenet", "--from-row", "a", "--store", tmp_path)
    assert answer.exit_code == 2
    assert "--model and --from-row are given" in answer.stderr
