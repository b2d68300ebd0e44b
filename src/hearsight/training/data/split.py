"""Which clips are trained on, and which the network is validated on."""

from __future__ import annotations

from hearsight.config import TrainConfig
from hearsight.console import print_message
from hearsight.errors import DatasetError
from hearsight.training.data.dataset import TrainingData, choose_agreeing, choose_media
from hearsight.training.data.statistics import SplitStatistics, compute_statistics
from hearsight.training.data.targets import TargetSource


def choose_clips(
    data: TrainingData, targets: TargetSource, config: TrainConfig
) -> tuple[SplitStatistics, SplitStatistics]:
    """Choose the clips to train on and to validate on.

    Raises
    ------
    DatasetError
        When there are fewer than two clips to train on.
    """
    labelled_only = config.loss != "reconstruction" and config.targets == "labels"
    chosen = choose_media(data, data.indices("train"), config.media_share)
    chosen = choose_agreeing(data, chosen, config.min_agreement)
    training = compute_statistics(targets, chosen, labelled_only=labelled_only)
    clips, most = data.indices("validation"), config.validation_clips
    validation = compute_statistics(targets, clips, most=most, labelled_only=labelled_only)
    if len(training.clips) < 2:
        found = f"{len(training.clips)} training clips with labels"
        hint = "build from more videos, or with another policy or validation_share"
        raise DatasetError("the dataset", found, "at least 2", hint)
    if training.num_unlabelled or validation.num_unlabelled:
        print_message(f"{training.num_unlabelled + validation.num_unlabelled} clips have no label and are left out")
    if not len(validation.clips):
        print_message("there are no validation clips: training continues without accuracy and mAP")
    return training, validation
