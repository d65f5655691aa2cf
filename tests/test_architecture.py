"""Imports point one way (read with ast), and start-up is light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "diffstab"
CORE = (
    "settings widths data_names options measure_options recipes streams pairs raw_values layer_results points field "
    "kept_modes ensemble precision gaussian_window deformation inverse nearest diffeomorphic field_law affine "
    "transformations intervals mean_ratio statistics correlation paired_samples comparison provenance results store"
).split()
LOOP = (
    "batches modes outputs moments layer_names layers layer_changes layer_profile forward memory processes plan survey "
    "changes two_passes outcome stability adaptive"
).split()
DATA, MODELS = 2, 3  # a model spec needs the shape of its data set's images
EDGES = {
    "transforms": 2,
    "experiments": 3,
    "figures": 4,
    "pages": 4,
    "training": 4,
    "sweep": 5,
    "cli": 6,
    "__main__": 7,
}
RANK = {**dict.fromkeys(CORE, 0), **dict.fromkeys(LOOP, 1), "data": DATA, "models": MODELS, **EDGES}
HOMES = {"timm": "models", "torchvision.models": "models", "torchvision.datasets": "data", "matplotlib": "figures"}
HOMES |= {"ray": "sweep", "submitit": "sweep", "yaml": "sweep", "pyarrow": "store", "click": "cli"}
HOMES |= {"kornia": "transforms", "albumentations": "transforms"}


def imports(path: Path) -> set[str]:
    """Modules that a file imports, those of the package by their first part, outside `if TYPE_CHECKING`."""
    package = path.relative_to(PACKAGE).parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            above = package[: len(package) - node.level + 1]
            parts = [*above, *(node.module or "").split(".")]
            found.add("diffstab." + (parts[0] or ""))
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


def sources() -> dict[Path, str]:
    files = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]
    return {path: path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in files}


def test_every_module_has_a_place():
    assert set(sources().values()) == set(RANK)


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    own = sources()[path]
    for name in imports(path):
        if name.startswith("diffstab."):
            other = name.split(".")[1]
            assert other == own or RANK[other] < RANK[own] or (RANK[own] == RANK[other] < 2), f"{own} imports {other}"
        for library, home in HOMES.items():
            if name == library or name.startswith(library + "."):
                assert own == home, f"{own} imports {name}"


def test_modules_hold_one_idea():
    """Modules around 200 lines, functions of at most 40 without their docstring."""
    for path in sources():
        text = path.read_text()
        assert len(text.splitlines()) <= 300, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                start = node.body[0].end_lineno if ast.get_docstring(node) else node.lineno
                assert node.end_lineno - start <= 40, f"{path.name}: {node.name}"


def loaded_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sorted(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(answer.stdout.split())


def test_the_command_line_starts_without_torch():
    assert not {"torch", "timm", "torchvision", "numpy", "rich"} & loaded_after("import diffstab.cli")


def test_a_measurement_needs_neither_timm_nor_click():
    loaded = loaded_after(
        "from diffstab.options.measure import MeasureOptions; from diffstab.measuring.by_name import measure_cell\n"
        "import diffstab; diffstab.deform; measure_cell(MeasureOptions(model='fc_l2', images=3))"
    )
    assert "torch" in loaded
    assert not {"timm", "torchvision", "matplotlib", "click", "ray"} & loaded


def test_public_names_are_there():
    import diffstab

    for name in diffstab.__all__:
        assert getattr(diffstab, name) is not None
        assert name in dir(diffstab)
    assert callable(diffstab.deform)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        diffstab.nothing  # noqa: B018
