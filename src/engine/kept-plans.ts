/** A model's two plans, each recorded when it is first needed: a crop through the encoder, and clicks through the decoder. */
import type { Config } from '../model/config.ts';
import type { Prompt } from '../model/prompt-encoder.ts';
import type { Weights } from '../model/weights.ts';
import type { Plan } from '../runtime/plan.ts';
import type { RecordingTarget } from '../runtime/recorder.ts';
import { finishTunedPlan, type TunableGpu } from '../runtime/tuner.ts';
import type { PromptPoint } from './inputs.ts';
import { capacityFor, createPromptSlot, destroyPromptSlot } from './prompt-slot.ts';
import { recordDecode, recordEncode } from './recordings.ts';
import type { Slots } from './slots.ts';

export interface ClickPlan {
  /** Null is the automatic variant. */
  readonly prompt: Prompt | null;
  readonly plan: Plan;
}

export interface KeptPlans {
  /** @throws GpuError, DeviceLostError */
  encode(): Promise<Plan>;
  /** @throws GpuError, DeviceLostError */
  click(points: readonly PromptPoint[] | null): Promise<ClickPlan>;
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
  /** One is kept, since a plan's arena is large; it answers as many clicks as a person makes in one crop. */
  let clickPlan: ClickPlan | undefined;

  function dropClickPlan(): void {
    clickPlan?.plan.dispose();
    if (clickPlan?.prompt) {
      destroyPromptSlot(gpu, clickPlan.prompt);
    }
    clickPlan = undefined;
  }

  return {
    async encode() {
      encodePlan ??= await finishTunedPlan(gpu, recordEncode(target, config, weights, slots));
      return encodePlan;
    },
    async click(points) {
      const capacity = points && capacityFor(points.length);
      if (clickPlan && (clickPlan.prompt?.points.shape[0] ?? null) === capacity) {
        return clickPlan;
      }
      dropClickPlan();
      const prompt = capacity === null ? null : createPromptSlot(gpu, target, config, capacity);
      try {
        clickPlan = {
          prompt,
          plan: await finishTunedPlan(gpu, recordDecode(target, config, weights, { ...slots, prompt })),
        };
        return clickPlan;
      } catch (error) {
        if (prompt) {
          destroyPromptSlot(gpu, prompt);
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
