"""A dry run imports, calls, unpickles and writes nothing; nor does giving cells their names, before any runs."""

import os
import subprocess
import sys

import pytest
import torch
from support.planted import BUILDS, MARK, RUNS, Pickled, everything, forget, package, ran, trained

from diffstab import Store
from diffstab.models.own_files import code_file, module_exists
from diffstab.options.measure import MeasureOptions
from diffstab.sweep import content
from diffstab.sweep.jobs import measure_job
from diffstab.sweep.spec import read_spec

MODELS = [
    "planted.nets:build",
    "planted:build",
    "single:build",
    "single.py:build",
    "below/file.py:build",
    "deep.er.x:f",
]
FEW = "images: 10, resamples: 100"
TRAINED = (
    "train: {model: 'planted.nets:build', recipe: laptop, epochs: 1, train_size: 100}\n"
    f"measure: {{weights: train, {FEW}}}"
)
SPECS = {
    **{model: f"measure: {{model: '{model}', weights: init, {FEW}}}" for model in MODELS},
    "trained": TRAINED,
    "checkpoint": f"measure: {{model: 'planted.nets:build', checkpoint: SECRET.pt, {FEW}}}",
    "folder": f"measure: {{model: 'local-dir:run', trust: 'planted.nets:build', {FEW}}}",
    "settings": "measure: {model: lenet, checkpoint: SECRET.pt, dataset: folder, data_dir: below}",
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with modules, packages and a pickle that all leave a mark when they run."""
    monkeypatch.chdir(tmp_path)
    package(tmp_path)
    for name in ("single.py", "below/file.py", "deep/er/x.py", "deep/far/x.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(RUNS + BUILDS)
    (tmp_path / "deep" / "er" / "__init__.py").write_text(RUNS)  # deep and far have none
    torch.save(Pickled(), "SECRET.pt")
    trained(tmp_path / "run", "planted.nets:build")
    yield tmp_path
    forget()


def dry(cli, place, spec, *more):
    (place / "spec.yaml").write_text(spec)
    before = everything(place)
    answer = cli("sweep", "spec.yaml", "--store", "S", "--dry-run", *more)
    assert answer.exit_code == 0, answer.stderr
    return answer, before == everything(place)


@pytest.mark.parametrize("name", SPECS)
def test_a_dry_run_neither_runs_code_nor_writes(cli, place, name):
    answer, same = dry(cli, place, SPECS[name])
    assert "to run, 0 done, 0 failed" in answer.stdout
    assert same
    assert not ran()
    assert not {"planted", "single", "deep"} & {module.partition(".")[0] for module in sys.modules}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["planted.nets:build", "trained", "folder"])
def test_done_cells_of_own_code_are_told_by_the_store_alone(cli, place, name, monkeypatch):
    monkeypatch.setattr(content, "READ_UP_TO", 10)  # the folder counts as large
    (place / "spec.yaml").write_text(SPECS[name])
    assert cli("sweep", "spec.yaml", "--store", "S", "--jobs", 1).exit_code == 0
    os.unlink(MARK)  # that the workers left
    model = "local-dir:run" if name == "folder" else "planted.nets:build"
    answer, same = dry(cli, place, SPECS[name])
    assert "0 to run" in answer.stdout
    assert answer.stderr == (
        f"note: a dry run does not build '{model}' to see whether it has changed; --trust {model} does\n"
    )
    assert same
    assert not ran()
    answer, same = dry(cli, place, SPECS[name], "--trust", model)
    assert "0 to run" in answer.stdout
    assert answer.stderr == ""
    assert ran()
    assert not same  # by the mark


@pytest.mark.slow
def test_a_dry_run_in_a_process_of_its_own(place):
    (place / "spec.yaml").write_text(SPECS["planted.nets:build"])
    command = [sys.executable, "-B", "-m", "diffstab", "sweep", "spec.yaml", "--store", "S", "--dry-run"]
    before = everything(place)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "1 cells: 1 to run" in done.stdout
    assert before == everything(place)
    subprocess.run([*command[:-3], "--store", "S", "--jobs", "1"], check=True, capture_output=True)
    assert ran()  # the same cell runs the code when it is run


@pytest.mark.parametrize("model", MODELS)
def test_cells_are_named_without_importing_the_packages_around(place, model):
    before = measure_job(MeasureOptions(model=model)).id
    file = code_file(model)
    assert file is not None
    (place / "spec.yaml").write_text(SPECS[model])
    assert len(read_spec("spec.yaml").jobs) == 1
    assert not ran()
    file.write_text(file.read_text() + "# changed\n")
    assert measure_job(MeasureOptions(model=model)).id != before


def test_modules_are_found_where_python_finds_them(place):
    """Installed ones, built-in ones, those within packages, and those for which a package adds a folder."""
    for (
        name
    ) in "torch.nn.functional os.path sys json planted.nets deep.er.x deep.er deep deep.far.x deep.far single".split():
        assert module_exists(name), name
    for name in "planted.none single.none none deep.none none.at.all planted-1 json.none".split():
        assert not module_exists(name), name
    assert code_file("torch.nn.functional:relu").name == "functional.py"
    (place / "made").mkdir()
    (place / "made" / "__init__.py").write_text("__path__.append('below')\n")
    assert module_exists("made.file")
    del sys.modules["made"]


def test_a_store_is_not_made_and_its_files_stay_as_they_are(cli, place):
    Store("S", create=True).close()
    _, same = dry(cli, place, "measure: {model: fc_l2, weights: init}")
    assert same
