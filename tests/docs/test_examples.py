"""The notebooks of examples/: Jupyter opens them, they run without a network, and their text says what they print."""

import re
from pathlib import Path

import jupytext
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.md"))
FEWEST_CELLS, MOST_CELLS = 5, 10  # of code
ROUNDED = 0.25  # text rounds, and trainings end a little differently on another machine
OFFLINE = """
import socket
def refused(*_, **__):
    raise OSError("examples use no network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refused
"""
FORBIDDEN = "import socket\nsocket.create_connection(('127.0.0.1', 9))"


def read(path):
    return jupytext.read(path)  # by its header, as Jupyter does


def run(notebook, folder):
    """Executes the cells in a fresh kernel, which starts in the folder and reaches no network."""
    first = jupytext.reads(f"```{{code-cell}}\n{OFFLINE}```", fmt="md:myst").cells
    notebook.cells[:0] = first
    NotebookClient(notebook, timeout=300, startup_timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    del notebook.cells[: len(first)]
    return notebook


def printed(cell):
    return "".join(output.text for output in cell.get("outputs", ()) if output.output_type == "stream")


def numbers(text):
    return [float(number) for number in re.findall(r"(?<![\w.])\d+\.\d+(?![\w.]*`)", text)]


def unsaid(notebook):
    """Numbers with a decimal point in a text that the last cell with output before it does not print."""
    shown = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            shown = numbers(printed(cell)) or shown
        elif shown:
            for number in numbers(cell.source):
                if not any(abs(number - other) <= ROUNDED * other for other in shown):
                    yield number


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def executed(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param.stem)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        patch.setenv("OMP_NUM_THREADS", "1")
        return request.param.stem, run(read(request.param), folder)


def test_the_index_names_every_notebook():
    text = (ROOT / "docs" / "examples.md").read_text()
    assert len(NOTEBOOKS) == 4
    for path in NOTEBOOKS:
        assert f"](../examples/{path.name})" in text
        assert re.search(rf"^examples/{path.stem}$", text, re.MULTILINE)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_jupyter_opens_them_as_short_notebooks(path):
    notebook = read(path)
    assert notebook.metadata.jupytext.text_representation.format_name == "myst"
    assert notebook.metadata.kernelspec.name == "python3"
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert FEWEST_CELLS <= len(cells) <= MOST_CELLS


@pytest.mark.slow
def test_they_print_draw_and_warn_of_nothing(executed):
    _, notebook = executed
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert any("image/png" in output.get("data", ()) for output in outputs)
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    assert any(printed(cell) for cell in notebook.cells)


@pytest.mark.slow
def test_the_text_says_what_the_cells_print(executed):
    name, notebook = executed
    assert not list(unsaid(notebook))
    if name == "during_training":
        (table,) = [text for cell in notebook.cells if "R_f after epoch" in (text := printed(cell))]
        (start, *_, end), (other_start, *_, other_end) = (numbers(line) for line in table.splitlines()[1:])
        assert 0.5 < start < 2
        assert 0.5 < other_start < 2
        assert end > 3
        assert other_end < 1


def test_a_number_that_no_cell_prints_is_found():
    notebook = read(NOTEBOOKS[0])
    code, text = jupytext.reads("```{code-cell}\n1\n```\n\nIt is 2.0 of `3.5`, or 0.3.", fmt="md:myst").cells
    code.outputs = [{"output_type": "stream", "name": "stdout", "text": "0.32 and 1.31"}]
    code.outputs = [type(code)(output) for output in code.outputs]
    notebook.cells = [code, text]
    assert list(unsaid(notebook)) == [2.0]


@pytest.mark.slow
def test_a_notebook_that_asks_the_network_fails(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    with pytest.raises(Exception, match="examples use no network"):
        run(jupytext.reads(f"```{{code-cell}}\n{FORBIDDEN}\n```", fmt="md:myst"), tmp_path)
