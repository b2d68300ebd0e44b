"""The survey of a dataset as tables: what it holds, how its labels are spread, and how far they can be trusted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from hearsight.dataset.survey.agreement import find_pairs
from hearsight.dataset.survey.quality import COMPANION_SHARE, TWIN_OVERLAP, find_companions, find_shared, find_twins
from hearsight.dataset.survey.survey import Survey
from hearsight.dataset.survey.teachers import QUANTILES
from hearsight.dataset.survey.truth import LabelTruth
from hearsight.inspection.table import Column, Table

ROWS = 20
"""Rows of a table that names classes."""
SENSES = {"vision": "seen", "audio": "heard"}

_QUANTILE_NAMES = [f"{100 * share:.0f} %" for share in QUANTILES]


def tabulate_survey(survey: Survey) -> list[Table]:
    """Return what a dataset holds, and how its labels are spread."""
    modalities = list(survey.labels_per_clip)
    return [
        tabulate_contents(survey),
        tabulate_use(survey),
        *(tabulate_frequencies(survey, modality) for modality in modalities),
        tabulate_class_sizes(survey),
        tabulate_labels_per_clip(survey),
        tabulate_durations(survey),
        tabulate_folds(survey),
        tabulate_rejections(survey),
    ]


def tabulate_quality(survey: Survey, truths: Sequence[LabelTruth] = ()) -> list[Table]:
    """Return how far the labels can be trusted."""
    tables = [tabulate_teachers(survey)]
    if len(survey.teacher_pairs):
        tables.append(tabulate_teacher_pairs(survey))
    if len(survey.agreement):
        tables += [tabulate_agreement(survey), tabulate_pairs(survey)]
    tables += [tabulate_shared(survey), tabulate_twins(survey), tabulate_companions(survey)]
    if truths:
        tables.append(tabulate_truths(survey, truths))
    return [table for table in tables if table.rows]


def tabulate_contents(survey: Survey) -> Table:
    """Return clips, sources, hours and splits."""
    clips = survey.clips
    rows: list[tuple[Any, ...]] = [
        ("clips", f"{clips.num_clips:,}"),
        ("sources", f"{clips.num_sources:,}"),
        ("hours", f"{clips.hours:,.2f}"),
        ("seconds per clip", f"{3600.0 * clips.hours / max(1, clips.num_clips):.2f}"),
        ("clips for training", f"{clips.num_clips - clips.num_validation:,}"),
        ("clips for validation", f"{clips.num_validation:,}"),
    ]
    return Table("contents", "Contents", (Column("what", "what"), Column("value", "value")), rows)


def tabulate_use(survey: Survey) -> Table:
    """Return how many classes of each teacher are the label of some clip (Jia 2019, section 2)."""
    rows = [
        (one.name, SENSES[one.modality], one.num_classes, one.num_used, one.num_used / max(1, one.num_classes))
        for one in survey.teachers
    ]
    total, used = sum(row[2] for row in rows), sum(row[3] for row in rows)
    rows.append(("all", "", total, used, used / max(1, total)))
    columns = (
        Column("teacher", "teacher"),
        Column("sense", "sense"),
        Column("classes", "classes", "count"),
        Column("used", "used", "count"),
        Column("share", "used", "share"),
    )
    return Table(
        "utilisation", "Use of the vocabularies", columns, rows, "Jia 2019: 10,988 of 11,693 classes, 93.97 %."
    )


def tabulate_frequencies(survey: Survey, modality: str) -> Table:
    """Return the most frequent classes of a modality."""
    members = survey.tables.find_classes(modality)
    best = members[np.argsort(-survey.counts.clips[members], kind="stable")][:ROWS]
    weights = survey.counts.weights
    rows = [
        (
            survey.tables.classes[k].name,
            int(survey.counts.clips[k]),
            int(survey.counts.sources[k]),
            float(weights[k]) / max(1, survey.counts.num_sources),
        )
        for k in best.tolist()
    ]
    columns = (
        Column("class", "class"),
        Column("clips", "clips", "count"),
        Column("sources", "sources", "count"),
        Column("share", "of all", "share"),
    )
    title = f"Most frequent classes {SENSES[modality]}"
    return Table(f"classes_{SENSES[modality]}", title, columns, rows, "Share: each source counts once.")


def tabulate_class_sizes(survey: Survey) -> Table:
    """Return how many classes have 1, 2 to 3, 4 to 7, and so on, clips (Jia 2019, figure 2, has them by powers of two)."""
    sizes = {
        modality: Counter(int(math.log2(count)) for count in survey.counts.clips[survey.tables.find_classes(modality)])
        for modality in survey.labels_per_clip
    }
    last = max((power for counter in sizes.values() for power in counter), default=-1)
    rows = [
        (power, f"{2**power:,} to {2 ** (power + 1) - 1:,}" if power else "1", *(s[power] for s in sizes.values()))
        for power in range(last + 1)
    ]
    columns = (Column("log2", "log2", "count"), Column("clips", "clips of a class"))
    columns += tuple(Column(SENSES[one], f"classes {SENSES[one]}", "count") for one in sizes)
    return Table("class_sizes", "Classes by their number of clips", columns, rows)


def tabulate_labels_per_clip(survey: Survey) -> Table:
    """Return how many clips have how many labels."""
    most = max((len(numbers) for numbers in survey.labels_per_clip.values()), default=0)
    padded = [np.pad(numbers, (0, most - len(numbers))) for numbers in survey.labels_per_clip.values()]
    rows = [(number, *(int(one[number]) for one in padded)) for number in range(most) if any(p[number] for p in padded)]
    columns = (Column("labels", "labels", "count"),)
    columns += tuple(Column(SENSES[one], f"clips {SENSES[one]}", "count") for one in survey.labels_per_clip)
    return Table("labels_per_clip", "Labels per clip", columns, rows)


def tabulate_durations(survey: Survey) -> Table:
    """Return the clips by duration, in half seconds."""
    steps: Counter[float] = Counter()
    for seconds, count in survey.clips.durations.items():
        steps[math.floor(2.0 * seconds) / 2.0] += count
    total = max(1, survey.clips.num_clips)
    rows = [(f"{start:.1f} to {start + 0.5:.1f}", count, count / total) for start, count in sorted(steps.items())]
    columns = (Column("seconds", "seconds"), Column("clips", "clips", "count"), Column("share", "of all", "share"))
    return Table("durations", "Durations", columns, rows)


def tabulate_folds(survey: Survey) -> Table:
    """Return how evenly the folds are filled, compared with an assignment of sources by chance."""
    clips, num_folds = survey.clips, survey.tables.manifest.num_folds
    sizes = np.zeros(num_folds, np.int64)
    sources = np.zeros(num_folds, np.int64)
    sizes[clips.folds], sources[clips.folds] = clips.fold_clips, clips.fold_sources
    mean = clips.num_sources / num_folds
    rows: list[tuple[Any, ...]] = [
        ("folds with clips", f"{len(clips.folds):,} of {num_folds:,}"),
        ("by chance", f"{num_folds * (1.0 - math.exp(-mean)):,.0f}"),
        ("clips per fold", f"{sizes.min():,} to {sizes.max():,}, median {np.median(sizes):,.0f}"),
        ("sources per fold", f"{sources.min():,} to {sources.max():,}, median {np.median(sources):,.0f}"),
        ("deviation of the sources per fold", f"{sources.std():.2f}, by chance {math.sqrt(mean):.2f}"),
        ("clips in validation folds", f"{clips.num_validation / max(1, clips.num_clips):.2%}"),
        ("validation folds", f"{survey.tables.manifest.validation_folds / num_folds:.2%}"),
    ]
    columns = (Column("what", "what"), Column("value", "value"))
    note = "Media that share sound share a fold, so that a dataset with many copies has fuller folds than by chance."
    return Table("folds", "Balance of the folds", columns, rows, note)


def tabulate_rejections(survey: Survey) -> Table:
    """Return how much was rejected, and why."""
    table = survey.tables.read_table(survey.tables.layout.rejected, ["reason"])
    counts = Counter(table.column("reason").to_pylist())
    columns = (Column("reason", "reason"), Column("count", "files or spans", "count"))
    return Table("rejected", "Rejected", columns, list(counts.most_common()))


def tabulate_teachers(survey: Survey) -> Table:
    """Return how sure each teacher is."""
    middle = len(QUANTILES) // 2
    rows = [
        (
            one.name,
            SENSES[one.modality],
            one.labels_per_clip,
            one.unlabelled,
            *((one.confidence[0], one.confidence[middle], one.confidence[-1]) if one.confidence else (None,) * 3),
            *((one.spread[middle], one.spread[-1]) if one.spread else (None,) * 2),
        )
        for one in survey.teachers
    ]
    low, high = _QUANTILE_NAMES[0], _QUANTILE_NAMES[-1]
    columns = (
        Column("teacher", "teacher"),
        Column("sense", "sense"),
        Column("labels_per_clip", "labels per clip", "number"),
        Column("unlabelled", "clips without", "share"),
        Column("confidence_low", f"confidence {low}", "number"),
        Column("confidence", "median", "number"),
        Column("confidence_high", high, "number"),
        Column("spread", "spread median", "number"),
        Column("spread_high", high, "number"),
    )
    note = (
        "Confidence: highest probability of a clip. Spread: e to the power of the entropy, the number of classes that the "
        "probability is spread over."
    )
    return Table("teachers", "How sure the teachers are", columns, rows, note)


def tabulate_teacher_pairs(survey: Survey) -> Table:
    """Return how well the best class of one teacher predicts that of another."""
    rows = [(one.first, one.second, one.information, one.chance) for one in survey.teacher_pairs]
    columns = (
        Column("first", "teacher"),
        Column("second", "other teacher"),
        Column("information", "mutual information", "number"),
        Column("chance", "by chance", "number"),
    )
    note = "Normalised mutual information of the most probable classes; by chance, with the clips of one teacher exchanged."
    return Table("teacher_agreement", "Agreement of the teachers", columns, rows, note)


def tabulate_agreement(survey: Survey) -> Table:
    """Return how well picture and sound of the clips agree."""
    known = survey.agreement[~np.isnan(survey.agreement)]
    if not len(known):
        return Table("agreement", "", (), [])
    shares = (0.05, 0.25, 0.5, 0.75, 0.95)
    rows: list[tuple[Any, ...]] = [
        (f"{100 * share:.0f} % of the clips below", float(value))
        for share, value in zip(shares, np.quantile(known, shares), strict=True)
    ]
    rows += [("mean", float(known.mean())), ("share below 0", float(np.mean(known < 0.0)))]
    rows.append(("share of clips without", 1.0 - len(known) / len(survey.agreement)))
    columns = (Column("what", "what"), Column("value", "agreement", "number"))
    note = (
        "0 is chance, 0.7 twice chance. Screen with train --set min_agreement=…, look with inspect --order disagreeing."
    )
    return Table("agreement", "Agreement of picture and sound", columns, rows, note)


def tabulate_pairs(survey: Survey) -> Table:
    """Return which visual classes predict which audio classes."""
    names = [record.name for record in survey.tables.classes]
    rows = [
        (names[one.visual], names[one.audio], one.observed, one.expected, one.share, one.information)
        for one in find_pairs(survey.counts, survey.tables, ROWS)
    ]
    columns = (
        Column("seen", "seen"),
        Column("heard", "heard"),
        Column("sources", "sources", "number"),
        Column("expected", "by chance", "number"),
        Column("share", "of the seen", "share"),
        Column("information", "PMI", "number"),
    )
    note = "Sources with both, each source shared out over its clips; PMI in nats of (sources + 1) / (by chance + 1)."
    return Table("predictions", "Visual classes that predict audio classes", columns, rows, note)


def tabulate_shared(survey: Survey) -> Table:
    """Return how far teachers agree on classes that several of them know."""
    classes = survey.tables.classes
    rows = [
        (classes[one.first].name, classes[one.first].teacher, classes[one.second].teacher, one.overlap, one.kappa)
        for one in find_shared(survey.counts, survey.tables, ROWS)
    ]
    columns = (
        Column("class", "class"),
        Column("first", "teacher"),
        Column("second", "other teacher"),
        Column("overlap", "clips in common", "share"),
        Column("kappa", "kappa", "number"),
    )
    return Table("shared", "Classes that two teachers know", columns, rows, "Kappa: 1 is agreement, 0 is chance.")


def tabulate_twins(survey: Survey) -> Table:
    """Return classes whose labels nearly coincide."""
    classes = survey.tables.classes
    rows = [
        (classes[one.first].name, classes[one.second].name, SENSES[classes[one.first].modality], one.overlap)
        for one in find_twins(survey.counts, survey.tables, ROWS)
    ]
    columns = (
        Column("first", "class"),
        Column("second", "other class"),
        Column("sense", "sense"),
        Column("overlap", "clips in common", "share"),
    )
    note = f"Classes of one sense with at least {TWIN_OVERLAP:.0%} of their clips in common."
    return Table("twins", "Classes with nearly the same labels", columns, rows, note)


def tabulate_companions(survey: Survey) -> Table:
    """Return classes that never come alone."""
    classes = survey.tables.classes
    rows = [
        (
            classes[one.index].name,
            classes[one.companion].name,
            SENSES[classes[one.index].modality],
            int(survey.counts.clips[one.index]),
            one.share,
        )
        for one in find_companions(survey.counts, survey.tables, ROWS)
    ]
    columns = (
        Column("class", "class"),
        Column("companion", "comes with"),
        Column("sense", "sense"),
        Column("clips", "clips", "count"),
        Column("share", "of its clips", "share"),
    )
    note = (
        f"Classes of which at least {COMPANION_SHARE:.0%} of the clips have the other class too: they add little to it."
    )
    return Table("companions", "Classes that never come alone", columns, rows, note)


def tabulate_truths(survey: Survey, truths: Sequence[LabelTruth]) -> Table:
    """Return precision and recall of labels where people named the classes."""
    names = [record.name for record in survey.tables.classes]
    rows = [
        (
            one.truth,
            one.sources,
            SENSES[one.modality],
            None if one.index is None else names[one.index],
            "yes" if one.is_named else "no",
            one.precision,
            one.recall,
        )
        for one in truths
    ]
    columns = (
        Column("class", "folder"),
        Column("sources", "sources", "count"),
        Column("sense", "sense"),
        Column("label", "label"),
        Column("is_named", "same name"),
        Column("precision", "precision", "share"),
        Column("recall", "recall", "share"),
    )
    note = "Where no label has the folder's name, it is the best by F1 on these clips: an optimistic estimate."
    return Table("truth", "Labels against folders named by people", columns, rows, note)
