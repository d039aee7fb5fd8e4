"""Published networks of torchvision and timm through `interop.from_torch`, randomly initialised.

For each: the largest difference of an output, relative to the largest number, at two numbers of
examples; whether every weight comes back bit by bit; the height that the model takes, or that any
is taken; processor seconds of the conversion; and how many transpositions the Keras graph has. For
some, on small images: the largest difference of a weight, relative to the largest of its tensor,
after one step of SGD in training mode, without dropout. Nothing is downloaded. Without names, all
networks of the table are converted, and the exit status is 1 if one of them falls short that is not
in `OPEN`. With `--json`, the table is written after every network, and those that the file has are
not converted again.

`--speed` times the conversion of `resnet50` and, against `keras.applications.ResNet50`, inference.
"""

import argparse
import copy
import functools
import inspect
import json
import re
import sys
import time
from pathlib import Path

import numpy as np
import torch
from timing import interleave, tensorflow_forward, use_two_threads, write_json

LARGEST = 1e-4
OPEN = {"timm visformer_tiny"}  # float32 is not enough for it, in PyTorch as well
TORCHVISION = (
    "alexnet", "vgg11", "vgg16_bn", "resnet18", "resnet50", "resnext50_32x4d", "wide_resnet50_2",
    "densenet121", "squeezenet1_1", "googlenet", "inception_v3", "mobilenet_v2",
    "mobilenet_v3_small", "shufflenet_v2_x1_0", "mnasnet0_5", "efficientnet_b0",
    "efficientnet_v2_s", "regnet_x_400mf", "regnet_y_400mf", "convnext_tiny", "vit_b_16", "swin_t",
    "swin_v2_t", "maxvit_t", "fcn_resnet50", "deeplabv3_resnet50", "lraspp_mobilenet_v3_large",
)  # fmt: skip
TIMM = (
    "beit_base_patch16_224", "cait_xxs24_224", "coat_tiny", "convmixer_768_32", "convnextv2_atto",
    "cspdarknet53", "deit_tiny_patch16_224", "densenet121", "dla34", "dpn68", "ecaresnet50d",
    "edgenext_xx_small", "efficientformer_l1", "efficientnet_b0", "ghostnet_100", "hrnet_w18_small",
    "levit_128s", "mixer_s16_224", "mobilenetv3_large_100", "mobilevit_s", "mobileone_s0",
    "nfnet_l0", "pit_ti_224", "poolformer_s12", "pvt_v2_b0", "regnety_002", "repvgg_a0",
    "res2net50_26w_4s", "resmlp_12_224", "resnest14d", "resnet50d", "resnetv2_50", "selecsls42b",
    "seresnet50", "skresnet18", "swin_tiny_patch4_window7_224", "tf_efficientnet_b0", "tinynet_a",
    "vit_tiny_patch16_224", "visformer_tiny", "vovnet39a", "xception41",
)  # fmt: skip
# those that take a step, and the length of their images
TRAINED = {
    "torchvision resnet18": 64,
    "torchvision mobilenet_v3_small": 96,
    "torchvision shufflenet_v2_x1_0": 96,
    "torchvision squeezenet1_1": 64,
    "torchvision regnet_y_400mf": 96,
    "torchvision efficientnet_b0": 96,
    "torchvision mnasnet0_5": 96,
    "torchvision densenet121": 64,
    "torchvision convnext_tiny": 64,
    "timm vit_tiny_patch16_224": 224,
    "timm nfnet_l0": 64,
}
NAMES = [*(f"torchvision {name}" for name in TORCHVISION), *(f"timm {name}" for name in TIMM)]


@functools.cache
def import_torchvision():
    """Imports it beside a CPU build of PyTorch, which lacks the operators of its CUDA build."""
    for name in ("nms", "qnms"):
        torch.library.define(f"torchvision::{name}", "(Tensor a, Tensor b, float c) -> Tensor")
    import torchvision

    return torchvision


def make(name: str):
    """A network and the length of its images."""
    library, _, name = name.partition(" ")
    torch.manual_seed(0)
    models = import_torchvision().models
    if library == "timm":  # imports torchvision, too
        import timm

        network = timm.create_model(name, pretrained=False)
        return shaken(network), network.default_cfg["input_size"][-1]
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    if "weights_backbone" in inspect.signature(models.get_model_builder(name)).parameters:
        options["weights_backbone"] = None
    network = models.get_model(name, weights=None, **options)
    return shaken(network), 299 if name == "inception_v3" else 224


def shaken(network):
    """The network with statistics and scales as after training: nothing is 0, 1 or all alike."""
    generator = torch.Generator().manual_seed(1)

    def draw(tensor, low, high):
        tensor.data.copy_(torch.rand(tensor.shape, generator=generator) * (high - low) + low)

    for module in network.modules():
        if getattr(module, "running_var", None) is not None:
            draw(module.running_mean, -0.2, 0.2)
            draw(module.running_var, 0.5, 1.5)
    for parameter in network.parameters():
        spread = (parameter - parameter.flatten()[0]).abs().max()
        if parameter.numel() > 1 and spread == 0:
            middle = float(parameter.flatten()[0])
            middle = middle if abs(middle) > 0.1 else 0.0
            draw(parameter, middle - 0.2, middle + 0.2)
    return network


def measure(name: str) -> dict:
    """One row of the table."""

    from keras_dlnotes import interop
    from keras_dlnotes.interop.compare import output_differences

    network, length = make(name)
    images = torch.randn(2, 3, length, length)
    state = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    before = time.process_time()
    model = interop.from_torch(network, images, check=False)
    seconds = time.process_time() - before
    batches = (images,), (torch.randn(3, 3, length, length),)
    # the largest, or NaN
    worst = float(np.max([output_differences(model, network, batch) for batch in batches]))
    back = interop.to_torch(model)
    trained = dict(network.named_parameters())
    returned = set(trained) <= set(back) and all(torch.equal(back[key], state[key]) for key in back)
    kinds = [type(operation).__name__ for operation in model.operations]
    row = {
        "network": name,
        "relative difference": f"{worst:.0e}",
        "weights back": "bit by bit" if returned else "differ",
        "size": "any" if None in model.input_shape[1:3] else model.input_shape[1],
        "seconds": round(seconds, 1),
        "transpositions": kinds.count("Transpose"),
    }
    if name in TRAINED:
        step = step_difference(name)
        row["after a step"] = f"{step:.0e}"
        returned = returned and step <= LARGEST
    if not worst <= LARGEST:
        row["remark"] = f"PyTorch's output itself is {rounding(network, images):.0e} from float64's"
    return {**row, "_passed": worst <= LARGEST and returned}


def rounding(network, images) -> float:
    """How far PyTorch's own output is from that in float64, relative to the largest."""
    network = copy.deepcopy(network).eval()
    with torch.no_grad():
        found, exact = network(images).double(), network.double()(images.double())
    return float((found - exact).abs().max() / exact.abs().max())


def step_difference(name: str) -> float:
    """The largest difference of a weight after a step of SGD, relative to its tensor's largest.

    The moving variance is left out: PyTorch multiplies the batch's by n/(n − 1), Keras does not.
    """
    import keras

    from keras_dlnotes import interop

    network, _ = make(name)
    for module in network.modules():
        if "drop" in type(module).__name__.lower() or type(module).__name__ == "StochasticDepth":
            for rate in {"p", "drop_prob"} & set(vars(module)):
                setattr(module, rate, 0.0)
    length = TRAINED[name]
    images = torch.randn(8, 3, length, length, generator=torch.Generator().manual_seed(2))
    model = interop.from_torch(network, images, check=False)
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), 0.01)
    network(images).square().mean().backward()
    optimizer.step()
    model.compile(keras.optimizers.SGD(0.01), lambda _, y: keras.ops.mean(keras.ops.square(y)))
    order = model.torch_record["inputs"][0]
    model.train_on_batch(np.transpose(images.numpy(), order), np.zeros((8, 1), "float32"))
    found, worst = interop.to_torch(model), 0.0
    for key, expected in network.state_dict().items():
        if key in found and not key.endswith("running_var"):
            largest = max(float(expected.abs().max()), 1e-3)
            worst = max(worst, float((found[key] - expected).abs().max()) / largest)
    return worst


def speed() -> list[dict]:
    """The seconds of converting `resnet50`, and milliseconds of inference, two threads."""
    import keras

    from keras_dlnotes import interop

    use_two_threads()
    network, length = make("torchvision resnet50")
    before = time.process_time(), time.perf_counter()
    model = interop.from_torch(network, torch.randn(2, 3, length, length))
    seconds = time.process_time() - before[0], time.perf_counter() - before[1]
    rivals = {
        "converted": model,
        "keras.applications": keras.applications.ResNet50(weights=None),
        "with torchvision's strides": strided_later(keras.applications.ResNet50(weights=None)),
    }
    rows = []
    for count in (1, 8):
        images = np.random.default_rng(0).normal(size=(count, length, length, 3)).astype("float32")
        calls = {name: tensorflow_forward(rival, images) for name, rival in rivals.items()}
        times = interleave(calls, repeats=9)
        milliseconds = {f"{name} ms": round(value, 1) for name, value in times.items()}
        row = {"network": "resnet50", "images": count, **milliseconds}
        conversion = {"conversion s": seconds[1], "of the processor s": seconds[0]}
        rows.append(row | (conversion if count == 1 else {}))
    return rows


def strided_later(model):
    """`keras.applications.ResNet50` with its strides in the 3×3 convolutions, as torchvision's."""
    config = model.get_config()
    layers = {entry["config"]["name"]: entry["config"] for entry in config["layers"]}
    for block in ("conv3_block1", "conv4_block1", "conv5_block1"):
        layers[f"{block}_1_conv"]["strides"] = (1, 1)
        layers[f"{block}_2_conv"]["strides"] = (2, 2)
    return type(model).from_config(config)


def converted(name: str) -> dict:
    """A row of the table, or what stands in the way."""
    try:
        return measure(name)
    except Exception as error:
        lines = str(error).splitlines() or [type(error).__name__]
        print(f"{name}: {error}", file=sys.stderr, flush=True)
        reason = re.sub(r"\S*site-packages/", "", " ".join(lines[1:2] or lines))
        return {"network": name, "remark": reason[:200].strip()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help='such as "timm resnet50d"')
    parser.add_argument("--json", type=Path, help="the file to write the table to")
    parser.add_argument("--speed", action="store_true", help="only time resnet50")
    arguments = parser.parse_args()
    if arguments.speed:
        rows = speed()
        print(*rows, sep="\n")
        if arguments.json:
            write_json(arguments.json, rows, processes=1)
        return 0
    rows, failed = [], 0
    if arguments.json and arguments.json.exists():
        rows = json.loads(arguments.json.read_text())["rows"]
    known = {row["network"] for row in rows}
    for name in arguments.names or NAMES:
        if name in known:
            continue
        row = converted(name)
        failed += not row.pop("_passed", False) and name not in OPEN
        print(row, flush=True)
        rows.append(row)
        if arguments.json:
            rows.sort(key=lambda row: NAMES.index(row["network"]))
            write_json(arguments.json, rows, processes=1)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
