/** Forms are timed once a device, remembered, and computed with. */
import { expect, test } from 'vitest';
import { linear } from '../../src/ops/linear.ts';
import { createRecorder, targetOf } from '../../src/runtime/recorder.ts';
import { createTuning, finishTunedPlan, type TunableGpu, type TuningStore } from '../../src/runtime/tuner.ts';
import { sharedGpu } from '../setup/device.ts';

const gpu = await sharedGpu();

function memoryStore(): TuningStore & { writes: number; saved: Map<string, Readonly<Record<string, string>>> } {
  const saved = new Map<string, Readonly<Record<string, string>>>();
  const store = {
    saved,
    writes: 0,
    read: async (key: string) => saved.get(key) ?? {},
    async write(key: string, choices: Readonly<Record<string, string>>) {
      store.writes++;
      saved.set(key, choices);
    },
  };
  return store;
}

async function kernelOf(view: TunableGpu): Promise<string> {
  const r = createRecorder(targetOf(view, 'f32'));
  linear(r, r.tensor('stored', [256, 32]), { weight: r.tensor('stored', [32, 64]) });
  const plan = await finishTunedPlan(view, r);
  const [command] = plan.commands;
  plan.dispose();
  return command?.kind === 'dispatch' ? command.kernel.name : '';
}

test('a shape is timed once, written down, and read back by the next process', async () => {
  const store = memoryStore();
  const reports: string[] = [];
  const first = await kernelOf({ ...gpu, tuning: createTuning({ store, report: (text) => reports.push(text) }) });
  expect(store.writes).toBe(1);
  expect(reports.length).toBe(1);
  const [choices] = [...store.saved.values()];
  expect(Object.keys(choices!)).toEqual(['linear 32 x 64 f32']);
  expect(choices!['linear 32 x 64 f32']!.startsWith(first)).toBe(true);
  const again = createTuning({ store });
  expect(await kernelOf({ ...gpu, tuning: again })).toBe(first);
  expect(await kernelOf({ ...gpu, tuning: again })).toBe(first);
  expect(store.writes).toBe(1);
});

test('what the store says is taken; a form that no longer exists falls back to the safe one', async () => {
  const [safe, refined, other] = ['linear.registers 8x64', 'linear 64x64 bandTiles 8', 'a form of another version'];
  for (const [said, expected] of [
    [safe, 'linear.registers'],
    [refined, 'linear'],
    [other, await kernelOf(gpu)],
  ] as const) {
    const store: TuningStore = { read: async () => ({ 'linear 32 x 64 f32': said }), write: async () => undefined };
    expect(await kernelOf({ ...gpu, tuning: createTuning({ store }) })).toBe(expected);
  }
});
