"""Recipes: App. E.1's numbers, and options that take what a recipe has where they are not set."""

import pytest

from diffstab.options.train import RECIPES, Recipe, TrainOptions, recipe_for


def test_the_paper_s_recipe_is_that_of_appendix_e1():
    sgd = TrainOptions(model="resnet18")
    told = (sgd.loss, sgd.batch_size, sgd.optimizer, sgd.lr, sgd.momentum, sgd.weight_decay, sgd.schedule, sgd.epochs)
    assert told == ("cross-entropy", 128, "sgd", 0.1, 0.9, 5e-4, "cosine", 250)
    assert (sgd.cosine_span, sgd.select, sgd.start, sgd.alpha) == (1.0, "validation", "init", None)
    for model in ("fc_l2", "fc_l6", "paper:fc_l4", "fc_l4-w2"):
        adam = TrainOptions(model=model)
        assert (adam.optimizer, adam.lr, adam.schedule, adam.weight_decay) == ("adam", 0.1, "constant", 0)
    transfer = TrainOptions(model="efficientnet_b0", recipe="transfer")
    assert (transfer.lr, transfer.head_lr, transfer.momentum, transfer.weight_decay) == (1e-3, 1e-2, 0.9, 1e-3)
    assert (transfer.schedule, transfer.gamma, transfer.start) == ("exponential", 0.975, "imagenet")


def test_the_reference_recipe_is_the_paper_s_but_for_what_the_code_did():
    paper, code = TrainOptions().to_dict(), TrainOptions(recipe="reference").to_dict()
    differing = {name: code[name] for name in code if code[name] != paper[name]}
    assert differing == {"recipe": "reference", "cosine_span": 0.8, "decay_vectors": False}


def test_a_value_that_is_set_wins_over_every_recipe():
    for recipe in RECIPES:
        own = TrainOptions(model="vgg19-w0.25", recipe=recipe, lr=0.5, epochs=3, bfloat16=False, flip=True)
        assert (own.lr, own.epochs, own.bfloat16, own.flip) == (0.5, 3, False, True)
        assert own == TrainOptions.from_mapping(own.to_dict())


def test_the_laptop_s_recipe_knows_networks_whatever_their_width():
    for model in ("vgg19", "vgg19-w0.25", "paper:vgg19-w0.25"):
        assert recipe_for("laptop", model) == Recipe(epochs=40, lr=0.01, channels_last=True)
    assert recipe_for("laptop", "vgg19_bn").lr == recipe_for("laptop", "timm:resnet18").lr == 0.1


def test_a_cutoff_without_diffeomorphisms_does_not_matter():
    assert TrainOptions(diffeo_cutoff=1).diffeo_cutoff_rule == "disk"
    assert TrainOptions(diffeo_cutoff=1, diffeo_cutoff_rule="half-integer", diffeo_temperature=1e-2).diffeo_cutoff == 1


def test_digits_are_not_mirrored():
    assert [TrainOptions(dataset=name).flip for name in ("mnist5k", "svhn", "cifar10", "folder")] == [
        False, False, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("mapping", "error", "message"),
    [
        ({"recipe": "papre"}, ValueError, "recipe is 'papre'; .*did you mean 'paper'"),
        ({"loss": "hinge"}, ValueError, "loss is 'hinge'; allowed: cross-entropy, soft-hinge"),
        ({"select": "best"}, ValueError, "select is 'best'; allowed: validation, last, test"),
        ({"start": "imagenette"}, ValueError, "did you mean 'imagenet'"),
        ({"schedule": "linear"}, ValueError, "schedule is 'linear'; allowed: cosine, exponential, constant"),
        ({"holdout": 1.0}, ValueError, "holdout is 1; it must be below 1"),
        ({"ema": -0.1}, ValueError, "ema is -0.1"),
        ({"alpha": 0}, ValueError, "alpha is 0; it must be above 0"),
        ({"flip": "yes"}, TypeError, "flip is 'yes'; true or false"),
        ({"train_size": 2.5}, TypeError, "train_size is 2.5; a whole number"),
        ({"stability_images": 1}, ValueError, "stability_images is 1; it must be 0 or at least 2"),
        ({"cosine_span": 0}, ValueError, "cosine_span is 0"),
        ({"diffeo_cutoff_rule": "square"}, ValueError, "diffeo_cutoff_rule is 'square'; allowed: disk, half-integer"),
        (
            {"diffeo_temperature": 1e-2, "diffeo_cutoff": 1},
            ValueError,
            r"diffeo_cutoff is 1; the rule disk keeps no mode below sqrt\(2\), half-integer keeps one from 0.915 on$",
        ),
        (
            {"diffeo_temperature": 1e-2, "diffeo_cutoff": 0.5, "diffeo_cutoff_rule": "half-integer"},
            ValueError,
            "diffeo_cutoff is 0.5; the rule half-integer keeps no mode below 0.915$",
        ),
        ({"model": None}, TypeError, "model is None; leave it out"),
    ],
)
def test_what_can_not_be_is_named(mapping, error, message):
    with pytest.raises(error, match=message):
        TrainOptions.from_mapping(mapping)
