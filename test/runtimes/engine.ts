/** What is checked in every runtime, with `volsam/core` alone; built into one script by `runtimes.ts`. */
import { syntheticTarget } from '../../src/model/synthetic.ts';
import type { TunableGpu } from '../../src/runtime/tuner.ts';
import { configNamed, parseSafetensors, Sam3D, type Gpu, type Point, type TensorFile, type Volume } from 'volsam/core';

/** The largest relative L2 distance from the reference's values. */
export interface GoldenErrors {
  readonly taps: number;
  readonly logits: number;
  readonly gradients: number;
  readonly loss: number;
}

function distance(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (found[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  return found.length === expected.length ? Math.sqrt(difference / (norm || 1)) : Infinity;
}

/** Gradients whose norm is below this are differences of rounding. */
const vanishing = 1e-8;

interface Case {
  readonly goldens: TensorFile;
  readonly weights: TensorFile;
  readonly volume: Volume;
  readonly points: Point[];
  readonly target: Uint8Array;
}

/** The tiny network's goldens, which hold its weights too. */
export function caseOf(bytes: Uint8Array): Case {
  const goldens = parseSafetensors(bytes, 'tiny.safetensors');
  const config = configNamed(goldens.metadata.config!);
  const names = [...goldens.shapes.keys()].flatMap((name) => (name.startsWith('weight/') ? [name.slice(7)] : []));
  const weights: TensorFile = {
    metadata: { config: JSON.stringify(config) },
    shapes: new Map(names.map((name) => [name, goldens.shapes.get(`weight/${name}`)!])),
    read: (name) => goldens.read(`weight/${name}`),
  };
  const side = config.crop;
  return {
    goldens,
    weights,
    volume: { data: goldens.read('volume'), shape: [side, side, side] },
    points: [
      [10, 12, 20],
      [25, 3, 7],
    ],
    target: syntheticTarget(side),
  };
}

/** Every intermediate and every gradient. */
export async function goldenErrors(gpu: TunableGpu, bytes: Uint8Array): Promise<GoldenErrors> {
  const { goldens, weights, volume, points, target } = caseOf(bytes);
  const under = (kind: string) =>
    [...goldens.shapes.keys()].flatMap((name) => (name.startsWith(`${kind}/`) ? [name.slice(kind.length + 1)] : []));
  using sam = await Sam3D.create(gpu, weights);
  const taps = await sam.taps(volume, points, under('tap'));
  const apart = (name: string) => distance(taps.get(name)!.values, goldens.read(`tap/${name}`));
  const { loss, gradients } = await sam.gradients(volume, points, target);
  const measured = under('grad').filter((name) => Math.hypot(...goldens.read(`grad/${name}`)) > vanishing);
  return {
    taps: Math.max(...under('tap').map(apart)),
    logits: apart('logits'),
    gradients: Math.max(...measured.map((name) => distance(gradients.get(name)!, goldens.read(`grad/${name}`)))),
    loss: Math.abs(loss / goldens.read('loss')[0]! - 1),
  };
}

/** GPU bytes after each round of creating, predicting and disposing. @param residentBytes of the process */
export async function roundsOf(
  gpu: Gpu,
  bytes: Uint8Array,
  rounds: number,
  residentBytes: () => number,
): Promise<{ gpuBytes: number[]; residentBytes: number[] }> {
  const { weights, volume, points } = caseOf(bytes);
  const found = { gpuBytes: [] as number[], residentBytes: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    {
      using sam = await Sam3D.create(gpu, weights);
      using embedding = await sam.embed(volume);
      await sam.decode(embedding, points);
    }
    found.gpuBytes.push(gpu.memory.currentBytes);
    found.residentBytes.push(residentBytes());
  }
  return found;
}

/** Milliseconds from now to the first logits of a fresh device. */
export async function firstPrediction(
  open: () => Promise<Gpu>,
  bytes: Uint8Array,
): Promise<{ milliseconds: number; adapter: string }> {
  const started = performance.now();
  const { weights, volume, points } = caseOf(bytes);
  using gpu = await open();
  using sam = await Sam3D.create(gpu, weights);
  await sam.predict(volume, points);
  return { milliseconds: performance.now() - started, adapter: gpu.adapter.name };
}
