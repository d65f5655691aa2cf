"""Layers: their numbers against a slow reference, whatever a network does with its modules, and nothing left behind."""

import itertools
import json
from collections import namedtuple
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from diffstab import MaxEntropyEnsemble, Store, StreamKeys, deform, measure
from diffstab.cli import main
from diffstab.measuring.layers import observe as layers
from diffstab.measuring.layers.moments import moments, neighbours
from diffstab.measuring.layers.names import layers_meant
from diffstab.measuring.layers.profile import relative_depths
from diffstab.store.check import check
from diffstab.store.export import exported
from diffstab.store.recompute import recompute
from diffstab.streams import sphere_noise

SIZE = (17, 11)
ENSEMBLE = MaxEntropyEnsemble(SIZE, 5, delta=1.0)
pytestmark = pytest.mark.usefixtures("one_thread")


def profile(network, images, chosen="all", **options):
    return measure(network, images, ENSEMBLE, **{"layers": chosen, "resamples": 100, "draws": 2, **options})


def numbers(result):
    return {layer.name: (layer.D, layer.G, layer.R) for layer in result.layers}


def hooks(network):
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules())


def outputs_of(network, name, images):
    """What a layer gives, image by image, copied when it gives it."""
    found = []
    handle = network.get_submodule(name).register_forward_hook(lambda m, i, output: found.append(output.clone()))
    with torch.no_grad():
        for image in images:
            network(image[None].clone())
    handle.remove()
    return torch.cat(found).flatten(1).double()


def test_squares_and_pairs_equal_those_of_kept_outputs(network, images):
    result = profile(network, images, average="mean")
    network.eval()
    values = result.raw.layers
    for place, layer in enumerate(result.layers):
        reference = outputs_of(network, layer.name, images)
        for draw in range(2):
            keys = StreamKeys(0, torch.arange(len(images)), draw)
            eta = sphere_noise(keys, tuple(images.shape[1:])) * result.noise_radius
            changed = {"deformation": deform(images, ENSEMBLE.sample(keys)), "noise": images + eta}
            for name, inputs in changed.items():
                squares = (outputs_of(network, layer.name, inputs) - reference).square().sum(1)
                np.testing.assert_allclose(getattr(values, name)[:, place, draw], squares, rtol=1e-3, atol=1e-9)
        distances = torch.cdist(reference, reference).square().numpy()
        np.testing.assert_allclose(values.distances[place], distances[values.first, values.second], rtol=1e-4)
        every = [distances[i, k] for i, k in itertools.combinations(range(len(images)), 2)]
        assert values.mean_distance[place] == pytest.approx(np.mean(every), rel=1e-5)
        a, b = values.deformation[:, place].mean(), values.noise[:, place].mean()
        found = [layer.D.value, layer.G.value, layer.R.value]
        assert found == pytest.approx([a / np.mean(every), b / np.mean(every), a / b], rel=1e-5)
        assert all(one.low <= one.value <= one.high for one in (layer.D, layer.G, layer.R))


def test_the_median_is_that_over_the_kept_pairs(network, images):
    result = profile(network, images, "0,4")
    for place, layer in enumerate(result.layers):
        values = result.raw.layers
        assert layer.D.value == np.median(values.deformation[:, place]) / np.median(values.distances[place])


@pytest.mark.parametrize("batch_norm", ["running", "batch"])
@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
def test_the_outputs_numbers_are_those_without_layers(network, images, batch_norm, interpolation):
    options = {"batch_norm": batch_norm, "interpolation": interpolation, "batch_size": 15}
    labels = torch.arange(40) % 7
    plain = profile(network, images, None, labels=labels, **options)
    found = profile(network, images, labels=labels, **options)
    for name in plain.raw.arrays():
        ours, theirs = getattr(found.raw, name), getattr(plain.raw, name)
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=1e-6, err_msg=name)
    assert found.test_error == plain.test_error
    assert plain.layers is plain.raw.layers is None


@pytest.mark.parametrize("chosen", ["6", "auto", "all"])
def test_the_last_layers_numbers_are_the_outputs(network, images, chosen):
    result = profile(network, images, chosen)
    last = result.layers[-1]
    assert (last.name, last.is_output, last.depth, last.shape) == ("6", True, 1.0, (7,))
    assert (last.D, last.G, last.R) == (result.D, result.G, result.R)


def test_a_profile_ends_with_what_the_network_returns(network, images):
    class Doubled(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network

        def forward(self, x):
            return 2 * self.inner(x)

    for chosen in ("auto", "all"):
        result = profile(Doubled(), images, chosen)
        assert [layer.name for layer in result.layers][-2:] == ["inner.6" if chosen == "auto" else "inner", "output"]
        assert result.layers[-1].is_output
        assert result.layers[-1].R == result.R
    assert [layer.name for layer in profile(Doubled(), images, "inner").layers] == ["inner"]
    found = profile(nn.Sequential(network, nn.Identity()), images).layers
    assert {layer.name: layer.R for layer in found if layer.is_output} == dict.fromkeys(["0.6", "0", "1"], found[-1].R)


def test_an_output_that_is_changed_later_is_not_the_networks(images):
    class Later(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3 * 17 * 11, 4)

        def forward(self, x):
            return self.fc(x.flatten(1)).square_()

    found = profile(Later(), images).layers
    assert [(layer.name, layer.is_output) for layer in found] == [("fc", False), ("output", True)]
    assert found[0].R != found[1].R


def test_depth_counts_layers_with_weights(network, images):
    found = {layer.name: layer.depth for layer in profile(network, images).layers}
    assert found == {"0": 0, "1": 0, "2": 0, "3": 0, "4": 0, "5": 0, "6": 1}
    assert relative_depths([1, 1, 2, 4], 5) == [0, 0, 0.25, 0.75]
    assert profile(nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Sigmoid()), images).layers[1].depth == 0.5


def test_an_in_place_activation_does_not_reach_what_was_measured(network, images):
    network[2].inplace = True
    inplace = numbers(profile(network, images))
    network[2].inplace = False
    assert inplace == numbers(profile(network, images))
    assert inplace["1"] != inplace["2"]


class Odd(nn.Module):
    """Runs a module twice, shares one under two names, returns tuples and other things, and leaves one out."""

    Pair = namedtuple("Pair", "first second")

    class Tuple(nn.Module):
        def forward(self, x):
            return Odd.Pair(x + 1, x.mean())

    class Text(nn.Module):
        def forward(self, x):
            return f"{x.ndim} dimensions"

    class Transposed(nn.Module):
        def forward(self, x):
            return x.T

    class Constant(nn.Module):
        def forward(self, x):
            return torch.ones(len(x), 3)

    class Integers(nn.Module):
        def forward(self, x):
            return x.argmax(1)

    class Infinite(nn.Module):
        def forward(self, x):
            return x / 0

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3 * 17 * 11, 6)
        self.act = nn.Tanh()
        self.alias = self.act
        for part in (self.Tuple, self.Text, self.Transposed, self.Constant, self.Integers, self.Infinite):
            self.add_module(part.__name__.lower(), part())
        self.never = nn.Linear(6, 6)
        self.own = nn.Parameter(torch.ones(2, 2))  # as vision transformers hold their position embedding
        self.last = nn.Linear(6, 4)

    def forward(self, x):
        x = self.act(self.first(x.flatten(1)))
        x, _ = self.tuple(self.alias(2 * x))
        for name in ("text", "transposed", "constant", "integers", "infinite"):
            getattr(self, name)(x)
        return self.last(x)


def test_runs_shared_modules_and_tuples_are_told_apart(images):
    network, notes = Odd(), []
    result = profile(network, images, note=notes.append)
    found = {layer.name: layer for layer in result.layers}
    assert list(found) == ["first", "act", "act:2", "tuple", "last"]
    assert found["act"].R != found["act:2"].R
    assert [layer.depth for layer in result.layers] == [0, 0, 0, 0, 1]
    assert found["tuple"].part == "'first' of first, second"
    assert found["tuple"].to_dict()["part"] == "'first' of first, second"
    text = "\n".join(notes)
    for told in (
        "text: it gives a str for 100 images, not floats for each",
        "transposed: it gives float32 (6, 100) for 100 images, not floats for each",
        "integers: it gives int64 (100,) for 100 images",
        "constant: its output does not change under noise",
        "infinite: its values are not finite",
        "never: it never runs in the forward pass",
    ):
        assert told in text, told
    assert result.raw.layers.deformation.shape == (40, 5, 2)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ("frist", "no layer is called 'frist'; near: first"),
        ("first,act9", "no layer is called 'act9'; near: act"),
        (
            "text",
            r"no layer can be measured \(text: it gives a str for 100 images, not floats for each\); choose others",
        ),
        ("never", "never: it never runs in the forward pass"),
        ("auto,first", "auto and all stand alone"),
        ("", "auto, all, or names such as layer\\*,fc are needed"),
    ],
)
def test_layers_that_cannot_be_measured_are_refused(images, chosen, message):
    with pytest.raises(ValueError, match=message):
        profile(Odd(), images, chosen)


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning", "ignore:.*torch.jit:DeprecationWarning")
def test_networks_without_layers_to_see_are_refused(images):
    traced = torch.jit.trace(nn.Sequential(nn.Flatten()), images[:2])
    with pytest.raises(ValueError, match=r"the network is a function; an nn\.Module is needed"):
        profile(lambda x: x, images)
    with pytest.raises(ValueError, match="a TopLevelTracedModule shows no layers"):
        profile(traced, images)
    with pytest.raises(TypeError, match="layers is 3; auto, all, or names"):
        profile(nn.Sequential(nn.Flatten()), images, 3)
    with pytest.raises(ValueError, match="median is taken per output coordinate"):
        measure(nn.Sequential(nn.Flatten()), images, MaxEntropyEnsemble(SIZE, 5, None, 1.0, "reference"), layers="all")


def test_patterns_mean_modules_by_any_of_their_names():
    network = Odd()
    assert list(layers_meant(network, "al*,l?st")) == ["alias", "last"]
    assert list(layers_meant(network, "a*")) == ["act"]
    assert list(layers_meant(network, "*,first")) == list(layers_meant(network, "all"))


def test_auto_takes_blocks_with_the_norm_and_activation_behind_them():
    block = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout())
    network = nn.Sequential(block, nn.ModuleList([nn.Identity()]), nn.Flatten(), nn.Linear(4, 2))
    assert list(layers_meant(network, "auto")) == ["0.2", "0.3", "3"]


def test_auto_takes_the_points_at_which_timm_reads_features():
    import timm

    network = timm.create_model("resnet10t", num_classes=3)
    points = ["act1", "layer1", "layer2", "layer3", "layer4"]
    assert list(layers_meant(network, "auto")) == points
    result = measure(network, torch.rand(4, 3, 32, 32), MaxEntropyEnsemble(32, delta=1.0), layers="auto", resamples=100)
    assert [layer.name for layer in result.layers] == [*points, "output"]
    depths = [layer.depth for layer in result.layers]
    assert depths == sorted(depths)


def test_activations_within_batch_norms_are_whole(images):
    """timm's batch norm holds its activation, which runs group by group where the norm works on its own batch."""
    import timm

    network = timm.create_model("test_byobnet", num_classes=3)
    big = nn.functional.interpolate(images, (32, 32))
    ensemble = MaxEntropyEnsemble(32, delta=1.0)
    found = measure(network, big, ensemble, layers="stem*", batch_norm="batch", batch_size=10, resamples=100)
    layers = {layer.name: layer for layer in found.layers}
    assert "stem.bn.act" in layers
    assert not any(":" in name for name in layers)
    network.stem.bn.act.inplace = not network.stem.bn.act.inplace
    again = measure(network, big, ensemble, layers="stem*", batch_norm="batch", batch_size=10, resamples=100)
    assert numbers(again) == numbers(found)
    assert layers["stem.bn.drop"].R != layers["stem.bn.act"].R
    for letter in "DGR":
        assert tuple(getattr(layers["stem.bn.act"], letter)) == pytest.approx(tuple(getattr(layers["stem.bn"], letter)))


@pytest.mark.parametrize("options", [{"batch_size": 17}, {"batch_size": 200}, {"batch_size": 1}])
def test_numbers_depend_on_batches_by_rounding_alone(network, images, options):
    usual, other = (profile(network, images, average="mean", **more) for more in ({}, options))
    for one, two in zip(usual.layers, other.layers, strict=True):
        for letter in "DGR":
            assert getattr(one, letter).value == pytest.approx(getattr(two, letter).value, rel=1e-4), one.name


def test_indices_datasets_and_loaders_give_the_same(network, images):
    order = torch.randperm(40, generator=torch.Generator().manual_seed(5))
    dataset = TensorDataset(images)
    wanted = profile(network, images)
    for found in (
        profile(network, images, indices=order),
        profile(network, dataset),
        profile(network, dataset, workers=1),
    ):
        for one, two in zip(wanted.layers, found.layers, strict=True):
            for letter in "DGR":
                assert getattr(one, letter) == pytest.approx(getattr(two, letter), rel=1e-4)
    loader = profile(network, DataLoader(dataset, batch_size=40))
    for one, two in zip(wanted.layers, loader.layers, strict=True):
        assert tuple(one.R) == pytest.approx(tuple(two.R), rel=1e-4)


def test_a_loaders_batches_are_taken_in_parts(network, images):
    sizes = []
    network[0].register_forward_hook(lambda module, inputs, output: sizes.append(len(output)))
    loader = DataLoader(TensorDataset(images), batch_size=40)
    profile(network, loader, batch_size=30)
    assert max(sizes) == 30  # of at most 6 images, five times each
    profile(network, images, batch_size=30)
    assert max(sizes) <= 30


def test_draws_and_pairs_of_a_batch():
    assert neighbours(2).tolist() == [[0], [1]]
    assert {frozenset(pair) for pair in neighbours(4).T.tolist()} == {
        frozenset(pair) for pair in itertools.combinations(range(4), 2)
    }
    many = neighbours(100)
    assert many.shape == (2, 1000)
    assert len({frozenset(pair) for pair in many.T.tolist()}) == 1000
    assert (many.flatten().bincount() == 20).all()
    assert neighbours(1).shape == (2, 0)


@pytest.mark.parametrize(
    "values",
    [
        torch.rand(6, 5, 4, 3).to(memory_format=torch.channels_last),
        torch.rand(5, 6, 7).transpose(0, 1),
        torch.rand(6, 1, 1).expand(6, 4, 3),
        torch.rand(6, 10)[:, ::2].bfloat16(),
        torch.rand(6),
        1e4 + torch.rand(6, 400_000),
    ],
)
def test_moments_of_any_memory_layout(values):
    found = moments(values, groups=3)
    rows = values.double().reshape(6, -1)
    squares = torch.stack([(rows[2 * k : 2 * k + 2] - rows[:2]).square().sum(1) for k in (1, 2)], dim=1)
    torch.testing.assert_close(found.squares, squares, rtol=1e-12, atol=0)
    torch.testing.assert_close(found.pairs, (rows[0] - rows[1]).square().sum()[None], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(found.total.sort().values, rows[:2].sum(0).sort().values, rtol=1e-12, atol=0)
    torch.testing.assert_close(found.spread, (rows[0] - rows[1]).square().sum() / 2, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("batch_norm", ["running", "batch"])
@pytest.mark.parametrize("error", [RuntimeError, ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("where", ["hook", "network", "later"])
def test_a_failure_leaves_no_hook_and_the_buffers_as_they_were(network, images, batch_norm, error, where, monkeypatch):
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    calls = itertools.count()

    def failing(*arguments):
        if next(calls) == (0 if where == "network" else 9):
            raise error("half-way")
        return moments(*arguments)

    if where == "network":
        own = network[4].register_forward_hook(failing)
    else:
        monkeypatch.setattr(layers, "moments", failing)
    with pytest.raises(error if error is not ValueError else ValueError, match="half-way"):
        profile(network, images, batch_norm=batch_norm, batch_size=15)
    if where == "network":
        own.remove()
    assert hooks(network) == 0
    assert not any("forward" in vars(module) for module in network.modules())
    assert all(module.training for module in network.modules())
    for name, buffer in network.named_buffers():
        assert torch.equal(buffer, before[name]), name


def test_own_hooks_and_methods_stay(network, images):
    network[0].register_forward_hook(lambda module, inputs, output: 2 * output)
    own = network[1].forward
    network[1].forward = lambda x: own(x) + 1
    mine = network[1].forward
    profile(network, images, batch_norm="batch")
    assert hooks(network) == 1
    assert network[1].forward is mine


def test_a_network_that_mixes_the_images_of_a_batch_is_refused(images):
    class Centred(nn.Module):
        def __init__(self):
            super().__init__()
            self.flat = nn.Flatten()

        def forward(self, x):
            return self.flat(x - x.mean(0))

    with pytest.raises(ValueError, match="it mixes the images of a batch, so its layers can't be measured"):
        profile(Centred(), images)


def test_out_of_memory_takes_fewer_images(network, images):
    notes = []

    def short(module, inputs, output):
        if len(output) > 20:
            raise RuntimeError("CUDA out of memory. Tried to allocate")

    network[0].register_forward_hook(short)
    found = profile(network, images, average="mean", note=notes.append, batch_size=64)
    network[0]._forward_hooks.clear()
    wanted = profile(network, images, average="mean", batch_size=64)
    assert "out of memory" in notes[0]
    assert [layer.R.value for layer in found.layers] == pytest.approx(
        [layer.R.value for layer in wanted.layers], rel=1e-4
    )


def test_a_layer_that_comes_and_goes_is_left_out(network, images):
    class Sometimes(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.extra, self.calls = network, nn.Tanh(), 0

        def forward(self, x):
            self.calls += 1
            output = self.inner(x)
            if self.calls % 2:
                self.extra(output)
            return output

    notes = []
    result = profile(Sometimes(), images, "inner.0,extra", batch_size=40, note=notes.append)
    assert [layer.name for layer in result.layers] == ["inner.0"]
    assert "extra: it was there for some batches and not for others" in notes[0]


def test_a_store_keeps_layers_and_other_statistics_come_from_them(network, images, tmp_path):
    store = Store(tmp_path / "store", create=True)
    result, plain = profile(network, images), profile(network, images, None)
    assert len({result.key, plain.key, replace(result, layers_asked="auto").key}) == 3
    assert store.add(result)
    assert store.add(plain)
    row, other = store.rows()
    raw = store.raw(row)
    for name, array in result.raw.arrays().items():
        np.testing.assert_array_equal(raw.arrays()[name], array)
    assert [layer["name"] for layer in row["layers"]] == [layer.name for layer in result.layers]
    assert "layers" not in other
    mean = recompute(store, row, average="mean").row
    wanted = profile(network, images, average="mean")
    for one, two in zip(mean["layers"], wanted.layers, strict=True):
        assert one["name"] == two.name
        assert one["G"]["value"] * wanted.noise_radius**0 == pytest.approx(one["D"]["value"] / one["R"]["value"])
        assert (one["D"]["value"], one["D"]["high"]) == pytest.approx((two.D.value, two.D.high), rel=1e-6)
    assert "layers" not in recompute(store, row, median_rule="coordinate").row
    assert list(check(store)) == []
    lines = exported(store.rows(), "layers").decode().splitlines()
    assert len(lines) == 1 + len(result.layers)
    assert lines[0].startswith("model,weights,dataset")
    assert "'name'" not in exported(store.rows(), "csv").decode()


def test_the_command_tells_layers_of_trained_and_fresh_network_as_one_table(tmp_path):
    arguments = "measure --model fc_l2 --images 60 --resamples 100 --layers auto --with-init".split()
    answer = CliRunner().invoke(main, arguments)
    assert answer.exit_code == 0, answer.output
    assert "R at init." in answer.stdout
    assert [line.split()[0] for line in answer.stdout.splitlines()[-3:]] == ["2", "4", "5"]
    answer = CliRunner().invoke(main, [*arguments, "--json", "--store", str(tmp_path / "store")])
    row = json.loads(answer.stdout)
    assert [layer["name"] for layer in row["layers"]] == ["2", "4", "5"]
    assert row["layers"][-1]["R"] == row["R"]
    assert row["layers"][0].keys() >= {"name", "depth", "D", "G", "R"}
    assert row["init"]["weights"] == "init"
    assert len(row["init"]["layers"]) == 3
    assert len(Store(tmp_path / "store")) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--layers", "fcc"], "no layer is called 'fcc'; near:"),
        (["--layers", "all", "--compile"], "compile is on and layers are asked for"),
        (["--weights", "init", "--with-init"], "weights is 'init', so there is nothing to set beside it"),
        (["--layers", ","], "layers is ','"),
    ],
)
def test_the_command_refuses_in_one_line(arguments, message):
    answer = CliRunner().invoke(main, ["measure", "--model", "fc_l2", "--images", "20", *arguments])
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert answer.stdout == ""
