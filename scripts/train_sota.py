"""Train one of the paper's networks on an embedded or local data set; killed at any point, it goes on where it was.

    python scripts/train_sota.py --model resnet18 --recipe laptop --output runs/resnet18

It is `diffstab train`; docs/training.md tells the recipes. scripts/maintain/keep_checkpoint.py takes the checkpoint.pt
that it leaves; scripts/train_zoo.py trains all of the paper's networks.
"""

import sys

from diffstab.cli import main as diffstab


def main() -> None:
    """`diffstab train` with this script's arguments."""
    diffstab(["train", *sys.argv[1:]], prog_name="diffstab")


if __name__ == "__main__":
    main()
