"""Train one of the paper's networks on an embedded or local data set. If stopped, the same command continues.

    python scripts/train_sota.py --model resnet18 --recipe laptop --output runs/resnet18

The script runs `diffstab train`; docs/training.md describes the recipes. scripts/maintain/keep_checkpoint.py copies the
resulting checkpoint.pt to pretrained/; scripts/train_zoo.py trains all of the paper's networks.
"""

import sys

from diffstab.cli import main as diffstab


def main() -> None:
    """Runs `diffstab train` with this script's arguments."""
    diffstab(["train", *sys.argv[1:]], prog_name="diffstab")


if __name__ == "__main__":
    main()
