"""The plan of a load, which is checked as a whole, and the report of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from keras_dlnotes.common.printable import printable
from keras_dlnotes.interop.buffers import State
from keras_dlnotes.interop.modules import Module
from keras_dlnotes.interop.weight_groups import WeightGroup


@dataclass
class LoadReport:
    """The outcome of `load_torch` for each tensor.

    Args:
        loaded: PyTorch's tensors that were loaded, each with the path of its layer.
        skipped: tensors that hold no weight, each with what it holds.
        missing: tensors that the state dict lacks, each with the layer that kept its weight.
        unexpected: tensors that fit no layer, each with the reason.

    As a `str`, it is a table.
    """

    loaded: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    unexpected: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        rows = [
            (problem, key, value)
            for problem in ("loaded", "skipped", "missing", "unexpected")
            for key, value in getattr(self, problem).items()
        ]
        return table(rows) if rows else "no tensors"

    def summary(self) -> str:
        """Returns one sentence on everything that was not loaded; "" if everything was.

        The counts of batches, which every batch normalization of PyTorch has, are not mentioned.
        """
        counted = "num_batches_tracked"
        mentioned = [key for key in self.skipped if not key.endswith(counted)]
        kinds = (
            ("skipped, since no layer has such weights", mentioned),
            ("left as they were, since the state dict lacks them", list(self.missing)),
            ("not loaded, since they fit no layer", list(self.unexpected)),
        )
        return "; ".join(f"{what}: {_some(keys)}" for what, keys in kinds if keys)


def _some(keys: list[str]) -> str:
    return printable(", ".join(keys[:5])) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Returns rows as aligned columns; the last one is not padded."""
    rows = [tuple(map(printable, row)) for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in rows
    )


def misfits(pairs) -> list[tuple[str, str, str, str]]:
    """Returns (problem, tensor, layer, shapes) for every tensor that does not fit."""
    rows = []
    for group, module in pairs:
        expected = group.shapes if group else {}
        received = module.shapes if module else {}
        layer = group.path if group else "—"
        for name in {**expected, **received}:
            key = module.keys.get(name) if module else None
            key = key or (f"{module.prefix}.{name}" if module else f"{layer}: {name}")
            if name not in received:
                rows.append(("missing", key, layer, f"expected {expected[name]}"))
            elif name not in expected:
                rows.append(("extra", key, layer, f"received {received[name]}"))
            elif expected[name] != received[name]:
                shapes = f"expected {expected[name]}, received {received[name]}"
                rows.append(("misshapen", key, layer, shapes))
    return rows


def check(pairs) -> None:
    """Raises with a list of all tensors that do not fit."""
    rows = misfits(pairs)
    if rows:
        raise ValueError(
            "These tensors do not fit, and nothing was loaded (problem, tensor, layer, shape):\n"
            + table(rows)
            + "\nWhere a layer belongs to another module, pass names, such as "
            '{"layer1.0.downsample": ["shortcut", "shortcut_bn"]}; to load what fits, pass '
            "strict=False."
        )


def plan(pairs: list[tuple[WeightGroup | None, Module | None]], state: State):
    """Returns pairs of a variable and its new value for all that fits, and the report."""
    report = LoadReport(skipped=dict(state.skipped))
    for problem, key, layer, shapes in misfits(pairs):
        if problem == "missing":
            report.missing[key] = layer
        else:
            report.unexpected[key] = f"{layer}: {shapes}"
    assignments: list[tuple] = []
    for group, module in [(group, module) for group, module in pairs if group and module]:
        for entry in group.mappings:
            fits = all(module.shapes.get(name) == shape for name, shape in entry.shapes.items())
            keys = [module.keys[name] for name in entry.shapes if name in module.keys]
            if fits:
                tensors = {name: state.tensors[module.keys[name]] for name in entry.shapes}
                assignments += zip(entry.variables, entry.weights(tensors), strict=True)
                for key in keys:
                    folded = state.folded.get(key)
                    of_key = folded.keys.values() if folded else [key]
                    report.loaded |= dict.fromkeys(of_key, group.path)
            else:  # a weight whose other tensors are missing, as one of an LSTM's two biases
                for key in keys:
                    report.unexpected.setdefault(
                        key, f"{group.path}: incomplete without its other tensors"
                    )
    return assignments, report
