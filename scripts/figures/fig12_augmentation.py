"""R_f of a network after training with several augmentations, for several cutoffs: the paper's Fig. 12.

    diffstab sweep scripts/figures/augmentation.yaml --store augmentation
    python scripts/figures/fig12_augmentation.py augmentation -o augmentation.png

Writes FIGURE.png, FIGURE.pdf and FIGURE.csv with the points behind them.
"""

from figure_command import figure_command


def draw(rows, filters):
    from diffstab.figures.augmentation import augmentation_figure  # takes matplotlib

    return augmentation_figure(rows, filters)


ABOUT = """Draw R_f after training with each augmentation, a group for each and a colour for each cutoff.

RESULTS is a store's folder, or what `diffstab results export --format csv` wrote of it."""
main = figure_command(draw, "Relative stability by augmentation", ABOUT)

if __name__ == "__main__":
    main()
