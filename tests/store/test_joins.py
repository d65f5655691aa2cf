"""Rows joined by network with tables that others publish, in their form: timm's results, RobustBench's corruptions."""

import io
import re

import pandas as pd
import pytest
from support.measured_rows import row
from support.pages import ROOT, blocks

from diffstab.store.export import exported
from diffstab.store.table import value_at

# the form of timm's results-imagenet.csv: per cent, parameters in millions with a comma at the thousands
TIMM = """model,top1,top1_err,top5,top5_err,param_count,img_size,crop_pct,interpolation
eva_giant_patch14_560.m30m_ft_in22k_in1k,90.0,10.0,99.0,1.0,"1,014.45",560,1.000,bicubic
resnet50.a1_in1k,80.0,20.0,95.0,5.0,25.56,288,1.000,bicubic
resnet50.tv_in1k,76.0,24.0,93.0,7.0,25.56,224,0.875,bilinear
"""
# the form of RobustBench's model_info/imagenet/corruptions/unaggregated_results.csv: accuracy, two lines of header
ROBUSTBENCH = f"""{",fog" * 5}{",elastic_transform" * 5}
,1,2,3,4,5,1,2,3,4,5
Standard_R50,0.6,0.5,0.4,0.3,0.2,0.65,0.45,0.55,0.40,0.15
Hendrycks2020Many,0.7,0.6,0.5,0.4,0.3,0.70,0.50,0.60,0.50,0.25
"""


def library_row(name, tag, **more):
    asked = {"images": 500, "delta_share": 0.01}
    about = {"model_source": "timm", "weights": "pretrained", "weights_tag": tag, "dataset": "imagenet"}
    return row(f"timm:{name}", 0, **about, asked=asked, **more)


ROWS = [
    library_row("resnet50", "a1_in1k", R=0.3, parameters=25_557_032),
    library_row("resnet50", "a1_in1k", R=0.6, transform="rotation", cutoff=None),
    library_row("resnet50.tv_in1k", "tv_in1k", R=0.4, of="probabilities", shuffle_channels=True),
    library_row("resnet50", "a1_in1k", R=0.9, worst="both"),
    library_row("resnet18", "a1_in1k", R=0.5),  # in nobody's table
    row("lenet", 0, R=0.2),
    row("torchvision:resnet50", R=0.7, model_source="torchvision", weights="pretrained", weights_tag="IMAGENET1K_V1"),
]


def test_rows_of_every_setting_are_told_apart_beside_timms_table():
    own = pd.read_csv(io.BytesIO(exported(ROWS, "timm")))
    joined = own.merge(pd.read_csv(io.StringIO(TIMM), thousands=","), on="model", suffixes=("", "_timm"))
    assert list(joined["model"]) == ["resnet50.a1_in1k", "resnet50.a1_in1k", "resnet50.tv_in1k", "resnet50.a1_in1k"]
    told = joined[["transform", "of", "worst", "shuffle_channels"]].fillna("").to_numpy().tolist()
    assert told == [
        *(["diffeo", "logits", "", False], ["rotation", "logits", "", False]),
        *(["diffeo", "probabilities", "", True], ["diffeo", "logits", "both", False]),
    ]
    assert list(joined["R"]) == [0.3, 0.6, 0.4, 0.9]
    assert list(joined["delta_share"]) == [0.01] * 4
    assert joined["parameters"][0] / 1e6 == pytest.approx(joined["param_count"][0], abs=0.005)
    assert list(joined["top1_err"]) == [20.0, 20.0, 24.0, 20.0]


@pytest.mark.slow
def test_the_recipes_of_the_page_join_both_tables(tmp_path, monkeypatch):
    """The page's own lines, run on tables in the published form."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results-imagenet.csv").write_text(TIMM)
    (tmp_path / "unaggregated_results.csv").write_text(ROBUSTBENCH)
    (tmp_path / "timm.csv").write_bytes(exported(ROWS, "timm"))
    (tmp_path / "rows.csv").write_bytes(exported(ROWS, "csv"))
    page = (ROOT / "docs" / "atlas.md").read_text("utf-8")
    found = re.findall(r"^```py\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert len(found) == 2 == sum(block.language == "py" for block in blocks(ROOT / "docs" / "atlas.md"))
    names = {}
    for text in found:
        exec(compile(text, "atlas.md", "exec"), names)
    first, second = names["joined"], names["elastic"]
    assert list(first["model"]) == ["resnet50.a1_in1k"]  # the plain setting alone
    assert (first["R"][0], first["top1_err"][0]) == (0.3, 20.0)
    (only,) = second.to_dict("records")
    assert (only["model"], only["R.value"]) == ("torchvision:resnet50", value_at(ROWS[-1], "R.value"))
    assert only["elastic_error"] == pytest.approx(1 - (0.65 + 0.45 + 0.55 + 0.40 + 0.15) / 5)
