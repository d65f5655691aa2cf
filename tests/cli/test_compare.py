"""`diffstab compare`: networks of a store, in pairs, over what all of them saw."""

import json
import shlex
from dataclasses import replace
from math import log
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from diffstab import MaxEntropyEnsemble, Store, measure
from diffstab.statistics.averages import Statistic
from diffstab.store.entry import measured_entry
from diffstab.store.pairing import compare_rows

NETS = "from torch import nn\n\ndef wide(width):\n    return nn.Sequential(nn.Flatten(), nn.LazyLinear(width))\n"
IMAGES = torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(0)).mul(4).exp()


def network(name):
    """Nets that differ in how much they blur, so in R_f."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        blur = nn.AvgPool2d({"sharp": 1, "blurred": 2, "flat": 4}[name])
        side = 8 // blur.kernel_size
        return nn.Sequential(blur, nn.Flatten(), nn.Linear(side * side, 5))


def measured(name, **options):
    size = {"cutoff": options.pop("cutoff", 3)}
    result = measure(network(name), IMAGES, MaxEntropyEnsemble(8, delta=1.0, **size), **options)
    return replace(result, model=name, dataset="random", weights=options.get("weights", "init"))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("compare") / "store", create=True)
    for name in ("sharp", "blurred", "flat"):
        for seed in (0, 1):
            store.add(measured(name, seed=seed))
    store.add(measured("sharp", cutoff=5))
    store.add(measured("flat", cutoff=5))
    store.add(measured("blurred", cutoff=5, seed=7))
    return store


def compared(store, *networks, filters=(), seed=0):
    return compare_rows(store, networks, filters, resamples=400, seed=seed)


def test_each_setting_that_networks_share_is_compared(store):
    found = compared(store, "sharp", "blurred", "flat")
    assert [(one.setting["cutoff"], one.seeds, len(one.ranking)) for one in found] == [(3, [0, 1], 3), (5, [0], 2)]
    found = compared(store, "sharp", "flat")
    assert [(one.setting["cutoff"], one.seeds) for one in found] == [(3, [0, 1]), (5, [0])]
    assert [one.setting["cutoff"] for one in compared(store, "sharp", "flat", filters=["cutoff=5"])] == [5]


def test_the_ratio_is_that_of_the_log_averages_and_lies_in_its_interval(store):
    (one,) = compared(store, "sharp", "blurred", filters=["cutoff=3"])
    ((first, second, pair),) = one.pairs
    values = {
        name: [row["R"]["value"] for row in store.rows() if row["model"] == name and row["cutoff"] == 3]
        for name in (first, second)
    }
    averages = {name: (a * b) ** 0.5 for name, (a, b) in values.items()}
    assert pair.ratio.value == pytest.approx(averages["sharp"] / averages["blurred"], rel=1e-12)
    assert pair.ratio.low < pair.ratio.value < pair.ratio.high
    assert [place.R.value for place in one.ranking] == pytest.approx(sorted(averages.values()), rel=1e-12)


def test_pairing_narrows_the_interval(tmp_path):
    """Of two networks that are nearly one, most of the chance is common and cancels."""
    store, near = Store(tmp_path / "s", create=True), network("sharp")
    with torch.no_grad():
        near[2].weight += 0.001 * torch.randn(near[2].weight.shape, generator=torch.Generator().manual_seed(1))
    for name, net in (("own", network("sharp")), ("near", near)):
        store.add(replace(measure(net, IMAGES, MaxEntropyEnsemble(8, delta=1.0)), model=name))
    (one,) = compared(store)
    ((_, _, pair),) = one.pairs
    (place, _) = one.ranking
    assert log(pair.ratio.high / pair.ratio.low) < 0.3 * log(place.R.high / place.R.low)


def test_all_networks_of_a_store_are_named_by_what_tells_them_apart(store, tmp_path):
    names = {place.name for one in compared(store) for place in one.ranking}
    assert names == {"sharp", "blurred", "flat"}
    assert all(pair[0] < pair[1] for one in compared(store) for pair in one.pairs)  # whichever was measured first
    other = Store(tmp_path / "s", create=True)
    for number, name in enumerate(("sharp", "blurred", "flat")):
        result = replace(measured(name), model="net", weights="train")
        job = f"{number}" * 64
        other.add(measured_entry(result, training={"job": job, "seed": number}))
    names = [place.name for place in compared(other)[0].ranking]
    assert sorted(names) == [f"model=net,weights=train,training.job={str(n) * 12}*" for n in range(3)]
    assert len(compared(other, *names[:2])[0].ranking) == 2  # names can be given back


@pytest.mark.parametrize(
    ("networks", "filters", "message"),
    [
        (["sharp", "nonsuch"], [], "no measurement is of 'nonsuch'; the store's models are: sharp, blurred, flat"),
        (["sharp"], [], "networks are sharp; two or more different ones"),
        (["sharp", "sharp"], [], "two or more different ones"),
        (["sharp", "blurred"], ["cutoff=5"], "sharp and blurred share no measurement (other seeds: 0 and 7)"),
        (["model=sharp,cutoff=3", "model=flat,cutoff=5"], [], "share no measurement (cutoff 3.0 and 5.0"),
        (
            ["*", "flat"],
            [],
            "'*' fits several rows with seed 0; add a filter that chooses one: model=sharp or model=blurred",
        ),
        (["sharp", "flat"], ["sed=0"], "no row has a column 'sed'"),
    ],
)
def test_what_can_not_be_compared_is_named(store, networks, filters, message):
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        compared(store, *networks, filters=filters)
    assert message in str(refused.value)


def test_networks_measured_on_other_images_are_not_paired(tmp_path):
    """Equal names and seeds are not enough."""
    store = Store(tmp_path / "s", create=True)
    store.add(measured("sharp"))
    other = measure(network("flat"), IMAGES.flip(0), MaxEntropyEnsemble(8, delta=1.0))
    store.add(replace(other, model="flat", dataset="random"))
    with pytest.raises(ValueError, match="share no measurement"):
        compared(store, "sharp", "flat")


def test_the_statistic_is_the_rows_own(tmp_path):
    store = Store(tmp_path / "s", create=True)
    results = {}
    for name in ("sharp", "flat"):
        ensemble = MaxEntropyEnsemble(8, cutoff=3, delta=1.0, convention="reference")
        results[name] = replace(measure(network(name), IMAGES, ensemble), model=name)
        store.add(results[name])
    (one,) = compared(store, "sharp", "flat")
    assert one.pairs[0][2].ratio.value == pytest.approx(results["sharp"].R.value / results["flat"].R.value, rel=1e-12)
    assert Statistic(one.setting["average"], one.setting["median_rule"], one.setting["pairs"]).per_coordinate


def test_the_command_prints_a_ranking_and_pairs(cli, store):
    answer = cli("compare", store.folder, "sharp", "blurred", "flat", "--where", "cutoff=3")
    assert answer.exit_code == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert lines[0] == (
        "60 images of random, draws: 1, seed 0, 1; c = 3, delta = 1 px, bilinear, median, paper "
        "convention; R_f: lower is more stable"
    )
    assert "the most stable: its R_f is" in lines[1]
    assert lines[2].split() == "rank network R_f 95 % interval rank, 95 %".split()
    assert len(lines) == 11
    told = json.loads(cli("compare", store.folder, "sharp", "blurred", "flat", "--json").stdout)
    assert [len(one["pairs"]) for one in told] == [3, 1]
    assert all(0 <= pair["p_value"] <= pair["p_holm"] <= 1 for pair in told[0]["pairs"])
    answer = cli("compare", store.folder, "sharp", "flat", "blurred", "--where", "cutoff=5")
    assert answer.stderr == "note: blurred shares no images, settings and seed with the others and is left out\n"
    answer = cli("compare", store.folder, "sharp")
    assert (answer.exit_code, answer.stderr.count("\n")) == (2, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("fc_l2", "lenet --delta 0.7 --seed 2"),
        ("fc_l2 --weights init --seed 18446744073709551615", "lenet --resamples 200"),
        ("fc_l4 --temperature 1e-3 --cutoff 5 --draws 2 --average mean", "resnet18-w0.25 --weights init"),
        ("fc_l4 --convention reference --interpolation gaussian", "fc_l2 --batch-norm batch --precision float64"),
        ("fc_l4 --transform translation --delta 2 --noise-norm 3", "lenet --weights init --layers *1* --channels-last"),
        ("fc_l4 --dataset folder --data-dir two\\ words --weights init", "nets:wide --model-kwargs width=7"),
        ("fc_l4 --mean 0.1 --std 0.4", "fc_l2"),
        ("fc_l4 --until-precision 1", "fc_l2 --images 40"),
    ],
)
def test_what_is_told_to_compare_them_does_so_as_it_stands(cli, tmp_path, monkeypatch, one, other):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("nets.py").write_text(NETS)
    Path("two words").mkdir()
    for number in range(30):
        Image.effect_noise((28, 28), 40 + number).save(f"two words/{number}.png")
    for words in (one, other):
        answer = cli("measure", "--images", 30, "--resamples", 100, "--store", "a store", *shlex.split(words))
        assert answer.exit_code == 0, answer.stderr
    networks = [shlex.split(words)[0] for words in (one, other)]
    answer = cli("compare", "a store", *networks)
    assert answer.exit_code == 2
    assert answer.stderr.count("\n") == 1
    begin, told = answer.stderr.split("; measure them with the same images, settings and seed: ")
    assert "share no measurement" in begin
    name, *command = shlex.split(told)
    assert (name, *command[:2]) == ("diffstab", "measure", networks[1])
    answer = cli(*command)
    assert answer.exit_code == 0, (told, answer.stderr)
    answer = cli("compare", "a store", *networks)
    assert answer.exit_code == 0, (told, answer.stderr)
    assert {line.split()[1] for line in answer.stdout.splitlines()[3:5]} == set(networks)


def test_another_preprocessing_is_named(tmp_path):
    """The same photographs, normalised otherwise, are other images to a network."""
    store = Store(tmp_path / "s", create=True)
    seen = {"size": [8, 8], "mean": [0.5], "source": "one"}
    store.add(replace(measured("sharp"), preprocessing=seen))
    other = measure(network("flat"), IMAGES * 1.01, MaxEntropyEnsemble(8, delta=1.0))
    store.add(
        replace(other, model="flat", dataset="random", preprocessing={**seen, "mean": [0.4], "source": "another"})
    )
    with pytest.raises(ValueError, match=r"\(other preprocessing: mean \[0.5\] and \[0.4\]\)"):
        compared(store, "sharp", "flat")
