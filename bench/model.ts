/** The network's parts and its whole, over a token grid of a given side at ViT-B's widths: what `run.ts` times after the ops. */
import { syntheticWeights } from '../src/model/synthetic.ts';
import { configs } from '../src/model/config.ts';
import type { Precision } from '../src/kernels/kernel.ts';
import type { Gpu } from '../src/runtime/gpu.ts';
import type { Plan } from '../src/runtime/plan.ts';
import { finishTunedPlan } from '../src/runtime/tuner.ts';
import { createRecorder, targetOf } from '../src/runtime/recorder.ts';
import { Sam3D } from '../src/engine/sam3d.ts';
import { Trainer } from '../src/engine/trainer.ts';
import { destroyTensor, tensorsIn } from '../src/runtime/tensor.ts';
import { pieceConfig, piecesOf, pieceWeights } from './pieces.ts';

export interface Timed {
  readonly name: string;
  /** Replayed one after another. */
  readonly plans: readonly Plan[];
}

export async function replayAll(plans: readonly Plan[]): Promise<void> {
  for (const plan of plans) {
    await plan.replay();
  }
}

/** Hands over each part in turn, and frees its plan before the next; the parts share weights and inputs. */
export async function eachPart(
  gpu: Gpu,
  grid: number,
  precision: Precision,
  visit: (part: Timed) => Promise<void>,
): Promise<void> {
  const c = pieceConfig(grid);
  const weights = pieceWeights(gpu, c, precision);
  const pieces = piecesOf(gpu, c, weights, precision);
  for (const { name, record } of pieces) {
    const r = createRecorder(targetOf(gpu, precision));
    record(r);
    const plan = await finishTunedPlan(gpu, r);
    await visit({ name: `part: ${name}`, plans: [plan] });
    plan.dispose();
  }
  new Set([...tensorsIn(weights), ...pieces.flatMap(({ inputs }) => inputs)]).forEach((tensor) =>
    destroyTensor(gpu, tensor),
  );
}

/** A first click, a further one, and a training step. */
export async function eachWhole(
  gpu: Gpu,
  grid: number,
  precision: Precision,
  visit: (whole: Timed) => Promise<void>,
): Promise<void> {
  const file = syntheticWeights({ ...configs.vit_b!, grid, crop: 4 * grid });
  const sam = await Sam3D.create(gpu, file, { precision });
  const plans = await sam.record([[2 * grid, 2 * grid, 2 * grid]]);
  await visit({ name: `ViT-B, crop ${4 * grid}: a first click`, plans });
  await visit({ name: `ViT-B, crop ${4 * grid}: a further click`, plans: plans.slice(1) });
  sam.dispose();
  const trainer = await Trainer.create(gpu, file, { precision, clickCounts: [1] });
  await visit({ name: `ViT-B, crop ${4 * grid}: a training step`, plans: trainer.plans });
  trainer.dispose();
}
