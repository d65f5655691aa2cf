"""compare() in Python: the command's numbers, and a refusal that says in what results differ."""

import json
from math import log

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from diffstab import StabilityResult, Store, compare, load_dataset, load_model, measure
from diffstab.results import LOWER

STEPS, CLASSES = 60, 4


def network(width):
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.Tanh(), nn.Flatten(), nn.Linear(width * 36, CLASSES))


def trained_on(own, images, labels):
    optimizer = torch.optim.Adam(own.parameters(), 3e-3)
    for _ in range(STEPS):
        optimizer.zero_grad()
        nn.functional.cross_entropy(own(images), labels).backward()
        optimizer.step()
    return own


@pytest.fixture(scope="module")
def images():
    return torch.rand(120, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def trained(images):
    """Three networks of one class, trained as a student would."""
    torch.manual_seed(0)
    found = {}
    labels = images.mean((1, 2, 3)).argsort().argsort() * CLASSES // len(images)
    for name, width in (("narrow", 4), ("base", 8), ("wide", 16)):
        found[name] = trained_on(network(width), images, labels)
    return found


@pytest.fixture(scope="module")
def results(trained, images):
    return {name: measure(one, images, seed=0) for name, one in trained.items()}


def test_a_students_session_in_python_alone(trained, images, tmp_path):
    results = {name: measure(one, images, name=name) for name, one in trained.items()}
    for name, result in results.items():
        result.save(tmp_path / name)
    again = {name: StabilityResult.load(tmp_path / name) for name in results}
    found = compare(again)
    assert {place.name for place in found.ranking} == set(trained)
    assert str(found) == str(compare(results))
    assert [place.R.value for place in found.ranking] == sorted(place.R.value for place in found.ranking)
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    (axes,) = found.plot().axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [place.name for place in found.ranking]
    assert LOWER in axes.get_xlabel()
    pytest.importorskip("pandas", reason="pandas is not installed")
    assert found.to_frame()["value"].tolist() == [pair.ratio.value for _, _, pair in found.pairs]


def test_networks_of_one_class_stand_apart_in_a_store_and_compare_as_in_python(cli, results, tmp_path):
    store = Store(tmp_path / "store", create=True)
    for result in results.values():
        assert store.add(result)
    answer = cli("compare", store.folder, "--json")
    assert answer.exit_code == 0, answer.stderr
    (found,) = json.loads(answer.stdout)
    mine = compare(results)
    assert [place["R"]["value"] for place in found["ranking"]] == [place.R.value for place in mine.ranking]
    assert len({place["name"] for place in found["ranking"]}) == 3
    ratios = {round(abs(log(pair["ratio"]["value"])), 12) for pair in found["pairs"]}
    assert ratios == {round(abs(log(pair.ratio.value)), 12) for _, _, pair in mine.pairs}
    assert str(compare({row["weights_sha256"]: store.result(row) for row in store.rows()}).ranking[0].R) == str(
        mine.ranking[0].R
    )
    store.close()


def test_ratios_are_of_the_numbers_and_mirror(results):
    found = compare(results)
    backwards = compare(dict(reversed(results.items())))
    for first, second, pair in found.pairs:
        assert pair.ratio.value == pytest.approx(results[first].R.value / results[second].R.value, rel=1e-9)
        ((_, _, other),) = [one for one in backwards.pairs if set(one[:2]) == {first, second}]
        np.testing.assert_allclose(np.log([*other.ratio]), -np.log([*pair.ratio])[[0, 2, 1]], atol=1e-9)


def test_the_most_stable_network_is_named_unless_it_is_not_told_apart(trained, images, results):
    same = measure(trained["base"], images, name="same")
    answer = compare({"base": results["base"], "same": same}).headlines()[1]
    assert answer == "base and same are not told apart: p (Holm) = 1"
    flat = measure(nn.Sequential(nn.AvgPool2d(4), nn.Flatten()), images)
    ratio = results["base"].R.value / flat.R.value
    for pair in ({"base": results["base"], "flat": flat}, {"flat": flat, "base": results["base"]}):
        answer = compare(pair).headlines()[1]
        best, other = ("flat", "base") if ratio > 1 else ("base", "flat")
        assert answer.startswith(f"{best} is the most stable: its R_f is {max(ratio, 1 / ratio):.3g} (")
        assert answer.endswith(f") times lower than that of {other}")


def test_the_same_images_compare_whatever_they_came_in(trained, images, results):
    loader = DataLoader(TensorDataset(images, torch.full((len(images),), -1)), batch_size=50)
    other = measure(trained["wide"], loader)
    assert other.dataset != results["wide"].dataset
    assert (
        compare({"base": results["base"], "wide": other}).pairs
        == compare({name: results[name] for name in ("base", "wide")}).pairs
    )


def test_several_seeds_count_together(trained, images):
    both = {name: [measure(one, images, seed=seed) for seed in (0, 1)] for name, one in trained.items()}
    assert compare(both).seeds == [0, 1]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"delta": 0.5}, "delta 1.0 and 0.5"),
        ({"cutoff": 4}, "cutoff 3.0 and 4.0"),
        ({"average": "mean"}, "average median and mean"),
        ({"seed": 1}, "other seeds: "),
        ({"count": 60}, "images 120 and 60"),
    ],
)
def test_what_differs_is_refused_and_named(trained, images, results, other, message):
    with pytest.raises(ValueError, match=f"{next(iter(results))} and other share no measurement .*{message}"):
        compare({**results, "other": measure(trained["base"], images, **other)})


def test_what_the_setting_leaves_open_is_told(cli, trained, images, results, tmp_path):
    mixed = measure(trained["wide"], images, amp=True, note=lambda text: None)
    with pytest.warns(UserWarning, match=r"different precision: amp-bfloat16 \(mixed\), float32 \(base\)"):
        compare({"base": results["base"], "mixed": mixed})
    store = Store(tmp_path / "store", create=True)
    for result in (results["base"], mixed):
        store.add(result)
    store.close()
    assert cli("compare", store.folder).stderr.startswith("note: the networks were measured with different precision")


def test_one_network_or_a_list_is_refused(results):
    with pytest.raises(ValueError, match="two or more different ones are needed"):
        compare({"base": results["base"]})
    with pytest.raises(TypeError, match="a dict such as"):
        compare(list(results.values()))


def test_python_gives_the_commands_number(cli):
    digits = load_dataset("mnist5k")
    result = measure(load_model("fc_l2", dataset="mnist5k"), digits, delta=1.0, cutoff=3, count=100)
    answer = cli("measure", "--model", "fc_l2", "--images", 100, "--json")
    assert json.loads(answer.stdout)["R"] == result.R._asdict()


OWN = """
from torch import nn


def build(width, classes=10):
    layers = nn.Conv2d(1, width, 4, stride=3), nn.Tanh(), nn.Flatten(), nn.Linear(width * 81, classes)
    return nn.Sequential(*layers)
"""


@pytest.mark.slow
def test_a_students_session_at_the_command_line(cli, tmp_path, monkeypatch):
    """Three networks of one file, trained in Python: measured, saved, compared and drawn by commands alone."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(OWN)
    names = {}
    exec(compile(OWN, "own.py", "exec"), names)
    digits = load_dataset("mnist5k", split="train")
    chosen = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))[:600].tolist()
    images, labels = torch.stack([digits[k][0] for k in chosen]), torch.tensor([digits[k][1] for k in chosen])
    for width in (4, 8, 16):
        torch.manual_seed(width)
        own = trained_on(names["build"](width), images, labels)
        torch.save(own.state_dict(), f"{width}.pt")
        words = ("--checkpoint", f"{width}.pt", "--model-kwargs", f"width={width}", "--images", 100, "--store", "kept")
        answer = cli("measure", "own.py:build", *words)
        assert answer.exit_code == 0, answer.stderr
        here = measure(own, load_dataset("mnist5k"), count=100)
        assert f"{here.R}" in answer.stdout.splitlines()[1]
    answer = cli("compare", "kept")
    assert answer.exit_code == 0, answer.stderr
    assert all(answer.stdout.count(f"{width}.pt") >= 3 for width in (4, 8, 16))
    assert cli("report", "kept", "-o", "page.html").exit_code == 0
    assert "In words" in (tmp_path / "page.html").read_text()
