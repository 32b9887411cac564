// JavaScript's share of a replayed ViT-B forward, recorded as for a GPU, with every dispatch cut to one workgroup so that a software
// adapter has next to nothing to do:
//   npm run bench:javascript
// Without the device, its calls do nothing: what is left is this library's share.
import { syntheticWeights } from '../src/model/synthetic.ts';
import { configs } from '../src/model/config.ts';
import { openGpu } from '../src/node/gpu/open-gpu.ts';
import type { Gpu } from '../src/runtime/gpu.ts';
import type { Plan } from '../src/runtime/plan.ts';
import { Sam3D } from '../src/engine/sam3d.ts';
import { median } from '../src/runtime/median.ts';
import { replayAll } from './model.ts';
import { scriptTime, type ScriptTime } from './script-time.ts';

const replays = 40;

/** The same device, whose encoders and queue do nothing. */
function withoutDevice({ device }: Gpu): void {
  const pass = { setPipeline() {}, setBindGroup() {}, dispatchWorkgroups() {}, end() {} };
  const encoder = { beginComputePass: () => pass, copyBufferToBuffer() {}, clearBuffer() {}, finish: () => undefined };
  Object.assign(device, {
    createCommandEncoder: () => encoder,
    pushErrorScope() {},
    popErrorScope: () => Promise.resolve(null),
  });
  Object.assign(device.queue, { submit() {}, onSubmittedWorkDone: () => Promise.resolve() });
}

async function measured(gpu: Gpu, plans: readonly Plan[]): Promise<string> {
  const times: ScriptTime[] = [];
  for (let i = 0; i < replays; i++) {
    times.push(await scriptTime(gpu, () => replayAll(plans)));
  }
  const text = (of: (time: ScriptTime) => number) =>
    `median ${median(times.map(of)).toFixed(2)} ms, least ${Math.min(...times.map(of)).toFixed(2)} ms`;
  return `encoding ${text(({ encoding }) => encoding)}; submitting ${text(({ submitting }) => submitting)}; at last in ${times.at(-1)!.submissions} submissions`;
}

const software = await openGpu({ tune: false });
const gpu: Gpu = { ...software, adapter: { ...software.adapter, software: false } };
const sam = await Sam3D.create(gpu, syntheticWeights(configs.vit_b!), { precision: 'f16' });
const plans = await sam.record([[64, 64, 64]]);
const commands = plans.flatMap((plan) => plan.commands);
commands.forEach((command) => command.kind === 'dispatch' && Object.assign(command, { workgroups: [1, 1, 1] }));
console.log(
  `${gpu.adapter.name}: ${commands.filter(({ kind }) => kind === 'dispatch').length} dispatches, ${replays} replays`,
);
console.log(`with the device: ${await measured(gpu, plans)}`);
withoutDevice(gpu);
console.log(`without it: ${await measured(gpu, plans)}`);
gpu.close();
