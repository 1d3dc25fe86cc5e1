"""An exponential moving average of a network's weights, step by step: torch's AveragedModel."""

from torch import nn


def averaged(network: nn.Module, decay: float) -> nn.Module | None:
    """A copy that `add` brings towards the network; None where decay is 0. Running statistics are averaged with the weights."""
    if decay == 0:
        return None
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn  # late: few recipes need it

    return AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)


def add(average: nn.Module | None, network: nn.Module) -> None:
    """After a step: average ← decay · average + (1 - decay) · network; after the first one, the network itself.

    Buffers of whole numbers are the network's own: places in a table, say, of which there is no average.
    """
    if average is not None:
        average.update_parameters(network)  # type: ignore[operator]
        for kept, own in zip(average.module.buffers(), network.buffers(), strict=True):  # type: ignore[union-attr]
            if not own.is_floating_point():
                kept.copy_(own)
