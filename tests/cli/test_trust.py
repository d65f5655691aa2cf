"""What a stranger's row, folder or file names is not run, read or fetched by a command unless --trust repeats it."""

import re
import shlex
import subprocess
import sys

import pytest
import torch
from support.hostile import assert_one_line
from support.planted import RUNS, Pickled, forged, forget, heard, package, ran, trained

from diffstab import Store
from diffstab.store.from_row import options_of

SYSTEM = {"model": "os:system", "weights": "own", "model_options": {"command": "touch PWNED"}}
ROWS = [  # what a row names, and what the user has to repeat
    (SYSTEM, ["os:system", "command=touch PWNED"]),
    ({"model": "planted.nets:build", "weights": "own"}, ["planted.nets:build"]),
    ({"model": "planted:build", "model_source": "python"}, ["planted:build"]),
    ({"model": "SECRET.py:build"}, ["SECRET.py:build"]),
    ({"model": "./SECRET.py:build"}, ["./SECRET.py:build"]),
    ({"model": "local-dir:run", "weights": "pretrained"}, ["local-dir:run"]),
    ({"model": "hf-hub:user/net", "weights": "pretrained"}, ["hf-hub:user/net"]),
    ({"model": "fc_l2", "weights": "SECRET.pt"}, ["SECRET.pt"]),
    ({"model": "fc_l2", "weights": "/a b", "asked": {"checkpoint": "SECRET.pt"}}, ["SECRET.pt"]),
    ({"model": "fc_l2", "dataset": "folder", "data_dir": "/etc"}, ["/etc"]),
    ({"model": "timm:test_vit", "model_options": {"checkpoint_path": "SECRET.pt"}}, ["checkpoint_path=SECRET.pt"]),
    ({"model": "timm:test_vit", "model_options": {"pretrained_cfg": {"file": "SECRET.pt"}}},
     ['pretrained_cfg={"file": "SECRET.pt"}']),
    ({"model": "timm:test_vit", "model_options": {"depth": 3, "in_chans": 1}}, ["depth=3"]),
    ({"model": "torchvision:resnet18", "model_options": {"weights": "DEFAULT"}}, ["weights=DEFAULT"]),
    ({"model": "SECRET.py:build", "weights": "SECRET.pt", "dataset": "folder", "data_dir": "x", "model_options":
      {"a": True}}, ["SECRET.py:build", "SECRET.pt", "x", "a=true"]),
]  # fmt: skip
SIZES = [
    ({"batch_size": 10**18}, None),
    ({"images": 10**18}, None),
    ({"draws": 10**9}, "draws is 1000000000; it must be at most"),
    ({"resamples": 10**9}, "resamples is 1000000000; it must be at most"),
    ({"model_options": {"num_classes": 10**9}}, "num_classes is 1000000000; it must be at most"),
    ({"model_options": {"in_chans": 10**9}}, "in_chans is 1000000000; it must be at most"),
    ({"asked": {"img_size": 10**9}}, "each side must have 1 to"),
]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with code, a pickle and a trained network of own code, all of which leave a mark when they run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "SECRET.py").write_text(RUNS)
    torch.save(Pickled(), "SECRET.pt")
    trained(tmp_path / "run", package(tmp_path))
    yield tmp_path
    forget()


def trusting(names):
    return [word for name in names for word in ("--trust", name)]


@pytest.mark.slow
@pytest.mark.parametrize("trust", [[], ["os:system"], ["command=touch PWNED"]])
def test_a_rows_command_is_not_run(place, trust):
    key = forged("S", **SYSTEM)
    command = [sys.executable, "-m", "diffstab", "measure", "--from-row", key, "--store", "S"]
    done = subprocess.run([*command, *trusting(trust)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert not ran()
    whole = subprocess.run([*command, *trusting(ROWS[0][1])], capture_output=True, text=True, check=False)
    assert "gives a int; a torch.nn.Module" in whole.stderr
    assert ran()  # so it was the missing trust that kept it from running


@pytest.mark.parametrize(("columns", "names"), ROWS, ids=str)
def test_what_a_row_leads_to_is_listed_and_not_looked_at(cli, place, columns, names):
    key = forged("S", **columns)
    for given in ([], names[1:], [f"{name} " for name in names], [names[0][:-1], "*"]):
        with heard() as opened:
            answer = cli("measure", "--from-row", key, "--store", "S", *trusting(given))
        assert answer.exit_code == 2
        assert_one_line(answer)
        told = re.search("if you trust this, add (.*)", answer.stderr)
        assert shlex.split(told[1]) == trusting([name for name in names if name not in given])
        assert not [name for name in opened if re.search("SECRET|planted|run/|/etc$|huggingface.co", name)]
        assert not {"planted", "planted.nets"} & sys.modules.keys()
        assert not ran()


@pytest.mark.parametrize(("columns", "names"), ROWS, ids=str)
def test_python_refuses_as_the_command_does(place, columns, names):
    (row,) = (store := Store("S")).rows() if forged("S", **columns) else ()
    for given in ((), names[:-1]):
        with pytest.raises(ValueError, match="if you trust this, add"):
            options_of(row, store, trust=given)
    assert options_of(row, store, trust=names).trusted == tuple(names)


@pytest.mark.parametrize(("columns", "message"), SIZES, ids=str)
def test_sizes_in_a_row_neither_hang_nor_eat_memory(cli, place, columns, message):
    key = forged("S", **{"model": "fc_l2", **columns})
    answer = cli("measure", "--from-row", key, "--store", "S")
    assert_one_line(answer)
    assert (answer.exit_code, message or "") == (2 if message else 1, message or "")
    assert (message or "the numbers differ from the row's") in answer.stderr


@pytest.mark.parametrize(
    "words",
    [
        "measure --images 10 --resamples 100 --model local-dir:run",
        "measure --images 10 --resamples 100 --model local-dir:run --weights init",
        "measure --images 10 --resamples 100 --model local-dir:run --convention both",
        "train --epochs 1 --train-size 100 --recipe laptop --output out --model local-dir:run",
    ],
)
def test_a_folder_of_own_code_needs_trust(cli, place, words):
    for trust in ([], ["local-dir:run", "planted.nets"]):
        answer = cli(*words.split(), *trusting(trust))
        assert answer.exit_code == 2
        assert_one_line(answer)
        assert answer.stderr.endswith("if you trust this, add --trust planted.nets:build\n")
        assert not ran()
    answer = cli(*words.split(), *trusting(["planted.nets:build"]))
    assert answer.exit_code == 0, answer.stderr
    assert ran()


@pytest.mark.slow
def test_a_sweep_takes_trust_from_its_spec(cli, place):
    spec = "measure: {{model: 'local-dir:run', images: 10, resamples: 100, trust: '{}'}}"
    (place / "spec.yaml").write_text(spec.format("planted.nets"))
    answer = cli("sweep", "spec.yaml", "--store", "S", "--jobs", 1)
    assert "failed" in answer.stderr
    assert not ran()
    (row,) = Store("S").rows()  # trust is no part of what is measured, and not kept for others
    assert "trust" not in row
    answer = cli("sweep", "spec.yaml", "--store", "S", "--jobs", 1, "--trust", "planted.nets:build")
    assert answer.exit_code == 2
    assert "takes it from its spec, as in trust: NAME" in answer.stderr
    (place / "spec.yaml").write_text(spec.format("planted.nets:build"))
    answer = cli("sweep", "spec.yaml", "--store", "S", "--jobs", 1, "--retry-failed")
    assert answer.exit_code == 0, answer.stderr
    (row,) = Store("S").rows()
    assert row["status"] == "done"
    assert "trust" not in {**row, **row["asked"]}
