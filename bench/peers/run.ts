// Times parts of ViT-B against other engines on the same adapter, in turn:
//   npm run bench:peers [-- --rounds 3 --save]
// onnxruntime-node's WebGPU provider runs the ONNX files of export_pieces.py; jax-js runs a GEMM, and attention + MLP in
// its NumPy form. Outputs are compared, so that both are known to compute the same.
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as onnx from 'onnxruntime-node';
import { openGpu } from '../../src/node/gpu/open-gpu.ts';
import { unpadChannels } from '../../src/ops/channels.ts';
import { linear } from '../../src/ops/linear.ts';
import { widthsOf } from '../../src/model/widths.ts';
import { finishTunedPlan } from '../../src/runtime/tuner.ts';
import { createRecorder, targetOf, type Recorder } from '../../src/runtime/recorder.ts';
import { createTensor, readTensor, writeTensor, type Tensor } from '../../src/runtime/tensor.ts';
import { median } from '../../src/runtime/median.ts';
import { writeResult } from '../result-file.ts';
import { pieceConfig, piecesOf, pieceWeights } from '../pieces.ts';
import { jaxAttentionMlp, jaxGemm } from './jax.ts';

const {
  values: { rounds, save },
} = parseArgs({ options: { rounds: { type: 'string', default: '3' }, save: { type: 'boolean', default: false } } });
const grid = 16;
const folder = new URL('pieces/', import.meta.url);
const gpu = await openGpu({ report: console.log });
const config = pieceConfig(grid);

interface Row {
  piece: string;
  peer: string;
  gflop: number;
  volsamSeconds: number;
  peerSeconds: number;
  times: number;
  relativeDifference: number;
}

interface Runner {
  readonly gflop: number;
  run(): Promise<Float32Array>;
}

function distance(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (found[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  return found.length === expected.length ? Math.sqrt(difference / norm) : NaN;
}

/** volsam's plan of a piece, its output read back as a peer's is. */
async function volsamRunner(record: (r: Recorder) => Tensor): Promise<Runner> {
  const r = createRecorder(targetOf(gpu, 'f32'));
  const y = record(r);
  const output = createTensor(gpu, 'output', 'f32', 'f32', y.shape);
  r.copy(y, output);
  const plan = await finishTunedPlan(gpu, r);
  return {
    gflop: plan.operations / 1e9,
    run: async () => {
      await plan.replay();
      return readTensor(gpu, output);
    },
  };
}

/** Runs both in turn, after one run each that compiles. */
async function pair(
  piece: string,
  peer: string,
  own: Runner,
  other: () => Promise<Float32Array>,
  sameLayout: (own: Float32Array) => Float32Array,
): Promise<void> {
  const relativeDifference = distance(sameLayout(await own.run()), await other());
  const [ownTimes, otherTimes]: [number[], number[]] = [[], []];
  const timed = async (run: () => Promise<unknown>, into: number[]) => {
    const started = performance.now();
    await run();
    into.push((performance.now() - started) / 1e3);
  };
  for (let round = 0; round < Number(rounds); round++) {
    await timed(own.run, ownTimes);
    await timed(other, otherTimes);
  }
  const [volsamSeconds, peerSeconds] = [median(ownTimes), median(otherTimes)];
  const row: Row = {
    piece,
    peer,
    gflop: own.gflop,
    volsamSeconds,
    peerSeconds,
    times: peerSeconds / volsamSeconds,
    relativeDifference,
  };
  rows.push(row);
  const rate = (seconds: number) => `${seconds.toFixed(2)} s (${(own.gflop / seconds).toFixed(1)} GFLOP/s)`;
  console.log(
    `${piece.padEnd(14)} volsam ${rate(volsamSeconds)}, ${peer} ${rate(peerSeconds)}: ${row.times.toFixed(2)} times; outputs differ by ${relativeDifference.toExponential(1)}`,
  );
}

const rows: Row[] = [];
const refused: { piece: string; peer: string; error: string }[] = [];

/** A peer that throws is reported with its error. */
async function attempt(piece: string, peer: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    refused.push({ piece, peer, error: (error as Error).message.split('\n')[0]! });
    console.log(`${piece.padEnd(14)} ${peer} refuses: ${refused.at(-1)!.error}`);
  }
}

const noise = (count: number, seed: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(seed + i * 12.9898) * 0.5);

/** (tokens, channels) to (channels, tokens), as ONNX has features. */
function channelsFirst(values: Float32Array, channels: number): Float32Array {
  const tokens = values.length / channels;
  return values.map((_, i) => values[(i % tokens) * channels + Math.floor(i / tokens)]!);
}

async function againstOnnx(): Promise<void> {
  const peer = 'onnxruntime';
  if (!existsSync(folder)) {
    console.log(
      `${peer} is left out: bench/peers/pieces is not there; "python3 bench/peers/export_pieces.py --reference FOLDER" makes it`,
    );
    return;
  }
  const pieces = piecesOf(gpu, config, pieceWeights(gpu, config, 'f32'), 'f32');
  const { neck } = widthsOf(config, 'f32');
  const session = (name: string) =>
    onnx.InferenceSession.create(new URL(`${name}.onnx`, folder).pathname, { executionProviders: ['webgpu'] });
  for (const { name, inputs, record } of pieces.filter((piece) => existsSync(new URL(`${piece.name}.onnx`, folder)))) {
    await attempt(name, peer, async () => {
      const feeds: Record<string, onnx.Tensor> = {};
      inputs.forEach((tensor, i) => {
        const values = noise(tensor.bytes / 4, i);
        writeTensor(gpu, tensor, values);
        const isFeature = name === 'decoder' && i < 4;
        feeds[`input${i}`] = isFeature
          ? new onnx.Tensor('float32', channelsFirst(values, neck.width), [1, neck.width, grid, grid, grid])
          : new onnx.Tensor('float32', values, [...tensor.shape]);
      });
      const opened = await session(name);
      const other = async () => (await opened.run(feeds)).output!.data as Float32Array;
      const layout = (own: Float32Array) =>
        name === 'neck' ? channelsFirst(unpadChannels(own, neck), neck.count) : own;
      await pair(name, peer, await volsamRunner(record), other, layout);
      await opened.release();
    });
  }
  await attempt('adapter', peer, async () => {
    const opened = await session('adapter');
    await opened.run({
      input0: new onnx.Tensor('float32', noise(grid ** 3 * config.embed, 0), [grid, grid, grid, config.embed]),
    });
    await opened.release();
    console.log(`adapter        ${peer} runs it now: it wants a row here`);
  });
}

async function againstJax(): Promise<void> {
  const [tokens, inWidth, outWidth] = [grid ** 3, 768, 3072];
  await attempt('gemm', 'jax-js', async () => {
    const [x, weight] = [
      createTensor(gpu, 'x', 'stored', 'f32', [tokens, inWidth]),
      createTensor(gpu, 'weight', 'stored', 'f32', [inWidth, outWidth]),
    ];
    const [xValues, weightValues] = [noise(tokens * inWidth, 1), noise(inWidth * outWidth, 2)];
    writeTensor(gpu, x, xValues);
    writeTensor(gpu, weight, weightValues);
    await pair(
      'gemm',
      'jax-js',
      await volsamRunner((r) => linear(r, x, { weight })),
      await jaxGemm(xValues, weightValues, tokens, inWidth, outWidth),
      (own) => own,
    );
  });
  await attempt('attention-mlp', 'jax-js', async () => {
    const piece = piecesOf(gpu, config, pieceWeights(gpu, config, 'f32'), 'f32').find(
      ({ name }) => name === 'attention-mlp',
    )!;
    const values = noise(tokens * config.embed, 0);
    writeTensor(gpu, piece.inputs[0]!, values);
    await pair(
      'attention-mlp',
      'jax-js',
      await volsamRunner(piece.record),
      await jaxAttentionMlp(config, values),
      (own) => own,
    );
  });
}

console.log(`${gpu.adapter.name}; grid ${grid}, ${rounds} rounds in turn, medians`);
await againstOnnx();
await againstJax();
if (save) {
  const versions = (
    JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as {
      dependencies: Record<string, string>;
    }
  ).dependencies;
  writeResult(gpu.adapter, (adapter, date) => `peers-${adapter}-${date}`, {
    versions,
    rounds: Number(rounds),
    grid,
    rows,
    refused,
  });
}
gpu.close();
process.exit(0); // the peers hold their own devices open
