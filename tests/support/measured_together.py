"""Run by torchrun: measures what the JSON list of options on its command line names; the first process prints rows."""

import json
import os
import sys

import torch

from diffstab.measuring.by_name import measure_cell
from diffstab.options.measure import MeasureOptions
from diffstab.processes import joined


def main():
    with joined(torch.device(os.environ.get("DIFFSTAB_DEVICE", "cpu"))) as processes:
        rows = [
            measure_cell(MeasureOptions.from_mapping(cell), None, processes).to_dict()
            for cell in json.loads(sys.argv[1])
        ]
        if processes.first:
            print(json.dumps(rows))


if __name__ == "__main__":
    main()
