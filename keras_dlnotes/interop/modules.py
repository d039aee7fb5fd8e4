"""The modules of a PyTorch state dict."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_RECURRENT = re.compile(r"((?:weight|bias)_(?:ih|hh|hr))(?:_l(\d+))?(_reverse)?")
_ATTENTION = ("in_proj_weight", "q_proj_weight")


@dataclass(eq=False)
class Module:
    """The tensors of one module, or of one level of a stacked recurrent one."""

    prefix: str
    level: str | None = None
    keys: dict[str, str] = field(default_factory=dict)  # the tensor's own name → its full name
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)


def modules_of(shapes: Mapping[str, tuple[int, ...]]) -> list[Module]:
    """Groups a state dict's tensors, in the order of its names."""
    attention = {key.rpartition(".")[0] for key in shapes if key.rpartition(".")[2] in _ATTENTION}
    modules: dict[tuple, Module] = {}
    for key, shape in shapes.items():
        prefix, _, name = key.rpartition(".")
        outer, _, inner = prefix.rpartition(".")
        if inner == "out_proj" and outer in attention:
            prefix, name = outer, f"{inner}.{name}"
        level = None
        recurrent = _RECURRENT.fullmatch(name)
        if recurrent:
            level = recurrent[2]
            name = recurrent[1] + (recurrent[3] or "")
            if recurrent[1] == "weight_hr":
                raise ValueError(
                    f"{key} projects an LSTM's output (proj_size), and Keras has no such layer. "
                    "Train without proj_size, or build the layer by hand."
                )
        module = modules.setdefault((prefix, level), Module(prefix, level))
        module.keys[name], module.shapes[name] = key, tuple(shape)
    return list(modules.values())
