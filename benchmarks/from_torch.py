"""Published networks of torchvision and timm through `interop.from_torch`, randomly initialised.

For each: the largest difference of an output, relative to the largest number, at two numbers of
examples; whether every weight comes back bit by bit; processor seconds of the conversion; and how
many transpositions the Keras graph has. Nothing is downloaded. Without names, all networks of the
table are converted, and the exit status is that of the worst.
"""

import argparse
import functools
import inspect
import sys
import time
from pathlib import Path

import torch
from timing import write_json

LARGEST = 1e-4
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
    from keras_dlnotes.interop.compare import difference
    from keras_dlnotes.interop.converted import outputs_of

    network, length = make(name)
    images = torch.randn(2, 3, length, length)
    state = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    before = time.process_time()
    model = interop.from_torch(network, images, check=False)
    seconds = time.process_time() - before
    network.eval()
    worst = 0.0
    for batch in (images, torch.randn(3, 3, length, length)):
        with torch.no_grad():
            expected = network(batch)
        expected = list(expected.values()) if isinstance(expected, dict) else [expected]
        found = outputs_of(model, [batch.numpy()])
        for theirs, ours in zip(expected, found, strict=False):
            worst = max(worst, difference(ours, theirs.numpy()))
    back = interop.to_torch(model)
    trained = dict(network.named_parameters())
    returned = set(trained) <= set(back) and all(torch.equal(back[key], state[key]) for key in back)
    kinds = [type(operation).__name__ for operation in model.operations]
    return {
        "network": name,
        "relative difference": f"{worst:.0e}",
        "weights back": "bit by bit" if returned else "differ",
        "seconds": round(seconds, 1),
        "transpositions": kinds.count("Transpose"),
        "_passed": worst <= LARGEST and returned,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help='such as "timm resnet50d"')
    parser.add_argument("--json", type=Path, help="the file to write the table to")
    arguments = parser.parse_args()
    rows, failed = [], 0
    for name in arguments.names or NAMES:
        try:
            row = measure(name)
        except Exception as error:
            lines = str(error).splitlines() or [type(error).__name__]
            row = {"network": name, "remark": " ".join(lines[1:2] or lines)[:200]}
            print(f"{name}: {error}", file=sys.stderr, flush=True)
        failed += not row.pop("_passed", False)
        print(row, flush=True)
        rows.append(row)
    if arguments.json:
        write_json(arguments.json, rows, processes=1)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
