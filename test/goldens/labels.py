"""Write labels.safetensors: the tiny network with points that have labels, in float64.

  /usr/bin/python3 test/goldens/labels.py --reference FOLDER OUT

FOLDER holds the reference, sam3d_reference.py and make_goldens.py, which knows points in the lesion alone. Here a point's label adds a row
of an embedding to what is sampled at the point; everything else is the reference's.
"""
import argparse
import sys
import numpy as np
import torch
import torch.nn.functional as F

EMBEDDING = 'prompt.label_embedding.weight'
POINTS = [[10, 12, 20], [25, 3, 7], [4, 6, 8], [20, 22, 28], [12, 14, 18]]
LABELS = [0, 1, 2, 3, 1]  # foreground, background, box near, box far, background


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--reference', required=True)
    parser.add_argument('out')
    arguments = parser.parse_args()
    sys.path.insert(0, arguments.reference)
    import make_goldens
    import sam3d_reference as reference

    config = reference.TINY
    weights = reference.synthetic_weights(config, dtype=torch.float64)
    shape = (4, config.neck)
    offset, scale = reference.amplitude(EMBEDDING, shape)
    drawn = reference.uniform(f'w0/{EMBEDDING}', shape[0] * shape[1])
    values = np.float32(offset) + np.float32(scale) * (np.float32(2) * drawn - np.float32(1))
    weights[EMBEDDING] = torch.from_numpy(values.astype(np.float32).reshape(shape)).double()
    weights = {name: value.requires_grad_(reference.trainable(name)) for name, value in weights.items()}

    # The prompt encoder samples with grid_sample, and nothing else does.
    plain_sample = F.grid_sample
    labels = torch.tensor(LABELS)
    def labelled_sample(feature, places, **options):
        return plain_sample(feature, places, **options) + weights[EMBEDDING][labels].T[None, :, None, None]
    reference.F.grid_sample = labelled_sample

    volume, taps, out = reference.synthetic_volume(config.crop).double(), {}, {}
    loss = reference.dice_ce(reference.forward(config, weights, volume, torch.tensor(POINTS), taps), make_goldens.target_of(config.crop))
    loss.backward()
    out['loss'] = make_goldens.num(loss.reshape(1))
    for name in ('prompted', 'logits'):
        out[f'tap/{name}'] = make_goldens.num(taps[name])
    for name, value in weights.items():
        if name.startswith('prompt.') and value.grad is not None:
            out[f'grad/{name}'] = make_goldens.num(value.grad)
    make_goldens.save_safetensors(arguments.out, out, {'config': 'tiny, labels', 'weights': 'w0', 'volume': 'v0', 'type': 'float64'})
