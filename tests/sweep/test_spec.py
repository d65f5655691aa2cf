"""A sweep's file: lists multiply, include adds, exclude drops, and what is wrong is told with its place."""

import pytest

from diffstab.sweep.spec import read_spec

HUGE = ("seed", "images", "draws", "cutoff", "delta")


def cells(spec, *names):
    return [tuple(getattr(job.options, name) for name in names) for job in spec.jobs]


def test_lists_multiply(spec):
    text = "measure: {model: [fc_l4, resnet18], dataset: mnist5k, images: 100, cutoff: [3, 5], seed: [0, 1]}"
    found = cells(spec(text), "model", "cutoff", "seed", "images")
    assert found == [(model, c, seed, 100) for model in ("fc_l4", "resnet18") for c in (3, 5) for seed in (0, 1)]


def test_include_adds_and_exclude_drops(spec):
    found = spec("""
measure:
  model: [fc_l4, lenet]
  images: 50
  cutoff: [3, 5]
  include:
    - {model: resnet18, cutoff: [10, 15]}
  exclude:
    - {model: "l*", cutoff: 5}
    - {cutoff: 15.0}
    - {seed: 3}
""")
    assert cells(found, "model", "cutoff", "images") == [
        ("fc_l4", 3, 50),
        ("fc_l4", 5, 50),
        ("lenet", 3, 50),
        ("resnet18", 10, 50),  # keeps the grid's single values
    ]
    assert found.notes == ["measure.exclude[2] drops no cell"]


@pytest.mark.parametrize(
    ("grid", "pattern", "left"),  # jobs
    [
        ("weights: init", "{batch_norm: running}", 1),
        ("weights: init", "{batch-norm: batch}", 0),
        ("temperature: 0.1", "{delta: 1}", 1),
        ("delta: [null, 2]", "{delta: 1}", 1),
        ("convention: reference", "{cutoff_rule: disk}", 1),
        ("until_precision: 1e-3", "{until_precision: 0.001}", 0),
        ("cutoff: 5.", "{cutoff: 5}", 0),
        ("cutoff: 5", "{cutoff: 5e0}", 0),
        ("{delta: [null, 1], temperature: [null, 0.1]}", "{delta: 1, temperature: 0.1}", 2),
    ],
)
def test_exclude_sees_each_option_as_the_job_has_it(spec, grid, pattern, left):
    text = f"measure: {{{grid.strip('{}')}, exclude: [{pattern}]}}"
    if left:
        assert len(spec(text).jobs) == left
    else:
        with pytest.raises(ValueError, match="the grid is empty: exclude drops all of its 1 cells"):
            spec(text)


def test_include_alone_is_a_list_of_cells(spec):
    found = spec("measure: {include: [{model: fc_l4, cutoff: 3}, {model: lenet, cutoff: 5}]}")
    assert cells(found, "model", "cutoff") == [("fc_l4", 3), ("lenet", 5)]


def test_a_cell_that_comes_twice_is_one(spec):
    assert len(spec("measure: {cutoff: [3, 3.0], noise-radius: ensemble, include: [{}]}").jobs) == 1


def test_patterns_of_models_become_their_names(spec):
    timm = cells(spec("measure: {model: 'timm:resnet1?', weights: init}"), "model")
    assert ("timm:resnet18",) in timm
    assert all(name.startswith("timm:resnet1") and len(name) == 13 for (name,) in timm)
    assert cells(spec("measure: {model: 'fc_*'}"), "model") == [("fc_l2",), ("fc_l4",), ("fc_l6",)]
    tagged = cells(spec("measure: {model: 'timm:resnet18.*'}"), "model")
    assert ("timm:resnet18.a1_in1k",) in tagged
    (weighty,) = cells(spec("measure: {model: 'torchvision:resnet18'}"), "model")
    assert weighty == ("torchvision:resnet18",)


def test_a_measurement_takes_its_weights_from_each_training(spec):
    found = spec("""
train: {model: [fc_l4, lenet], epochs: 1, seed: [0, 1]}
measure: {weights: [init, train], cutoff: [3, 5], exclude: [{model: lenet, weights: init}]}
""")
    trainings = [job for job in found.jobs if job.kind == "train"]
    assert len(trainings) == 4
    taken = [job for job in found.jobs if job.trained_by]
    assert len(taken) == 8
    assert {job.trained_by.id for job in taken} == {job.id for job in trainings}
    assert all(job.options.model == job.trained_by.options.model for job in taken)
    assert len({job.id for job in taken}) == 8  # each training's weights are other ones
    fresh = [job for job in found.jobs if job.kind == "measure" and not job.trained_by]
    assert [(job.options.model, job.options.weights) for job in fresh] == [("fc_l4", "init")] * 2
    assert "weights=train" in str(taken[0])
    assert "train.epochs=1" in str(taken[0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "measure: {cutof: 3}",
            "sweep.yaml, line 1, column 11: measure.cutof is not an option of diffstab measure; did you mean 'cutoff'?",
        ),
        ("mesure: {cutoff: 3}", "'mesure' is not a section; did you mean 'measure'?; allowed: train, measure"),
        (
            "measure: {include: [{}, {sed: 1}]}",
            "measure.include[1].sed is not an option of diffstab measure; did you mean",
        ),
        ("measure: {exclude: [{modell: x}]}", "measure.exclude[0].modell is not an option"),
        ("train: {epoch: 3}", "train.epoch is not an option of diffstab train; did you mean 'epochs'?"),
        ("train: {cutoff: 3}", "train.cutoff is not an option of diffstab train"),
        (
            "measure: {interpolation: [bilinear, bilinar]}",
            "measure.interpolation[1]: interpolation is 'bilinar'; allowed:",
        ),
        ("measure: {images: ten}", "measure.images: 'ten' is no number; a whole number"),
        ("measure: {cutoff: []}", "measure.cutoff is an empty list, so the grid is empty"),
        ("measure: {cutoff: [[3]]}", "measure.cutoff[0] is [3]; one value is needed"),
        ("measure: {model: null}", "measure.model: model is None; leave it out to get its default, 'resnet18'"),
        ("measure: {images: [100, null]}", "measure.images[1]: images is None; leave it out"),
        ('measure: {model: "\\uD800"}', "holds surrogates"),
        (f"measure: {{cutoff: 1{'0' * 400}}}", f"measure.cutoff: 1{'0' * 199}... is too large for a computer"),
        ("measure: {cutoff: .nan}", "measure.cutoff: .nan is no finite number"),
        ("measure: {seed: !!int ''}", "sweep.yaml"),
        ("measure: {seed: !!bool maybe}", "sweep.yaml"),
        ("measure: {seed: !!timestamp foo}", "sweep.yaml"),
        ("measure: {seed: 2020-01-01}", "measure.seed: YAML reads 2020-01-01 as a date, and a whole number"),
        ("measure: {cutoff: {a: 3}}", "measure.cutoff is {a: 3}; one value is needed"),
        (
            "measure: {seed: [0, 1], exclude: [{seed: [0, 1]}]}",
            "measure: the grid is empty: exclude drops all of its 2 cells",
        ),
        (
            "measure: {delta: 1, temperature: 0.001}",
            "measure: delta is 1 and temperature is 0.001; give one of the two",
        ),
        ("measure: {include: {seed: 1}}", "measure.include is {seed: 1}; a list of mappings"),
        ("measure: {include: [3]}", "measure.include[0] is 3; a mapping"),
        ("measure: 3", "measure is 3; a mapping"),
        ("measure: {weights: train}", "measure.weights is 'train' but there is no train: section"),
        ("train: {model: fc_l4}\nmeasure: {model: lenet, weights: train}", "measure: no training is of model 'lenet'"),
        (
            "train: {model: fc_l4}\nmeasure: {weights: train, checkpoint: x}",
            "weights is 'train' and there is a checkpoint",
        ),
        ("measure: {model: 'timm:zzz*'}", "measure.model is 'timm:zzz*'; no network matches it"),
        ("measure: {model: 'tim:*'}", "measure.model is 'tim:*'; allowed prefixes"),
        ("measure: {model: fc_l4, model: lenet}", "line 1, column 25: 'model' comes twice"),
        ("measure: {noise-radius: ensemble, noise_radius: ensemble}", "measure.noise_radius is given twice"),
        ("measure: {cutoff: [3,", "line 1, column"),
        ("a: &x [1]\nb: *x", "line 2, column 4: aliases"),
        ("measure: {3: 4}", "line 1, column 11: the key 3 is no name"),
        ("- 3", "holds a list; a mapping"),
        ("", "holds nothing; a mapping"),
        ("{}", "nothing to do; allowed: train, measure"),
        ("[" * 5000, "sweep.yaml"),
        (
            f"measure: {{seed: {list(range(40))}, images: {list(range(2, 42))}}}",
            "the grid has 1,600 cells, more than 1,000",
        ),
        (f"measure: {{{', '.join(f'{n}: {[*range(2, 99)]}' for n in HUGE)}}}", "the grid has 8,587,340,257 cells"),
    ],
)
def test_a_bad_file_is_refused_with_the_place(spec, text, message):
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        spec(text)
    assert message in str(refused.value)
    assert "sweep.yaml" in str(refused.value)


def test_a_large_grid_needs_a_yes(spec):
    text = f"measure: {{model: fc_l4, seed: {list(range(1001))}}}"
    with pytest.raises(ValueError, match=r"1,001 cells, more than 1,000; add --yes"):
        spec(text)
    assert len(spec(text, confirm_above=None).jobs) == 1001


def test_a_file_that_can_not_be_read(tmp_path):
    with pytest.raises(ValueError, match="No such file"):
        read_spec(tmp_path / "missing.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="no UTF-8 text"):
        read_spec(tmp_path / "binary.yaml")


@pytest.mark.parametrize("kinds", [("stripe", "regime"), ("regime", "stripe")])
def test_experiments_come_in_the_order_of_the_file(tmp_path, kinds):
    path = tmp_path / "sweep.yaml"
    path.write_text("".join(f"{kind}: {{seed: [0, 1]}}\n" for kind in kinds))
    assert [job.kind for job in read_spec(path).jobs] == [kind for kind in kinds for _ in range(2)]
