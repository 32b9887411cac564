/** A model's two plans, each recorded when it is first needed: a crop through the encoder, and clicks through the decoder. */
import type { Config } from '../model/config.ts';
import type { Weights } from '../model/weights.ts';
import type { Plan } from '../runtime/plan.ts';
import type { RecordingTarget } from '../runtime/recorder.ts';
import { createTensor, destroyTensor, type Tensor } from '../runtime/tensor.ts';
import { finishTunedPlan, type TunableGpu } from '../runtime/tuner.ts';
import type { Point } from './inputs.ts';
import { recordDecode, recordEncode } from './recordings.ts';
import type { Slots } from './slots.ts';

export interface ClickPlan {
  /** Null is the automatic variant. */
  readonly points: Tensor<'f32'> | null;
  readonly plan: Plan;
}

export interface KeptPlans {
  /** @throws GpuError, DeviceLostError */
  encode(): Promise<Plan>;
  /** @throws GpuError, DeviceLostError */
  click(points: readonly Point[] | null): Promise<ClickPlan>;
  /** Those that have been recorded. */
  readonly recorded: readonly Plan[];
  dispose(): void;
}

export function createKeptPlans(
  gpu: TunableGpu,
  target: RecordingTarget,
  config: Config,
  weights: Weights,
  slots: Slots,
): KeptPlans {
  let encodePlan: Plan | undefined;
  /** One is kept: a plan's arena is large, and a session seldom changes its number of clicks back and forth. */
  let clickPlan: ClickPlan | undefined;

  function dropClickPlan(): void {
    clickPlan?.plan.dispose();
    if (clickPlan?.points) {
      destroyTensor(gpu, clickPlan.points);
    }
    clickPlan = undefined;
  }

  return {
    async encode() {
      encodePlan ??= await finishTunedPlan(gpu, recordEncode(target, config, weights, slots));
      return encodePlan;
    },
    async click(points) {
      if (clickPlan && (clickPlan.points?.shape[0] ?? null) === (points?.length ?? null)) {
        return clickPlan;
      }
      dropClickPlan();
      const tensor = points && createTensor(gpu, 'points', 'f32', target.precision, [points.length, 3]);
      try {
        clickPlan = {
          points: tensor,
          plan: await finishTunedPlan(gpu, recordDecode(target, config, weights, { ...slots, points: tensor })),
        };
        return clickPlan;
      } catch (error) {
        if (tensor) {
          destroyTensor(gpu, tensor);
        }
        throw error;
      }
    },
    get recorded() {
      return [encodePlan, clickPlan?.plan].filter((plan) => plan !== undefined);
    },
    dispose() {
      encodePlan?.dispose();
      encodePlan = undefined;
      dropClickPlan();
    },
  };
}
