"""Write corrections.safetensors: the tiny network with points that have labels, a mask to start from, and corrections, in float64.

  /usr/bin/python3 test/goldens/corrections.py --reference FOLDER OUT

FOLDER holds the reference, sam3d_reference.py and make_goldens.py, which knows points in the lesion alone. Here a point's label adds a row
of an embedding to what is sampled at the point; a mask's voxels of a token, from -1 to 1, and 2 or -2 round
points in the lesion or not, go through two linear layers and are added to the deepest feature, and at twice the grid they are a further
channel of the decoder's cls.0; everything else is the reference's. Three prompts: `labels` has no mask, `mask` has one and no points, `corrections` is the mean
loss over three predictions of one encoding, each but the first with the one before it as its mask.
"""
import argparse
import sys
import numpy as np
import torch
import torch.nn.functional as F

EMBEDDING, MASK1, MASK2 = ('prompt.label_embedding.weight', 'prompt.mask_embedding.lin1.weight', 'prompt.mask_embedding.lin2.weight')
CHANNEL = 'decoder.mask_channel.weight'
POINTS = [[10, 12, 20], [25, 3, 7], [4, 6, 8], [20, 22, 28], [12, 14, 18]]
LABELS = [0, 1, 2, 3, 1]  # foreground, background, box near, box far, background


def synthetic(reference, name, shape):
    offset, scale = reference.amplitude(name, shape)
    drawn = reference.uniform(f'w0/{name}', int(np.prod(shape)))
    values = np.float32(offset) + np.float32(scale) * (np.float32(2) * drawn - np.float32(1))
    return torch.from_numpy(values.astype(np.float32).reshape(shape)).double()


def said_of(c, points, labels, mask):
    """Of the voxels (D, H, W): -1 to 1 by the mask (D, H, W) from 0 to 1, 2 or -2 round the points."""
    said = torch.zeros(3 * [c.crop], dtype=torch.float64) if mask is None else 2 * mask - 1
    places = torch.stack(torch.meshgrid(*3 * [torch.arange(c.crop)], indexing='ij'), -1)
    for point, label in zip(points, labels):
        if label < 2:
            near = ((places - torch.tensor(point)) ** 2).sum(-1) <= (0.75 * c.crop / c.grid) ** 2
            said = torch.where(near, torch.tensor((2.0, -2.0)[label], dtype=torch.float64), said)
    return said


def add_said(c, w, feature, said):
    """feature (1, neck, H, W, D)"""
    g, s = c.grid, c.crop // c.grid
    voxels = said.reshape(g, s, g, s, g, s).permute(2, 4, 0, 1, 3, 5).reshape(g, g, g, s ** 3)
    return feature + F.linear(F.relu(F.linear(voxels, w[MASK1])), w[MASK2]).permute(3, 0, 1, 2)[None]


def further_channel(c, w, said):
    """What the voxels add to the decoder's cls.0, (1, head, H, W, D) at twice the grid."""
    small = F.interpolate(said[None, None], size=3 * [2 * c.grid], mode='trilinear', align_corners=False)
    return F.conv3d(small.permute(0, 1, 3, 4, 2), w[CHANNEL], padding=1)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--reference', required=True)
    parser.add_argument('out')
    arguments = parser.parse_args()
    sys.path.insert(0, arguments.reference)
    import make_goldens
    import sam3d_reference as reference

    c = reference.TINY
    fixed = reference.synthetic_weights(c, dtype=torch.float64)
    for name, shape in ((EMBEDDING, (4, c.neck)), (MASK1, (c.neck, (c.crop // c.grid) ** 3)), (MASK2, (c.neck, c.neck)), (CHANNEL, (c.head, 1, 3, 3, 3))):
        fixed[name] = synthetic(reference, name, shape)
    volume, target = reference.synthetic_volume(c.crop).double(), make_goldens.target_of(c.crop)
    start = torch.from_numpy(reference.uniform('mask', c.crop ** 3).reshape(c.crop, c.crop, c.crop)).double()
    out = {}

    # The prompt encoder samples with grid_sample, and nothing else does; one convolution of the decoder has 4 head + 1 input channels.
    plain_sample, plain_conv = F.grid_sample, F.conv3d

    def decoded(w, features, points, labels, mask):
        rows, said = w[EMBEDDING][torch.tensor(labels, dtype=torch.long)], said_of(c, points, labels, mask)
        reference.F.grid_sample = lambda *given, **options: plain_sample(*given, **options) + rows.T[None, :, None, None]
        prompted = reference.prompt(c, w, add_said(c, w, features[3], said), torch.tensor(points).reshape(-1, 3))
        reference.F.grid_sample = plain_sample
        added = further_channel(c, w, said)
        reference.F.conv3d = lambda x, weight, *given, **options: plain_conv(x, weight, *given, **options) + (
            added if weight.shape[1] == 4 * c.head + 1 else 0)
        logits = reference.decode(c, w, features[:3] + [prompted], volume)
        reference.F.conv3d = plain_conv
        return prompted, logits

    def write(kind, w, loss):
        loss.backward()
        out[f'{kind}/loss'] = make_goldens.num(loss.reshape(1))
        for name, value in w.items():
            if (name.startswith('prompt.') or name == CHANNEL) and value.grad is not None:
                out[f'{kind}/grad/{name}'] = make_goldens.num(value.grad)

    def trained():
        return {name: value.clone().requires_grad_(reference.trainable(name)) for name, value in fixed.items()}

    for kind, points, labels, mask in (('labels', POINTS, LABELS, None), ('mask', [], [], start)):
        w = trained()
        prompted, logits = decoded(w, reference.encode(c, w, volume, None), points, labels, mask)
        out[f'{kind}/tap/prompted'], out[f'{kind}/tap/logits'] = make_goldens.num(prompted), make_goldens.num(logits)
        write(kind, w, reference.dice_ce(logits, target))

    w = trained()
    features, mask, losses = reference.encode(c, w, volume, None), start, []
    for count in (0, 1, 2):
        _, logits = decoded(w, features, POINTS[:count], LABELS[:count], mask)
        losses.append(reference.dice_ce(logits, target))
        mask = logits.detach().softmax(1)[0, 1]
    write('corrections', w, sum(losses) / 3)
    # Of the encoder, one tensor that every gradient passes through.
    for name in ('encoder.depth_embed', 'encoder.neck_3d.3.2.weight', 'decoder.cls.0.weight'):
        out[f'corrections/grad/{name}'] = make_goldens.num(w[name].grad)
    make_goldens.save_safetensors(arguments.out, out, {'config': 'tiny, labels, masks', 'weights': 'w0', 'volume': 'v0', 'type': 'float64'})
