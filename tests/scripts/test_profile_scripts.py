"""The scripts of these figures write all files whole, and refuse in one line."""

import fig14_depth
import pytest
from PIL import Image
from support.measured_rows import row
from support.profiles import FIGURES, each

from diffstab import Store
from diffstab.figures.drawing.files import stem_of, table_csv
from diffstab.figures.points.rows import read_rows
from diffstab.store.entry import Entry
from diffstab.store.export import exported

pytestmark = pytest.mark.slow


def kept(rows, folder):
    store = Store(folder, create=True)
    for one in rows:
        store.add(Entry(one))
    store.close()
    return folder


def run(cli, script, store, *arguments):
    given = ["--preset", "own", "--store", store, *arguments]
    return cli(*given, command=script.main)


@pytest.mark.parametrize("name", FIGURES)
def test_a_script_writes_all_files_whole(cli, name, tmp_path):
    draw, rows, script = FIGURES[name]
    broken = row("broken", cutoff_rule=rows()[0]["cutoff_rule"])
    broken |= {"status": "failed", "error": {"type": "ValueError", "message": "no"}}
    store = kept([*rows(), broken], tmp_path / "store")
    answer = run(cli, script, store, "-o", tmp_path / "f", "--where", "model!=vgg11")
    name = script.main.name
    assert answer.exit_code == 0, answer.output
    assert "note: 1 failed cells are left out" in answer.stderr
    assert sorted(path.name for path in (tmp_path / "f").iterdir()) == [
        f"{name}.{end}" for end in ("csv", "pdf", "png")
    ]
    stem = tmp_path / "f" / name
    assert stem.with_suffix(".csv").read_bytes() == table_csv(draw(Store(store).rows(), ["model!=vgg11"]).table)
    assert stem.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    with Image.open(stem.with_suffix(".png")) as picture:
        assert '"filters": ["model!=vgg11"]' in picture.info["Description"]
        assert '"dataset": "mnist5k"' in picture.info["Description"]
    points = len(draw(rows()).table)
    assert answer.stdout.splitlines()[0].endswith("; median")
    assert f"{points} points; 500 images of mnist5k/test" in answer.stdout


@pytest.mark.parametrize("name", ["delta", "noise", "transformations", "augmentation"])
def test_a_csv_export_and_rows_in_another_order_give_the_same_table(name, tmp_path):
    draw, rows, _ = FIGURES[name]
    table = draw(rows()).table
    path = tmp_path / "rows.csv"
    path.write_bytes(exported(rows(), "csv"))
    assert draw(read_rows(path)[0]).table == table
    assert draw(rows()[::-1]).table == [pytest.approx(line) for line in table]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/missing", "-o", "{}/f"], "can't be read (No such file or directory)"),
        (["{}/store", "-o", "{}/store/store.json"], "File exists"),
        (["{}/store", "-o", "{}/f", "--where", "modle=a"], "no row has a column 'modle'; did you mean 'model'?"),
        (["{}/store", "-o", "{}/f", "--where", "cutoff=7"], "no measurement is among 0 of 6 rows"),
        (["{}/store", "-o", "{}/f"], "no row has layers"),
    ],
)
def test_scripts_refuse_in_one_line(cli, tmp_path, arguments, message):
    kept(each("lenet"), tmp_path / "store")
    answer = run(cli, fig14_depth, *(one.replace("{}", str(tmp_path)) for one in arguments))
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("f/*"))


def test_without_matplotlib_scripts_say_what_to_install(cli, monkeypatch, tmp_path):
    monkeypatch.setattr("diffstab.figures.paper.catalogue.find_spec", lambda name: None)
    for _, _, script in FIGURES.values():
        answer = run(cli, script, tmp_path, "-o", tmp_path / "f")
        assert (answer.exit_code, "pip install 'diffstab[plot]'" in answer.stderr) == (2, True)


def test_an_output_that_names_no_file_is_refused(tmp_path):
    for output in ("", "/", "."):
        with pytest.raises(ValueError, match="the name of a file is needed"):
            stem_of(type(tmp_path)(output))
