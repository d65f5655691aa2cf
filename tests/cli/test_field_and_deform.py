"""`diffstab field` and `diffstab deform`: the numbers of the ensemble, and the picture that it makes."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from diffstab import deform as deform_images
from diffstab.data import EMBEDDED_FOLDER
from diffstab.fields.ensemble import MaxEntropyEnsemble
from diffstab.options import PHOTOS
from diffstab.streams import StreamKeys


def test_field_tells_modes_range_and_probability(cli):
    answer = cli("field", "--size", "32", "--cutoff", "3", "--json")
    found = json.loads(answer.stdout)
    ensemble = MaxEntropyEnsemble(32, 3, delta=1.0)
    assert found["modes"] == 4
    assert found["temperature"] == ensemble.temperature
    assert 0.9 < found["probability_of_diffeomorphism"] <= 1
    assert found["temperature_min"] < found["temperature"] < found["temperature_max"]
    table = cli("field", "--size", "20x32", "--convention", "reference", "--temperature", "0.001").stdout
    for word in ("20 x 32 pixels", "half-integer", "T range", "P(diffeomorphism)"):
        assert word in table


@pytest.mark.parametrize(("mode", "ending"), [("L", ".png"), ("RGB", ".png"), ("RGBA", ".webp"), ("P", ".bmp")])
def test_deform_writes_the_deformed_image(cli, tmp_path, mode, ending):
    image = Image.effect_noise((31, 20), 60).resize((62, 40)).convert(mode)
    image.save(tmp_path / "in.png")
    answer = cli("deform", tmp_path / "in.png", tmp_path / f"out{ending}", "--delta", "2", "--seed", "5", "--draw", "1")
    assert answer.exit_code == 0, answer.stderr
    with Image.open(tmp_path / f"out{ending}") as out:
        assert out.size == image.size
    if mode == "L":
        pixels = torch.from_numpy(np.array(image, dtype=np.float64))[None]
        keys = StreamKeys(5, torch.zeros(1, dtype=torch.int64), 1)
        field = MaxEntropyEnsemble((40, 62), 3, delta=2.0).sample(keys, dtype=torch.float64)[0]
        with Image.open(tmp_path / "out.png") as out:
            np.testing.assert_array_equal(np.array(out), deform_images(pixels, field)[0].round().numpy())


def test_a_photograph_of_the_package_is_deformed_by_its_name(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = cli("deform", "chelsea", "out.png")
    assert answer.exit_code == 0
    assert answer.stderr == "chelsea: photograph that comes with the package, Stefan van der Walt, CC0\n"
    file = cli("deform", EMBEDDED_FOLDER / "photos" / "chelsea.jpg", "same.png")
    assert file.stderr == ""
    assert (tmp_path / "out.png").read_bytes() == (tmp_path / "same.png").read_bytes()
    assert cli("explore", "rocket", "-o", "page.html").stderr.startswith("rocket: photograph")
    assert '"rocket"' in (tmp_path / "page.html").read_text()


def test_a_file_of_that_name_comes_before_the_photograph(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.effect_noise((31, 20), 60).save("chelsea", format="png")
    answer = cli("deform", "chelsea", "out.png")
    assert (answer.exit_code, answer.stderr) == (0, "")
    with Image.open("out.png") as out:
        assert out.size == (31, 20)


@pytest.mark.parametrize("words", [("deform", "chelsae", "out.png"), ("explore", "chelsae")])
def test_an_unknown_photograph_is_told_with_the_near_ones(cli, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    answer = cli(*words)
    assert answer.exit_code == 2
    assert answer.stderr.startswith("Error: there is no file 'chelsae' (near: chelsea); a file or a photograph")
    assert answer.stderr.endswith(f"is needed: {', '.join(PHOTOS)}\n")
    assert not any(tmp_path.iterdir())


def test_the_papers_fig_12_ensemble_has_no_least_temperature(cli):
    """c = 1 by the published rules: ln c = 0, so no temperature moves half a pixel by Eq. 3."""
    answer = cli(
        "field", "--size", "28", "--cutoff", "1", "--convention", "reference", "--temperature", "0.01", "--json"
    )
    found = json.loads(answer.stdout)
    assert (found["modes"], found["delta"], found["temperature_min"]) == (1, 0, None)
    assert cli("field", "--size", "2").exit_code == 0
