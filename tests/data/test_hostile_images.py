"""Images of any kind are read as they are, or refused in one line."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given
from PIL import Image
from support.hostile import CHANCE, assert_one_line, cases, told_by

from diffstab.data.files import read_image

pytestmark = pytest.mark.slow

READ = "PNG JPEG GIF TIFF WEBP BMP PPM TGA JPEG2000".split()
RARE = "ICO PCX SGI DDS ICNS MSP".split()  # which no photograph comes in, and whose decoders are little tried
IMAGES, OPTIONS, SPECS, STORES = 4000, 1500, 1000, 40
NOISE = np.random.default_rng(1).integers(0, 256, (20, 30, 4), dtype=np.uint8)


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
def test_odd_images_are_deformed_or_refused_in_one_line(cli, tmp_path, name):
    fine = name in FINE
    (tmp_path / name).write_bytes({**FINE, **REFUSED}[name])
    answer = cli("deform", tmp_path / name, tmp_path / "out.png")
    assert_one_line(answer)
    assert answer.exit_code == (0 if fine else 2)
    assert {path.name for path in tmp_path.iterdir()} == ({name, "out.png"} if fine else {name})


def test_an_animation_is_its_first_picture_and_a_turned_one_upright(cli, tmp_path):
    frames = [Image.fromarray(np.full((8, 12), level, np.uint8)) for level in (10, 200)]
    frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    assert cli("deform", tmp_path / "two.gif", tmp_path / "out.png", "--temperature", 0).exit_code == 0
    with Image.open(tmp_path / "out.png") as image:
        assert np.asarray(image.convert("L")).max() < 20
    exif = frames[0].getexif()
    exif[0x0112] = 6
    frames[0].save(tmp_path / "turned.png", exif=exif)
    assert cli("deform", tmp_path / "turned.png", tmp_path / "upright.png").exit_code == 0
    with Image.open(tmp_path / "upright.png") as image:
        assert image.size == (8, 12)
