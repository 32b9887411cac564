"""Parts of ViT-B over a token grid of 16 as ONNX files, for run.ts: MLP, attention + MLP, neck, decoder, adapter.

  python3 bench/peers/export_pieces.py --reference FOLDER_OF_sam3d_reference.py [--out bench/peers/pieces]
"""
import argparse
import os
import sys
import torch
import torch.nn.functional as F

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument('--reference', required=True)
arguments.add_argument('--out', default=os.path.join(os.path.dirname(__file__), 'pieces'))
given = arguments.parse_args()
sys.path.insert(0, given.reference)
import sam3d_reference as R  # noqa: E402

config = R.Config(depth=4, global_blocks=(3,), grid=16, crop=64)
weights = R.synthetic_weights(config)
block = 'encoder.blocks.0.'


def mlp(x):
    y = F.layer_norm(x, (config.embed,), weights[block + 'norm2.weight'], weights[block + 'norm2.bias'], 1e-6)
    y = F.gelu(F.linear(y, weights[block + 'mlp.lin1.weight'], weights[block + 'mlp.lin1.bias']))
    return x + F.linear(y, weights[block + 'mlp.lin2.weight'], weights[block + 'mlp.lin2.bias'])


def attention_mlp(x):
    y = F.layer_norm(x, (config.embed,), weights[block + 'norm1.weight'], weights[block + 'norm1.bias'], 1e-6)
    return mlp(x + R.attention(config, weights, block + 'attn.', y, shifted=True))


def decoder(a, b, c, d, volume):
    return R.decode(config, weights, [a, b, c, d], volume)


class Piece(torch.nn.Module):
    """torch.onnx traces modules; weights become the file's initialisers."""

    def __init__(self, call):
        super().__init__()
        self.call = call

    def forward(self, *inputs):
        return self.call(*inputs)


grid = torch.rand(16, 16, 16, config.embed)
feature = torch.rand(1, config.neck, 16, 16, 16)
pieces = {
    'mlp': (mlp, (grid,)),
    'attention-mlp': (attention_mlp, (grid,)),
    'neck': (lambda x: R.neck(weights, 0, x), (grid,)),
    'decoder': (decoder, (feature,) * 4 + (torch.rand(64, 64, 64),)),
    'adapter': (lambda x: R.adapter(weights, block + 'adapter.', x), (grid,)),
}
os.makedirs(given.out, exist_ok=True)
for name, (call, inputs) in pieces.items():
    path = os.path.join(given.out, name + '.onnx')
    torch.onnx.export(Piece(call), inputs, path, opset_version=16, input_names=[f'input{i}' for i in range(len(inputs))], output_names=['output'])
    print(path, os.path.getsize(path), 'bytes')
