/** How much of two masks is the same. */

export interface Overlap {
  /** 2 |A and B| / (|A| + |B|); 1 where both are empty, as the paper's test code has it. */
  readonly dice: number;
  readonly predictedVoxels: number;
  readonly trueVoxels: number;
}

/** @param predicted, truth 0 or 1 on one grid */
export function overlapOf(predicted: Uint8Array, truth: Uint8Array): Overlap {
  let [both, predictedVoxels, trueVoxels] = [0, 0, 0];
  for (let i = 0; i < truth.length; i++) {
    both += predicted[i]! & truth[i]!;
    predictedVoxels += predicted[i]!;
    trueVoxels += truth[i]!;
  }
  const either = predictedVoxels + trueVoxels;
  return { dice: either === 0 ? 1 : (2 * both) / either, predictedVoxels, trueVoxels };
}
