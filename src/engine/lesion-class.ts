/** Of the network's classes, the one that is the lesion; class 0 is the rest. */
import { rows, sizeOf, type Tensor } from '../runtime/tensor.ts';

const lesionClass = 1;

/** The lesion's share of probabilities (classes, D, H, W) in memory: a view of (D, H, W). */
export function lesionProbability(
  probabilities: Float32Array,
  [depth, height, width]: readonly [number, number, number],
): Float32Array {
  const voxels = sizeOf([depth, height, width]);
  return probabilities.subarray(lesionClass * voxels, (lesionClass + 1) * voxels);
}

/** The lesion's share of probabilities (classes, D, H, W) on the GPU: a view of (D, H, W). */
export function lesionTensor(probabilities: Tensor<'f32'>): Tensor<'f32'> {
  const view = rows(probabilities, lesionClass, 1);
  return { ...view, shape: view.shape.slice(1) };
}
