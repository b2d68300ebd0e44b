from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch

import hearsight
from hearsight.errors import CheckpointError, MediaError, UsageError
from hearsight.listening import listener as module
from hearsight.listening.listener import Listener
from hearsight.listening.tags import SENSES
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.checkpoint_config import ClassOrigin
from hearsight.models.zoo import build_network
from hearsight.records import Tag
from hearsight.signal.waveform import resample


def differ(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


def test_a_file_is_tagged_by_the_mean_over_its_segments(listener, write_sound):
    path = write_sound("noise.wav", 3.0)
    waveform, _ = soundfile.read(path, dtype="float32")
    with torch.inference_mode():
        expected = listener.network(torch.from_numpy(waveform)[None]).clip_probabilities[0].numpy()
    tags = listener.tag(path, top=None)
    assert [tag.name for tag in tags] == [listener.vocabulary[index] for index in np.argsort(-expected)]
    np.testing.assert_allclose([tag.probability for tag in tags], np.sort(expected)[::-1], atol=1e-5)
    assert all(isinstance(tag, Tag) and tag.path == str(path) for tag in tags)
    assert {(tag.start, tag.duration) for tag in tags} == {(0.0, 3.0)}
    assert tags.duration == 3.0
    assert not tags.padded


def test_the_last_segment_counts_for_what_it_adds(listener):
    rate = listener.sample_rate
    waveform = np.concatenate([np.zeros(rate), np.random.default_rng(1).uniform(-0.5, 0.5, round(1.2 * rate))])
    waveform = waveform.astype(np.float32)
    (part,) = listener.forward_waveform(waveform, rate)
    np.testing.assert_allclose(part.weights, [1.0, 1.0, 0.2])
    weights = np.array([1.0, 1.0, 0.2]) / 2.2
    tags = {tag.name: tag.probability for tag in listener.tag_waveform(waveform, rate, top=None)}
    found = np.array([tags[name] for name in listener.vocabulary])
    np.testing.assert_allclose(found, weights @ part.probabilities.astype(np.float64), rtol=1e-6)
    for values in (part.probabilities, part.embeddings):
        expected = weights @ values.astype(np.float64)
        np.testing.assert_allclose(part.average(values), expected, rtol=1e-12)
        assert differ(values.mean(axis=0), expected) > 1e-4  # a plain mean is another


def test_segments_are_tagged_in_order_of_time(listener, write_sound):
    tags = listener.tag(write_sound("noise.wav", 2.5), top=2, per_segment=True)
    assert [(tag.start, tag.duration) for tag in tags] == [(0.0, 1.0)] * 2 + [(1.0, 1.0)] * 2 + [(1.5, 1.0)] * 2
    for first, second in zip(tags[::2], tags[1::2], strict=True):
        assert first.probability >= second.probability


def test_classes_below_the_threshold_are_left_out(listener, write_sound):
    path = write_sound("noise.wav", 1.0)
    everything = listener.tag(path, top=None)
    threshold = everything[1].probability
    assert listener.tag(path, threshold=threshold) == everything[:2]
    assert listener.tag(path, threshold=1.0) == []
    assert listener.tag(path, top=1) == everything[:1]


def test_what_the_network_never_learned_from_is_not_heard(tmp_path, write_sound):
    network = build_network("panns-cnn14", 3, seed=0, width=0.05)
    save_checkpoint(network, tmp_path, vocabulary="abc", training={"sample_rate": 16_000})
    limited, whole = hearsight.load(tmp_path), Listener(network, "abc", name="whole", device="cpu")
    assert (limited.training_sample_rate, whole.training_sample_rate) == (16_000, network.sample_rate)
    path = write_sound("noise.wav", 1.7, 44_100)
    waveform, _ = soundfile.read(path, dtype="float32")
    low = resample(resample(waveform, 44_100, 16_000), 16_000, network.sample_rate)
    expected = whole.embed_waveform(low, network.sample_rate)
    for heard in (limited.embed(path), limited.embed_waveform(waveform, 44_100)):
        np.testing.assert_array_equal(heard.starts, expected.starts)
        np.testing.assert_allclose(heard.durations, expected.durations, atol=1e-4)
        assert differ(heard.values, expected.values) < 1e-4
    assert differ(whole.embed(path).values, expected.values) > 1e-2
    assert limited.digest != whole.digest


@pytest.mark.parametrize("said", [None, "16000", True, 0, -16_000, 1, 48_000, 16_000.5])
def test_a_rate_that_cannot_be_is_not_taken(said, tmp_path):
    network = build_network("soundnet-8", 3, seed=0, width=0.05)
    save_checkpoint(network, tmp_path, vocabulary="abc", training={} if said is None else {"sample_rate": said})
    assert hearsight.load(tmp_path).training_sample_rate == 22_050


def test_classes_of_equal_probability_keep_the_order_of_the_vocabulary():
    network = build_network("jia-mobilenet-v2", 4, seed=0, width=0.25)
    for parameter in network.classifier.parameters():
        torch.nn.init.zeros_(parameter)
    tags = Listener(network, "dbca", name="flat", device="cpu").tag_waveform(np.zeros(100, np.float32), 16_000, top=3)
    assert [(tag.name, tag.probability) for tag in tags] == [("d", 0.5), ("b", 0.5), ("c", 0.5)]


def test_embeddings_are_those_of_the_segments_alone(listener, write_sound):
    path = write_sound("noise.flac", 4.25)
    waveform, _ = soundfile.read(path, dtype="float32")
    embeddings = listener.embed(path)
    np.testing.assert_array_equal(embeddings.starts, [0.0, 1.0, 2.0, 3.0, 3.25])
    np.testing.assert_array_equal(embeddings.durations, [1.0] * 5)
    assert embeddings.values.shape == (5, listener.embedding_dim)
    assert embeddings.values.dtype == np.float32
    for start, row in zip(embeddings.starts, embeddings.values, strict=True):
        first = round(start * 16_000)
        with torch.inference_mode():
            alone = listener.network(torch.from_numpy(waveform[first : first + 16_000])[None]).embeddings[0, 0].numpy()
        np.testing.assert_allclose(row, alone, rtol=1e-4, atol=1e-5)


def test_the_length_of_the_blocks_read_changes_nothing(listener, write_sound, monkeypatch):
    path = write_sound("noise.wav", 7.3, sample_rate=44_100, channels=2)
    whole = listener.embed(path)
    for seconds in (0.01, 0.9, 2.0):
        monkeypatch.setattr(module, "BLOCK_SECONDS", seconds)
        np.testing.assert_array_equal(whole.values, listener.embed(path).values)


@pytest.mark.parametrize("seconds", [0.001, 0.1, 0.999])
def test_a_sound_shorter_than_a_segment_is_padded_and_said_to_be(listener, write_sound, seconds):
    path = write_sound("short.wav", seconds)
    tags, embeddings = listener.tag(path), listener.embed(path)
    assert tags.padded
    assert embeddings.padded
    assert len(tags) == 3
    assert tags[0].duration == tags.duration == embeddings.duration == pytest.approx(seconds, abs=1e-3)
    np.testing.assert_array_equal(embeddings.durations, [embeddings.duration])


def test_a_waveform_is_heard_as_the_file_that_holds_it(listener, write_sound):
    path = write_sound("noise.wav", 2.2, sample_rate=22_050, channels=2)
    samples, rate = soundfile.read(path, dtype="float32")
    embeddings = listener.embed(path)
    np.testing.assert_allclose(listener.embed_waveform(samples.T, rate).values, embeddings.values, atol=1e-4)
    tags = listener.tag_waveform(samples.T.astype(np.float64), rate, per_segment=True)
    expected = listener.tag(path, per_segment=True)
    assert [(tag.name, tag.start) for tag in tags] == [(tag.name, tag.start) for tag in expected]
    assert tags[0].path == ""


def test_a_waveform_that_is_none_is_refused(listener):
    with pytest.raises(MediaError, match="no samples"):
        listener.tag_waveform(np.zeros(0, np.float32), 16_000)
    with pytest.raises(MediaError, match="not finite"):
        listener.embed_waveform(np.full(20_000, np.nan, np.float32), 16_000)
    with pytest.raises(UsageError, match=r"\(samples,\)"):
        listener.tag_waveform(np.zeros((1, 1, 5), np.float32), 16_000)
    with pytest.raises(UsageError, match="above 0"):
        listener.tag_waveform(np.zeros(5, np.float32), 0)
    with pytest.raises(UsageError, match="at least 1"):
        listener.tag_waveform(np.zeros(5, np.float32), 16_000, top=0)


def test_an_empty_or_absent_or_foreign_file_is_an_error_that_names_it(listener, write_sound, tmp_path):
    text = tmp_path / "text.wav"
    text.write_text("no sound")
    for path in (write_sound("empty.wav", 0.0), tmp_path / "absent.wav", text, tmp_path):
        with pytest.raises(MediaError) as caught:
            listener.tag(path)
        assert path.name in caught.value.where


def test_a_network_whose_output_is_not_finite_is_named():
    network = build_network("jia-mobilenet-v2", 2, seed=0, width=0.25)
    with torch.no_grad():
        next(network.classifier.parameters()).fill_(torch.nan)
    with pytest.raises(CheckpointError, match="not finite"):
        Listener(network, ("a", "b"), name="diverged", device="cpu").tag_waveform(np.zeros(10, np.float32), 16_000)


def test_a_vocabulary_of_another_length_is_refused():
    with pytest.raises(CheckpointError, match="2 class names for 3 outputs"):
        Listener(build_network("jia-mobilenet-v2", 3, seed=0, width=0.25), ("a", "b"), name="x", device="cpu")


def test_load_is_public_and_says_what_is_no_run(run, tmp_path):
    loaded = hearsight.load(run)
    assert loaded.vocabulary == ("bark", "rain", "bell")
    assert (loaded.name, loaded.sample_rate, loaded.segment_seconds) == ("jia-mobilenet-v2", 16_000, 1.0)
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        hearsight.load(tmp_path)


def test_the_digest_is_that_of_the_weights(run, listener):
    assert hearsight.load(run, device="cpu").digest == listener.digest
    other = Listener(build_network("jia-mobilenet-v2", 3, seed=1, width=0.25), "abc", name="other", device="cpu")
    assert other.digest != listener.digest


def test_a_real_video_is_tagged(listener, real_data):
    path = sorted((real_data / "videos").glob("*.mp4"))[0]
    tags = listener.tag(path, per_segment=True, top=1)
    assert len(tags) >= 1
    assert tags.duration > 0.5


test_a_real_video_is_tagged = pytest.mark.real(test_a_real_video_is_tagged)


def test_a_percentage_is_no_probability(listener, write_sound):
    path = write_sound("noise.wav", 1.0)
    with pytest.raises(UsageError, match=r"threshold: 80, wanted a probability, from 0 to 1\nhint: for 80 %, use 0\.8"):
        listener.tag(path, threshold=80)
    for threshold in (-0.1, float("nan"), 300.0):
        with pytest.raises(UsageError, match="from 0 to 1"):
            listener.tag(path, threshold=threshold)


def test_the_probability_of_a_file_is_weighted_by_what_each_segment_adds(listener, write_sound):
    path = write_sound("noise.wav", 1.25)
    segments = listener.tag(path, top=None, per_segment=True)
    first, last = ({tag.name: tag.probability for tag in segments if tag.start == start} for start in (0.0, 0.25))
    assert any(abs(first[name] - last[name]) > 1e-4 for name in first)
    for tag in listener.tag(path, top=None):
        assert tag.probability == pytest.approx((first[tag.name] + 0.25 * last[tag.name]) / 1.25, abs=1e-9)


def test_a_loud_file_is_blamed_and_not_the_network(listener, tmp_path):
    path = tmp_path / "loud.wav"
    soundfile.write(path, np.full(16_000, 1e37, dtype=np.float32), 16_000, subtype="FLOAT")
    with pytest.raises(MediaError, match=r"loud\.wav"):
        listener.tag(path)
    loud = np.full(16_000, 3e38, dtype=np.float32)
    with pytest.raises(MediaError, match=r"waveform: amplitudes of up to 3e\+38 after 0\.0 s"):
        listener.tag_waveform(loud, 16_000)


def test_a_listener_describes_itself_in_a_line(listener):
    assert repr(listener) == (
        "<Listener jia-mobilenet-v2: 3 classes, embeddings of 128, 16,000 Hz, segments of 1 s, on cpu>"
    )


@pytest.fixture
def sensed():
    network = build_network("hearsight-conv-4", 3, seed=0, width=0.1)
    classes = [
        ClassOrigin(sense="seen", teacher="eye"),
        ClassOrigin(sense="heard", teacher="ear"),
        ClassOrigin(sense="heard", teacher="ear"),
    ]
    return Listener(network, ("hair slide", "rain", "bell"), name="two senses", device="cpu", classes=classes)


def test_classes_that_were_only_seen_are_shown_when_asked_for(sensed):
    sound = 0.1 * np.random.default_rng(0).standard_normal(16_000)
    names = {sense: {tag.name for tag in sensed.tag_waveform(sound, 16_000, sense=sense)} for sense in SENSES}
    assert names == {"heard": {"rain", "bell"}, "seen": {"hair slide"}, "all": {"hair slide", "rain", "bell"}}
    tags = sensed.tag_waveform(sound, 16_000)
    assert {(tag.name, tag.sense, tag.teacher) for tag in tags} == {("rain", "heard", "ear"), ("bell", "heard", "ear")}
    assert tags[0].as_json()["sense"] == "heard"
    assert len(sensed.tag_waveform(sound, 16_000, top=1, per_segment=True)) == 1


def test_without_heard_classes_all_are_shown_and_heard_ones_cannot_be_asked_for(sensed):
    sound = 0.1 * np.random.default_rng(0).standard_normal(16_000)
    seen = Listener(sensed.network, "abc", name="eyes", device="cpu", classes=[sensed.classes[0]] * 3)
    assert len(seen.tag_waveform(sound, 16_000)) == 3
    with pytest.raises(UsageError, match="no class of the model was heard"):
        seen.tag_waveform(sound, 16_000, sense="heard")


def test_a_model_that_does_not_record_senses_shows_all_its_classes(listener, write_sound):
    path = write_sound("noise.wav", 1.0)
    tags = listener.tag(path, top=None)
    assert [(tag.sense, tag.teacher) for tag in tags] == [(None, None)] * 3
    assert listener.tag(path, top=None, sense="all") == tags
    with pytest.raises(UsageError, match="does not record"):
        listener.tag(path, sense="seen")
