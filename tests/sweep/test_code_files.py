"""The files that own code imports are part of what it is."""

from pathlib import Path

from torchvision.models.segmentation import fcn

from diffstab.options.measure import MeasureOptions
from diffstab.sweep.code_files import imported_files
from diffstab.sweep.jobs import measure_job

FILES = {
    "net.py": "import os, torch, blocks\nfrom parts import head\nfrom parts.body import Body as B\n",
    "blocks.py": "def late():\n    import deep.er\n",
    "deep/er.py": "import net",
    "parts/__init__.py": "",
    "parts/head.py": "from . import shared\nfrom .body import Body",
    "parts/body.py": "",
    "parts/shared.py": "",
    "parts/other.py": "",
    "other.py": "",
}


def write(folder):
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def test_imports_are_followed_through_packages_and_functions(tmp_path):
    write(tmp_path)
    found = imported_files(tmp_path / "net.py", "net")
    assert list(found) == [
        "blocks.py", "deep/er.py", "parts/__init__.py", "parts/body.py", "parts/head.py", "parts/shared.py"
    ]  # fmt: skip
    assert list(imported_files(tmp_path / "parts" / "head.py", "parts.head")) == [
        "parts/__init__.py", "parts/body.py", "parts/shared.py"
    ]  # fmt: skip
    assert not imported_files(tmp_path / "other.py", "other")


def test_installed_packages_count_by_their_versions():
    assert not imported_files(Path(fcn.__file__), fcn.__name__)


def test_files_that_are_no_code_are_left_to_the_network(tmp_path):
    (tmp_path / "net.py").write_text("import broken, missing")
    (tmp_path / "broken.py").write_text("def (")
    assert list(imported_files(tmp_path / "net.py", "net")) == ["broken.py"]


def test_a_file_beside_own_code_is_part_of_a_jobs_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)

    def ids():
        return [measure_job(MeasureOptions(model=model)).id for model in ("net:build", "other:build")]

    before = ids()
    (tmp_path / "parts" / "shared.py").write_text("changed = True")
    after = ids()
    assert before[0] != after[0]
    assert before[1] == after[1]
