/** Connected parts of what is likelier lesion than not. */
import { stridesOf } from '../formats/nifti.ts';
import type { Triple } from '../volume/box.ts';

export interface Components {
  /** A label for each part, the largest first, from 1 on; i fastest. */
  readonly mask: Uint8Array;
  readonly lesions: number;
  /** Voxels of every part, the largest first; there may be more of them than a mask has labels for. */
  readonly sizes: readonly number[];
}

/** Labels that a byte holds; smaller parts than these are left out. */
export const mostComponents = 255;

/** The voxels that touch one, by a side, an edge or a corner. */
const neighbours = [-1, 0, 1]
  .flatMap((k) => [-1, 0, 1].flatMap((j) => [-1, 0, 1].map((i) => [i, j, k] as const)))
  .filter((step) => step.some((at) => at !== 0));

/** The part that each voxel belongs to, from 1 on in their order, and how many voxels each has; part 0 is what is in none. */
function partsOf(probability: ArrayLike<number>, dims: Triple): { part: Int32Array; sizes: number[] } {
  const part = new Int32Array(probability.length);
  const [, perJ, perK] = stridesOf(dims);
  const offsets = neighbours.map(([i, j, k]) => k * perK + j * perJ + i);
  const sizes = [0];
  const waiting: number[] = [];
  for (let start = 0; start < part.length; start++) {
    if (!(probability[start]! > 0.5) || part[start] !== 0) {
      continue;
    }
    const label = sizes.length;
    part[start] = label;
    waiting.push(start);
    let size = 0;
    for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
      size++;
      const [i, j, k] = [index % perJ, Math.floor(index / perJ) % dims[1], Math.floor(index / perK)];
      const isInner = i > 0 && j > 0 && k > 0 && i < dims[0] - 1 && j < dims[1] - 1 && k < dims[2] - 1;
      for (let n = 0; n < offsets.length; n++) {
        const next = index + offsets[n]!;
        if (!isInner) {
          const [stepI, stepJ, stepK] = neighbours[n]!;
          const [x, y, z] = [i + stepI, j + stepJ, k + stepK];
          if (x < 0 || y < 0 || z < 0 || x >= dims[0] || y >= dims[1] || z >= dims[2]) {
            continue;
          }
        }
        if (part[next] === 0 && probability[next]! > 0.5) {
          part[next] = label;
          waiting.push(next);
        }
      }
    }
    sizes.push(size);
  }
  return { part, sizes };
}

/** @param probability on a grid of `dims`, i fastest, or a mask: parts of it that are over a half */
export function componentsOf(probability: ArrayLike<number>, dims: Triple): Components {
  const { part, sizes } = partsOf(probability, dims);
  const parts = [...sizes.keys()].slice(1).sort((a, b) => sizes[b]! - sizes[a]!);
  const bySize = parts.slice(0, mostComponents);
  const labels = new Uint8Array(sizes.length);
  bySize.forEach((label, rank) => {
    labels[label] = rank + 1;
  });
  const mask = new Uint8Array(part.length);
  for (let at = 0; at < mask.length; at++) {
    mask[at] = labels[part[at]!]!;
  }
  return {
    mask,
    lesions: bySize.length,
    sizes: parts.map((label) => sizes[label]!),
  };
}
