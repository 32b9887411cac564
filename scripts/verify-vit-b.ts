// Runs the full ViT-B with synthetic weights and compares sampled intermediates with the reference's:
//   npm run verify:vit_b [-- --precision f16]
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { parseSafetensors } from '../src/files/safetensors.ts';
import { configs } from '../src/model/config.ts';
import { syntheticVolume, syntheticWeights, uniform } from '../src/model/synthetic.ts';
import { openGpu } from '../src/node/open-gpu.ts';
import { Sam3D, type TapValue } from '../src/volsam/sam3d.ts';
import type { Point } from '../src/volsam/inputs.ts';

const { values: { precision } } = parseArgs({ options: { precision: { type: 'string', default: 'f32' } } });
const bounds: Record<string, number> = { f32: 5e-5, f16: 2e-2 };
const peakBound = 2 * 2 ** 30;
const bindingBound = 128 * 2 ** 20;

const goldens = parseSafetensors(await readFile(new URL('../test/goldens/vit_b.safetensors', import.meta.url)), 'vit_b.safetensors');
const config = configs.vit_b!;
const names = [...goldens.shapes.keys()].flatMap((name) => /^tap\/(.*)\.samples$/.exec(name)?.[1] ?? []);
const points: Point[] = [[64, 50, 70], [10, 100, 30]]; // make_goldens.py's clicks for a crop of 128

interface Row { name: string; samples: number; norm: number }

/** Relative distance of the sampled values and of the whole tensor's norm from the reference's. */
function compare(name: string, { values }: TapValue): Row {
  const expected = goldens.read(`tap/${name}.samples`);
  const [norm] = goldens.read(`tap/${name}.norm`);
  let [difference, size, squares] = [0, 0, 0];
  uniform(`sample/tap/${name}`, expected.length).forEach((u, i) => {
    difference += (values[Math.floor(u * values.length)]! - expected[i]!) ** 2;
    size += expected[i]! ** 2;
  });
  for (const value of values) {
    squares += value * value;
  }
  return { name, samples: Math.sqrt(difference / size), norm: Math.abs(Math.sqrt(squares) / norm! - 1) };
}

const clock = (seconds: number) => `${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, '0')}`;
let shown = 0;
function report(done: number, total: number): void {
  const seconds = (performance.now() - started) / 1e3;
  if (seconds - shown > 10) {
    shown = seconds;
    console.log(`${((100 * done) / total).toFixed(0).padStart(3)} % of the encoder after ${clock(seconds)}, ${(done / seconds / 1e9).toFixed(1)} GFLOP/s, about ${clock((seconds * (total - done)) / done)} left`);
  }
}

const gpu = await openGpu();
console.log(`ViT-B, crop 128, ${precision}, on ${gpu.adapter.name}`);
const sam = await Sam3D.create(gpu, syntheticWeights(config), { precision: precision as 'f32' | 'f16' });
const volume = { data: syntheticVolume(config.crop), shape: [config.crop, config.crop, config.crop] as const };
const started = performance.now();
const rows: Row[] = [];
await sam.visitTaps(volume, points, names, (name, value) => {
  const row = compare(name, value);
  rows.push(row);
  console.log(`${name.padEnd(12)} samples ${row.samples.toExponential(2)}  norm ${row.norm.toExponential(2)}`);
}, { progress: report });
const seconds = (performance.now() - started) / 1e3;

const dispatches = sam.plans.flatMap(({ commands }) => commands).filter((command) => command.kind === 'dispatch');
const largestBinding = Math.max(...dispatches.flatMap(({ bindings }) => Object.values(bindings).map(({ bytes }) => bytes)));
const [encodeOperations, clickOperations] = sam.plans.map((plan) => plan.operations) as [number, number];
const operations = encodeOperations + clickOperations;
const worst = Math.max(...rows.flatMap(({ samples, norm }) => [samples, norm]));
const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
console.log(`${dispatches.length} dispatches, ${(operations / 1e12).toFixed(2)} TFLOP in ${clock(seconds)} (${(operations / seconds / 1e9).toFixed(1)} GFLOP/s); a further click in the crop needs ${(clickOperations / 1e12).toFixed(2)} TFLOP`);
console.log(`largest binding ${mebibytes(largestBinding)} (bound ${mebibytes(bindingBound)}), peak GPU memory ${mebibytes(gpu.memory.peakBytes)} (bound ${mebibytes(peakBound)})`);
console.log(`worst of ${rows.length} intermediates ${worst.toExponential(2)} (bound ${bounds[precision]!.toExponential(0)})`);
gpu.close();
if (rows.length !== names.length || !(worst <= bounds[precision]!) || largestBinding > bindingBound || gpu.memory.peakBytes > peakBound) {
  console.error('verify:vit_b: out of bounds');
  process.exitCode = 1;
}
