/** Training runs that end before they are done, and go on. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { testFolder } from '../setup/folder.ts';
import { randomFor } from '../setup/seed.ts';
import { logOf, trainingArguments, writeSmallDataset } from '../setup/small-training.ts';
import { volsam } from '../setup/volsam.ts';
import type { RunRecord } from '../../src/node/runs/run-record.ts';
import { readCheckpoint } from '../../src/node/runs/checkpoint.ts';

const at = testFolder('interrupted');

beforeAll(() => writeSmallDataset(at));

const training = (out: string, ...more: string[]) => trainingArguments(at, out, ...more);

const random = randomFor('cli/train-interrupted');

/** 18 steps. */
const long = ['--crops-per-case', '3'];

let whole: Promise<{ milliseconds: number; checkpointBytes: number }> | undefined;

/** A run that nothing interrupts, and how long it takes when it is started as a person starts it. */
function wholeRun() {
  whole ??= (async () => {
    expect((await ended(started('compiled'))).code).toBe(0); // compiles, the first time
    const began = performance.now();
    expect((await ended(started('whole'))).code).toBe(0);
    return { milliseconds: performance.now() - began, checkpointBytes: statSync(at('whole', 'last.safetensors')).size };
  })();
  return whole;
}

function started(out: string): ChildProcess {
  return spawn(process.execPath, ['dist/cli.js', ...training(out, ...long)], { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** @returns the exit code, null where a signal ended it, and what was said on stderr */
async function ended(child: ChildProcess): Promise<{ code: number | null; stderr: string }> {
  child.stdout!.resume();
  const said: Buffer[] = [];
  child.stderr!.on('data', (text: Buffer) => said.push(text));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, stderr: Buffer.concat(said).toString() };
}

/** Mounts a folder of a few bytes, if this is allowed. */
function mounted(folder: string, bytes: number): boolean {
  mkdirSync(folder);
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${Math.ceil(bytes)}`, 'tmpfs', folder]).status === 0;
}

/** Ends a run at a random moment. @returns what happened, for a person to read */
async function interrupted(out: string, kind: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): Promise<string> {
  const { milliseconds } = await wholeRun();
  const delay = random.between(0, milliseconds);
  const child = started(out);
  const timer = setTimeout(() => child.kill(kind), delay);
  const { code } = await ended(child);
  clearTimeout(timer);
  return `${kind} after ${(delay / 1e3).toFixed(1)} s: exit ${code}`;
}

/** Runs out of room on disk. @returns as `interrupted` */
async function outOfRoom(out: string): Promise<string> {
  const { checkpointBytes } = await wholeRun();
  const bytes = checkpointBytes * random.between(0.1, 3.2);
  if (!mounted(at(out), bytes)) {
    return 'no disk could be mounted';
  }
  const { code, stderr } = await ended(started(out));
  expect(stderr.trim().split('\n').at(-1)).toMatch(
    code === 0 ? /./ : /^volsam: .*part\d+\/\S+: cannot be written \(ENOSPC\)$/,
  );
  expect(spawnSync('mount', ['-o', `remount,size=${10 * checkpointBytes}`, at(out)]).status).toBe(0);
  return `a disk of ${(bytes / checkpointBytes).toFixed(1)} checkpoints: exit ${code}`;
}

describe('a run', { tags: ['thorough'] }, () => {
  test.for(Array.from({ length: 20 }, (_, n) => n))(
    'interruption %i, and the same log and checkpoint after it',
    async (n) => {
      const out = `part${n}`;
      const kind = (['SIGINT', 'SIGTERM', 'SIGKILL', 'full'] as const)[n % 4]!;
      const what = await (kind === 'full' ? outOfRoom(out) : interrupted(out, kind));
      const began = existsSync(at(out, 'log.jsonl')) ? logOf(at, out).length : 0;
      const rest = await volsam(...training(out, ...long, '--resume'));
      console.log(`${what}; ${began} lines of log were there`);
      expect(rest.status, rest.stderr).toBe(0);
      expect(logOf(at, out)).toEqual(logOf(at, 'whole'));
      const { sessions } = JSON.parse(readFileSync(at(out, 'run.json'), 'utf8')) as RunRecord;
      expect(sessions.length).toBe(began > 0 ? 2 : sessions.length); // one for each time that it was gone on with
      const checkpoint = (folder: string) => readFileSync(at(folder, 'last.safetensors'));
      expect(checkpoint(out).equals(checkpoint('whole'))).toBe(true);
      expect(readdirSync(at(out)).filter((name) => name.endsWith('.part'))).toEqual([]);
      if (kind === 'full') {
        spawnSync('umount', ['--lazy', at(out)]);
      }
    },
  );

  test('Ctrl-C ends a run behind its step, says so, and is not mistaken for an end', async () => {
    const child = started('stopped');
    const printed: string[] = [];
    child.stdout!.on('data', (text: Buffer) => printed.push(text.toString()));
    child.stderr!.on('data', (text: Buffer) => text.toString().includes('epoch 1, step 1') && child.kill('SIGINT'));
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(130);
    expect(printed.join('')).toMatch(/stopped in epoch 1 after step \d+, no validation; --resume goes on/);
    const other = await volsam(...training('stopped', ...long, '--resume', '--learning-rate', '1e-3'));
    expect(other.stderr).toMatch(/--resume: .*last.safetensors was made with learningRate 0.0004, not 0.001/);
  });

  test('--resume with more epochs extends a run, and with none begun begins one', async () => {
    const status = async (...args: string[]) => (await volsam(...training('extended', ...args))).status;
    expect(await status('--resume', '--epochs', '1')).toBe(0);
    expect(await status('--resume', '--epochs', '3')).toBe(0);
    expect(
      logOf(at, 'extended')
        .filter(({ kind }) => kind === 'validation')
        .map(({ epoch }) => epoch),
    ).toEqual([0, 1, 2, 3]);
    expect((await volsam(...training('extended', '--resume', '--epochs', '2'))).stderr).toMatch(
      /is of a run of 3 epochs; expected --epochs of at least so many/,
    );
  });

  test('a run that is killed at any moment leaves its last checkpoint whole', async () => {
    const path = at('killed', 'last.safetensors');
    let found = 0;
    for (let attempt = 0; attempt < 6; attempt++) {
      const temporary = () =>
        existsSync(at('killed')) ? readdirSync(at('killed')).filter((name) => name.endsWith('.part')) : [];
      temporary().forEach((name) => rmSync(at('killed', name)));
      const child = spawn(
        process.execPath,
        [
          'dist/cli.js',
          ...training('killed', '--crops-per-case', '1', '--epochs', '50', ...(attempt > 0 ? ['--resume'] : [])),
        ],
        { stdio: 'ignore' },
      );
      const closed = new Promise((resolve) => child.on('close', resolve));
      // While a checkpoint is being written, as its temporary name tells; a later one in each attempt.
      const deadline = Date.now() + 60_000;
      const seen = new Set<string>();
      while (Date.now() < deadline && seen.size <= attempt) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        temporary()
          .filter((name) => name.startsWith('last.'))
          .forEach((name) => seen.add(name));
      }
      child.kill('SIGKILL');
      await closed;
      if (existsSync(path)) {
        const { progress, state } = await readCheckpoint(path);
        expect(progress.epoch).toBeGreaterThan(0);
        expect([...state.weights.values()].every((values) => values.every(Number.isFinite))).toBe(true);
        found += 1;
      }
    }
    expect(found).toBeGreaterThan(2);
  });
});
