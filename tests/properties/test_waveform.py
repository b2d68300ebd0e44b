from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hearsight.media.containers.streams import Sound
from hearsight.media.timeline import SoundTimeline
from hearsight.signal.waveform import StreamResampler, count_resampled, resample


@settings(max_examples=40)
@given(
    st.sampled_from([8_000, 11_025, 16_000, 22_050, 44_100, 48_000]),
    st.lists(st.integers(0, 3_000), max_size=12),
    st.integers(0, 99),
)
def test_a_stream_of_any_blocks_gives_what_the_whole_gives(rate: int, lengths: list[int], seed: int) -> None:
    waveform = np.random.default_rng(seed).standard_normal(sum(lengths)).astype(np.float32)
    whole = resample(waveform, rate, 16_000)
    assert len(whole) == count_resampled(len(waveform), rate, 16_000)
    stream = StreamResampler(rate, 16_000)
    blocks = [stream.push(block) for block in np.split(waveform, np.cumsum(lengths)[:-1])] if lengths else []
    blocks.append(stream.push(np.zeros(0, np.float32), last=True))
    np.testing.assert_array_equal(np.concatenate(blocks), whole)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 60)), min_size=1, max_size=20),
    st.sampled_from([8_000, 16_000]),
)
def test_every_stretch_of_sound_comes_out_at_its_own_time(stretches: list[tuple[int, int]], rate: int) -> None:
    """Stretches are pauses and lengths in units of 10 ms; a pause of at least 60 ms is a gap, a shorter one is jitter."""
    timeline = SoundTimeline("a", 16_000)
    unit, now = rate // 100, 0
    expected = []
    blocks = []
    for place, (pause, length) in enumerate(stretches):
        skipped = pause if pause * 0.01 > 0.05 or not expected else 0
        samples = np.full(length * unit, (place % 7 + 1) * 4096, np.int16)
        blocks.append(timeline.push(Sound((now + pause) * 0.01, rate, samples[np.newaxis])))
        expected += [np.zeros(skipped * unit, np.int16), samples]
        now += skipped + length
    blocks.append(timeline.finish())
    wanted = resample(np.concatenate(expected).astype(np.float32) / 32_768, rate, 16_000)
    np.testing.assert_array_equal(np.concatenate(blocks), wanted)
    np.testing.assert_allclose(timeline.end, now * 0.01, atol=1e-9)
