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
        "A network learned to hear by watching" if learned else "A network watched, and did not clearly learn to hear"
    )
    return f"""<h1>{title}</h1>
<p class="lede">From {result.build.num_sources} unlabelled videos of a generated world, without one label made by a person, a small
network was to learn what things sound like. Machine-made labels came from what the pictures and sounds have in common; the
network itself gets sound alone. Below: how many of {result.student.num_clips} new sounds of {result.student.num_classes} kinds
a linear classifier on top of it names rightly.</p>
<ul class="numbers">
{numbers}
</ul>
<p class="note">Guessing would give {100 / result.student.num_classes:.0f}&thinsp;%. The classifiers on top learn from labelled
sounds, the network below them never did.</p>"""


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
<p>{len(KINDS)} kinds of object. A kind has an outline with a pattern, and a gesture: what its sound does in time. Colours,
size, pose and background, pitch, timbre, loudness, room and noise are drawn anew for every object and overlap from kind to kind, so
that neither colour nor pitch gives a kind away. Press play.</p>
<div class="kinds">
{chr(10).join(tiles)}
</div>
<p class="note">The {len(world.videos)} videos hold {len(contents)} objects: {both} are both seen and heard, {silent} are seen but
silent, {unseen} are heard but out of sight; some share a scene.</p>"""


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
    return f"""<h2>The labels a machine made</h2>
<p>Pictures that look alike and sounds that sound alike were put into clusters; each cluster is a label. Nobody named them. These
are pictures of some of the finest clusters of pictures, and what they turn out to be:</p>
<div class="scroll">{_show_clusters(dataset, finest)}</div>
<div class="pair">
<figure>{to_svg(agreement, "picture clusters against kinds")}
<figcaption>Each row a cluster of pictures, each column a kind: dark where the cluster is that kind.</figcaption></figure>
<div>{_show_quality(result.quality)}
<p class="note">Purity: share of pictures, or of seconds of sound, that are of the most frequent kind of their cluster. Information:
normalised mutual information of clusters and kinds, 1 where the clusters are the kinds. Only pictures and seconds with one
object count.</p></div>
</div>
<p>Sounds that are alike to simple statistics are seldom of one kind: hearing alone tells less of what is there than seeing
does. Of the labels that a clip got from its pictures, {100 * result.label_truth:.0f}&thinsp;% name a thing that can be heard
in it; the rest is silent things, things out of sight and clusters that mix kinds.</p>
<figure>{to_svg(draw_label_counts(counts), "clips per label")}
<figcaption>{result.build.num_clips} clips carry {result.build.labels_per_clip.get("vision", 0.0):.1f} labels from their pictures
and {result.build.labels_per_clip.get("audio", 0.0):.1f} from their sound on average.</figcaption></figure>"""


def show_training(place: DemoFolder) -> str:
    """Show how the network learned."""
    epochs = [line for line in read_runlog(place.run) if line["kind"] == "epoch"]
    start = next(line for line in read_runlog(place.run) if line["kind"] == "start")
    return f"""<h2>Learning</h2>
<p>{escape(start["model"])} hears a random second of each of {start["num_clips"]} clips per epoch and learns to say which
clusters the clip's pictures and sounds fell into.</p>
<figure>{to_svg(draw_learning(epochs), "learning curves")}
<figcaption>In training half of a clip's visual labels are asked for at a time, in validation all: the two losses do not
compare.</figcaption></figure>"""


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
    return f"""<h2>What it is worth</h2>
<p>New sounds of one object each, a linear classifier on frozen embeddings, five folds. The student less its untrained self, and
less statistics of the log-mel bins: {gains}; in brackets 95 % intervals, paired sound by sound.</p>
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
    return f"""<h2>Listening to something new</h2>
<p>One of {len(example.videos)} videos that the network was not trained on. The network gets its sound only, one second at a
time. It answers with clusters of pictures, which are shown here by the kind of object that they mostly show. What can be heard:
{escape(heard)}. <strong>In {sum(judged)} of {len(judged)} segments of a second the most probable kind is right.</strong> Press
play, or click into the drawing to go to a time.</p>
<div class="example">
<figure>{show_video(path, "the example")}</figure>
<figure>{figure}
<figcaption>Above the lanes, the most probable kind of each second: <span class="right">● right</span>,
<span class="wrong">✕ wrong</span>. In the lanes, a grey frame is the time in which the kind can be heard; a tag is
<span class="right">green</span> where it is right and <span class="wrong">orange</span> where it is wrong, the stronger the more
probable.</figcaption></figure>
</div>
<script>
{_read_script()}</script>"""


def show_commands(place: DemoFolder) -> str:
    """Return the last section: the commands to continue with."""
    folder = escape(place.folder)
    return f"""<h2>Go on from here</h2>
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
    return f"""<table class="clusters"><thead><tr><th class="number">cluster</th><th>its surest pictures</th><th>mostly</th>
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
    """List the spans in which each kind can be heard in a video, in seconds, in order of time."""
    rows = [row for row in world.read_contents().to_pylist() if row["path"] == video and row["audible"]]
    spans: dict[str, list[tuple[float, float]]] = {}
    for row in sorted(rows, key=lambda row: row["start"]):
        spans.setdefault(row["kind"], []).append((row["start"], row["end"]))
    return spans


def _judge_segments(tags: Sequence[Tag], truths: Mapping[str, Sequence[tuple[float, float]]]) -> list[Answer]:
    """Judge the most probable kind of each segment; a segment in which nothing can be heard is not judged."""
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
