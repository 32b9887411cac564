"""Write vit_b.float64.safetensors: the reference's taps and gradients in float64, sampled as in vit_b.safetensors.

  /usr/bin/python3 test/goldens/float64.py --reference FOLDER OUT

FOLDER holds the reference, sam3d_reference.py and make_goldens.py. PyTorch has no fast convolution in float64 on a CPU, and
the one it has would take 29 GB; here they are 27 products each. Takes 10 GB; on two cores a quarter of an hour where the
system gives large pages (transparent_hugepage: always), an hour where it does not.
"""
import argparse
import sys
import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

TAPS = [(i, j, k) for i in range(3) for j in range(3) for k in range(3)]


def shifted(x):
    """(1, C, H, W, D) -> for each of the 27 taps, (C, H W D) of x moved there, zeros outside."""
    padded = F.pad(x[0], (1,) * 6)
    h, w, d = x.shape[2:]
    for i, j, k in TAPS:
        yield i, j, k, padded[:, i:i + h, j:j + w, k:k + d].reshape(x.shape[1], -1)


class Dense(torch.autograd.Function):
    """conv3d(x, weight, padding=1) of 3 x 3 x 3."""

    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        y = x.new_zeros(weight.shape[0], x[0, 0].numel())
        for i, j, k, tap in shifted(x):
            y.addmm_(weight[:, :, i, j, k], tap)
        return y.reshape(1, -1, *x.shape[2:])

    @staticmethod
    def backward(ctx, dy):
        x, weight = ctx.saved_tensors
        flat, dweight, dx = dy[0].reshape(dy.shape[1], -1), torch.zeros_like(weight), None
        for i, j, k, tap in shifted(x):
            dweight[:, :, i, j, k] = flat @ tap.T
        if ctx.needs_input_grad[0]:
            dx, turned = x.new_zeros(x.shape[1], x[0, 0].numel()), weight.flip(2, 3, 4).transpose(0, 1)
            for i, j, k, tap in shifted(dy):
                dx.addmm_(turned[:, :, i, j, k], tap)
            dx = dx.reshape(x.shape)
        return dx, dweight


class Depthwise(torch.autograd.Function):
    """conv3d(x, weight, bias, padding=1, groups=C) of 3 x 3 x 3."""

    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        y = bias[:, None].expand(-1, x[0, 0].numel()).clone()
        for i, j, k, tap in shifted(x):
            y.addcmul_(tap, weight[:, 0, i, j, k, None])
        return y.reshape(x.shape)

    @staticmethod
    def backward(ctx, dy):
        x, weight = ctx.saved_tensors
        flat, dweight, turned = dy[0].reshape(dy.shape[1], -1), torch.zeros_like(weight), weight.flip(2, 3, 4)
        dx = torch.zeros_like(flat)
        for i, j, k, tap in shifted(x):
            dweight[:, 0, i, j, k] = (flat * tap).sum(1)
        for i, j, k, tap in shifted(dy):
            dx.addcmul_(tap, turned[:, 0, i, j, k, None])
        return dx.reshape(x.shape), dweight, flat.sum(1)


def conv3d(x, weight, bias=None, stride=1, padding=0, groups=1):
    """The four convolutions that the reference has."""
    if padding == 1:
        return Dense.apply(x, weight) if groups == 1 else Depthwise.apply(x, weight, bias)
    if groups == 1:
        return torch.einsum('ncxyz,oc->noxyz', x, weight[:, :, 0, 0, 0])
    _, channels, height, width, slices = x.shape
    run = weight.shape[-1]
    runs = x[0].reshape(channels, height, width, slices // run, run)
    return (torch.einsum('chwdk,ck->chwd', runs, weight.reshape(channels, run)) + bias[:, None, None, None])[None]


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--reference', required=True)
    parser.add_argument('out')
    arguments = parser.parse_args()
    sys.path.insert(0, arguments.reference)
    import make_goldens
    import sam3d_reference as reference

    reference.F.conv3d = conv3d
    plain_block = reference.block
    reference.block = lambda c, w, i, x, taps=None: checkpoint(lambda y: plain_block(c, w, i, y), x, use_reentrant=False)
    config = reference.VIT_B
    weights = {name: value.requires_grad_(reference.trainable(name)) for name, value in reference.synthetic_weights(config, dtype=torch.float64).items()}
    volume, points, taps, out = reference.synthetic_volume(config.crop).double(), torch.tensor(make_goldens.CLICKS[config.crop]), {}, {}
    loss = reference.dice_ce(reference.forward(config, weights, volume, points, taps), make_goldens.target_of(config.crop))
    loss.backward()
    out['loss'] = make_goldens.num(loss.reshape(1))
    for name, value in taps.items():
        make_goldens.sampled(out, 'tap/' + name, value)
    for name, value in weights.items():
        if value.grad is not None:
            make_goldens.sampled(out, 'grad/' + name, value.grad)
    make_goldens.save_safetensors(arguments.out, out, {'config': 'vit_b', 'weights': 'w0', 'volume': 'v0', 'type': 'float64'})
