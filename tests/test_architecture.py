"""The package is rooms on floors: imports lead down, never in a circle, and start-up is light (read with ast)."""

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "diffstab"
FLOORS = (
    "checks reading writing precision processes provenance native",
    "options streams",
    "fields statistics data",
    "perturbations transforms models results",
    "measuring store",
    "training experiments pages testing",
    "sweep figures",
    "cli",
    "__main__",
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms.split()}
NEVER = {"options": {"torch"}, "statistics": {"torch"}, "figures/points": {"matplotlib"}}
HOMES = {"timm": "models", "torchvision.models": "models", "torchvision.datasets": "data", "matplotlib": "figures"}
HOMES |= {"ray": "sweep", "grpc": "sweep", "yaml": "sweep", "pyarrow": "store", "click": "cli"}
HOMES |= {"kornia": "transforms", "albumentations": "transforms"}
HOMES |= {"lightning": "training", "pytorch_lightning": "training", "transformers": "training models"}
HOMES |= {"datasets": "data", "onnxruntime": "models"}
BY_NAME = {"by_name.py", "conventions.py"}  # of measuring/: alone take data and models
# imported from their file: their room is imported without torch
DOORS = {"experiments.stripe", "native.library", "native.deform", "native.philox"}
DOORS |= {"figures.points", "figures.drawing", "sweep.executors"}  # rooms within rooms
MOST_FILES_AT_THE_TOP, MOST_LINES, MOST_LINES_OF_A_FUNCTION = 9, 300, 40


def sources(package=PACKAGE):
    return sorted(path for path in package.rglob("*.py") if path != package / "__init__.py")


def room_of(path, package=PACKAGE):
    return path.relative_to(package).parts[0].removesuffix(".py")


def imports(path, package=PACKAGE):
    """Dotted names that a file imports, each name of a module apart; those of the package begin with a point."""
    own = path.relative_to(package).parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = own[: len(own) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            base = re.sub(r"^diffstab\.?", ".", base) if not node.level else f".{base}"
            found |= {f"{base}.{alias.name}".replace("..", ".") for alias in node.names}
    return found


def inner(path, package=PACKAGE):
    """Names within the package that a file imports, without the first point."""
    return {name[1:] for name in imports(path, package) if name.startswith(".")}


def files_imported(path, package=PACKAGE):
    """The files behind these names: a module, a package, or the one that holds the name."""
    found = set()
    for name in inner(path, package):
        place = package.joinpath(*name.split("."))
        ways = [way for at in (place, place.parent) for way in (at.with_suffix(".py"), at / "__init__.py")]
        found |= set([way for way in ways if way.exists() and way != package / "__init__.py"][:1])
    return found - {path}


def upward(path, package=PACKAGE):
    """Rooms that a file imports though they are not below its own."""
    rooms = {name.split(".")[0] for name in inner(path, package)}
    own = room_of(path, package)
    return {room for room in rooms - {own} if FLOOR[room] >= FLOOR[own]}


def stray(package=PACKAGE):
    """What stands at the top of the package without being a room or a file of the ground floor."""
    return {room_of(path, package) for path in sources(package)} ^ set(FLOOR)


def check_no_circle(package=PACKAGE):
    """Raises graphlib.CycleError; imports inside functions count."""
    graphlib.TopologicalSorter({path: files_imported(path, package) for path in sources(package)}).prepare()


def named(path):
    return str(path.relative_to(PACKAGE))


def test_the_top_holds_rooms_and_the_ground_floor_alone():
    assert not stray()
    assert len(list(PACKAGE.glob("*.py"))) <= MOST_FILES_AT_THE_TOP


def test_imports_lead_down():
    assert not {named(path): found for path in sources() if (found := upward(path))}


def test_no_file_reaches_itself():
    check_no_circle()


def past_a_door(path):
    """Names that a file takes from another room's files, and not from the room."""
    for name in inner(path):
        room, *rest = name.split(".")
        if rest and f"{room}.{rest[0]}" in DOORS:
            room, *rest = f"{room}.{rest[0]}", *rest[1:]
        place = PACKAGE.joinpath(*room.split("."), *rest[:1])
        if (
            len(rest) > 1
            and room_of(path) != name.split(".")[0]
            and (place.with_suffix(".py").exists() or place.is_dir())
        ):
            yield name


def test_outside_a_room_one_imports_from_the_room():
    assert not {named(path): found for path in sources() if (found := list(past_a_door(path)))}


def test_libraries_stay_in_their_rooms():
    for path in sources():
        place = path.relative_to(PACKAGE).as_posix()
        for name in imports(path):
            homes = [home for library, home in HOMES.items() if f"{name}.".startswith(f"{library}.")]
            assert all(room_of(path) in home.split() for home in homes), f"{place} imports {name}"
            barred = {
                library for room, libraries in NEVER.items() if place.startswith(f"{room}/") for library in libraries
            }
            assert name.split(".")[0] not in barred, f"{place} imports {name}"
        if place.startswith("measuring/") and path.name not in BY_NAME | {"__init__.py"}:
            assert not {"data", "models"} & {name.split(".")[0] for name in inner(path)}, place


def test_every_room_tells_what_it_is_for():
    for folder in {path.parent for path in sources()} - {PACKAGE}:
        text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
        (first,) = re.findall(r"Open `([a-z_/]+)` first", text)
        assert (folder / f"{first}.py").exists(), f"{folder} names {first}"
        if folder.parent == PACKAGE and folder.name != "cli":
            (sentence,) = re.findall(r"The room imports ([^.:;]*)", " ".join(text.split()))
            told = {room for room in FLOOR if re.search(rf"\b{room}\b", sentence)}
            used = {name.split(".")[0] for path in folder.rglob("*.py") for name in inner(path)}
            assert told == used - {folder.name, *FLOORS[0].split()}, folder


def test_modules_hold_one_idea():
    for path in sources():
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= MOST_LINES, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                start = node.body[0].end_lineno if ast.get_docstring(node) else node.lineno
                assert node.end_lineno - start <= MOST_LINES_OF_A_FUNCTION, f"{path.name}: {node.name}"


def test_files_of_tests_are_short_and_stand_in_rooms():
    for path in Path(__file__).parent.rglob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES, path
        room = path.relative_to(Path(__file__).parent).parts[0].removesuffix(".py").removeprefix("test_")
        assert room in {*FLOOR, "device", "support", "scripts", "docs", "kept", "architecture", "doors", "conftest"}, (
            path
        )


@pytest.fixture
def planted(tmp_path):
    """A package of the same rooms, in which a test plants a file."""
    package = tmp_path / "diffstab"
    for room in FLOOR:
        (package / room).mkdir(parents=True)
        (package / room / "__init__.py").touch()
    return package


def test_a_planted_upward_import_is_found(planted):
    path = planted / "fields" / "field.py"
    path.write_text("def f():\n    from ..measuring import measure\n")
    assert upward(path, planted) == {"measuring"}
    path.write_text("from diffstab.statistics import stability\n")  # of the same floor
    assert upward(path, planted) == {"statistics"}


def test_a_planted_circle_is_found(planted):
    (planted / "fields" / "field.py").write_text("def f():\n    from .inverse import inverse_of\n")
    check_no_circle(planted)
    (planted / "fields" / "inverse.py").write_text("from . import field\n")
    with pytest.raises(graphlib.CycleError):
        check_no_circle(planted)


def test_a_stray_file_is_found(planted):
    assert not stray(planted)
    (planted / "helpers.py").touch()
    assert stray(planted) == {"helpers"}


def loaded_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sorted(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(answer.stdout.split())


def test_start_up_is_light():
    heavy = {"torch", "timm", "torchvision", "numpy", "rich", "matplotlib"}
    assert not heavy & loaded_after("import diffstab.cli")
    assert not {*heavy, "click"} & loaded_after("import diffstab")


@pytest.mark.slow
def test_a_measurement_needs_neither_timm_nor_click():
    loaded = loaded_after(
        "from diffstab.options import MeasureOptions; from diffstab.measuring import measure_cell\n"
        "import diffstab; diffstab.deform; measure_cell(MeasureOptions(model='fc_l2', images=3))"
    )
    assert "torch" in loaded
    assert not {"timm", "torchvision", "matplotlib", "click", "ray"} & loaded


def test_public_names_are_there():
    import diffstab

    assert len(diffstab.__all__) == 19  # 18 names and the version
    for name in diffstab.__all__:
        assert getattr(diffstab, name) is not None
        assert name in dir(diffstab)
    assert callable(diffstab.deform)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        diffstab.nothing  # noqa: B018
