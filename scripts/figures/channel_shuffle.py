"""D_f and G_f of every layer with its channels as they are and shuffled: pooling in space, and over channels.

    python scripts/figures/channel_shuffle.py --run

Writes figures/channel-shuffle.png, .pdf, and .csv with the points behind them; --help tells the options.
"""

from figure_command import figure_command

main = figure_command("channel-shuffle")

if __name__ == "__main__":
    main()
