/** A feature at clicks: `torch.nn.functional.grid_sample(align_corners=False)`, zeros outside; and what their labels add. */
import {
  pointSampling as kernel,
  pointSamplingBackward as backwardKernel,
  pointSamplingBackwardEmbedding,
  pointSamplingLabelled,
} from '../kernels/generated.ts';
import { vectorWorkgroups, type Recorder } from '../runtime/recorder.ts';
import type { Tensor } from '../runtime/tensor.ts';

/** A vector for each label, added to the points that have it: `torch.nn.Embedding`. */
export interface Labelling {
  /** (points): rows of the embedding; what is past them adds nothing. */
  readonly labels: Tensor<'u32'>;
  /** (labels, width) */
  readonly embedding: Tensor<'stored'>;
}

/**
 * @param feature (grid, grid, grid, width), axes (H, W, D)
 * @param points (points, 3), each (d, h, w) in voxels of the crop
 * @param crop voxels along a side of the crop
 * @returns (points, width)
 */
export function pointSampling(
  r: Recorder,
  feature: Tensor<'stored'>,
  points: Tensor<'f32'>,
  crop: number,
  labelling?: Labelling,
): Tensor<'stored'> {
  const [grid, , , width] = feature.shape as [number, number, number, number];
  const pointCount = points.shape[0]!;
  const y = r.tensor('stored', [pointCount, width]);
  const overrides = { pointCount, grid, crop, width };
  const workgroups = [Math.ceil((pointCount * width) / 4 / 64), 1, 1] as const;
  const operations = 16 * pointCount * width;
  const movedBytes = 9 * y.bytes + points.bytes; // eight places of the feature for each value
  if (labelling) {
    const bindings = { feature, points, ...labelling, y };
    r.dispatch(pointSamplingLabelled, bindings, overrides, workgroups, operations, movedBytes);
  } else {
    r.dispatch(kernel, { feature, points, y }, overrides, workgroups, operations, movedBytes);
  }
  r.tape?.record(y, [feature, labelling?.embedding], (dy) => {
    const share = r.tape!.gradient(feature);
    if (share) {
      r.dispatch(
        backwardKernel,
        { dy, points, dfeature: share.into },
        { ...overrides, accumulate: share.accumulate },
        vectorWorkgroups(feature),
        12 * grid ** 3 * pointCount,
      );
    }
    const embeddingShare = labelling && r.tape!.parameter(labelling.embedding);
    if (embeddingShare) {
      r.dispatch(
        pointSamplingBackwardEmbedding,
        { dy, labels: labelling.labels, dembedding: embeddingShare.into },
        { ...overrides, accumulate: embeddingShare.accumulate },
        vectorWorkgroups(labelling.embedding),
        pointCount * width,
      );
    }
  });
  return y;
}
