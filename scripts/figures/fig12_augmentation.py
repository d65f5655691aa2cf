"""R_f after training with several augmentations: the paper's Fig. 12.

    python scripts/figures/fig12_augmentation.py --run

Writes figures/fig12-augmentation.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("fig12-augmentation")

if __name__ == "__main__":
    main()
