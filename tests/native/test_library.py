"""The library: which level runs, how it is chosen, where it comes from; the kernel under a compiler's sanitizers."""

import ctypes
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from diffstab import StreamKeys, load_dataset, load_model, measure
from diffstab.native import library
from diffstab.native.library import CHOICES, LEVELS, VARIABLE, find, running, status, use, using
from diffstab.native.philox import philox as native_philox
from diffstab.streams import mode_normals, philox, sphere_noise, uniforms

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
needs_library = pytest.mark.skipif(find().library is None, reason=find().reason)


def test_an_unknown_level_is_refused_with_those_there_are(monkeypatch):
    with pytest.raises(ValueError, match=r"level is 'sse'; allowed: auto, off, plain, avx2, avx512"):
        use("sse")
    monkeypatch.setenv(VARIABLE, "yes")
    with pytest.raises(ValueError, match=f"{VARIABLE} is 'yes'; allowed: auto, off"):
        running()


@needs_library
def test_the_variable_and_the_function_choose_the_level(monkeypatch):
    for level in ("off", *LEVELS[: find().best + 1]):
        monkeypatch.setenv(VARIABLE, level)
        assert running() == level
        with using("plain"):
            assert running() == "plain"
        assert running() == level
    monkeypatch.setenv(VARIABLE, "auto")
    assert running() == LEVELS[find().best]
    assert set(CHOICES) == {"auto", "off", *LEVELS}


@needs_library
def test_a_level_that_the_processor_lacks_is_refused(monkeypatch):
    monkeypatch.setattr(library, "find", lambda: find()._replace(best=0))
    library._place.cache_clear()
    try:
        with pytest.raises(
            ValueError, match="level is 'avx512', which this processor lacks; allowed: auto, off, plain"
        ):
            use("avx512")
    finally:
        library._place.cache_clear()


@needs_library
def test_a_library_of_other_sources_is_not_used(monkeypatch):
    monkeypatch.setattr(library, "digest", lambda folder: "another")
    found = library.find.__wrapped__()
    assert found.library is None
    assert found.reason == "the compiled kernel is of another version; install the package again"


def test_a_file_that_is_no_library_is_not_used(monkeypatch, tmp_path):
    broken = tmp_path / "_diffstab_native.so"
    broken.write_bytes(b"no library")
    monkeypatch.setattr(library, "find_spec", lambda name: type("Spec", (), {"origin": str(broken)}))
    assert "can't be loaded" in library.find.__wrapped__().reason


def test_the_version_tells_what_runs_without_torch(cli):
    assert cli("--version").stdout.splitlines()[1:] == [status()]
    heavy = "import sys; from diffstab.native.library import status; status(); print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"
    off = subprocess.run(
        [sys.executable, "-c", "from diffstab.native.library import status; print(status())"],
        env={**os.environ, VARIABLE: "off"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert off.stdout.startswith("deformations on the CPU: torch (")


@needs_library
@pytest.mark.parametrize("model", ["fc_l2", "lenet"])
def test_stability_is_the_same_by_either_way_and_the_result_tells_which(model):
    images = load_dataset("mnist5k")
    found = {}
    for level in ("off", "auto"):
        with using(level):
            found[level] = measure(load_model(model), images, count=200)
            assert found[level].versions["kernel"] == ("torch" if level == "off" else running())
            rotated = measure(load_model(model), images, count=20, transform="rotation")
            assert rotated.versions["kernel"] == "torch"
    for name in "DGR":
        ours, torchs = (getattr(found[level], name).value for level in ("auto", "off"))
        assert ours == pytest.approx(torchs, rel=1e-4)
    assert found["auto"].key == found["off"].key


@needs_library
@pytest.mark.parametrize("level", LEVELS[: find().best + 1])
@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**64 - 1])
def test_random_words_have_the_same_bits(level, seed):
    generator = torch.Generator().manual_seed(seed % 2**63)
    counter = tuple(torch.randint(0, 2**32, (7, 43), generator=generator) for _ in range(4))
    with using("off"):
        expected = philox(counter, seed)
    with using(level):
        assert all(map(torch.equal, native_philox(counter, seed), expected))


@needs_library
def test_streams_have_the_same_bits_by_either_way(two_threads):
    keys = StreamKeys(5, torch.tensor([3, 0, 2**32 - 1]), draw=7)
    ways = {
        "fields": lambda: mode_normals(keys, torch.tensor([1, 1, 2]), torch.tensor([1, 2, 1])),
        "uniform": lambda: uniforms(keys, 5),
        "noise": lambda: sphere_noise(keys, (3, 150, 151)),
    }
    natively = {name: way() for name, way in ways.items()}
    with using("off"):
        assert all(torch.equal(natively[name], way()) for name, way in ways.items())


@pytest.mark.slow
def test_the_kernel_touches_no_memory_but_its_own(tmp_path):
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler is installed")
    program = tmp_path / "sanitized"
    flags = "-g -O2 -Wno-psabi -ffp-contract=fast -fsanitize=address,undefined -fno-sanitize-recover=all".split()
    include = ["-I", str(ROOT / "diffstab" / "native")]
    made = subprocess.run(
        [compiler, *flags, *include, str(HERE / "sanitized.c"), "-o", str(program), "-lm"],
        capture_output=True, text=True,
    )  # fmt: skip
    if made.returncode and "asan" in made.stderr:
        pytest.skip("the compiler has no address sanitizer")
    assert made.returncode == 0, made.stderr
    ran = subprocess.run([program, "2000"], capture_output=True, text=True)
    assert (ran.stdout, ran.stderr, ran.returncode) == ("2000 shapes\n", "", 0)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["native", "without a compiler", "pure"])
def test_wheels_are_built_with_and_without_a_compiler(way, tmp_path, monkeypatch):
    if way == "native" and not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("no C compiler is installed")
    environment = {**os.environ, "PIP_NO_INPUT": "1"}
    if way == "without a compiler":
        environment["PATH"] = str(tmp_path)
    elif way == "pure":
        environment["DIFFSTAB_BUILD"] = "pure"
    tree = tmp_path / "tree"
    for part in ("diffstab", "scripts/maintain", "pyproject.toml", "README.md", "LICENSE"):
        source, to = ROOT / part, tree / part
        to.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, to)
    for name in ("lenet-mnist5k", "vgg16-w0.25-mnist5k"):
        (tree / "pretrained" / name).mkdir(parents=True)
        (tree / "pretrained" / name / "config.json").touch()
    shutil.copyfile(ROOT / "pretrained" / "pyproject.toml", tree / "pretrained" / "pyproject.toml")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, tree]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        binaries = [name for name in opened.namelist() if name.endswith((".so", ".pyd", ".dylib"))]
        assert "diffstab/native/kernel.c" in opened.namelist()
        kept = [name for name in opened.namelist() if name.startswith("diffstab/pretrained")]
        assert kept == ["diffstab/pretrained/lenet-mnist5k/config.json"]  # the others are in diffstab-networks
        opened.extractall(tmp_path / "wheel")
    assert wheel.name.endswith("none-any.whl") == (way != "native")
    assert binaries == (["_diffstab_native.so"] if way == "native" else [])
    for name in binaries:
        made = ctypes.CDLL(str(tmp_path / "wheel" / name))
        made.diffstab_source.restype = ctypes.c_char_p
        assert made.diffstab_source().decode() == library.digest(ROOT / "diffstab" / "native")
