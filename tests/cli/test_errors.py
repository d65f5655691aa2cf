"""Bad input gets one line and exit status 2; help cuts no sentence short."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

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
    ("measure --dataset hfds/cifar10", "of timm's prefixes only torch/ is known"),
    ("measure --dataset photos --split train", "split is 'train'; the data set photos has test"),
    ("measure --split trian", "split is 'trian'; allowed: train, val, test, extra (did you mean 'train'?)"),
    ("measure --download", "download is asked for, but mnist5k comes with the package"),
    ("measure --model lenet --weights init --dataset folder --data-dir sizes", "images must have one size"),
    ("measure --model local-dir:untold", "don't record their preprocessing; give --img-size, --mean, --std"),
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
    ("measure --std 0", "std is 0; it must be above 0"),
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


@pytest.mark.parametrize(("line", "message"), BAD, ids=[line for line, _ in BAD])
def test_bad_input_gets_one_line_and_status_2(cli, line, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    answer = cli(*line.split())
    assert answer.exit_code == 2
    assert answer.stderr.startswith("Error: ")
    assert answer.stderr.count("\n") == 1
    assert message in answer.stderr
    assert answer.stdout == ""
    assert sorted(tmp_path.rglob("*")) == before


def test_no_arguments_print_help_and_exit_2(cli):
    answer = cli()
    assert answer.exit_code == 2
    assert "measure" in answer.stderr


def test_python_dash_m_answers():
    answer = subprocess.run([sys.executable, "-m", "diffstab", "--version"], capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("diffstab, version ")


@pytest.mark.parametrize("words", [["--help"], ["results", "--help"], ["figure", "--help"]])
def test_lists_of_commands_cut_no_sentence_short(cli, words):
    listed = cli(*words).stdout.split("Commands:")[1]
    assert "..." not in listed
    if words == ["--help"]:
        assert listed.split()[0] == "measure"  # the one that is used most
