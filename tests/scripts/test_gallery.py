"""docs/figures.md: its numbers are those of the CSV files beside its pictures."""

import re

import gallery
import pytest

pytestmark = pytest.mark.slow

LINES = """model,text,R,R_low,R_high,error,error_low,error_high,plain
lenet,two words,0.5,0.25,1,0.0123456,0.01,0.02,1500
vgg,one,2000000,,,0,0,0,3
"""


def test_the_page_is_its_template_filled():
    assert gallery.page(gallery.TEMPLATE.read_text(), gallery.IMAGES) == gallery.PAGE.read_text()


def test_every_figure_of_two_cores_is_shown_with_its_points():
    shown = set(re.findall(r"\(images/([\w-]+)\.png\)", gallery.PAGE.read_text()))
    assert shown == {name for name, kind in gallery.PICTURES.items() if "laptop" in kind.presets}
    for name in shown:
        assert (gallery.IMAGES / f"{name}.png").exists()
        assert (gallery.IMAGES / f"{name}.csv").exists()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "f.csv").write_text(LINES)
    return tmp_path


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("f R model=lenet", "0.5 (0.25 to 1)"),
        ("f R! model=lenet", "0.5"),
        ("f R text=two_words", "0.5 (0.25 to 1)"),
        ("f R model=vgg plain=3.0", "2,000,000"),
        ("f error% model=lenet", "1.23\N{NO-BREAK SPACE}% (1 to 2)"),
        ("f plain model=lenet / f plain model=vgg", "500"),
    ],
)
def test_a_field_is_a_number_of_one_line(folder, field, text):
    assert gallery.page(f"It is {{{{{field}}}}}.", folder) == f"It is {text}.\n"


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("f R model=resnet", "0 lines of f.csv; one with R is needed"),
        ("f R", "2 lines of f.csv"),
        ("f G model=lenet", "1 lines of f.csv; one with G is needed"),
        ("f R net=lenet", "f.csv has no column 'net'"),
    ],
)
def test_a_field_without_its_one_line_is_refused(folder, field, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        gallery.page(f"{{{{{field}}}}}", folder)


def test_prose_is_wrapped_and_the_rest_left():
    words = "word " * 60
    text = gallery.page(f"# title {words}\n\n{words}\n\n```bash\ncode  {words}\n```\n\n- {words}\n", gallery.IMAGES)
    title, prose, code, item = text.rstrip("\n").split("\n\n")
    assert "\n" not in title + item
    assert code == f"```bash\ncode  {words}\n```"
    assert max(map(len, prose.splitlines())) <= gallery.WIDTH
