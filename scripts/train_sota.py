"""Train one of the paper's networks on an embedded or local data set; killed at any point, it goes on where it was.

    python scripts/train_sota.py --model resnet18 --epochs 20 --output runs/resnet18
    python scripts/train_sota.py --model fc_l4 --optimizer adam --lr 1e-3 --weight-decay 0 --epochs 50 \
        --translate 0 --output runs/fc_l4

Recipe (App. E.1): cross-entropy, batches of 128, SGD with momentum 0.9, weight decay 5e-4 and a cosine over all
epochs; random translations; the last epoch is kept, so nothing is chosen on the test set. It is `diffstab train`;
scripts/keep_checkpoint.py takes the checkpoint.pt that it leaves.
"""

import sys

from diffstab.cli import main as diffstab


def main() -> None:
    """`diffstab train` with this script's arguments."""
    diffstab(["train", *sys.argv[1:]], prog_name="diffstab")


if __name__ == "__main__":
    main()
