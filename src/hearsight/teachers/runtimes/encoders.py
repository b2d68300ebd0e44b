"""Hugging Face audio models as encoders: the hidden states of a whole sound, averaged over time. For comparison, not for labels.

Every model that ``AutoModel`` loads and whose extractor takes waveforms: wav2vec 2.0, HuBERT, WavLM, AST, Whisper's encoder, CLAP's
audio tower. Models are found, loaded and refused as for the teachers of kind ``transformers``.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import numpy as np
from jaxtyping import Float32

from hearsight.errors import TeacherError
from hearsight.teachers.runtimes.hugging_face import (
    convert_errors,
    identify,
    load_network,
    load_processor,
    locate,
    one_thread,
)
from hearsight.teachers.runtimes.transformers import TransformersOptions
from hearsight.teachers.spec import TeacherSpec, read_options

_ONLY_IN_TRAINING = ("masked_spec_embed",)
"""Weights that checkpoints may lack: no output depends on them."""


@dataclasses.dataclass(frozen=True)
class Encoder:
    """A loaded model.

    Attributes
    ----------
    where
        Its folder or repository.
    sample_rate
        Hz of its input.
    digest
        Hexadecimal SHA-256 of everything that decides its output.
    network, extractor
        The library's objects.
    """

    where: str
    sample_rate: int
    digest: str
    network: Any = dataclasses.field(repr=False)
    extractor: Any = dataclasses.field(repr=False)

    def encode(self, waveform: Float32[np.ndarray, " samples"]) -> Float32[np.ndarray, " dim"]:
        """Return the mean over time of a sound's last hidden states; for a CLAP, its embedding of the sound.

        Raises
        ------
        TeacherError
            When the model fails, or has no states over time.
        """
        with one_thread(), convert_errors(self.where):
            inputs = self.extractor(waveform, sampling_rate=self.sample_rate, return_tensors="pt")
            if hasattr(self.network, "get_audio_features"):
                output = self.network.get_audio_features(**inputs)
                return getattr(output, "pooler_output", output)[0].float().numpy()
            states = self.network(**inputs).last_hidden_state
        if states.ndim != 3:
            raise TeacherError(self.where, f"hidden states of {states.ndim} axes", "[batch, time, dim]")
        return states[0].float().mean(dim=0).numpy()


def load_encoder(spec: TeacherSpec) -> Encoder:
    """Load an encoder.

    Raises
    ------
    ConfigError
        When an option is unknown.
    MissingExtraError
        When transformers is not installed.
    TeacherError
        When the model is absent or damaged, lacks weights, or does not take sounds.
    """
    options = read_options(TransformersOptions, spec)
    origin = locate(spec.where, options.revision)
    extractor = load_processor(origin, "audio")
    rate = getattr(extractor, "sampling_rate", None)
    if rate is None:
        raise TeacherError(origin.where, f"a {type(extractor).__name__}", "an extractor of sounds")
    network = load_network(origin, "AutoModel", wanted="a trained model", may_lack=_ONLY_IN_TRAINING)
    if getattr(network.config, "is_encoder_decoder", False):
        network = network.get_encoder().eval()
    digest = hashlib.sha256(identify(network, network.config, extractor).encode()).hexdigest()
    return Encoder(origin.where, int(rate), digest, network, extractor)
