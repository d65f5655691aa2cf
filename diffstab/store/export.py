"""Rows as files for other programs: CSV, Parquet, a CSV that joins with timm's results, the Hugging Face hub's YAML."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..checks import one_of
from ..options import EXPORTS
from ..results import SETTING, Flat, Row, flat, setting_values, told_setting, without_layers
from .table import FIRST, LAYER_COLUMNS, columns_of, layer_lines

OF_LAYERS = "model weights dataset images draws transform cutoff delta seed key".split()
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # begin a formula in spreadsheets
HOME = "https://github.com/diffstab/diffstab"
HUB_DATASETS = {  # data sets on the Hugging Face hub, by their names here
    "mnist": "ylecun/mnist",
    "fashionmnist": "zalando-datasets/fashion_mnist",
    "cifar10": "uoft-cs/cifar10",
    "cifar100": "uoft-cs/cifar100",
    "svhn": "ufldl-stanford/svhn",
    "tinyimagenet": "zh-plus/tiny-imagenet",
    "imagenet": "ILSVRC/imagenet-1k",
    "imagenette": "frgfm/imagenette",
}
TIMM_COLUMNS = {
    "R": "R.value",
    "R_low": "R.low",
    "R_high": "R.high",
    "D": "D.value",
    "G": "G.value",
    "test_error": "test_error.value",
    **{name: name for name in SETTING},
    "delta_share": "asked.delta_share",
    **{name: name for name in ("seed", "parameters", "key")},
}


def exported(rows: Sequence[Row], file_format: str, *, for_spreadsheets: bool = False) -> bytes:
    """Returns rows as the content of a file.

    Args:
        rows: Rows of a store.
        file_format: `csv` or `parquet` (one column per value); `timm` (only timm's networks with their published
            weights, by the names in timm's results files: `resnet50.a1_in1k`; with every setting); `layers` (one line
            per layer of each row); or `hub` (R_f in the YAML of a network's folder `.eval_results` on the Hugging Face
            hub).
        for_spreadsheets: Put an apostrophe before texts that a spreadsheet would take for formulas.

    Raises:
        ValueError: If the format is unknown, or is `parquet` and pyarrow is not installed, or is `hub` and no row is of
            a data set that is there.

    >>> exported([{"model": "=1+1", "seed": -1}], "csv", for_spreadsheets=True)
    b"model,seed\\n'=1+1,-1\\n"
    """
    write = FORMATS[one_of("format", file_format, FORMATS)]
    if for_spreadsheets and file_format == "parquet":
        raise ValueError("for_spreadsheets is for CSV, and the format is parquet; leave one of them out")
    return write(_without_formulas(rows) if for_spreadsheets else rows)


def _without_formulas(value: Any) -> Any:
    """Returns the value with an apostrophe before every text in it that begins like a formula; numbers stay numbers."""
    if isinstance(value, Mapping):
        return {_without_formulas(name): _without_formulas(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_formulas(inner) for inner in value]
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _csv(rows: Sequence[Row]) -> bytes:
    flats = [flat(without_layers(row)) for row in rows]
    return _written(columns_of(flats) or list(FIRST), flats)


def _layers(rows: Sequence[Row]) -> bytes:
    lines = []
    for row in rows:
        about = {name: value for name, value in flat(without_layers(row)).items() if name in OF_LAYERS}
        lines += [{**about, **line} for line in layer_lines(row)]
    return _written([*OF_LAYERS, *LAYER_COLUMNS], lines)


def _timm(rows: Sequence[Row]) -> bytes:
    wanted = {"model_source": "timm", "weights": "pretrained", "status": "done"}
    measured = [
        flat({**row, **dict(zip(SETTING, setting_values(row), strict=True))})
        for row in rows
        if all(row.get(name) == value for name, value in wanted.items())
    ]
    table = [{"model": timm_name(row), **{new: row.get(old) for new, old in TIMM_COLUMNS.items()}} for row in measured]
    return _written(["model", *TIMM_COLUMNS], table)


def timm_name(row: Flat) -> str:
    """Returns the network's name in timm's results files: `resnet50.a1_in1k` for a row of `timm:resnet50`."""
    name = str(row["model"]).rpartition(":")[2]
    tag = row.get("weights_tag")
    return f"{name}.{tag}" if tag and "." not in name else name


def _hub(rows: Sequence[Row]) -> bytes:
    measured = [
        row for row in rows if row.get("status") == "done" and row.get("R") and str(row.get("dataset")) in HUB_DATASETS
    ]
    if not measured:
        raise ValueError(
            f"no row has R_f of a data set that is on the hub; data sets that are: {', '.join(HUB_DATASETS)}"
        )
    entries = [
        {
            "dataset": {"id": HUB_DATASETS[row["dataset"]], "task_id": "relative_stability"},
            "value": float(f"{row['R']['value']:.6g}"),
            **({"date": row["time"]} if row.get("time") else {}),
            "source": {"url": HOME, "name": "diffstab"},
            "notes": _told(row),
        }
        for row in measured
    ]
    return (json.dumps(entries, indent=2, ensure_ascii=False) + "\n").encode()  # JSON is YAML


def _told(row: Row) -> str:
    """Says how R_f was measured: its interval, D_f and G_f, the setting, and the row that has the rest."""
    R = row["R"]
    parts = [f"R_f of {row['model']}, lower is more stable; 95 % interval {R['low']:.3g} to {R['high']:.3g}"]
    parts += [f"D_f {row['D']['value']:.3g}, G_f {row['G']['value']:.3g}", told_setting(row)]
    return "; ".join([*parts, f"diffstab {row['versions']['diffstab']}, row {row['key'][:12]}"])


def _written(columns: list[str], flats: Sequence[Flat]) -> bytes:
    text = io.StringIO()
    # some releases of csv don't quote a text with a lone carriage return, which readers take for the end of a line
    all_texts = any(map(_has_return, flats))
    writer = csv.DictWriter(
        text,
        columns,
        extrasaction="ignore",
        lineterminator="\n",
        quoting=csv.QUOTE_NONNUMERIC if all_texts else csv.QUOTE_MINIMAL,
    )
    writer.writeheader()
    writer.writerows(flats)
    return text.getvalue().encode(errors="backslashreplace")


def _has_return(row: Flat) -> bool:
    return any(isinstance(value, str) and "\r" in value for value in (*row, *row.values()))


def _parquet(rows: Sequence[Row]) -> bytes:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ValueError("the format parquet needs the package pyarrow: pip install 'diffstab[parquet]'") from error
    flats = [flat(without_layers(row)) for row in rows]
    arrays = {name: pyarrow.array(_alike([row.get(name) for row in flats])) for name in columns_of(flats)}
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(arrays), buffer)
    return buffer.getvalue()


def _alike(values: list[Any]) -> list[Any]:
    """Returns the values as one type, which a Parquet column needs: numbers beside texts become texts."""
    kinds = {type(value) for value in values if value is not None}
    if (kinds <= {int, float} and float in kinds) or (int in kinds and any(_is_huge(value) for value in values)):
        return [None if value is None else float(value) for value in values]
    if len(kinds) > 1:
        values = [None if value is None else str(value) for value in values]
    return [value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value for value in values]


def _is_huge(value: Any) -> bool:
    return isinstance(value, int) and abs(value) >= 2**63


WRITERS: tuple[Callable[[Sequence[Row]], bytes], ...] = (_csv, _parquet, _timm, _layers, _hub)
FORMATS = dict(zip(EXPORTS, WRITERS, strict=True))
