"""How fast is the log-mel front end, on one processor, and how right?

Reference: `torch.stft` and one product of matrices, the same numbers as our own. Measured in the same turns: the NumPy path (what
data and benchmarks go through), the torch path (what networks go through), and, where they are installed (`pip install --group
bench`), librosa, nnAudio and kaldi-native-fbank, set as near to VGGish's front end as they let themselves be set. The ratio of
each turn counts, and of those the median; next to it is how far each is from VGGish's published algorithm in double
precision. Wanted: the NumPy path at least 1.5 times as fast as the reference, the torch path no slower than it (0.97, within the
noise), both faster than the libraries.

    python -m benchmarks.log_mel_speed --seconds 1 60
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.verdict import print_verdict
from hearsight.models.front_end import LogMel
from hearsight.signal.filters import make_window, mel_matrix
from hearsight.signal.front_ends import VGGISH
from hearsight.signal.log_mel import compute_log_mel

WANTED = {"NumPy path": 1.5, "torch path": 0.97}
Path = Callable[[np.ndarray], np.ndarray]


def make_reference() -> Path:
    """`torch.stft`, magnitudes, one product, one logarithm."""
    window = torch.from_numpy(np.pad(make_window(VGGISH), (0, VGGISH.n_fft - VGGISH.win_length))).float()
    mel = torch.from_numpy(mel_matrix(VGGISH).copy())

    def reference(waveform: np.ndarray) -> np.ndarray:
        padded = torch.nn.functional.pad(torch.from_numpy(waveform), (0, VGGISH.n_fft - VGGISH.win_length))
        spectrum = torch.stft(padded, VGGISH.n_fft, VGGISH.hop_length, window=window, center=False, return_complex=True)
        return torch.log(spectrum.abs().T @ mel + VGGISH.log_offset).numpy()

    return reference


def make_paths() -> dict[str, Path]:
    """Every way to the same matrix."""
    layer = LogMel(VGGISH)
    return {
        "torch.stft and a product": make_reference(),
        "NumPy path": lambda waveform: compute_log_mel(waveform, VGGISH),
        "torch path": lambda waveform: layer(torch.from_numpy(waveform)[None])[0].numpy(),
        **{name: make() for name, (package, make) in LIBRARIES.items() if importlib.util.find_spec(package)},
    }


def make_librosa() -> Path:
    """HTK mels, no norm, magnitudes; its triangles are linear in hertz, and its window is in the middle of the transform."""
    import librosa  # pyright: ignore[reportMissingImports]  (of the group "bench")

    settings = {"n_fft": VGGISH.n_fft, "hop_length": VGGISH.hop_length, "win_length": VGGISH.win_length}
    around = (VGGISH.n_fft - VGGISH.win_length) // 2

    def path(waveform: np.ndarray) -> np.ndarray:
        mel = librosa.feature.melspectrogram(
            y=np.pad(waveform, around),
            sr=VGGISH.sample_rate,
            n_mels=VGGISH.n_mels,
            fmin=VGGISH.f_min,
            fmax=VGGISH.f_max,
            power=1.0,
            center=False,
            htk=True,
            norm=None,
            **settings,
        )
        return np.log(mel + VGGISH.log_offset).T

    return path


def make_nnaudio() -> Path:
    """HTK mels, no norm, magnitudes, by convolution; window as librosa's."""
    from nnAudio.features.mel import MelSpectrogram  # pyright: ignore[reportMissingImports]

    layer = MelSpectrogram(
        sr=VGGISH.sample_rate,
        n_fft=VGGISH.n_fft,
        win_length=VGGISH.win_length,
        hop_length=VGGISH.hop_length,
        n_mels=VGGISH.n_mels,
        fmin=VGGISH.f_min,
        fmax=VGGISH.f_max,
        center=False,
        power=1.0,
        htk=True,
        norm=None,
        verbose=False,
    )
    around = (VGGISH.n_fft - VGGISH.win_length) // 2

    def path(waveform: np.ndarray) -> np.ndarray:
        padded = torch.nn.functional.pad(torch.from_numpy(waveform)[None], (around, around))
        return torch.log(layer(padded)[0] + VGGISH.log_offset).T.numpy()

    return path


def make_kaldi() -> Path:
    """Kaldi's filter banks: mel triangles linear in mel, magnitudes, no dither, no emphasis."""
    import kaldi_native_fbank  # pyright: ignore[reportMissingImports]

    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq = VGGISH.sample_rate
    options.frame_opts.dither = 0.0
    options.frame_opts.preemph_coeff = 0.0
    options.frame_opts.remove_dc_offset = False
    options.frame_opts.window_type = "hanning"
    options.frame_opts.snip_edges = True
    options.mel_opts.num_bins = VGGISH.n_mels
    options.mel_opts.low_freq, options.mel_opts.high_freq = VGGISH.f_min, VGGISH.f_max
    options.use_power, options.use_log_fbank = False, False

    def path(waveform: np.ndarray) -> np.ndarray:
        bank = kaldi_native_fbank.OnlineFbank(options)
        bank.accept_waveform(VGGISH.sample_rate, waveform)
        bank.input_finished()
        frames = np.stack([bank.get_frame(index) for index in range(bank.num_frames_ready)])
        return np.log(frames + VGGISH.log_offset)

    return path


LIBRARIES = {
    "librosa": ("librosa", make_librosa),
    "nnAudio": ("nnAudio", make_nnaudio),
    "kaldi-native-fbank": ("kaldi_native_fbank", make_kaldi),
}


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", nargs="+", type=float, default=[1.0, 60.0])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    paths = make_paths()
    for name in LIBRARIES.keys() - paths.keys():
        print(f"  {name}: not installed, left out")
    with threadpool_limits(limits=1), torch.inference_mode():
        for seconds in options.seconds:
            compare(paths, seconds, options.rounds)


def compare(paths: dict[str, Path], seconds: float, rounds: int) -> None:
    """Time each path in turn; print what each takes and errs, then the verdicts."""
    waveform = 0.1 * np.random.default_rng(0).standard_normal(round(VGGISH.sample_rate * seconds))
    exact, waveform = compute_log_mel(waveform, VGGISH), waveform.astype(np.float32)
    repeats = max(1, round(20 / seconds))
    times: dict[str, list[float]] = {name: [] for name in paths}
    for turn in range(rounds + 2):
        for name, path in paths.items():
            started = time.perf_counter()
            for _ in range(repeats):
                path(waveform)
            if turn >= 2:
                times[name].append((time.perf_counter() - started) / repeats)
    reference = times["torch.stft and a product"]
    ratios: dict[str, float] = {}
    for name, path in paths.items():
        ratios[name] = statistics.median(one / other for one, other in zip(reference, times[name], strict=True))
        error = float(np.abs(path(waveform) - exact).max())
        milliseconds = 1e3 * statistics.median(times[name])
        print(f"  {seconds:g} s, {name}: {milliseconds:.2f} ms, {ratios[name]:.2f} x the reference, error {error:.1e}")
    for name, wanted in WANTED.items():
        print_verdict(f"{name} over torch.stft and a product, {seconds:g} s", ratios[name], "at least", wanted)
        for library in LIBRARIES.keys() & paths.keys():
            print_verdict(f"{name} over {library}, {seconds:g} s", ratios[name] / ratios[library], "at least", 1.0)


if __name__ == "__main__":
    main()
