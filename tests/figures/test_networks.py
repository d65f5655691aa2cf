"""Points of networks: one a network, averaged over its seeds; rows that make none are refused."""

import math

import pytest
from support.measured_rows import row
from support.papers_rows import TRAITS, Traits

from diffstab.figures.points.networks import gather
from diffstab.figures.points.point import points_of
from diffstab.statistics import binomial_interval


def test_a_point_is_the_log_average_over_seeds():
    Rs, errors = (0.1, 0.2, 0.8), (0.01, 0.02, 0.03)
    rows = [row(seed=k, R=R, error=error) for k, (R, error) in enumerate(zip(Rs, errors, strict=True))]
    (network,) = gather(rows).points
    assert network.seeds == 3
    for spread, values in ((network["R"], Rs), (network["error"], errors)):
        logs = [math.log(value) for value in values]
        mean = sum(logs) / 3
        sd = math.sqrt(sum((one - mean) ** 2 for one in logs) / 2)
        assert spread == pytest.approx((math.exp(mean), sd, math.exp(mean - sd), math.exp(mean + sd)))


def test_one_seed_has_its_own_interval():
    (network,) = gather([row(R=0.3, error=0.02)]).points
    assert network["R"] == (0.3, None, 0.3 / 1.1, 0.3 * 1.1)
    assert network["error"] == (0.02, None, 0.012, 0.03)
    assert network["R"].inverse() == (1 / 0.3, None, 1 / (0.3 * 1.1), 1.1 / 0.3)


def test_test_errors_are_those_of_the_trainings_where_their_rows_are_there():
    """A filter drops rows of trainings, not what they tell; the interval is that of all test images if they tell it."""
    rows = [row(R=0.3, error=0.02, training={"job": "a", "model": "lenet"}), row("vgg11", R=0.2, error=0.04)]
    trained = {"kind": "train", "status": "done", "job": "a", "model": "lenet", "test_error": {"value": 0.0213}}
    for filters in ((), ("cutoff=3",)):
        found = gather([trained, *rows], filters)
        errors = {network.model: network["error"] for network in found.points}
        assert errors["lenet"].value == 0.0213
        assert (errors["lenet"].low, errors["lenet"].high) == pytest.approx(binomial_interval(0.0213 * 500, 500)[1:])
        assert errors["vgg11"] == (0.04, None, 0.032, 0.05)
        assert len(found.notes) == 1
    whole = {**trained, "test_error": {"value": 0.0213, "images": 10_000}}
    ends = gather([whole, *rows]).points[1]["error"][2:]
    assert ends == pytest.approx(binomial_interval(213, 10_000)[1:])
    same = {**trained, "test_error": {"value": 0.02}}
    assert not gather([same, *rows]).notes
    failed = {**trained, "status": "failed", "test_error": None}
    assert gather([failed, *rows]).points[1]["error"].value == 0.02


def test_measurements_of_the_same_weights_are_one_seed():
    """With other images and fields, R 0.1 and 0.4 of one training are 0.2; the other training has 0.8."""
    shared = {"weights_sha256": "one"}
    rows = [row(R=0.1, seed=0, **shared), {**row(R=0.4, seed=0, **shared), "key": "other"}, row(R=0.8, seed=1)]
    (network,) = gather(rows).points
    assert network.seeds == 2
    assert network["R"].value == pytest.approx(0.4)
    assert network["R"].log_sd == pytest.approx(math.log(4) / math.sqrt(2))
    (alone,) = gather(rows[:2]).points
    assert tuple(alone["R"]) == pytest.approx((0.2, None, 0.2 / 1.1, 0.2 * 1.1))


def test_no_error_is_half_an_image_and_said():
    found = gather([row(error=0.0, seed=0), row(error=0.0, seed=1), row(error=0.016, seed=2)])
    assert found.notes == ["lenet has no error among 500 images; half an image is taken, 0.001"]
    assert found.points[0]["error"].value == pytest.approx((0.001**2 * 0.016) ** (1 / 3))
    alone = gather([row(error=0.0)]).points[0]["error"]
    assert (alone.value, alone.low) == (0.001, 0.0)


def test_only_trained_networks_count_and_fresh_ones_give_their_r():
    rows = [row(R=0.5), row(R=1.1, weights="init"), row("vgg11", weights="init"), {**row("x"), "status": "failed"}]
    rows += [{"kind": "train", "status": "done", "model": "lenet", "test_error": {"value": 0.5}}]
    rows += [row(R=9.0, weights="init", cutoff=10.0)]  # another setting's
    found = gather(rows)
    (network,) = found.points
    assert (network.model, network["R"].value, network["R_init"].value) == ("lenet", 0.5, 1.1)
    assert found.notes == ["1 failed cells are left out"]
    assert found.setting["cutoff"] == 3.0


def test_networks_have_their_traits_and_short_names():
    rows = [row("vgg11_bn-w0.25"), row("paper:lenet"), row("resnet18-w0.5"), row("resnet18-w1")]
    asked = []
    traits = {"vgg11_bn-w0.25": Traits(11, True, False)}
    found = gather(rows, traits=lambda name: asked.append(name) or traits.get(name)).points
    by_name = {network.model: network for network in found}
    assert set(asked) == set(by_name)
    assert {network.label for network in found} == {"vgg11_bn", "lenet", "resnet18-w0.5", "resnet18-w1"}
    assert [by_name["vgg11_bn-w0.25"].at[name] for name in ("depth", "batch_norm")] == [11, True]
    assert by_name["paper:lenet"].at["depth"] is None


@pytest.mark.parametrize(
    ("others", "message"),
    [
        (
            {"cutoff": 5.0},
            r"several settings: cutoff is 3 and 5; choose one with a filter such as cutoff=3 \(--where\)",
        ),
        ({"delta": 2.0, "temperature": 0.004}, r"temperature is 0.001 and 0.004; delta is 1 and 2; .* such as delta=1"),
        ({"average": "mean"}, "average is median and mean"),
        ({"dataset": "photos"}, "dataset is mnist5k and photos"),
        ({"images": 200}, "images is 500 and 200"),
        (
            {"training": {"job": "j", "seed": 4, "epochs": 30}},
            "'lenet' was trained in several ways: .*epochs is 20 and",
        ),
        ({"weights": "a/b.pt", "training": {}}, "weights is train and a checkpoint; .* such as weights=train"),
        ({"weights": "pretrained", "training": {}}, "weights is train and pretrained"),
        ({"test_error": None}, "'lenet' on mnist5k has no test_error; leave it out with the filter model!=lenet"),
        ({"R": 0.0}, "D of 'lenet' is 0, which has no logarithm"),
    ],
)
def test_rows_that_make_no_point_are_refused(others, message):
    with pytest.raises(ValueError, match=message):
        gather([row(seed=0), row(seed=1, **others)])


def test_an_option_that_older_rows_lack_has_its_default():
    def trained(seed, **more):
        return row("a", weights_sha256=f"{seed}", training={"job": f"{seed}", "seed": seed, "lr": 0.1, **more})

    found = gather([trained(0), trained(1, penalty=0.0), row("b", R=0.2), row("c", R=0.4)])
    assert {point.model: point.seeds for point in found.points} == {"a": 2, "b": 1, "c": 1}
    (point,) = points_of([trained(0), trained(1, penalty=1.0)], ["model"], [], ["R"], x="training.penalty")
    assert point.at["training.penalty"] == 0.5
    with pytest.raises(ValueError, match=r"'a' was trained in several ways: training.penalty is 0 and 0.01"):
        gather([trained(0), trained(1, penalty=0.01)])


def test_all_networks_are_trained_for_one_task_each_in_its_own_way():
    def trained(**more):
        return {"training": {"job": "j", "seed": 0, "dataset": "mnist5k", **more}}

    alike = [row("a", **trained(lr=0.1)), row("b", **trained(lr=0.01, label_noise=0.0)), row("c", weights="pretrained")]
    assert len(gather(alike).points) == 3
    for more, message in (({"train_size": 500}, "train_size is none and 500"), ({"label_noise": 0.2}, "none and 0.2")):
        with pytest.raises(ValueError, match=message):
            gather([*alike, row("d", **trained(**more))])


def test_networks_without_batch_norm_stand_beside_those_with_it():
    rows = [row("lenet", batch_norm="none"), row("resnet18"), row("lenet", weights="init", batch_norm="none")]
    assert [network.model for network in gather(rows, traits=TRAITS.get).points] == ["lenet", "resnet18"]
    with pytest.raises(ValueError, match="batch_norm is running and batch"):
        gather([*rows, row("vgg11_bn", batch_norm="batch")], traits=TRAITS.get)


def test_a_filter_chooses_a_setting():
    rows = [row(R=0.5), row(R=0.7, cutoff=5.0)]
    assert gather(rows, ["cutoff=5"]).points[0]["R"].value == 0.7
    with pytest.raises(ValueError, match="no measurement of a trained network is among 0 of 2 rows"):
        gather(rows, ["cutoff=7"])
    with pytest.raises(ValueError, match="no row has a column 'cutof'; did you mean 'cutoff'"):
        gather(rows, ["cutof=7"])


def test_what_adaptive_effort_took_is_no_setting():
    asked = {"images": 500, "until_precision": 0.05}
    assert len(gather([row("a", images=500, asked=asked), row("b", images=900, asked=asked)]).points) == 2
