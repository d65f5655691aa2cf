"""Own code by the name of its file, in whatever folder; what its signature takes, and what it is asked for."""

import sys

import pytest
import torch
from support.named_networks import DIGITS, GRAY, ON_PHOTOS

from diffstab.models.own_code import takes
from diffstab.models.own_files import Place, code_file, place_of
from diffstab.models.resolve import Override, resolve_model
from diffstab.options.measure import MeasureOptions
from diffstab.sweep.jobs import measure_job

NET = """
from torch import nn


class Net(nn.Module):
    width = {width}

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(784, self.width)

    def forward(self, images):
        return self.head(images.flatten(1))


def any_of(**more):
    net = Net()
    net.asked = more
    return net


class Bare(nn.Module):
    def forward(self, images):
        return images.flatten(1)


ready = Net()
"""
WITH_NEIGHBOUR = "import blocks\n\n\ndef build():\n    from blocks import Net\n\n    return Net()\n"


@pytest.fixture
def code(tmp_path, monkeypatch):
    """own_net.py in the current folder; the same names in two folders below; all forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_net.py").write_text(NET.format(width=10))
    for folder, width in (("one", 11), ("two", 12)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "own_net.py").write_text(WITH_NEIGHBOUR)
        (tmp_path / folder / "blocks.py").write_text(NET.format(width=width))
    before, path = dict(sys.modules), list(sys.path)
    yield tmp_path
    assert sys.path == path
    for name in set(sys.modules) - set(before):
        if name.startswith(("own_", "blocks")):
            del sys.modules[name]


def own(spec, **options):
    return resolve_model(spec, DIGITS, dataset="mnist5k", usual=GRAY, **options)


def test_a_file_in_the_current_folder_is_its_module(code):
    module = own("own_net:Net")
    again = own("own_net:Net")  # importing it drew numbers
    assert module.name == "own_net:Net"
    for spec in ("own_net.py:Net", "./own_net.py:Net", f"{code}/own_net.py:Net", "one/../own_net.py:Net"):
        loaded = own(spec)
        assert loaded.name == "own_net:Net"
        assert type(loaded.network) is type(module.network)
        assert torch.equal(loaded.network.head.weight, again.network.head.weight)
        assert code_file(spec) == code / "own_net.py"


def test_files_of_other_folders_have_their_own_neighbours(code):
    (code / "blocks.py").write_text(NET.format(width=9))
    assert own("blocks:Net").network.width == 9
    for _ in range(2):
        for spec, width in (("one/own_net.py:build", 11), (f"{code}/two/own_net.py:build", 12)):
            loaded = own(spec)
            assert (loaded.name, loaded.network.width) == (spec, width)
            assert code_file(spec).resolve() == code / spec.replace(f"{code}/", "").removesuffix(":build")
    assert own("blocks:Net").network.width == 9
    assert sys.modules["blocks"].Net.width == 9


def test_a_file_wins_over_a_module_of_its_name(code):
    (code / "math.py").write_text(NET.format(width=10))
    assert own("math.py:Net").network.width == 10
    assert place_of("math.py:Net") == Place("math", "Net", place_of("math.py:Net").file)
    (code / "my-net.py").write_text(NET.format(width=10))
    assert own("my-net.py:Net").network.width == 10


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("own_net.py", r"is 'own_net.py', a file; name the class or function in it too, as in own_net.py:CALLABLE"),
        ("own_net.py:", r"MODULE:CALLABLE of your own code"),
        ("own_net.py:Nett", r"own_net has no 'Nett' \(it has: .*Net"),
        ("nowhere.py:Net", r"\(there is no module 'nowhere'\)"),
        ("one/nowhere.py:Net", r"\(there is no file 'one/nowhere.py'\)"),
        ("one/own_net:build", r"\(write one/own_net.py:CALLABLE\)"),
        ("one/broken.py:Net", "importing one/broken fails .ZeroDivisionError"),
    ],
)
def test_what_is_not_there_is_told(code, spec, message):
    (code / "one" / "broken.py").write_text("1 / 0\n")
    with pytest.raises(ValueError, match=message):
        own(spec)


def test_an_edited_file_is_another_job(code):
    def job():
        return measure_job(MeasureOptions(model="one/own_net.py:build")).id

    before = job()
    assert job() == before
    (code / "one" / "own_net.py").write_text(WITH_NEIGHBOUR + "# more\n")
    assert job() != before


@pytest.mark.usefixtures("code")
def test_channels_and_classes_reach_code_that_takes_them_and_images_in_any_case():
    for spec in ("own_net:Net", "own_net:ready", "own_net:Bare"):
        loaded = resolve_model(spec, **{**ON_PHOTOS, "override": Override(img_size=28)}, in_chans=1)
        assert loaded.preprocessing.shape == (1, 28, 28)
        assert loaded.network(torch.zeros(2, 1, 28, 28)).shape[0] == 2
        assert (loaded.options, loaded.notes) == (None, ())
    whole = own("own_net:any_of", in_chans=1, num_classes=3)
    assert whole.network.asked == {"in_chans": 1, "num_classes": 3} == whole.options
    few = own("own_net:Net", num_classes=3)
    assert few.options is None
    assert few.notes == ("num_classes is 3, which own_net:Net does not take; its number of outputs stays",)
    with pytest.raises(ValueError, match=r"calling it with {'depth': 3} fails \(TypeError"):
        own("own_net:Net", in_chans=1, model_kwargs={"depth": 3})


def test_signatures_are_read():
    def positional(num_classes, /):
        pass

    assert not takes(positional, "num_classes")
    assert not takes(torch.nn.Identity(), "num_classes")
    assert not takes(dict.fromkeys, "num_classes")
    assert takes(lambda in_chans=3: None, "in_chans")


@pytest.mark.usefixtures("code")
def test_preprocessing_that_nothing_tells_is_told():
    assert "own_net:Net does not record its preprocessing; using 1 x 28 x 28, as the images are, mean 0.1307" in str(
        own("own_net:Net").assumed
    )
    assert own("own_net:Net", override=Override(mean=(0.5,))).assumed is not None
    assert own("own_net:Net", override=Override(mean=(0.5,), std=(0.5,))).assumed is None
    assert resolve_model("own_net:Net", DIGITS, dataset="mnist5k").assumed is None  # came as tensors
    assert own("fc_l2").assumed is None


def test_a_checkpoint_on_images_that_are_resized_does_not_tell_its_preprocessing(tmp_path):
    network = resolve_model("timm:test_resnet", **ON_PHOTOS, weights="init", num_classes=4).network
    torch.save(network.state_dict(), tmp_path / "a.pt")
    loaded = resolve_model("timm:test_resnet", **ON_PHOTOS, checkpoint=tmp_path / "a.pt", num_classes=4)
    assert "a.pt does not record its preprocessing; using 3 x 160 x 160" in loaded.assumed
    torch.save(
        resolve_model("fc_l2", DIGITS, dataset="mnist5k", weights="init").network.state_dict(), tmp_path / "b.pt"
    )
    assert own("fc_l2", checkpoint=tmp_path / "b.pt").assumed is None


def test_code_that_gives_trained_weights_is_not_called_fresh_without_a_word(code):
    text = NET.format(width=10) + "\n\ndef trained():\n    import torch\n\n    net = Net()\n"
    (code / "own_net.py").write_text(text + "    torch.nn.init.ones_(net.head.weight)\n"
                                            "    torch.nn.init.ones_(net.head.bias)\n    return net\n")  # fmt: skip
    (note,) = own("own_net:trained", weights="init").notes
    assert "own_net:trained gives the same weights for every seed, so they may be trained ones" in note
    assert own("own_net:Net", weights="init").notes == ()
    assert own("own_net:trained").notes == ()
