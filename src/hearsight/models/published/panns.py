"""The published weights of PANNs' CNN14: the authors' PyTorch file, a state dictionary, alone or under ``model``.

It also holds the front end that the weights were trained with, as kernels of its transform and a matrix of its mel bands; they are
compared with ours, and weights of another front end (16 or 8 kHz) are refused.
"""

from __future__ import annotations

import numpy as np

from hearsight.errors import WeightsError
from hearsight.models.network import Network
from hearsight.models.published.arrays import read_tensors_of
from hearsight.models.published.layout import Slot, build_of_width, fill_state, start_state
from hearsight.models.published.source import Source
from hearsight.signal.filters import make_window, mel_matrix
from hearsight.signal.front_ends import PANNS

OUTPUT = "fc_audioset"
FRONT_END = (
    "spectrogram_extractor.stft.conv_real.weight",
    "spectrogram_extractor.stft.conv_imag.weight",
    "logmel_extractor.melW",
)
"""The tensors of the front end, which a file need not have."""
TOLERANCE = 1e-4
"""How far a front end's constants may be off: some versions computed them in single precision."""


def build_cnn14(source: Source, width: float) -> Network:
    """Build CNN14 with published weights; it has as many classes as the file's last layer.

    Raises
    ------
    WeightsError
        When the file cannot be read, or holds another network or another front end.
    """
    source.require_format(("torch",))
    arrays = read_tensors_of(source, "model")
    _check_front_end({name: arrays.pop(name) for name in FRONT_END if name in arrays}, source)
    biases = arrays.get(f"{OUTPUT}.bias")
    num_classes = biases.size if biases is not None and biases.ndim == 1 and biases.size else 1
    network = build_of_width("panns-cnn14", num_classes, width)
    state = start_state(network)
    slots = [Slot(_name_in_file(name), name, tuple(tensor.shape)) for name, tensor in state.items()]
    counters = [slot for slot in slots if slot.source.endswith("num_batches_tracked") and slot.source not in arrays]
    fill_state(state, arrays, [slot for slot in slots if slot not in counters], source.path)
    network.load_state_dict(state, assign=True)
    return network.eval()


def _name_in_file(name: str) -> str:
    if name.startswith("classifier."):
        return name.replace("classifier", OUTPUT)
    return name.removeprefix("trunk.").removeprefix("blocks.")


def _check_front_end(arrays: dict[str, np.ndarray], source: Source) -> None:
    """Refuse weights that were trained with another front end than ours."""
    turns = 2.0 * np.pi / PANNS.n_fft * np.arange(PANNS.n_fft // 2 + 1)[:, None] * np.arange(PANNS.n_fft)
    window = make_window(PANNS)
    ours = (np.cos(turns) * window, -np.sin(turns) * window, mel_matrix(PANNS))
    for name, wanted in zip(FRONT_END, ours, strict=True):
        found = arrays.get(name)
        if found is None:
            continue
        shape = (wanted.shape[0], 1, wanted.shape[1]) if found.ndim == 3 else wanted.shape
        if found.shape != shape or not np.allclose(found.reshape(wanted.shape), wanted, rtol=0, atol=TOLERANCE):
            heard = f"{PANNS.sample_rate:,} Hz, windows of {PANNS.n_fft:,} every {PANNS.hop_length}"
            bands = f"{PANNS.n_mels} bands from {PANNS.f_min:g} to {PANNS.f_max:g} Hz"
            raise WeightsError(
                source.path, f"weights of another front end: {name} is {found.shape}", f"that of {heard}, {bands}"
            )
