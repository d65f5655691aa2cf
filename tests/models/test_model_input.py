"""What a network is shown and how its outputs are read: preprocessing, labels, evaluation mode."""

import pytest
import timm
import torch
from safetensors.torch import save_file

from diffstab import load_dataset
from diffstab.data.preprocessing import Preprocessing
from diffstab.measuring.by_name import measure_cell
from diffstab.models.labels import label_map
from diffstab.models.resolve import Override, resolve_model
from diffstab.models.sources import Shape
from diffstab.options.measure import MeasureOptions

DIGITS, PHOTOS = Shape(1, 28, 28, 10), Shape(3, 224, 224, 0)
GRAY = Preprocessing(size=(28, 28), mean=(0.1307,), std=(0.3081,), source="mnist5k")
PHOTO = load_dataset("photos").preprocessing
ON_DIGITS = {"shape": DIGITS, "dataset": "mnist5k", "usual": GRAY}
ON_PHOTOS = {"shape": PHOTOS, "dataset": "photos", "usual": PHOTO}
# Imagenette's classes, and where they are among ImageNet's as its makers publish them
IMAGENETTE = {
    "n01440764": 0, "n02102040": 217, "n02979186": 482, "n03000684": 491, "n03028079": 497,
    "n03394916": 566, "n03417042": 569, "n03425413": 571, "n03445777": 574, "n03888257": 701,
}  # fmt: skip


@pytest.fixture(autouse=True)
def generator_stays():
    before = torch.random.get_rng_state()
    yield
    assert torch.equal(torch.random.get_rng_state(), before)


# Which preprocessing


@pytest.mark.parametrize("spec", ["paper:lenet", "timm:test_resnet", "torchvision:squeezenet1_1"])
def test_networks_for_a_data_set_of_small_images_see_them_as_they_are(spec):
    fresh = resolve_model(spec, **ON_DIGITS, weights="init")
    assert fresh.preprocessing == (GRAY.with_channels(3) if spec.startswith("torchvision") else GRAY)


def test_photographs_go_as_the_published_weights_have_them_trained_or_not(tmp_path):
    fresh = resolve_model("timm:test_resnet", **ON_PHOTOS, weights="init")
    assert (fresh.preprocessing.size, fresh.preprocessing.mean) == ((160, 160), (0.5, 0.5, 0.5))
    save_file(fresh.network.state_dict(), tmp_path / "a.safetensors")
    trained = resolve_model("timm:test_resnet", **ON_PHOTOS, checkpoint=tmp_path / "a.safetensors", num_classes=1000)
    assert trained.preprocessing == fresh.preprocessing
    tested = resolve_model("timm:resnet10t", **ON_PHOTOS, weights="init").preprocessing  # trained at 176 pixels
    assert (tested.size, tested.resize) == ((224, 224), (235, 235))  # floor(224 / 0.95)
    assert resolve_model("paper:resnet18-w0.1", **ON_PHOTOS, weights="init").preprocessing == PHOTO


def test_every_part_of_the_preprocessing_can_be_overridden():
    def chosen(**override):
        loaded = resolve_model("timm:test_resnet", **ON_PHOTOS, weights="init", override=Override(**override))
        return loaded.preprocessing

    assert chosen().resize == (168, 168)
    assert (chosen(img_size=80).size, chosen(img_size=80).resize) == ((80, 80), (84, 84))
    assert (chosen(crop_pct=0.5).size, chosen(crop_pct=0.5).resize) == ((160, 160), (320, 320))
    assert (chosen(mean=(0.1,)).mean, chosen(std=(0.1, 0.2, 0.3)).std) == ((0.1,) * 3, (0.1, 0.2, 0.3))
    assert chosen(mean=(0.1,)).source == "timm:test_resnet.r160_in1k + options"
    colours = Override(mean=(0.1, 0.2, 0.3))  # as many as the network's channels, not the images'
    for spec, options in (("torchvision:squeezenet1_1", {}), ("timm:test_resnet", {"in_chans": 3})):
        loaded = resolve_model(spec, **ON_DIGITS, weights="init", override=colours, **options)
        assert (loaded.preprocessing.mean, loaded.preprocessing.std) == ((0.1, 0.2, 0.3), GRAY.std * 3)
    with pytest.raises(ValueError, match=r"one value, or one for each of 1 channels"):
        resolve_model("timm:test_resnet", **ON_DIGITS, weights="init", override=colours)
    with pytest.raises(ValueError, match="images of digits came as tensors"):
        resolve_model("lenet", DIGITS, dataset="digits", weights="init", override=Override(img_size=32))


def test_a_vision_transformer_is_built_for_the_size_that_is_asked_for():
    network = resolve_model("timm:test_vit", **ON_DIGITS, weights="init", override=Override(img_size=48)).network
    assert network.patch_embed.img_size == (48, 48)
    assert network(torch.zeros(2, 1, 48, 48)).shape == (2, 10)


# Labels


def imagenet_synsets():
    from timm.data import ImageNetInfo

    return ImageNetInfo("imagenet-1k").label_names()


def test_imagenettes_classes_are_found_among_imagenets():
    assert label_map(10, list(IMAGENETTE), 1000) == list(IMAGENETTE.values())
    backwards = list(IMAGENETTE)[::-1]
    assert label_map(10, backwards, 1000) == list(IMAGENETTE.values())[::-1]
    assert label_map(10, [*backwards[:9], "n99999999"], 1000) is None
    assert label_map(10, list(IMAGENETTE), 1001) is None


def test_classes_without_synsets_are_taken_in_order_where_there_are_as_many():
    assert label_map(10, ("cat", "dog"), 10) == list(range(10))
    assert label_map(3, (), 3) == [0, 1, 2]
    assert label_map(10, (), 1000) is None
    assert label_map(2, ("n01440764", "n02102040"), 2) == [0, 1]  # the outputs have no known names
    assert label_map(2, ("n01440764", "n02102040"), 2, ("tench", "springer")) == [0, 1]


# Evaluation mode


def test_dropout_and_stochastic_depth_change_no_measurement(tmp_path):
    with torch.random.fork_rng(devices=[]):
        network = timm.create_model("test_vit", in_chans=1, num_classes=10, img_size=32)
    save_file(network.state_dict(), tmp_path / "a.safetensors")
    options = MeasureOptions(
        model="timm:test_vit", checkpoint=str(tmp_path / "a.safetensors"), img_size=32, images=10, device="cpu"
    )
    plain = measure_cell(options)
    random_ones = MeasureOptions.from_mapping({**options.to_dict(), "model_kwargs": "drop_rate=0.5 drop_path_rate=0.9"})
    built = resolve_model("timm:test_vit", **ON_DIGITS, weights="init", override=Override(img_size=32),
                          model_kwargs=random_ones.arguments).network  # fmt: skip
    assert {layer.p for layer in built.modules() if isinstance(layer, torch.nn.Dropout)} >= {0.5}
    assert max(getattr(layer, "drop_prob", None) or 0 for layer in built.modules()) == pytest.approx(0.9)
    dropped = measure_cell(random_ones)
    assert (dropped.R, dropped.D, dropped.G) == (plain.R, plain.D, plain.G)


def test_initialisation_is_seeded_whatever_the_source():
    one, same, other = (
        resolve_model("timm:test_resnet", **ON_DIGITS, weights="init", seed=seed).network.state_dict()
        for seed in (1, 1, 2)
    )
    assert all(torch.equal(value, same[name]) for name, value in one.items())
    assert not all(torch.equal(value, other[name]) for name, value in one.items())


def test_paper_nets_take_classes_and_channels_but_no_arguments():
    loaded = resolve_model("lenet", **ON_DIGITS, weights="init", num_classes=3, in_chans=3)
    assert loaded.preprocessing == GRAY.with_channels(3)
    assert loaded.network(torch.zeros(2, 3, 28, 28)).shape == (2, 3)
    with pytest.raises(ValueError, match="the paper's nets take none"):
        resolve_model("lenet", **ON_DIGITS, weights="init", model_kwargs={"depth": 3})
