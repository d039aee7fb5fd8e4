"""Small PyTorch modules for `from_torch`, each of one family of operations, and their inputs."""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812


def shaken(module, seed=0):
    """The module with weights and statistics that are nowhere 0 or 1."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if tensor.is_floating_point():
            drawn = torch.rand(tensor.shape, generator=generator)
            is_scale = name.endswith("running_var") or (name.endswith("weight") and drawn.ndim == 1)
            tensor.data.copy_(drawn + 0.5 if is_scale else (drawn - 0.5) * 0.6)
    return module


class Convolutions(nn.Module):
    """Strides, padding, dilation, groups, and their transposes."""

    def __init__(self):
        super().__init__()
        self.plain = nn.Conv2d(3, 8, (3, 2), stride=(2, 1), padding=(2, 1), bias=False)
        self.grouped = nn.Conv2d(8, 12, 3, padding="same", dilation=2, groups=4)
        self.depthwise = nn.Conv2d(12, 24, 3, padding=1, groups=12)
        self.mirrored = nn.Conv2d(24, 6, 3, padding=1, padding_mode="reflect")
        self.up = nn.ConvTranspose2d(6, 4, 3, 2, 1, output_padding=1, groups=2)

    def forward(self, x):
        return self.up(self.mirrored(self.depthwise(self.grouped(self.plain(x)))))


class Ranks(nn.Module):
    """One and three spatial axes."""

    def __init__(self):
        super().__init__()
        self.line = nn.Sequential(nn.Conv1d(3, 4, 3, 2), nn.BatchNorm1d(4), nn.MaxPool1d(2))
        self.back = nn.ConvTranspose1d(4, 2, 2, groups=2)
        self.volume = nn.Sequential(
            nn.Conv3d(2, 3, 2), nn.AvgPool3d(2), nn.ConvTranspose3d(3, 2, 2)
        )

    def forward(self, x, volume):
        return self.back(self.line(x)), self.volume(volume)


class Pools(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.counted = nn.AvgPool2d(2, 2, padding=1, ceil_mode=True)
        self.same = nn.AdaptiveAvgPool2d((5, 5))
        self.uneven = nn.AdaptiveAvgPool2d((3, 2))
        self.divided = nn.AdaptiveMaxPool2d(1)
        self.one = nn.AdaptiveAvgPool2d(1)

    def forward(self, x):
        x = self.counted(self.up(x))
        return self.same(x), self.uneven(x), self.divided(x), self.one(x).flatten(1)


class Normalizations(nn.Module):
    def __init__(self):
        super().__init__()
        self.batch = nn.BatchNorm2d(6, eps=1e-3, momentum=0.2)
        self.plain = nn.BatchNorm2d(6, affine=False)
        self.group = nn.GroupNorm(3, 6)
        self.instance = nn.InstanceNorm2d(6, affine=True)
        self.whole = nn.LayerNorm([6, 4, 5])
        self.last = nn.LayerNorm(5, bias=False)
        self.channels = nn.LayerNorm(6)

    def forward(self, x):
        x = self.whole(self.instance(self.group(self.plain(self.batch(x)))))
        return self.channels(self.last(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Standardized(nn.Module):
    """Kernels of mean 0 and variance 1, as in NFNets, and statistics of the batch alone."""

    def __init__(self):
        super().__init__()
        self.first, self.grouped = (
            nn.Conv2d(4, 6, 3, 2, 1),
            nn.Conv2d(6, 6, 2, groups=2, bias=False),
        )
        self.gain = nn.Parameter(torch.ones(6, 1, 1, 1))
        self.plain = nn.BatchNorm2d(6, track_running_stats=False)

    def forward(self, x):
        for conv in (self.first, self.grouped):
            rows = conv.weight.reshape(1, 6, -1)
            gain = self.gain.view(-1)
            kernel = F.batch_norm(rows, None, None, gain, training=True, momentum=0.0, eps=1e-4)
            kernel = kernel.reshape_as(conv.weight)
            x = F.conv2d(x, kernel, conv.bias, conv.stride, conv.padding, (1, 1), conv.groups)
        return self.plain(x)


class Activations(nn.Module):
    def __init__(self):
        super().__init__()
        names = (
            "ReLU ReLU6 Sigmoid Tanh GELU SiLU SELU Mish Softsign Hardsigmoid Hardswish LogSigmoid "
            "Tanhshrink Hardtanh LeakyReLU ELU Softplus Hardshrink Softshrink"
        )
        self.all = nn.ModuleList([getattr(nn, name)() for name in names.split()])
        self.tanh_gelu, self.beta = nn.GELU("tanh"), nn.Softplus(beta=2)
        self.threshold, self.slopes = nn.Threshold(0.1, -2.0), nn.PReLU(4)
        self.soft, self.log_soft = nn.Softmax(dim=1), nn.LogSoftmax(dim=2)
        self.gate = nn.GLU(dim=1)

    def forward(self, x):
        total = sum(activation(x) for activation in self.all)
        total = total + self.tanh_gelu(x) + self.beta(x) + self.threshold(x) + self.slopes(x)
        return self.soft(total), self.log_soft(total), self.gate(total)


class Arithmetic(nn.Module):
    """Broadcasting between maps, vectors, free parameters, buffers and numbers."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4, 1, 1))
        self.shift = nn.Parameter(torch.ones(5))
        self.register_buffer("mask", torch.rand(6, 5))

    def forward(self, x):
        squeezed = x.mean((2, 3), keepdim=True)
        y = x * self.scale + self.shift - squeezed.sigmoid() * self.mask
        y = (2 - y) / (y.abs() + 1.5) + (y**2).clamp(0.1, 2).sqrt()
        y = torch.where(y > 0.5, y, y.exp()).masked_fill(self.mask < 0.3, 0.25)
        return (
            y,
            torch.maximum(x.amax(1), x.sum(1)) + x.max(1)[0],
            torch.addcmul(x, x, squeezed),
            x.std((1, 2)) + torch.rsub(x, squeezed, alpha=2).sum((1, 2)),
            x * x.var(unbiased=False),
        )


class Filled(nn.Module):
    """Tensors of one number for an open number of examples, and positions counted from a mask."""

    def forward(self, x):
        count, length = x.shape[0], 4
        zeros, ones = torch.zeros(count, length), x.new_ones(count, 1)
        rows = (~torch.zeros(count, 3, length, dtype=torch.bool)).cumsum(1, dtype=torch.float32)
        return (
            torch.cat([x, ones, torch.full((count, 2), 0.5)], dim=1),
            zeros - x.softmax(1),
            torch.where(zeros.to(torch.bool), x, -x) + (zeros + 2).reshape(-1, 2, 2).flatten(1),
            (rows / (rows[:, -1:] + 1e-6)).transpose(1, 2) + x[:, :, None],
        )


class Shapes(nn.Module):
    """Axes that are moved, joined and cut: a channel shuffle, windows, patches, rolls."""

    def forward(self, x):
        n, c, h, w = x.shape
        shuffled = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        windows = x.view(n, c, h // 2, 2, w // 3, 3).permute(0, 2, 4, 3, 5, 1).reshape(-1, 6, c)
        rolled = torch.roll(windows.reshape(n, h, w, c), (1, -2), (1, 2))
        first, second = shuffled.chunk(2, 1)
        joined = torch.cat([second, first * 2, x[:, :1]], 1)
        stacked = torch.stack([first, second], 2).flatten(1, 2)
        parts = x.split([1, 3], 1)[1].unbind(1)
        padded = F.pad(x, (1, -1, 2, 0), value=3.0)
        circular = F.pad(F.pad(x, (1, 2, 0, 1), mode="replicate"), (0, 0, 2, 1), mode="circular")
        odd = x.reshape(n, 8, 9).flip(1)
        picked = x[:, [2, 0]].select(2, 1).squeeze().unsqueeze(1).expand(-1, 2, -1, -1)
        every_other = x[:, torch.tensor([3, -4])].repeat(1, 2, 1, 1)
        more = F.channel_shuffle(x.movedim(3, 2), 2).swapaxes(0, 1), every_other
        return joined, rolled, stacked, parts[1] - parts[2], padded, circular, odd, picked, *more


class Products(nn.Module):
    """Matrix products, einsum, embeddings, flattened maps and a table of biases."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 6)
        self.maps = nn.Conv2d(3, 4, 1)
        self.flat = nn.Sequential(nn.Flatten(), nn.Dropout(0.0), nn.Linear(4 * 4 * 2, 6))
        self.table = nn.Parameter(torch.ones(5, 2))
        self.register_buffer("numbers", torch.tensor([[0, 2, 4], [1, 3, 3], [4, 0, 1]]))
        self.matrix = nn.Parameter(torch.ones(6, 6))

    def forward(self, numbers, image):
        words = self.embedding(numbers)
        hidden = self.flat(self.maps(image))
        q = words.view(words.shape[0], 3, 2, 3).transpose(1, 2)
        scores = q @ q.transpose(-2, -1) * 0.5 + self.table[self.numbers].permute(2, 0, 1)
        mixed = (scores.softmax(-1) @ q).transpose(1, 2).reshape(words.shape)
        both = torch.einsum("nld,de->nle", mixed, self.matrix) + hidden.unsqueeze(1)
        return both, torch.einsum("nhqd,nhkd->nhqk", q, q), torch.bmm(words, words.mT)


class Transformer(nn.Module):
    """A class token, positions, PyTorch's own attention, attention with masks."""

    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.ones(1, 1, 8))
        self.positions = nn.Parameter(torch.ones(1, 5, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.register_buffer("bias", torch.rand(5, 5))

    def forward(self, x):
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        y = self.norm(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        q = x.view(x.shape[0], 5, 2, 4).transpose(1, 2)
        causal = F.scaled_dot_product_attention(q, q, q, is_causal=True)
        masked = F.scaled_dot_product_attention(q, q, q, self.bias > 0.1, scale=0.3)
        return F.scaled_dot_product_attention(causal, masked, q, self.bias)[:, :, 0].flatten(1)


class Resizing(nn.Module):
    def forward(self, x):
        up = F.interpolate(x, scale_factor=2, mode="nearest")
        odd = F.interpolate(x, size=(5, 7), mode="nearest")
        smooth = F.interpolate(x, size=(9, 5), mode="bilinear", align_corners=False)
        corners = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True)
        return up, odd, smooth, corners, F.pixel_shuffle(x, 2), F.pixel_unshuffle(up, 2)


class Recurrences(nn.Module):
    """Stacked, in both directions, the batch first and second, outputs and last states."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(8, 3, bias=False)
        self.plain = nn.RNN(3, 2, nonlinearity="relu", dropout=0.0, num_layers=2)

    def forward(self, x):
        y, (h, c) = self.lstm(x)
        z, g = self.gru(y.transpose(0, 1))
        p, last = self.plain(z)
        return p.permute(1, 0, 2), h[-1] + c[0], torch.cat([g[0], last[1]], 1)


class InPlace(nn.Module):
    """Results of changes in place, read under the older name, and changes of slices."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight  # tied

    def forward(self, x):
        y = self.first(x)
        y.relu_()
        z = self.second(y)
        z += y
        z.mul_(2)
        z[:, 1:3].relu_()[:, :1].fill_(0.5)
        bias = self.first.bias.clone()
        bias[1:3].zero_()  # as the keys' in swin_v2
        return z, F.linear(z, self.second.weight, bias)


def _images(channels, *lengths):
    return torch.rand(2, channels, *lengths, generator=torch.Generator().manual_seed(1)) - 0.4


FAMILIES = {
    "convolutions": (Convolutions, (_images(3, 9, 8),)),
    "one and three axes": (Ranks, (_images(3, 17), _images(2, 5, 6, 7))),
    "pools": (Pools, (_images(3, 18, 17),)),
    "normalizations": (Normalizations, (_images(6, 4, 5),)),
    "standardized": (Standardized, (_images(4, 7, 8),)),
    "activations": (Activations, (_images(4, 3, 2) * 4,)),
    "arithmetic": (Arithmetic, (_images(4, 6, 5),)),
    "filled": (Filled, (_images(4),)),
    "shapes": (Shapes, (_images(4, 6, 3),)),
    "products": (Products, (torch.tensor([[0, 3, 6], [5, 5, 1]]), _images(3, 4, 2))),
    "transformer": (Transformer, (_images(4, 8),)),
    "resizing": (Resizing, (_images(4, 3, 4),)),
    "recurrences": (Recurrences, (_images(5, 3),)),
    "in place": (InPlace, (_images(4),)),
}
