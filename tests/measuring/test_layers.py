"""D, G and R of layers are those of kept outputs; the last one is the network's own; store and command hold them."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.layered import ENSEMBLE, profile
from torch import nn

from diffstab import MaxEntropyEnsemble, Store, StreamKeys, deform, measure
from diffstab.measuring.layers.profile import relative_depths
from diffstab.statistics.averages import _drawn_images
from diffstab.store.check import check
from diffstab.store.export import exported
from diffstab.store.recompute import recompute
from diffstab.streams import sphere_noise

pytestmark = pytest.mark.usefixtures("one_thread")


def numbers(result):
    return {layer.name: (layer.D, layer.G, layer.R) for layer in result.layers}


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


def test_one_set_of_resamples_serves_output_layers_and_largest_ratio(network, images):
    _drawn_images.cache_clear()
    profile(network, images)
    assert _drawn_images.cache_info().misses == 1


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


def test_a_store_keeps_layers_and_other_statistics_come_from_them(network, images, tmp_path):
    store = Store(tmp_path / "store", create=True)
    result, plain = profile(network, images), profile(network, images, None)
    other = replace(result, settings=result.settings.used(layers="auto"))
    assert len({result.key, plain.key, other.key}) == 3
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


def test_the_command_tells_layers_of_trained_and_fresh_network_as_one_table(cli, tmp_path):
    arguments = "measure --model fc_l2 --images 60 --resamples 100 --layers auto --with-init".split()
    answer = cli(*arguments)
    assert answer.exit_code == 0, answer.output
    assert "R at init." in answer.stdout
    assert [line.split()[0] for line in answer.stdout.splitlines()[-3:]] == ["2", "4", "5"]
    answer = cli(*arguments, "--json", "--store", str(tmp_path / "store"))
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
        (["--layers", "all", "--compile"], "compile is on and layers is 'all', but a compiled network hides"),
        (["--weights", "init", "--with-init"], "weights is 'init', so with_init would measure the same twice"),
        (["--layers", ","], "layers is ','"),
    ],
)
def test_the_command_refuses_in_one_line(cli, arguments, message):
    answer = cli("measure", "--model", "fc_l2", "--images", "20", *arguments)
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert answer.stdout == ""
