"""A result reads well: words, tables, frames and pictures say what its numbers say, and a file gives it back."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from diffstab import StabilityResult, measure
from diffstab.results import LOWER, cautions, in_words, value_at
from diffstab.results.plot import optional
from diffstab.results.words import compared
from diffstab.statistics import Interval


@pytest.fixture(scope="module")
def result():
    torch.manual_seed(3)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 8 * 8, 5))
    images = torch.rand(40, 1, 10, 10, generator=torch.Generator().manual_seed(0))
    return measure(network, images, labels=torch.arange(40) % 5, layers="all", name="small")


def test_the_factor_in_words_is_that_of_the_number():
    for value in np.geomspace(1e-4, 1e4, 400):
        text = compared(Interval(value, value * 0.99, value * 1.01))
        if 1 / 1.1 <= value <= 1.1:
            assert text == "change the output about as much as"
            continue
        factor = float(re.search(r"([\d,.]+) times", text).group(1).replace(",", ""))
        assert factor == pytest.approx(max(value, 1 / value), rel=0.06)
        assert ("less" in text, "more" in text) == (value < 1, value > 1)


def test_what_may_be_one_is_never_called_more_or_less():
    for low, value, high in ((0.3, 0.7, 1.0), (0.9, 2.5, 6.0), (1.0, 1.0, 1.0)):
        assert compared(Interval(value, low, high)) == "change the output about as much as"
        assert "includes 1" in cautions(Interval(value, low, high), images=500)[0]
    assert cautions(Interval(0.5, 0.4, 0.6), images=500) == []


def test_each_doubt_is_told():
    sure = Interval(0.5, 0.4, 0.6)
    assert cautions(sure, images=99) == ["only 99 images"]
    assert cautions(sure, images=150, copies=60) == ["only 90 different images"]
    assert "few of the classes" in cautions(sure, images=500, few_classes=True)[0]
    assert "30% of the fields fold" in cautions(sure, images=500, fold_fraction=0.3)[0]


def test_every_form_says_the_same_numbers(result):
    told = f"{result.R.value:.3g} ({result.R.low:.3g} to {result.R.high:.3g})"
    assert f"{result.R}" == told
    assert told in str(result)
    assert told in repr(result)
    assert told in result._repr_html_()
    assert in_words(result.R) in str(result).splitlines()[1]
    assert "\n" not in repr(result)
    assert len(repr(result)) < 160
    assert LOWER in str(result)
    for layer in result.layers:
        assert re.search(rf"^{re.escape(layer.name)} .* {layer.R.value:.3g} ", str(result), re.MULTILINE)


def test_names_from_elsewhere_steer_nothing(result):
    odd = replace(result, model="<b>\x1b[2J\u202e", dataset="<i>")
    assert "\x1b" not in str(odd) + repr(odd)
    assert "\u202e" not in str(odd)
    assert "<b>" not in odd._repr_html_()
    assert "<i>" not in odd._repr_html_()


def test_a_saved_result_comes_back_whole(result, tmp_path):
    result.save(tmp_path / "small")
    back = StabilityResult.load(tmp_path / "small")
    assert back == result
    assert back.key == result.key
    assert str(back) == str(result)
    mine, theirs = result.raw.arrays(), back.raw.arrays()
    assert set(mine) == set(theirs)
    for name, array in mine.items():
        np.testing.assert_array_equal(array, theirs[name])


def test_other_files_are_no_results(result, tmp_path):
    path = tmp_path / "small"
    result.save(path)
    whole = path.read_bytes()
    for content in (b"", b"{}", whole[: len(whole) // 2], whole.replace(b"diffstab-result", b"diffstab-rexult")):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"holds no saved result .* save\(\) writes one"):
            StabilityResult.load(path)
    with pytest.raises(ValueError, match=r"can't be read \(No such file"):
        StabilityResult.load(tmp_path / "nowhere")


def test_a_frame_has_the_columns_of_a_table(result):
    pytest.importorskip("pandas", reason="pandas is not installed")
    frame = result.to_frame()
    assert len(frame) == 1
    for column in ("R.value", "D.low", "G.high", "model", "test_error.value", "seed"):
        assert frame[column][0] == value_at(result.to_dict(), column)


def test_a_picture_has_every_number_and_the_line_of_noise(result):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    from matplotlib import pyplot as plt

    figure = result.plot()
    left, right = figure.axes
    assert left.lines[0].get_xdata() == pytest.approx([one.value for one in (result.D, result.G, result.R)])
    assert right.lines[0].get_ydata() == pytest.approx([layer.R.value for layer in result.layers])
    assert LOWER in right.get_ylabel()
    assert any(LOWER in label.get_text() for label in left.get_yticklabels())
    axes = plt.figure().subplots()
    assert result.plot(axes) is axes.figure
    plt.close("all")


def test_what_is_not_installed_is_named_with_its_command():
    with pytest.raises(ImportError, match="nopandas is needed for this; pip install 'some'"):
        optional("nopandas.core", "'some'")
