"""What users and attackers feed it: never anything but the library's own errors, never a partial file.

Hypothesis draws every choice, so that what fails is made small: 4,000 image files, 6,000 sets of options, 1,000 specs,
40 stores for 10 commands each, the same in each run; DIFFSTAB_FUZZ=20 makes it 20 times as many, other ones each time.
"""

import copy
import io
import itertools
import json
import os
import struct
import warnings
import zlib
from dataclasses import fields

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from measured_rows import row
from PIL import Image

from diffstab.cli import main
from diffstab.data.files import read_image
from diffstab.options.experiments import RegimeOptions, StripeOptions
from diffstab.options.measure import MeasureOptions
from diffstab.options.train import TrainOptions
from diffstab.store.entry import checksum
from diffstab.store.row_check import is_measurement
from diffstab.store.store import Store
from diffstab.store.table import layer_lines
from diffstab.sweep.spec import read_spec

# words of Python's own errors, which tell a user nothing
RAW = ("NoneType", "not supported between", "has no attribute", "subscript", "unhashable", "not iterable", "JSON")
READ = "PNG JPEG GIF TIFF WEBP BMP PPM TGA JPEG2000".split()
RARE = "ICO PCX SGI DDS ICNS MSP".split()  # which no photograph comes in, and whose decoders are little tried
TIMES = int(os.environ.get("DIFFSTAB_FUZZ", "1"))  # how many times as many cases, and whether other ones each time
IMAGES, OPTIONS, SPECS, STORES = 4000, 1500, 1000, 40
CHANCE = st.randoms()  # a generator whose every choice is hypothesis's own


def cases(count):
    """So many of them, without a limit of time; the same ones in each run of the usual tests."""
    return settings(
        max_examples=count * TIMES,
        derandomize=TIMES == 1,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def assert_one_line(answer):
    assert answer.exception is None or isinstance(answer.exception, SystemExit), answer.exception
    if answer.exit_code == 2:
        assert answer.stderr.count("Error: ") == 1
        assert not any(word in answer.stderr for word in RAW), answer.stderr


def told_by(function):
    """What the library says of bad input; None if it takes it. Other errors are not caught."""
    try:
        function()
    except (ValueError, TypeError) as error:
        return str(error)
    return None


# image files


@pytest.fixture(scope="module")
def pictures():
    """A small picture in each format."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8))
    return [saved(image, name) for name in READ]


def broken(content, rng):
    """Cut off somewhere, or with some bytes changed, many of them in the header."""
    data = bytearray(content if rng.random() > 0.3 else content[: rng.randrange(len(content))])
    for _ in range(rng.choice((0, 1, 1, 2, 5, 20)) if data else 0):
        data[rng.randrange(min(len(data), rng.choice((64, len(data)))))] = rng.choice((0, 255, 127, rng.randrange(256)))
    return bytes(data)


def test_broken_images_are_read_or_refused(pictures, tmp_path):
    path, read = tmp_path / "picture", []

    @cases(IMAGES)
    @given(CHANCE)
    def one(rng):
        path.write_bytes(broken(rng.choice(pictures), rng))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the decoders
            read.append(told_by(lambda: read_image(path)) is None)

    one()
    assert 0.1 < np.mean(read) < 0.9


@pytest.mark.parametrize("name", RARE)
def test_rare_formats_are_refused(name, tmp_path):
    image = Image.fromarray(np.zeros((20, 30), np.uint8)).convert("1" if name == "MSP" else "RGB")
    (tmp_path / "picture").write_bytes(saved(image, name))
    with pytest.raises(ValueError, match=r"can.t be read as an image \(cannot identify image file"):
        read_image(tmp_path / "picture")


def bomb(side):
    """A PNG of a few hundred bytes that says it is so many pixels a side."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def saved(image, name):
    content = io.BytesIO()
    image.save(content, name)
    return content.getvalue()


NOISE = np.random.default_rng(1).integers(0, 256, (20, 30, 4), dtype=np.uint8)
FINE = {
    "gray.png": saved(Image.fromarray(NOISE[..., 0]), "PNG"),
    "alpha.png": saved(Image.fromarray(NOISE), "PNG"),
    "cmyk.jpg": saved(Image.fromarray(NOISE).convert("CMYK"), "JPEG"),
    "palette.gif": saved(Image.fromarray(NOISE[..., :3]).quantize(8), "GIF"),
}
REFUSED = {
    "sixteen.png": saved(Image.fromarray(NOISE[..., 0].astype(np.uint16) * 257), "PNG"),
    "float.tiff": saved(Image.fromarray(NOISE[..., 0].astype(np.float32)), "TIFF"),
    "bomb.png": bomb(60_000),
    "empty.png": b"",
    "text.png": b"GIF89a",
}


@pytest.mark.parametrize("name", [*FINE, *REFUSED])
def test_odd_images_are_deformed_or_refused_in_one_line(tmp_path, name):
    fine = name in FINE
    (tmp_path / name).write_bytes({**FINE, **REFUSED}[name])
    answer = run("deform", tmp_path / name, tmp_path / "out.png")
    assert_one_line(answer)
    assert answer.exit_code == (0 if fine else 2)
    assert {path.name for path in tmp_path.iterdir()} == ({name, "out.png"} if fine else {name})


def test_an_animation_is_its_first_picture_and_a_turned_one_upright(tmp_path):
    frames = [Image.fromarray(np.full((8, 12), level, np.uint8)) for level in (10, 200)]
    frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    assert run("deform", tmp_path / "two.gif", tmp_path / "out.png", "--temperature", 0).exit_code == 0
    with Image.open(tmp_path / "out.png") as image:
        assert np.asarray(image.convert("L")).max() < 20
    exif = frames[0].getexif()
    exif[0x0112] = 6
    frames[0].save(tmp_path / "turned.png", exif=exif)
    assert run("deform", tmp_path / "turned.png", tmp_path / "upright.png").exit_code == 0
    with Image.open(tmp_path / "upright.png") as image:
        assert image.size == (8, 12)


# options and specs

VALUES = [
    None, True, False, 0, 1, -1, 2, 3.5, 1e308, 1e-320, float("inf"), float("nan"), 2**64, 2**64 - 1, 10**400, "", "3",
    "-1", "nan", "../x", "é", "\x00", "a\nb", "paper:", "timm:", "torchvision:x@y", "local-dir:/", "m:n", [], [1],
    ["x"], {}, {"a": [1]}, (), b"x", "auto", "0.5,0.5,0.5", "depth=12", "x=" * 50, object(), "init", "rotation",
]  # fmt: skip


@pytest.mark.parametrize("kind", [MeasureOptions, TrainOptions, StripeOptions, RegimeOptions])
def test_options_are_taken_or_refused(kind):
    names = [*(f.name for f in fields(kind)), "noise-radius", "bogus", 3, None]

    @cases(OPTIONS)
    @given(st.dictionaries(st.sampled_from(names), st.sampled_from(VALUES), min_size=1, max_size=5))
    def one(mapping):
        told = told_by(lambda: json.dumps(kind.of(mapping).to_dict(), allow_nan=False))
        assert told is None or not any(word in told for word in RAW), told

    one()


TOKENS = [
    "null", "[]", "{}", "&a", "*a", "!!python/object:os.system x", "- ", "? ", ": ", "1e400", ".nan", "2**64", "\t",
    "\x00", "é", "[[1]]", "{a: {b: c}}", "timm:*", "'", '"', "<<: *a", "9" * 20, "true", "-1", "measure:", "train:",
    "exclude: [{}]",
]  # fmt: skip
SPEC = """train: {model: [fc_l2, lenet], epochs: 2, seed: [0, 1]}
measure: {weights: [train, init], cutoff: [3, 5], exclude: [{cutoff: 5}]}
stripe: {train_size: [100, 200]}
"""


def test_specs_are_read_or_refused(tmp_path):
    path, read = tmp_path / "spec.yaml", []

    @cases(SPECS)
    @given(CHANCE)
    def one(rng):
        text = SPEC
        for _ in range(rng.choice((1, 2, 3))):
            at = rng.randrange(len(text) + 1)
            text = text[:at] + rng.choice(TOKENS) + text[at + rng.choice((0, 0, 1, 5, 20)) :]
        path.write_text(text, encoding="utf-8")
        told = told_by(lambda: read_spec(path))
        assert told is None or not any(word in told for word in RAW), (text, told)
        read.append(told is None)

    one()
    assert 0 < np.mean(read) < 0.5


# stores

ODD = [
    None,
    True,
    -1,
    1.5,
    1e308,
    "",
    "</script>",
    [],
    {},
    {"value": 1},
    {"value": "x", "low": None, "high": 1},
    "é\x00",
    2**70,
]


def places(value, path=()):
    for name, inner in value.items() if isinstance(value, dict) else ():
        yield (*path, name)
        yield from places(inner, (*path, name))


def odd_rows(rng):
    """Rows with some values that are missing or of another kind, each with its right checksum."""
    for seed in range(rng.choice((1, 2, 3))):
        interval = {"value": 0.5, "low": 0.4, "high": 0.6}
        one = {**row(seed=seed, weights_sha256="a", radius_average="median", time="2026-01-01T00:00:00"), "draws": 1}
        one["layers"] = [{"name": "fc", "depth": 1.0, "D": interval, "G": interval, "R": interval}]
        one = json.loads(json.dumps(one))
        for _ in range(rng.choice((0, 1, 2, 3))):
            *way, last = rng.choice(list(places(one)))
            inner = one
            for name in way:
                inner = inner[name]
            if rng.random() < 0.3:
                del inner[last]
            else:
                inner[last] = copy.deepcopy(rng.choice(ODD))
        one.pop("checksum", None)
        yield json.dumps({**one, "checksum": checksum(one)}).encode()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("R", {"value": 0.5, "low": None, "high": 1.0}), ("D", 0.5), ("draws", 1.5), ("draws", -1), ("seed", True),
        ("model", None), ("cutoff", "3"), ("layers", [{"name": "fc"}]), ("layers", {}), ("test_error", 0.1),
        ("transform", 3), ("asked", []), ("noise_radius", float("inf")),
    ],
)  # fmt: skip
def test_a_measurement_holds_each_column_as_its_kind(name, value):
    good = {**row(weights_sha256="a", radius_average="median"), "draws": 1}
    assert is_measurement(good)
    assert not is_measurement({**good, name: value})
    assert not is_measurement({column: one for column, one in good.items() if column != "G"})


def test_layers_that_are_null_are_none():
    assert layer_lines({**row(), "layers": None}) == layer_lines(row())


def test_stores_of_odd_rows_are_read_or_refused(tmp_path):
    numbers, read = itertools.count(), []

    @cases(STORES)
    @given(CHANCE)
    def one(rng):
        number = next(numbers)
        folder = tmp_path / str(number)
        Store(folder, create=True).close()
        content = bytearray(b"\n".join(odd_rows(rng)) + b"\n")
        if rng.random() < 0.3:
            content[rng.randrange(len(content))] = rng.randrange(256)
        (folder / "rows" / "part-x.jsonl").write_bytes(bytes(content))
        for words in (
            "results list", "results list --json", "results export", "results export --format layers", "results check",
            "results export --format timm", "results query R.value<1 --sort R.value",
            "results recompute --average mean",
        ):  # fmt: skip
            command, name, *more = words.split()
            assert_one_line(run(command, name, "--store", folder, *more))
        assert_one_line(run("compare", folder, "--resamples", 100))
        page = tmp_path / f"{number}.html"
        answer = run("report", folder, "-o", page, "--resamples", 100)
        assert_one_line(answer)
        assert page.exists() == (answer.exit_code == 0)
        read.append(page.exists())

    one()
    assert 0.05 < np.mean(read) < 1  # both kinds come; how many does the release of hypothesis decide
