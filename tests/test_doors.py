"""Files of others are opened by `reading`, and written by `writing`; what else touches files says why (with ast)."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "diffstab"
DOORS = {"reading.py", "writing.py"}
READERS = "open read_text read_bytes fromfile memmap loadtxt loadmat load_file safe_open ZipFile TarFile".split()
READERS += [f"{module}.load" for module in ("np", "numpy", "torch", "json", "pickle", "yaml", "joblib")]
WRITERS = "write_text write_bytes touch truncate ftruncate rename unlink rmtree symlink_to hardlink_to".split()
WRITERS += "mkstemp mkdtemp TemporaryFile NamedTemporaryFile TemporaryDirectory copyfile copytree savez".split()
WRITERS += "os.replace os.remove os.link os.symlink shutil.move shutil.copy shutil.copy2 torch.save np.save".split()
NAMED = {*READERS, *WRITERS}
OWN = "comes with the package, or with a library"
HELD = "what is in memory, or was opened by the door"

ALLOWED = {
    ("cli/errors.py", "os.open"): "the null device",
    ("cli/sweep.py", "EXAMPLE.read_text"): OWN,
    ("data/embedded.py", "np.load"): OWN,
    ("data/files.py", "Image.open"): HELD,
    ("data/images.py", "self.raw.open"): "an image by its number",
    ("data/tables.py", "made.open"): "an image by its number",
    ("data/layout.py", "copyfile"): "archives that are regular files, into a temporary folder",
    ("data/layout.py", "(folder / archive).unlink"): "in a temporary folder",
    ("data/layout.py", "os.replace"): "what was fetched, into the user's folder",
    ("figures/drawing/parts.py", "Image.open"): OWN,
    ("figures/drawing/files.py", "Image.open"): HELD,
    ("native/library.py", "(folder / name).read_bytes"): OWN,
    ("models/sources.py", "module.read_text"): OWN,
    ("models/weight_files.py", "load_file"): "a regular file, by its path: it is mapped into memory",
    ("models/weight_files.py", "torch.load"): HELD,
    ("models/weight_files.py", "zipfile.ZipFile"): HELD,
    ("pages/atlas.py", "(STATIC / 'atlas.html').read_text"): OWN,
    ("pages/explorer.py", "(STATIC / 'explorer.html').read_text"): OWN,
    ("pages/page.py", "(STATIC / name).read_text"): OWN,
    ("pages/report.py", "(STATIC / 'report.html').read_text"): OWN,
    ("sweep/executors/ray_files.py", "place.write_bytes"): "in a temporary folder",
    ("sweep/executors/worker.py", "os.ftruncate"): "a file without a name",
    ("sweep/executors/worker.py", "tempfile.TemporaryFile"): "a file without a name",
    ("sweep/run.py", "shutil.rmtree"): "a folder that the sweep made, behind no link",
    ("training/loop.py", "os.replace"): "within the training's folder",
    ("training/state.py", "os.replace"): "within the training's folder",
    ("training/state.py", "torch.load"): HELD,
    ("training/state.py", "torch.save"): HELD,
    ("training/state.py", "zipfile.ZipFile"): HELD,
    ("store/locks.py", "os.unlink"): "a lock that this process made",
    ("store/locks.py", "os.open"): "locks, which are no links and no pipes",
    ("store/parts.py", "os.ftruncate"): "its own part file",
    ("store/parts.py", "os.open"): "its own part file, which was not there",
    ("store/sidecar.py", "np.load"): HELD,
    ("store/sidecar.py", "zipfile.ZipFile"): HELD,
}


def touching(package=PACKAGE):
    """Calls that open, read, write, move or remove files, outside the doors: the file, and what is called."""
    for path in package.rglob("*.py"):
        place = path.relative_to(package).as_posix()
        if place in DOORS:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        aliases = {alias.asname: f"{node.module}.{alias.name}" for node in imports for alias in node.names}
        aliases |= {alias.name: f"{node.module}.{alias.name}" for node in imports for alias in node.names}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _touches(node, aliases):
                yield place, ast.unparse(node.func)


def _touches(call, aliases):
    text = ast.unparse(call.func)
    whole = aliases.get(text, text)
    if whole.startswith(("checks.", "reading.", "writing.")):
        return False
    moves = whole.endswith(".replace") and len(call.args) == 1 and not call.keywords  # a path; texts take two
    return whole in NAMED or whole.rpartition(".")[2] in NAMED or moves


def test_every_file_is_opened_and_written_through_the_doors_or_says_why_not():
    found = set(touching())
    assert not found - ALLOWED.keys(), "goes round reading.py and writing.py"
    assert not ALLOWED.keys() - found, "is allowed, and not there any more"


@pytest.mark.parametrize(
    "code",
    [
        "open(p)", "open(p, 'w')", "p.open()", "os.open(p, os.O_CREAT)", "io.open(p)", "p.read_text()",
        "p.read_bytes()",
        "np.load(p)", "np.fromfile(p)", "torch.load(p)", "load_file(p)", "safe_open(p)", "zipfile.ZipFile(p)",
        "tarfile.open(p)", "Image.open(p)", "json.load(f)", "p.write_text(t)", "p.write_bytes(b)", "os.truncate(p, 0)",
        "os.rename(a, b)", "os.replace(a, b)", "a.replace(b)", "a.rename(b)", "shutil.move(a, b)", "os.unlink(p)",
        "p.unlink()", "shutil.rmtree(p)", "tempfile.mkstemp()", "torch.save(x, p)", "p.touch()",
        "from os import replace as moved\nmoved(a, b)", "from zipfile import ZipFile as Archive\nArchive(p)",
        "from numpy import load\nload(p)",
    ],
)  # fmt: skip
def test_a_planted_way_round_is_found(tmp_path, code):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "load.py").write_text(code)
    ((place, _),) = touching(tmp_path)
    assert place == "models/load.py"
    (tmp_path / "models" / "load.py").rename(tmp_path / "reading.py")
    assert not list(touching(tmp_path))


@pytest.mark.parametrize(
    "code", ["text.replace('a', 'b')", "replace(row, a=1)", "image.load()", "read_text(p, most=1)"]
)
def test_other_calls_are_no_way_round(tmp_path, code):
    (tmp_path / "a.py").write_text(f"from ..reading import read_text\nfrom dataclasses import replace\n{code}")
    assert not list(touching(tmp_path))
