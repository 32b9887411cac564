// All that a few minutes on a GPU can tell, the most important first; each result is written as it comes, a table at the end:
//   node bench/check.js [--config vit_b] [--minutes 6] [--out FOLDER] [--reference FOLDER] [--python python3]
// It is made for the archive of scripts/portable.sh, where every stage is a process of its own, so that one that hangs or dies
// ends alone. --reference is a folder with bench_torch.py: where Python has PyTorch, its times stand beside ours.
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ceilingSentences } from '../src/cli/ceiling-sentences.ts';
import type { Ceilings } from '../src/engine/ceilings.ts';
import { readResults, summaryOf, writeResult, type Result } from './check/results.ts';

const { values } = parseArgs({
  options: {
    config: { type: 'string', default: 'vit_b' },
    minutes: { type: 'string', default: '6' },
    out: { type: 'string', default: 'results' },
    reference: { type: 'string', default: 'reference' },
    python: { type: 'string', default: 'python3' },
  },
});
const { config, out, reference, python } = values;
const started = Date.now();
const until = started + 60e3 * Number(values.minutes);
mkdirSync(out, { recursive: true });
const resultsFile = join(out, 'results.jsonl');
writeFileSync(resultsFile, '');
process.env.VOLSAM_CHECK_RESULTS = resultsFile;

interface Stage {
  readonly name: string;
  readonly command: readonly string[];
  /** It is ended after so long. */
  readonly seconds: number;
  /** Results in a line that it prints, where it does not write them itself. */
  readonly read?: (line: string) => readonly Omit<Result, 'stage'>[];
  /** Its exit code says whether all is right. */
  readonly judges?: boolean;
}

const app = (script: string) => [process.execPath, fileURLToPath(new URL(`../${script}`, import.meta.url))];
const cli = (...args: string[]) => [...app('cli.js'), ...args];

interface KernelRow {
  readonly name: string;
  readonly milliseconds: number;
  readonly gflops: number;
  readonly gBps: number;
  readonly roof: string;
  readonly ofRoof: number;
}

function profileStage(pass: string, precision: string): Stage {
  return {
    name: `profile ${precision}`,
    command: cli('profile', pass, '--json', '--config', config, '--precision', precision, '--repeats', '3'),
    seconds: 40,
    read: (line) => {
      const { milliseconds, ceilings, kernels } = JSON.parse(line) as {
        milliseconds: number;
        ceilings: Ceilings;
        kernels: KernelRow[];
      };
      return [
        { name: `${pass}: ceilings`, value: Object.values(ceilingSentences(ceilings)).join('; ') },
        { name: `${pass}: all kernels`, value: `${milliseconds.toFixed(2)} ms` },
        ...kernels.slice(0, 12).map((row) => ({
          name: `${pass}: ${row.name}`,
          value: `${row.milliseconds.toFixed(2)} ms, ${row.gflops.toFixed(0)} GFLOP/s, ${row.gBps.toFixed(0)} GB/s, ${(100 * row.ofRoof).toFixed(0)} % of ${row.roof}`,
        })),
      ];
    },
  };
}

function sweepStage(kernel: string, pass: string, precision: string): Stage {
  return {
    name: `sweep ${precision}`,
    command: cli(
      'profile',
      pass,
      '--sweep',
      '--json',
      '--kernel',
      kernel,
      '--config',
      config,
      '--precision',
      precision,
    ),
    seconds: 40,
    read: (line) =>
      (JSON.parse(line) as { shape: string; form: string; milliseconds: number; operations: number }[]).map((row) => ({
        name: `${row.shape}: ${row.form}`,
        value: `${row.milliseconds.toFixed(3)} ms, ${(row.operations / row.milliseconds / 1e6).toFixed(0)} GFLOP/s`,
      })),
  };
}

const torchScript = join(reference, 'bench_torch.py');

/** Where PyTorch would compute: asked once, since it takes seconds to load; undefined where Python has none. */
function torchDevice(): string | undefined {
  const probe = 'import torch; print("cuda" if torch.cuda.is_available() else "cpu")';
  const { status, stdout } = spawnSync(python, ['-c', probe], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

const device = existsSync(torchScript) ? torchDevice() : undefined;

/** PyTorch's times of the same network, where Python has it; on a CPU of small networks only. */
function torchStage(modes: string, ...options: string[]): Stage[] {
  if (device === undefined || (device === 'cpu' && config !== 'tiny')) {
    return [];
  }
  const pass = options.includes('--train') ? 'training step' : 'first click';
  return [
    {
      name: 'PyTorch',
      command: [python, torchScript, '--device', device, '--config', config, '--modes', modes, ...options],
      seconds: 60,
      read: (line) => {
        const said = JSON.parse(line) as Record<string, unknown>;
        const value = said.error
          ? `failed: ${String(said.error)}`
          : `${String(said.median_ms)} ms (${String(said.min_ms)} at best of ${String(said.runs)}), ${String(said.peak_MiB)} MiB, ${String(said.torch)} on ${String(said.device)}`;
        return [{ name: `${pass}, ${String(said.mode)}`, value }];
      },
    },
  ];
}

const verify = (precision: string, ...options: string[]): Stage[] =>
  config === 'vit_b'
    ? [
        {
          name: 'ViT-B samples',
          command: [...app('scripts/verify-vit-b.js'), '--precision', precision, ...options],
          seconds: 40,
          judges: true,
        },
      ]
    : [];

const wholes = (precision: string): Stage => ({
  name: `${config} ${precision}`,
  command: [...app('check/wholes.js'), config, precision],
  seconds: 60,
});

const heavy = ['linear', 'window-attention', 'conv3d'] as const;
const heavyBackward = ['weight-gradient', 'window-attention.backward.query', 'window-attention.backward.key'] as const;

const stages: readonly Stage[] = [
  {
    name: 'device',
    command: cli('doctor'),
    seconds: 20,
    read: (line) => [{ name: line.slice(0, 10).trim(), value: line.slice(10).trim() }],
  },
  ...verify('f32'),
  ...verify('f16'),
  { name: 'goldens', command: [...app('check/tests.js'), 'goldens', '60'], seconds: 75 },
  wholes('f32'),
  wholes('f16'),
  ...torchStage('fp32,tf32,bf16'),
  { name: 'ops', command: [...app('check/tests.js'), 'ops', '60'], seconds: 75 },
  profileStage('forward', 'f16'),
  profileStage('forward', 'f32'),
  ...torchStage('fp32,tf32,bf16', '--train'),
  ...heavy.map((kernel) => sweepStage(kernel, 'forward', 'f16')),
  ...heavy.map((kernel) => sweepStage(kernel, 'forward', 'f32')),
  ...heavyBackward.map((kernel) => sweepStage(kernel, 'train', 'f16')),
  profileStage('train', 'f16'),
  ...torchStage('bf16+compile'),
  ...heavyBackward.map((kernel) => sweepStage(kernel, 'train', 'f32')),
  ...verify('f32', '--grad'),
];

/** @returns the exit code; null where its time was over */
function run({ name, command, read }: Stage, milliseconds: number): Promise<number | null> {
  const log = join(out, 'log.txt');
  appendFileSync(log, `\n== ${name}: ${command.slice(1).join(' ')}\n`);
  const child = spawn(command[0]!, command.slice(1), {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: milliseconds,
    killSignal: 'SIGKILL',
  });
  createInterface(child.stderr).on('line', (line) => appendFileSync(log, `${line}\n`));
  createInterface(child.stdout).on('line', (line) => {
    appendFileSync(log, `${line}\n`);
    try {
      read?.(line).forEach((result) => writeResult({ stage: name, ...result }));
    } catch {
      // what is no result stands in the log
    }
    if (!read) {
      console.log(line);
    }
  });
  return new Promise((resolve) => child.on('close', resolve));
}

for (const stage of stages) {
  const left = until - Date.now();
  if (left < 5e3) {
    writeResult({ stage: stage.name, name: stage.command.slice(2).join(' '), value: 'no time was left' });
    continue;
  }
  const began = Date.now();
  const code = await run(stage, Math.min(left, 1e3 * stage.seconds));
  const took = `${((Date.now() - began) / 1e3).toFixed(1)} s`;
  const value =
    code === null
      ? `ended after its ${took}`
      : code === 0
        ? took
        : `failed with code ${code} after ${took}: see log.txt`;
  const name = `${stage.command.slice(2).join(' ') || 'whole'}`;
  writeResult({
    stage: stage.name,
    name,
    value,
    ...((stage.judges || code !== 0) && code !== null && { isRight: code === 0 }),
  });
}
const results = readResults(resultsFile);
const summary = summaryOf(results);
writeFileSync(join(out, 'summary.txt'), `${summary}\n`);
console.log(
  `\n${'-'.repeat(100)}\n${summary}\n\n${((Date.now() - started) / 60e3).toFixed(1)} minutes; written to ${out}`,
);
process.exitCode = results.some(({ isRight }) => isRight === false) ? 1 : 0;
