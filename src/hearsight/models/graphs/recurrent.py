"""Recurrent layers as one node of ONNX each.

An exporter left to itself writes every frame's step into the graph: ten thousand nodes and minutes of work for a second of sound.
ONNX has LSTM and GRU as operations, with the gates in another order.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

GATES = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2)}
"""Where ONNX's gates (LSTM: input, output, forget, cell; GRU: update, reset, new) stand in torch's order."""


class TraceableRecurrent(nn.Module):
    """An LSTM or GRU that takes and gives ``[batch, frames, …]``; traced for ONNX, a node per layer, otherwise torch's own."""

    def __init__(self, layers: nn.LSTM | nn.GRU) -> None:
        super().__init__()
        self.layers = layers
        self.operator = "LSTM" if isinstance(layers, nn.LSTM) else "GRU"
        directions = ("", "_reverse") if layers.bidirectional else ("",)
        for layer in range(layers.num_layers):
            names = [f"l{layer}{direction}" for direction in directions]
            for kind in ("weight_ih", "weight_hh"):
                matrices = [self._order_gates(getattr(layers, f"{kind}_{name}")) for name in names]
                self._keep(f"{kind}_{layer}", torch.stack(matrices))
            biases = [
                torch.cat([self._order_gates(getattr(layers, f"{kind}_{name}")) for kind in ("bias_ih", "bias_hh")])
                for name in names
            ]
            self._keep(f"bias_{layer}", torch.stack(biases))

    def _order_gates(self, values: Float[Tensor, rows * columns]) -> Float[Tensor, rows * columns]:
        gates = values.detach().chunk(len(GATES[self.operator]))
        return torch.cat([gates[place] for place in GATES[self.operator]])

    def _keep(self, name: str, constant: Float[Tensor, "directions rows *columns"]) -> None:
        self.register_buffer(name, constant, persistent=False)

    def forward(self, frames: Float[Tensor, "batch frames bands"]) -> tuple[Float[Tensor, "batch frames dim"], None]:
        """Return the last layer's outputs, and nothing in the place of its last state."""
        if not torch.onnx.is_in_onnx_export():
            return self.layers(frames)[0], None
        attributes: dict[str, Any] = {"hidden_size": self.layers.hidden_size}
        if self.layers.bidirectional:
            attributes["direction"] = "bidirectional"
        if self.operator == "GRU":
            attributes["linear_before_reset"] = 1
        values = frames.transpose(0, 1)
        directions = 2 if self.layers.bidirectional else 1
        for layer in range(self.layers.num_layers):
            constants = (getattr(self, f"{kind}_{layer}") for kind in ("weight_ih", "weight_hh", "bias"))
            shape = [values.shape[0], directions, values.shape[1], self.layers.hidden_size]
            outputs = torch.onnx.ops.symbolic(
                self.operator, (values, *constants), attributes, dtype=values.dtype, shape=shape
            )
            values = outputs.transpose(1, 2).flatten(2)
        return values.transpose(0, 1), None
