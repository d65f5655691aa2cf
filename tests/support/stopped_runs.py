"""Short trainings that are stopped and go on."""

import pytest

from diffstab.options.train import TrainOptions
from diffstab.training.loop import train

OPTIONS = TrainOptions(
    model="fc_l4", lr=3e-3, schedule="cosine", weight_decay=5e-4, epochs=3, batch_size=16, translate=1, select="last"
)


def stop_after(last):
    """Ends a run when that epoch's checkpoint was written."""

    def progress(report):
        if report.epoch == last:
            raise KeyboardInterrupt

    return progress


def stopped_and_resumed(options, folder, last=1):
    with pytest.raises(KeyboardInterrupt):
        train(options, folder=folder, progress=stop_after(last))
    reports = []
    trained = train(options, folder=folder, progress=reports.append)
    assert [report.epoch for report in reports] == list(range(last + 1, options.epochs + 1))
    assert {(report.epochs, report.watched) for report in reports} == {(options.epochs, "test")}
    assert (reports[-1].loss, reports[-1].error) == (trained.train_loss, trained.test_error)
    assert reports[-1].seconds_left == 0
    return trained
