// Runs the full ViT-B with synthetic weights and compares sampled intermediates with the reference's in float64 and in f32;
// with --grad, a training step and its gradients. The bounds hold for the distances from both:
//   npm run verify:vit_b [-- --precision f16 --grad --weights FILE]
// --weights takes the same weights from a file, such as a converted checkpoint, instead of making them.
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { uniform } from '../src/model/random.ts';
import { parseSafetensors, type TensorFile } from '../src/formats/safetensors.ts';
import { configs } from '../src/model/config.ts';
import { syntheticTarget, syntheticVolume, syntheticWeights } from '../src/model/synthetic.ts';
import type { Precision } from '../src/kernels/kernel.ts';
import { readWeights } from '../src/node/files/weights-file.ts';
import { openGpu } from '../src/node/gpu/open-gpu.ts';
import type { Gpu } from '../src/runtime/gpu.ts';
import type { Plan } from '../src/runtime/plan.ts';
import { Sam3D } from '../src/engine/sam3d.ts';
import { Trainer } from '../src/engine/trainer.ts';
import type { Point } from '../src/engine/inputs.ts';

const {
  values: { precision, grad, weights: weightsFile },
} = parseArgs({
  options: {
    precision: { type: 'string', default: 'f32' },
    grad: { type: 'boolean', default: false },
    weights: { type: 'string' },
  },
});
const weights = weightsFile === undefined ? syntheticWeights(configs.vit_b!) : await readWeights(weightsFile);
/** Relative distance that is let pass. Half precision switches terms of a gradient at every ReLU: its goldens are tiny's. */
const bounds: Record<string, number> = grad ? { f32: 1e-3, f16: 0.2 } : { f32: 5e-5, f16: 2e-2 };
const gibibyte = 2 ** 30;
const peakBound = grad ? (precision === 'f32' ? 4 : 2.5) * gibibyte : 2 * gibibyte;
const bindingBound = 128 * 2 ** 20;

const goldens = parseSafetensors(
  await readFile(new URL('../test/goldens/vit_b.safetensors', import.meta.url)),
  'vit_b.safetensors',
);
// The same samples of the reference in float64 (test/goldens/float64.py): what f32 values, its own and ours, are distances from.
const exact = parseSafetensors(
  await readFile(new URL('../test/goldens/vit_b.float64.safetensors', import.meta.url)),
  'vit_b.float64.safetensors',
);
const config = configs.vit_b!;
const kind = grad ? 'grad' : 'tap';
const names = [...goldens.shapes.keys()].flatMap(
  (name) => new RegExp(`^${kind}/(.*)\\.samples$`).exec(name)?.[1] ?? [],
);
const points: Point[] = [
  [64, 50, 70],
  [10, 100, 30],
]; // make_goldens.py's clicks for a crop of 128

const volume = { data: syntheticVolume(config.crop), shape: [config.crop, config.crop, config.crop] as const };
const target = syntheticTarget(config.crop);

/** A tensor whose norm is below this is rounding alone, as a key bias's gradient is; it is compared absolutely. */
const vanishing = 1e-8;
/** Half precision is let pass as many times more than f32 here as in the relative bounds. */
const absoluteBound = precision === 'f32' ? vanishing : 2e-6;

/** Values at the places where the references are sampled, and the norm of the whole tensor. */
interface Sampled {
  samples: Float32Array;
  norm: number;
}

function sampled(name: string, values: Float32Array): Sampled {
  let squares = 0;
  for (const value of values) {
    squares += value * value;
  }
  const samples =
    values.length > 2048
      ? Float32Array.from(uniform(`sample/${kind}/${name}`, 2048), (u) => values[Math.floor(u * values.length)]!)
      : values;
  return { samples, norm: Math.sqrt(squares) };
}

const expectedIn = (file: TensorFile, name: string): Sampled => ({
  samples: file.read(`${kind}/${name}.samples`),
  norm: file.read(`${kind}/${name}.norm`)[0]!,
});

/** The larger of two distances: of the samples, and of the norm; relative unless the tensor vanishes. */
function distance(found: Sampled, expected: Sampled): number {
  let [difference, size] = [0, 0];
  expected.samples.forEach((value, i) => {
    difference += (found.samples[i]! - value) ** 2;
    size += value ** 2;
  });
  const isRelative = expected.norm >= vanishing;
  return Math.max(
    Math.sqrt(difference / (isRelative ? size : 1)),
    Math.abs(found.norm - expected.norm) / (isRelative ? expected.norm : 1),
  );
}

interface Row {
  name: string;
  isRelative: boolean;
  fromReference: number;
  fromExact: number;
  referenceFromExact: number;
}

const rows: Row[] = [];

function show(name: string, values: Float32Array): void {
  const [found, reference, truth] = [sampled(name, values), expectedIn(goldens, name), expectedIn(exact, name)];
  const row: Row = {
    name,
    isRelative: reference.norm >= vanishing,
    fromReference: distance(found, reference),
    fromExact: distance(found, truth),
    referenceFromExact: distance(reference, truth),
  };
  rows.push(row);
  console.log(
    `${name.padEnd(12)} ${row.fromReference.toExponential(2)} from the reference; from float64 ${row.fromExact.toExponential(2)}, the reference itself ${row.referenceFromExact.toExponential(2)}${row.isRelative ? '' : ', absolute'}`,
  );
}

const clock = (seconds: number) => `${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, '0')}`;
const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
let started = performance.now();
let shown = 0;
function report(done: number, total: number): void {
  const seconds = (performance.now() - started) / 1e3;
  if (seconds - shown > 10) {
    shown = seconds;
    console.log(
      `${((100 * done) / total).toFixed(0).padStart(3)} % after ${clock(seconds)}, ${(done / seconds / 1e9).toFixed(1)} GFLOP/s, about ${clock((seconds * (total - done)) / done)} left`,
    );
  }
}

/** Logits and intermediates of one prediction. */
async function verifyForward(gpu: Gpu): Promise<readonly Plan[]> {
  const sam = await Sam3D.create(gpu, weights, { precision: precision as Precision });
  started = performance.now();
  await sam.visitTaps(volume, points, names, (name, { values }) => show(name, values), { progress: report });
  return sam.plans;
}

/** Loss and gradients of one training step. */
async function verifyStep(gpu: Gpu): Promise<readonly Plan[]> {
  const trainer = await Trainer.create(gpu, weights, {
    precision: precision as Precision,
    clickCounts: [points.length],
  });
  console.log(`recorded and compiled, ${mebibytes(gpu.memory.currentBytes)} on the GPU`);
  started = performance.now();
  const {
    optimizer: [scale],
  } = await trainer.state();
  const { loss } = await trainer.step({ volume, points, target }, 4e-4, { progress: report });
  console.log(`loss ${loss}, the reference's is ${goldens.read('loss')[0]}`);
  const gradients = await trainer.gradients();
  names.forEach((name) =>
    show(
      name,
      gradients.get(name)!.map((value) => value / scale!),
    ),
  );
  return trainer.plans;
}

const gpu = await openGpu({ tune: false });
console.log(`ViT-B, crop 128, ${precision}, on ${gpu.adapter.name}`);
const plans = await (grad ? verifyStep(gpu) : verifyForward(gpu));
const seconds = (performance.now() - started) / 1e3;

const dispatches = plans.flatMap(({ commands }) => commands).filter((command) => command.kind === 'dispatch');
const largestBinding = Math.max(
  ...dispatches.flatMap(({ bindings }) => Object.values(bindings).map(({ bytes }) => bytes)),
);
const operations = plans.reduce((sum, plan) => sum + plan.operations, 0);
const worstOf = (relative: boolean, of: 'fromReference' | 'fromExact' | 'referenceFromExact') =>
  Math.max(0, ...rows.filter(({ isRelative }) => isRelative === relative).map((row) => row[of]));
const [worst, worstVanishing] = [true, false].map((relative) =>
  Math.max(worstOf(relative, 'fromReference'), worstOf(relative, 'fromExact')),
) as [number, number];
console.log(
  `${dispatches.length} dispatches, ${(operations / 1e12).toFixed(2)} TFLOP in ${clock(seconds)} (${(operations / seconds / 1e9).toFixed(1)} GFLOP/s)`,
);
console.log(
  `largest binding ${mebibytes(largestBinding)} (bound ${mebibytes(bindingBound)}), peak GPU memory ${mebibytes(gpu.memory.peakBytes)} (bound ${mebibytes(peakBound)})`,
);
console.log(
  `worst of ${rows.length} ${grad ? 'gradients' : 'intermediates'} ${worst.toExponential(2)} (bound ${bounds[precision]!.toExponential(0)}), of those that vanish ${worstVanishing.toExponential(2)} absolutely (bound ${absoluteBound.toExponential(0)})`,
);
console.log(
  `from the reference ${worstOf(true, 'fromReference').toExponential(2)}, from float64 ${worstOf(true, 'fromExact').toExponential(2)}; the reference itself from float64 ${worstOf(true, 'referenceFromExact').toExponential(2)}`,
);
gpu.close();
if (
  rows.length !== names.length ||
  !(worst <= bounds[precision]!) ||
  !(worstVanishing <= absoluteBound) ||
  largestBinding > bindingBound ||
  gpu.memory.peakBytes > peakBound
) {
  console.error('verify:vit_b: out of bounds');
  process.exitCode = 1;
}
