"""The command line: what it prints where, its JSON, and one line with status 2 for bad input."""

import json
import subprocess
import sys

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from diffstab import deform as deform_images
from diffstab.cli import main
from diffstab.cli.errors import OneLineErrors
from diffstab.fields.ensemble import MaxEntropyEnsemble
from diffstab.models.paper import PAPER_NETS
from diffstab.streams import StreamKeys

KEYS = """model weights weights_sha256 dataset split images draws D G R test_error cutoff cutoff_rule temperature delta
delta_rule interpolation average noise_radius noise_radius_rule convention fold_fraction clamped_fraction batch_norm
precision device seed versions git_commit seconds key""".split()
FAST = ["measure", "--model", "fc_l4", "--images", "60", "--device", "cpu"]


def run(*arguments: str):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_measure_prints_exactly_one_json_object_on_stdout():
    answer = run(*FAST, "--json", "--draws", "2")
    assert answer.exit_code == 0
    row = json.loads(answer.stdout)
    assert set(KEYS) <= set(row)
    assert all(set(row[name]) == {"value", "low", "high"} for name in "DGR")
    assert set(row["test_error"]) == {"value", "low", "high", "images"}
    named = {"model": "fc_l4", "weights": "pretrained", "dataset": "mnist5k", "split": "test", "images": 60, "draws": 2}
    assert {name: row[name] for name in named} == named
    assert (row["cutoff"], row["delta"], row["convention"], row["batch_norm"]) == (3, 1, "paper", "none")
    assert "paper:fc_l4" in answer.stderr


def test_measure_prints_a_table_on_stdout_and_the_rest_on_stderr():
    answer = run(*FAST)
    assert answer.exit_code == 0
    for word in ("D_f", "G_f", "R_f", "test error", "95 % interval"):
        assert word in answer.stdout
    assert "60 images of mnist5k/test" in answer.stderr


def test_the_reference_convention_and_single_knobs_reach_the_result():
    row = json.loads(run(*FAST, "--json", "--convention", "reference").stdout)
    rules = ("cutoff_rule", "delta_rule", "noise_radius_rule")
    assert [row[name] for name in rules] == ["half-integer", "asymptotic", "per-image"]
    row = json.loads(run(*FAST, "--json", "--convention", "reference", "--noise-radius", "ensemble").stdout)
    assert (row["convention"], row["noise_radius_rule"]) == ("reference", "ensemble")
    row = json.loads(run(*FAST, "--json", "--temperature", "0.001", "--average", "mean").stdout)
    assert (row["temperature"], row["average"]) == (0.001, "mean")


def test_weights_at_initialisation_use_the_batchs_norm_and_the_seed():
    first, same, other = (
        json.loads(run("measure", "--model", "timm:resnet10t", "--weights", "init", "--images", "20", "--seed", s,
                       "--device", "cpu", "--json").stdout)
        for s in (0, 0, 1)
    )  # fmt: skip
    assert first["batch_norm"] == "batch"
    assert first["R"] == same["R"]
    assert first["key"] == same["key"]
    assert first["weights_sha256"] != other["weights_sha256"]


def test_output_is_written_beside_what_is_printed(tmp_path):
    answer = run(*FAST, "--json", "--output", tmp_path / "row.json")
    assert json.loads((tmp_path / "row.json").read_text()) == json.loads(answer.stdout)


def test_adaptive_effort_says_why_it_ended(tmp_path):
    answer = run(*FAST, "--until-precision", "0.5", "--json")
    found = json.loads(answer.stdout)
    assert found["stopped"] == "precision"
    assert found["R"]["high"] / found["R"]["low"] <= np.exp(0.5)
    assert 60 < found["images"] < 1000
    assert answer.stderr.count("images of mnist5k/test") >= 2  # each step is told
    for k in range(30):
        Image.effect_noise((20, 20), 80 + k).save(tmp_path / f"{k}.png")
    folder = ("--dataset", "folder", "--data-dir", tmp_path, "--weights", "init", "--until-precision", "0.01")
    answer = run(*FAST[:3], *folder, "--images", "10")
    assert answer.exit_code == 0, answer.stderr
    assert "30 images, " in answer.stdout
    assert "draws each: more data would be needed" in answer.stdout


def test_a_folder_without_labels_gives_no_test_error(tmp_path):
    for k in range(3):
        Image.effect_noise((40, 30), 80 + k).convert("RGB").save(tmp_path / f"{k}.png")
    options = ("--dataset", "folder", "--data-dir", tmp_path, "--weights", "init", "--device", "cpu", "--json")
    row = json.loads(run("measure", "--model", "timm:resnet10t", *options).stdout)
    assert row["test_error"] is None
    assert row["images"] == 3


def test_labels_of_another_number_of_classes_give_no_test_error(tmp_path):
    for label in "ab":
        (tmp_path / label).mkdir()
        Image.effect_noise((32, 32), 80).convert("RGB").save(tmp_path / label / "1.png")
    torch.save(PAPER_NETS["lenet"](3, 32, 5).state_dict(), tmp_path / "five.pt")
    data = ("--dataset", "folder", "--data-dir", tmp_path, "--device", "cpu", "--json")
    answer = run("measure", "--model", "lenet", "--checkpoint", tmp_path / "five.pt", *data)
    assert answer.exit_code == 2
    assert "has 5 classes and the data set folder has 2" in answer.stderr


def test_field_tells_modes_range_and_probability():
    answer = run("field", "--size", "32", "--cutoff", "3", "--json")
    found = json.loads(answer.stdout)
    ensemble = MaxEntropyEnsemble(32, 3, delta=1.0)
    assert found["modes"] == 4
    assert found["temperature"] == ensemble.temperature
    assert 0.9 < found["probability_of_diffeomorphism"] <= 1
    assert found["temperature_min"] < found["temperature"] < found["temperature_max"]
    table = run("field", "--size", "20x32", "--convention", "reference", "--temperature", "0.001").stdout
    for word in ("20 x 32 pixels", "half-integer", "T range", "P(diffeomorphism)"):
        assert word in table


@pytest.mark.parametrize(("mode", "ending"), [("L", ".png"), ("RGB", ".png"), ("RGBA", ".webp"), ("P", ".bmp")])
def test_deform_writes_the_deformed_image(tmp_path, mode, ending):
    image = Image.effect_noise((31, 20), 60).resize((62, 40)).convert(mode)
    image.save(tmp_path / "in.png")
    answer = run("deform", tmp_path / "in.png", tmp_path / f"out{ending}", "--delta", "2", "--seed", "5", "--draw", "1")
    assert answer.exit_code == 0, answer.stderr
    with Image.open(tmp_path / f"out{ending}") as out:
        assert out.size == image.size
    if mode == "L":
        pixels = torch.from_numpy(np.array(image, dtype=np.float64))[None]
        keys = StreamKeys(5, torch.zeros(1, dtype=torch.int64), 1)
        field = MaxEntropyEnsemble((40, 62), 3, delta=2.0).sample(keys, dtype=torch.float64)[0]
        with Image.open(tmp_path / "out.png") as out:
            np.testing.assert_array_equal(np.array(out), deform_images(pixels, field)[0].round().numpy())


def write_inputs(folder):
    (folder / "pictures").mkdir()
    Image.new("RGB", (20, 20)).save(folder / "pictures" / "1.png")
    (folder / "pictures" / "2.png").write_text("no image")
    (folder / "one").mkdir()
    Image.new("RGB", (20, 20)).save(folder / "one" / "1.png")
    (folder / "small").mkdir()
    (folder / "sizes").mkdir()
    for k in range(4):
        Image.effect_noise((20, 20 + k), 80).save(folder / "sizes" / f"{k}.png")
    (folder / "untold").mkdir()
    (folder / "untold" / "config.json").write_text('{"architecture": "resnet10t", "num_classes": 10}')
    (folder / "untold" / "model.safetensors").write_bytes(b"")
    for k in (1, 2):
        Image.effect_noise((20, 20), 80 + k).save(folder / "small" / f"{k}.png")
    Image.fromarray(np.full((9, 9), 30000, dtype=np.uint16)).save(folder / "deep.png")
    torch.save(torch.nn.Linear(2, 2), folder / "pickled.pt")
    (folder / "truncated.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")


BAD = [
    ("measure --model lenet --weights init --dataset photos", "has such a network"),
    (
        "measure --model torchvision:alexnet --weights init --dataset folder --data-dir small",
        "alexnet fails on images",
    ),
    (
        "measure --model timm:inception_v4 --weights init --images 4",
        "fails on images of 1x28x28",
    ),
    ("measure --output pictures/", "output is 'pictures/'; the name of a file is needed"),
    ("measure --device cpu:3", "device is 'cpu:3'; allowed: auto, cpu"),
    ("measure --model fc_l4 --delta 1e-9", "delta is 1e-09 pixels, within the rounding of torch.float32 positions"),
    ("measure --device meta", "device is 'meta'; allowed: auto, cpu, cuda"),
    ("measure --seed 18446744073709551616", "seed is 18446744073709551616; it must be at most 18446744073709551615"),
    ("measure --output pictures", "'pictures' can't be written (it is a folder)"),
    ("field --size 99999999999999999999999", "size is '99999999999999999999999'"),
    ("field --size 99999", "image height (pixels) is 99999; it must be at most 65535"),
    ("field --size 28 --cutoff 1e200", "cutoff is 1e+200"),
    ("field --size 28 --delta 1e200", "delta is 1e+200; it must be a finite number, 0 or more (at most 1e+100)"),
    ("field --size \u00b2", "size is"),
    ("deform deep.png out.png", "has pixels of kind I;16; save it with 8 bits a channel"),
    ("deform pictures/1.png out.msp", "OUT can't be written as MSP"),
    ("deform pictures/1.png out.png --seed -1", "seed is -1"),
    ("measure --model resnet81", "model is 'resnet81'"),
    ("measure --dataset mnits", "dataset is 'mnits'; allowed: mnist5k, photos, mnist"),
    ("measure --interpolation cubic", "'--interpolation': 'cubic' is not one of 'bilinear', 'gaussian'"),
    ("measure --convention papers", "'--convention': 'papers' is not one of 'paper', 'reference'"),
    ("measure --noise-radius x", "'--noise-radius': 'x' is not one of 'ensemble', 'per-image'"),
    ("measure --until-precision 0", "until_precision is 0; it must be above 0"),
    ("measure --model fc_l4 --images 30 --store small", "'small' holds other files and is no store"),
    ("measure --delta 1 --temperature 0.1", "delta is 1 and temperature is 0.1; give one of the two"),
    ("measure --cutoff 1", "cutoff is 1; the rule disk keeps no mode below sqrt(2)"),
    ("measure --temperature -0.1", "temperature is -0.1; it must be a finite number, 0 or more"),
    ("measure --temperature nan", "temperature is nan"),
    ("measure --temperature 0", "temperature is 0, so nothing moves"),
    ("measure --images 1", "images is 1; it must be at least 2"),
    ("measure --draws 0", "draws is 0"),
    ("measure --draws 2147483648", "draws is 2147483648; it must be at most 100000"),
    ("measure --resamples 2147483648", "resamples is 2147483648; it must be at most 1000000"),
    ("measure --batch-size 0", "batch_size is 0"),
    ("measure --workers -1", "workers is -1"),
    ("measure --seed -1", "seed is -1"),
    ("measure --seed x", "'--seed': 'x' is not a valid integer"),
    ("measure --device tpu", "device is 'tpu'; allowed: auto, cpu, cuda, mps, xpu"),
    ("measure --device cuda:99", "device is 'cuda:99', which can't be used here"),
    ("measure --model fc_l4 --checkpoint missing.pt", "there is no such file"),
    ("measure --model fc_l4 --checkpoint pickled.pt", "is not plain tensors"),
    ("measure --model fc_l4 --checkpoint truncated.safetensors", "is truncated or damaged"),
    ("measure --model vgg11", "no pretrained vgg11 on mnist5k is kept"),
    ("measure --model lenet --weights init --dataset folder --data-dir pictures", "2.png' can't be read as an image"),
    ("measure --model lenet --weights init --dataset folder --data-dir one", "1 image(s) came"),
    ("measure --dataset folder", "the data set 'folder' needs data_dir"),
    ("measure --dataset cifar10", "the data set 'cifar10' needs data_dir, the folder with"),
    ("measure --dataset cifar10 --data-dir small", "cifar10/test: looked for cifar-10-batches-py/"),
    ("measure --dataset imagenet --data-dir small", "looked for a folder 'val' in 'small' (which holds 1.png"),
    ("measure --dataset imagenet --data-dir small --download", "ImageNet can't be fetched by a program"),
    ("measure --dataset hfds/cifar10", "of timm's prefixes only torch/ is known here"),
    ("measure --dataset photos --split train", "split is 'train'; the data set photos has test"),
    ("measure --split trian", "split is 'trian'; allowed: train, val, test, extra (did you mean 'train'?)"),
    ("measure --download", "download is asked for, but mnist5k comes with the package"),
    ("measure --model lenet --weights init --dataset folder --data-dir sizes", "images must have one size"),
    ("measure --model local-dir:untold", "don't tell how images become their input; give --img-size, --mean, --std"),
    ("measure --model local-dir:nowhere", "config.json was looked for, and there is: no such folder"),
    ("measure --model nowhere:Net", "there is no module 'nowhere'"),
    ("measure --model torchvision:resnet18@IMAGENET1K_V9 --weights init", "resnet18 has the weights: IMAGENET1K_V1"),
    ("measure --model-kwargs depth", "model_kwargs is ['depth']; names with values are needed, as in depth=12"),
    ("measure --model timm:resnet10t --weights init --model-kwargs colour=red", "can't be built with"),
    ("measure --model fc_l4 --model-kwargs depth=3", "the paper's nets take none"),
    ("measure --model fc_l4 --weights init --img-size 1", "img_size is 1; it must be at least 2"),
    ("measure --crop-pct 1.5", "crop_pct is 1.5; it must be 0.01 to 1"),
    ("measure --crop-pct 1e-320", "crop_pct is 9.99989e-321; it must be 0.01 to 1"),
    ("measure --mean 0.5,0.5", "mean is '0.5,0.5'; one number, or one for each of 3 channels, is needed"),
    ("measure --std 0", "std is (0.0,)"),
    ("measure --amp --precision float64", "amp is on and precision is 'float64'; give one of the two"),
    ("measure --precision float16", "'--precision': 'float16' is not one of 'float32', 'float64'"),
    ("measure --output missing/row.json", "'missing/row.json' can't be written"),
    ("measure --nothing", "No such option"),
    ("nothing", "No such command 'nothing'"),
    ("field --size 0", "image height (pixels) is 0; it must be at least 2"),
    ("field --size 3x4x5", "size is '3x4x5'"),
    ("field --size 20 --cutoff nan", "cutoff is nan"),
    ("field", "Missing option '--size'"),
    ("deform pictures/2.png out.png", "can't be read as an image"),
    ("deform missing.png out.png", "can't be read as an image"),
    ("deform pictures/1.png out.xyz", "an ending such as .png or .jpg is needed"),
    ("deform pictures/1.png missing/out.png", "'missing/out.png' can't be written"),
]


@pytest.mark.parametrize(("line", "message"), BAD, ids=[line for line, _ in BAD])
def test_bad_input_gets_one_line_and_status_2(line, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    answer = run(*line.split())
    assert answer.exit_code == 2
    assert answer.stderr.startswith("Error: ")
    assert answer.stderr.count("\n") == 1
    assert message in answer.stderr
    assert answer.stdout == ""
    assert sorted(tmp_path.rglob("*")) == before


def test_the_papers_fig_12_ensemble_has_no_least_temperature():
    """c = 1 by the published rules: ln c = 0, so no temperature moves half a pixel by Eq. 3."""
    answer = run(
        "field", "--size", "28", "--cutoff", "1", "--convention", "reference", "--temperature", "0.01", "--json"
    )
    found = json.loads(answer.stdout)
    assert (found["modes"], found["delta"], found["temperature_min"]) == (1, 0, None)
    assert run("field", "--size", "2").exit_code == 0


def test_two_images_still_give_valid_json():
    for average in ("mean", "median"):
        answer = run(*FAST[:-2], "--images", "2", "--average", average, "--json")
        row = json.loads(answer.stdout, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        assert row["D"]["low"] <= row["D"]["high"]


def test_a_checkpoint_named_init_is_a_checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(PAPER_NETS["resnet18"](1, 28, 10).state_dict(), "init")
    answer = run("measure", "--model", "resnet18", "--checkpoint", "init", "--images", "4", "--json")
    assert json.loads(answer.stdout)["batch_norm"] == "running"


def test_no_arguments_print_help_and_exit_2():
    answer = run()
    assert answer.exit_code == 2
    assert "measure" in answer.stderr


def test_python_dash_m_answers():
    answer = subprocess.run([sys.executable, "-m", "diffstab", "--version"], capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("diffstab, version ")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            MemoryError("Unable to allocate 80 GiB"),
            "this does not fit into memory (Unable to allocate 80 GiB); ask for",
        ),
        (
            RuntimeError("CUDA out of memory.\nTried 2 GiB"),
            "this does not fit into memory (CUDA out of memory. Tried 2",
        ),
        (RuntimeError("a fault of ours"), None),
    ],
)
def test_what_does_not_fit_into_memory_is_told_in_one_line(error, told):
    @click.command(cls=OneLineErrors)
    def command():
        raise error

    found = CliRunner().invoke(command)
    if told is None:
        assert found.exception is error
    else:
        assert found.exit_code == 2
        assert found.stderr.startswith(f"Error: {told}")
        assert found.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [["--help"], ["results", "--help"], ["figure", "--help"]])
def test_lists_of_commands_cut_no_sentence_short(words):
    listed = run(*words).stdout.split("Commands:")[1]
    assert "..." not in listed
    if words == ["--help"]:
        assert listed.split()[0] == "measure"  # the one that is used most
