/** The checks as a command of Node, Bun and Deno: `command.js goldens|plain|kernels|rounds|cold FILE`, one JSON object out. */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { openDevice, type Gpu } from 'volsam/core';
import { withChoice } from '../setup/chosen-forms.ts';
import { firstPrediction, goldenErrors, roundsOf } from './engine.ts';
import { compiledKernels } from './kernels.ts';

/** Deno has WebGPU itself; Node and Bun take Dawn's binding, whose instance must outlive its devices. */
async function entryOf(): Promise<GPU> {
  if ('gpu' in (globalThis.navigator ?? {})) {
    return navigator.gpu;
  }
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  return create([]);
}

const [what, file] = process.argv.slice(2);
const bytes = new Uint8Array(readFileSync(file!));
const entry = await entryOf();
const open = (): Promise<Gpu> => openDevice(entry);

async function answer(): Promise<object> {
  if (what === 'cold') {
    return firstPrediction(open, bytes);
  }
  using gpu = await open();
  const { name: adapter } = gpu.adapter;
  switch (what) {
    case 'goldens':
      return { adapter, ...(await goldenErrors(gpu, bytes)) };
    // Not the forms for software devices, but those that a GPU without any extra takes.
    case 'plain':
      return {
        adapter,
        ...(await goldenErrors(
          withChoice(gpu, (_, forms) => forms[0]!),
          bytes,
        )),
      };
    case 'kernels':
      return { adapter, ...(await compiledKernels(gpu)) };
    default:
      return {
        adapter,
        ...(await roundsOf(gpu, bytes, 300, () => {
          globalThis.gc?.(); // what is judged is what lasts
          return process.memoryUsage().rss;
        })),
      };
  }
}

console.log(JSON.stringify(await answer()));
process.exit(0);
