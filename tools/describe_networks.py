"""What a configuration of MGD costs: parameters and memory, from a forward pass without data (``meta`` device).

``python tools/describe_networks.py paper`` prints it.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch import nn

from pcgm_bench.methods.pcgm.mgd.causal_encoder import CausalEncoder
from pcgm_bench.methods.pcgm.mgd.config import MGDConfig
from pcgm_bench.methods.pcgm.mgd.controlnet import ControlNet
from pcgm_bench.methods.pcgm.mgd.decoder import DiffusionDecoder
from pcgm_bench.methods.pcgm.mgd.decoder import upsample_latent
from pcgm_bench.methods.pcgm.mgd.paper import CONFIGS
from pcgm_bench.methods.pcgm.mgd.paper import get_config
from pcgm_bench.methods.pcgm.mgd.unet import DenoisingUNet
from pcgm_bench.training.people import FIELDS


@dataclass(frozen=True)
class NetworkCost:
    """One network at batch 1.

    Attributes:
        name: Of the network.
        parameters: Count.
        output: Shape of the forward pass's result.
        inference_gib: fp32 weights plus three times the largest layer output.
        training_gib: fp32 weights, gradients and two AdamW moments, plus all leaf layers' outputs in bf16.
    """

    name: str
    parameters: int
    output: tuple[int, ...]
    inference_gib: float
    training_gib: float


def _measure(name: str, network: nn.Module, *inputs: Any) -> tuple[NetworkCost, Any]:
    sizes: list[int] = []

    def note(_module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            sizes.append(output.numel())

    leaves = [m for m in network.modules() if not list(m.children())]
    handles = [leaf.register_forward_hook(note) for leaf in leaves]
    output = network(*inputs)
    for handle in handles:
        handle.remove()
    n = sum(p.numel() for p in network.parameters())
    shape = tuple(output.shape) if isinstance(output, Tensor) else tuple(output[1].shape)
    inference, training = 4 * n + 12 * max(sizes), 16 * n + 2 * sum(sizes)
    return NetworkCost(name, n, shape, inference / 2**30, training / 2**30), output


class _Autoencoder(nn.Module):
    """The whole VAE as it is trained."""

    def __init__(self, encoder: CausalEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder.decode(self.encoder.encode(x), x.shape[2])


def describe(config: MGDConfig) -> list[NetworkCost]:
    """Parameters and memory estimates of the four networks on full volumes; allocates nothing."""
    with torch.device("meta"), torch.no_grad():
        x, t = torch.empty(1, 1, *config.shape), torch.empty(1)
        z = torch.empty(1, config.encoder.latent_channels, *config.latent_shape)
        condition = torch.empty(1, len(FIELDS))
        unet, controlnet = DenoisingUNet(config), ControlNet(config)
        encoder, _ = _measure("encoder", _Autoencoder(CausalEncoder(config)), x)
        hint_cost, hint = _measure("hint", controlnet.hint, torch.empty(1, config.control.mask_channels, *config.shape))
        plain, _ = _measure("unet", unet, z, t, condition)
        control, residuals = _measure("controlnet", controlnet, z, t, condition, hint)
        _measure("controlled", unet, z, t, condition, None, residuals)
        decoder, _ = _measure("decoder", DiffusionDecoder(config), x, upsample_latent(z, config), t)
    hint_activations = hint_cost.training_gib - 16 * hint_cost.parameters / 2**30
    control = NetworkCost(
        control.name,
        control.parameters,
        control.output,
        max(control.inference_gib, hint_cost.inference_gib),
        control.training_gib + hint_activations + plain.training_gib - 12 * plain.parameters / 2**30,
    )
    return [encoder, plain, control, decoder]


def description(config: MGDConfig) -> str:
    """`describe` as lines of text. The ControlNet's training includes the frozen UNet."""
    image = " x ".join(map(str, config.shape))
    latent = " x ".join(map(str, config.latent_shape))
    lines = [f"{config.name}: image {image}, latent {config.encoder.latent_channels} x {latent}, batch 1"]
    lines += [
        f"  {c.name:<11}{c.parameters / 1e6:9.2f} M parameters  {c.inference_gib:7.2f} GiB inference (fp32)"
        f"  {c.training_gib:7.2f} GiB training (AdamW, bf16 activations)"
        for c in describe(config)
    ]
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", nargs="?", default="paper", choices=sorted(CONFIGS), help="default: %(default)s")
    print(description(get_config(parser.parse_args().config)))


if __name__ == "__main__":
    main()
