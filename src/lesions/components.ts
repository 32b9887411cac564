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

/** @param probability on a grid of `dims`, i fastest, or a mask: parts of it that are over a half */
export function componentsOf(probability: ArrayLike<number>, dims: Triple): Components {
  const part = new Int32Array(probability.length);
  const [, perJ, perK] = stridesOf(dims);
  const sizes = [0];
  const waiting: number[] = [];
  const visit = (index: number, label: number) => {
    if (probability[index]! > 0.5 && part[index] === 0) {
      part[index] = label;
      waiting.push(index);
    }
  };
  for (let start = 0; start < probability.length; start++) {
    if (probability[start]! <= 0.5 || part[start] !== 0) {
      continue;
    }
    const label = sizes.length;
    sizes[label] = 0;
    visit(start, label);
    for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
      sizes[label]!++;
      const at = [index % perJ, Math.floor(index / perJ) % dims[1], Math.floor(index / perK)] as const;
      for (const [i, j, k] of neighbours) {
        const [x, y, z] = [at[0] + i, at[1] + j, at[2] + k];
        if (x >= 0 && y >= 0 && z >= 0 && x < dims[0] && y < dims[1] && z < dims[2]) {
          visit(z * perK + y * perJ + x, label);
        }
      }
    }
  }
  const parts = [...sizes.keys()].slice(1).sort((a, b) => sizes[b]! - sizes[a]!);
  const bySize = parts.slice(0, mostComponents);
  const labels = new Uint8Array(sizes.length);
  bySize.forEach((label, rank) => {
    labels[label] = rank + 1;
  });
  return {
    mask: Uint8Array.from(part, (label) => labels[label]!),
    lesions: bySize.length,
    sizes: parts.map((label) => sizes[label]!),
  };
}
