"""The parts of the demo's page, each a function from what was measured to HTML."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources

from hearsight.dataset.reader import Dataset
from hearsight.demo.gallery import collect_pictures
from hearsight.demo.quality import ScaleQuality, find_scales
from hearsight.demo.result import DemoFolder, DemoResult
from hearsight.drawing.canvas import to_svg
from hearsight.drawing.labels import draw_agreement, draw_label_counts
from hearsight.drawing.scores import Score, draw_scores
from hearsight.drawing.sound import Answer, draw_judged_tags, draw_spectrogram, is_heard
from hearsight.drawing.training import draw_learning
from hearsight.listening.listener import load
from hearsight.media.audio import read_audio
from hearsight.pages.embed import escape, show_picture, show_video
from hearsight.records import Tag
from hearsight.signal.front_ends import JIA
from hearsight.signal.log_mel import compute_log_mel
from hearsight.training.run.log import read_runlog
from hearsight.world.generate import World
from hearsight.world.kinds import KINDS

_SHOWN_CLUSTERS = 8
_SHOWN_PICTURES = 6


def show_headline(result: DemoResult) -> str:
    """Return the first section: what was done, and the scores."""
    rows = (
        ("ours", result.student, "trained by watching"),
        ("", result.untrained, "the same network, untrained"),
        ("", result.log_mel, "log-mel statistics"),
    )
    numbers = "\n".join(
        f'<li class="{style}"><strong>{100 * score.accuracy:.0f}&thinsp;%</strong> <span>{name}</span></li>'
        for style, score, name in rows
    )
    learned = all(gain.interval[0] > 0.0 for gain in result.gains)
    title = (
        "A network learned to hear by watching"
        if learned
        else "A network watched videos, but did not clearly learn to hear"
    )
    return f"""<h1>{title}</h1>
<p class="lede">From {result.build.num_sources} unlabelled videos of a generated world, without manual labels, a small network
learned to recognise sounds. Its labels were made automatically, by grouping similar pictures and similar sounds. The
network itself gets only the sound. The figures below are the share of {result.student.num_clips} new sounds of
{result.student.num_classes} kinds that a linear classifier on its embeddings classifies correctly.</p>
<ul class="numbers">
{numbers}
</ul>
<p class="note">The chance level is {100 / result.student.num_classes:.0f}&thinsp;%. The linear classifiers are trained on
labelled sounds. The network was never trained on them.</p>"""


def show_world(place: DemoFolder, world: World) -> str:
    """Show each kind of object: how it looks, how it sounds, its spectrogram."""
    tiles: list[str] = []
    for kind in KINDS:
        path = place.portraits / f"{kind.name}-0.mp4"
        log_mel = compute_log_mel(read_audio(path, JIA.sample_rate), JIA)
        svg = to_svg(draw_spectrogram(log_mel, JIA), f"log-mel spectrogram of a {kind.name}")
        tiles.append(
            f"<div>{show_video(path, f'a {kind.name}, which {kind.description}')}"
            f"<h3>{escape(kind.name)}</h3><p>{escape(kind.description)}</p>{svg}</div>"
        )
    contents = world.read_contents().to_pylist()
    both = sum(row["audible"] and row["visible"] for row in contents)
    silent = sum(not row["audible"] for row in contents)
    unseen = sum(not row["visible"] for row in contents)
    return f"""<h2>The world</h2>
<p>{len(KINDS)} kinds of object. Each kind has an outline with a pattern, and a sound that changes over time in its own way.
Colour, size, pose, background, pitch, timbre, loudness, room and noise are random for every object. Their ranges are the same for
all kinds, so neither colour nor pitch identifies a kind. Press play to see and hear them.</p>
<div class="kinds">
{chr(10).join(tiles)}
</div>
<p class="note">The {len(world.videos)} videos contain {len(contents)} objects: {both} are visible and audible, {silent} are
visible but silent, {unseen} are audible but not visible. Some videos show two objects at the same time.</p>"""


def show_labels(result: DemoResult, place: DemoFolder) -> str:
    """Show what the machine's labels are and how good they are."""
    dataset = Dataset(place.dataset)
    counts = {
        modality: [record.count for record in dataset.classes if record.modality == modality]
        for modality in ("vision", "audio")
    }
    vision = [scale for scale in result.quality if scale.modality == "vision"]
    finest = max(vision, key=lambda scale: scale.num_clusters)
    kinds = [kind.name for kind in KINDS]
    agreement = draw_agreement(finest.table, kinds, f"{len(finest.meanings)} picture clusters")
    return f"""<h2>The automatic labels</h2>
<p>Similar pictures were grouped into clusters, and so were similar sounds. Each cluster is a label without a name. The table
shows pictures from some of the finest clusters, and the kind that each of them mostly contains:</p>
<div class="scroll">{_show_clusters(dataset, finest)}</div>
<div class="pair">
<figure>{to_svg(agreement, "picture clusters against kinds")}
<figcaption>Each row is a cluster of pictures, each column a kind. The darker a cell, the more of the
cluster is of that kind.</figcaption></figure>
<div>{_show_quality(result.quality)}
<p class="note">Purity: share of pictures, or of seconds of sound, that are of the most frequent kind of their cluster. Information:
normalised mutual information of clusters and kinds, 1 where the clusters are the kinds. Only pictures and seconds with one
object count.</p></div>
</div>
<p>Clusters of sounds by simple statistics seldom contain a single kind. The pictures therefore identify the kinds better than the
sounds do. Of the labels that clips got from their pictures, {100 * result.label_truth:.0f}&thinsp;% name a kind
that is audible in the clip. The others are silent objects and clusters of several kinds.</p>
<figure>{to_svg(draw_label_counts(counts), "clips per label")}
<figcaption>The {result.build.num_clips} clips have {result.build.labels_per_clip.get("vision", 0.0):.1f} labels from their pictures
and {result.build.labels_per_clip.get("audio", 0.0):.1f} from their sound on average.</figcaption></figure>"""


def show_training(place: DemoFolder) -> str:
    """Show how the network learned."""
    epochs = [line for line in read_runlog(place.run) if line["kind"] == "epoch"]
    start = next(line for line in read_runlog(place.run) if line["kind"] == "start")
    return f"""<h2>Learning</h2>
<p>In each epoch, {escape(start["model"])} gets a random second of sound from each of {start["num_clips"]} clips. It learns to
predict the clusters of the clip's pictures and sounds.</p>
<figure>{to_svg(draw_learning(epochs), "learning curves")}
<figcaption>Training uses a random half of a clip's visual labels in each step, validation uses all of them. The two losses
are therefore not comparable.</figcaption></figure>"""


def show_scores(result: DemoResult) -> str:
    """Show the scores with their intervals."""
    scores = [
        Score("trained by watching", result.student.accuracy, result.student.interval, is_ours=True),
        Score("the same, untrained", result.untrained.accuracy, result.untrained.interval),
        Score("log-mel mean and deviation", result.log_mel.accuracy, result.log_mel.interval),
    ]
    gains = " and ".join(
        f"{100 * gain.difference:+.1f} points ({100 * gain.interval[0]:+.1f} to {100 * gain.interval[1]:+.1f})"
        for gain in result.gains
    )
    return f"""<h2>Evaluation</h2>
<p>A linear classifier was fitted on the frozen embeddings of new sounds, each of one object, in five folds. Difference between the
trained network and the same network untrained, and between it and statistics of the log-mel bins: {gains}. The brackets are 95 %
intervals, paired by sound.</p>
<figure>{to_svg(draw_scores(scores, 1.0 / result.student.num_classes), "accuracy of student, untrained network, log-mel")}
<figcaption>Accuracy on {result.student.num_clips} sounds with 95 % intervals.</figcaption></figure>"""


def show_example(result: DemoResult, place: DemoFolder, example: World) -> str:
    """Show a new video, what the network tags in it second by second, and which of these tags are right."""
    path = max(example.videos, key=lambda video: (_rate_example(example, video.name), video.name))
    kinds = _explain_names(Dataset(place.dataset), result.quality)
    tags = _merge_tags(load(place.run).tag(path, top=None, per_segment=True, sense="seen"), kinds)
    truths = _list_audible(example, path.name)
    answers = _judge_segments(tags, truths)
    judged = [answer.is_right for answer in answers if answer.is_right is not None]
    log_mel = compute_log_mel(read_audio(path, JIA.sample_rate), JIA)
    figure = to_svg(draw_judged_tags(log_mel, JIA, tags, truths, answers), "spectrogram of the example and its tags")
    heard = "; ".join(
        f"{kind} from {' and '.join(f'{start:.0f} to {end:.0f} s' for start, end in spans)}"
        for kind, spans in truths.items()
    )
    return f"""<h2>A new recording</h2>
<p>One of {len(example.videos)} videos that the network was not trained on. The network gets only its sound, one second at a
time. It predicts clusters of pictures. For each cluster, the figure shows the kind that most of its pictures show. Audible:
{escape(heard)}. <strong>The most probable kind is correct in {sum(judged)} of {len(judged)} one-second segments.</strong> Press
play, or click into the figure to go to a time.</p>
<div class="example">
<figure>{show_video(path, "the example")}</figure>
<figure>{figure}
<figcaption>The marks at the top rate the most probable kind of each second: <span class="right">● right</span>,
<span class="wrong">✕ wrong</span>. In the lanes, a grey frame is a span in which the kind is audible. A tag is
<span class="right">green</span> where it is correct and <span class="wrong">orange</span> where it is wrong. The stronger the
colour, the higher the probability.</figcaption></figure>
</div>
<script>
{_read_script()}</script>"""


def show_commands(place: DemoFolder) -> str:
    """Return the last section: the commands to continue with."""
    folder = escape(place.folder)
    return f"""<h2>Next steps</h2>
<pre><code>hearsight tag {folder}/example/*.mp4 --model {folder}/run
hearsight evaluate {folder}/run --benchmark folder={folder}/sounds
hearsight learn your-videos/ --out my-run</code></pre>"""


def _show_quality(quality: Sequence[ScaleQuality]) -> str:
    words = {"vision": "pictures", "audio": "sounds"}
    rows = "\n".join(
        f"<tr><td>{words[scale.modality]}</td>"
        f'<td class="number">{scale.num_clusters}</td><td class="number">{100 * scale.purity:.0f} %</td>'
        f'<td class="number">{scale.information:.2f}</td></tr>'
        for scale in quality
    )
    return f"""<table><thead><tr><th>of</th><th class="number">clusters</th><th class="number">purity</th>
<th class="number">information</th></tr></thead><tbody>
{rows}
</tbody></table>"""


def _show_clusters(dataset: Dataset, finest: ScaleQuality) -> str:
    record = next(record for record in dataset.manifest.teachers if record.modality == "vision")
    first = find_scales(record)[-1][0]
    images_per_second = float(dataset.manifest.config["images_per_second"])
    chosen = _choose_clusters(finest)
    pictures = collect_pictures(
        dataset, record.name, [first + cluster for cluster in chosen], _SHOWN_PICTURES, images_per_second
    )
    rows: list[str] = []
    for cluster in chosen:
        kind, share = finest.meanings[cluster]
        strip = "".join(show_picture(image, f"a picture of cluster {cluster}") for image in pictures[first + cluster])
        rows.append(
            f'<tr><td class="number">{cluster}</td><td><div class="strip">{strip}</div></td>'
            f'<td>{escape(kind)}</td><td class="number">{100 * share:.0f} %</td></tr>'
        )
    return f"""<table class="clusters"><thead><tr><th class="number">cluster</th><th>its most probable pictures</th><th>mostly</th>
<th class="number">share</th></tr></thead><tbody>
{chr(10).join(rows)}
</tbody></table>"""


def _choose_clusters(finest: ScaleQuality) -> list[int]:
    """Choose clusters of different kinds, the largest of each, and the most mixed one of all."""
    sizes = finest.table.sum(axis=1)
    largest: dict[str, int] = {}
    for cluster, (kind, _) in finest.meanings.items():
        if kind not in largest or sizes[cluster] > sizes[largest[kind]]:
            largest[kind] = cluster
    chosen = sorted(largest.values(), key=lambda cluster: (-sizes[cluster], cluster))[: _SHOWN_CLUSTERS - 1]
    mixed = min(finest.meanings, key=lambda cluster: (finest.meanings[cluster][1], cluster))
    return chosen + ([mixed] if mixed not in chosen else [])


def _explain_names(dataset: Dataset, quality: Sequence[ScaleQuality]) -> dict[str, str]:
    """Return the kind that each visual class of the finest scale mostly shows, by the class's name in the dataset."""
    finest = max((scale for scale in quality if scale.modality == "vision"), key=lambda scale: scale.num_clusters)
    record = next(record for record in dataset.manifest.teachers if record.modality == "vision")
    first = find_scales(record)[-1][0]
    return {
        entry.name: finest.meanings[entry.class_index - first][0]
        for entry in dataset.classes
        if entry.teacher == record.name and entry.class_index - first in finest.meanings
    }


def _merge_tags(tags: Iterable[Tag], kinds: Mapping[str, str], least: float = 0.05) -> list[Tag]:
    """Turn tags of clusters into tags of kinds: of each segment and kind the most probable cluster, where it is not improbable."""
    best: dict[tuple[float, str], Tag] = {}
    for tag in tags:
        kind = kinds.get(tag.name)
        if kind is None or tag.probability < least:
            continue
        if (tag.start, kind) not in best or tag.probability > best[tag.start, kind].probability:
            best[tag.start, kind] = dataclasses.replace(tag, name=kind)
    return list(best.values())


def _rate_example(world: World, video: str) -> tuple[bool, int]:
    """Rate a video as an example: nothing hidden or silent, no two objects at a time, and several one after the other."""
    rows = [row for row in world.read_contents().to_pylist() if row["path"] == video]
    plain = all(row["audible"] and row["visible"] for row in rows) and len({row["start"] for row in rows}) == len(rows)
    return plain, len(rows)


def _list_audible(world: World, video: str) -> dict[str, list[tuple[float, float]]]:
    """List the spans in which each kind is audible in a video, in seconds, in order of time."""
    rows = [row for row in world.read_contents().to_pylist() if row["path"] == video and row["audible"]]
    spans: dict[str, list[tuple[float, float]]] = {}
    for row in sorted(rows, key=lambda row: row["start"]):
        spans.setdefault(row["kind"], []).append((row["start"], row["end"]))
    return spans


def _judge_segments(tags: Sequence[Tag], truths: Mapping[str, Sequence[tuple[float, float]]]) -> list[Answer]:
    """Judge the most probable kind of each segment; a segment in which nothing is audible is not judged."""
    answers: list[Answer] = []
    for (start, duration), group in itertools.groupby(
        sorted(tags, key=lambda tag: (tag.start, -tag.probability)), key=lambda tag: (tag.start, tag.duration)
    ):
        best = next(group)
        audible = {kind for kind, spans in truths.items() if is_heard(start, duration, spans)}
        answers.append(Answer(start, duration, best.name in audible if audible else None))
    return answers


def _read_script() -> str:
    return resources.files("hearsight.demo").joinpath("playhead.js").read_text(encoding="utf-8")
