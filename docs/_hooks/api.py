"""The pages of the API: all public names of a part, by family."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "keras_dlnotes"
# part → family → the modules that its names come from; the page that derives or explains it
FAMILIES = {
    "layers": {
        "Convolution": ("conv conv_transpose", "derivations/conv.md"),
        "Separable convolution": ("conv_depthwise conv_spatial", "derivations/separable.md"),
        "Pooling": ("pool unpool", "derivations/pool.md"),
        "Batch normalization": ("norm", "derivations/norm.md"),
        "Recurrent layers": ("recurrent", "derivations/gates.md"),
        "Blocks": ("blocks", "derivations/architectures.md"),
    },
    "ops": {
        "Convolution": ("conv conv_transpose windows", "derivations/conv.md"),
        "Separable convolution": ("conv_separable", "derivations/separable.md"),
        "Pooling": ("pool unpool", "derivations/pool.md"),
        "Batch normalization": ("norm", "derivations/norm.md"),
        "Recurrence": ("recurrent", "derivations/recurrent.md"),
    },
    "models": {
        "Networks for images": (
            "convnets vgg resnet densenet unet",
            "derivations/architectures.md",
        ),
        "Autoencoders": ("autoencoders", "derivations/autoencoders.md"),
        "Networks for sequences": ("sequence language", "concepts/sequences.md"),
        "Generating sequences": ("generation", "derivations/tokens.md"),
    },
    "training": {
        "Truncated back-propagation": ("truncated", "derivations/recurrent.md"),
        "Separating convolutions": ("separation", "derivations/separable.md"),
        "Batch statistics": ("statistics", "how-to/recompute-statistics.md"),
    },
    "runs": {
        "A task and its parts": ("task metrics batches strategies", "tasks.md"),
        "A fit in a folder": ("fit folder records", "tasks.md"),
        "Fits that can be resumed": ("resumable checkpoints", ""),
    },
    "reports": {
        "Costs and receptive fields": (
            "cost_report cost_plots receptive_field receptive_fields row rules savings summary",
            "how-to/count-a-models-cost.md",
        ),
        "Gradients": ("gradient_flow gradient_callback gradient_plot", "derivations/recurrent.md"),
        "Feature maps and kernels": ("activations convolution", "concepts/images.md"),
        "Training": ("learning_curves learning_runs", "derivations/tuning.md"),
        "Searches": ("search_page search_plots importance", "derivations/tuning.md"),
        "Images": ("classification image_rows segmentation captions", "concepts/images.md"),
        "Latent spaces": ("latent", "derivations/autoencoders.md"),
        "Sequences and texts": (
            "forecast error_by_length marked_lines shaded_text",
            "concepts/sequences.md",
        ),
        "Pages": ("page", ""),
    },
}
PARTS = (
    "layers",
    "ops",
    "models",
    "training",
    "runs",
    "interop",
    "text",
    "data",
    "tasks",
    "tuning",
    "reports",
    "config",
)
PICTURES = (
    "The picture of each plot is drawn by it when this site is built: from data sets of the "
    "package, and where there are none, from made-up numbers."
)


def on_files(files, config):
    """Adds the pages, as if they lay beside the others."""
    from mkdocs.structure.files import File  # tests read this module without MkDocs

    for part in PARTS:
        files.append(File.generated(config, f"api/{part}.md", content=page(part)))
    return files


def page(part):
    """The entries of all public names of a part, which its `__all__` lists."""
    folder = PACKAGE / part
    source = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    module = ast.parse(source.read_text(encoding="utf-8"))
    (names,) = [
        ast.literal_eval(node.value)
        for node in module.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
    ]
    homes = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in module.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    parts = [f"# {part}", ast.get_docstring(module)]
    if part == "reports":
        parts.append(PICTURES)
    for family, (members, explained) in families(part, names, homes).items():
        if family:
            parts.append(f"## {family}")
        if explained:
            parts.append(f"Explained in [{title(explained)}](../{explained}).")
        # by the module that has it, since `ops.conv` is the name of a module, too
        parts += [entry(part, homes[name], 3 if family else 2) for name in members]
    return "\n\n".join(parts)


def families(part, names, homes):
    """The names of a part by family, each with its page; all in one where there are none."""
    if part not in FAMILIES:
        return {"": (names, "")}
    found = {}
    for family, (modules, explained) in FAMILIES[part].items():
        members = [name for name in names if homes[name].split(".")[-2] in modules.split()]
        found[family] = (members, explained)
    placed = [name for members, _ in found.values() for name in members]
    if sorted(placed) != sorted(names):
        wrong = {name for name in names if placed.count(name) != 1}
        raise ValueError(f"not in one family of {part}: {', '.join(sorted(wrong))}")
    return found


def title(path):
    """The title of a page."""
    if path == "tasks.md":  # a generated one
        return "Tasks"
    return (PACKAGE.parent / "docs" / path).read_text(encoding="utf-8").split("\n")[0].lstrip("# ")


def entry(part, name, level):
    """What mkdocstrings makes an entry of."""
    of_layers = ", members: false, merge_init_into_class: true" if part == "layers" else ""
    return f"::: {name}\n    options: {{heading_level: {level}{of_layers}}}"
