/** `run.json`: what a run was made with, for a person to read; its reports end with it. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Preset } from '../../volume/preset.ts';
import { writeJson } from '../files/disk.ts';
import { versions } from './mask-record.ts';

export interface RunRecord {
  readonly command: 'train' | 'evaluate' | 'batch';
  readonly versions: typeof versions;
  /** One, and another for each time that the run was gone on with. */
  readonly sessions: readonly Session[];
  readonly options: Readonly<object>;
  readonly preset: Preset;
  /** SHA-256 of what went in: the weights file, or null, and files of each case. */
  readonly identity: { readonly weights: string | null; readonly [data: string]: unknown };
}

export interface Session {
  /** Null where nothing was computed on one: masks were read from files. */
  readonly device: string | null;
  /** ISO 8601. */
  readonly started: string;
  readonly ended?: string;
}

/** A record whose first session begins. */
export function beginRecord(
  given: Omit<RunRecord, 'versions' | 'sessions'>,
  device: string | null,
  started = new Date(),
): RunRecord {
  return { ...given, versions, sessions: [{ device, started: started.toISOString() }] };
}

/** A record of a run that is gone on with: its sessions come after those of before. */
export function continuedRecord(record: RunRecord, before: RunRecord | undefined): RunRecord {
  return { ...record, sessions: [...(before?.sessions ?? []), ...record.sessions] };
}

/** Ends the last session. */
export function endRecord(record: RunRecord): RunRecord {
  const last = record.sessions.at(-1)!;
  return { ...record, sessions: [...record.sessions.slice(0, -1), { ...last, ended: new Date().toISOString() }] };
}

/** @returns undefined where there is none, or it is damaged */
export async function readRunRecord(folder: string): Promise<RunRecord | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, 'run.json'), 'utf8')) as RunRecord;
  } catch {
    return undefined;
  }
}

/** @throws InputError where the folder cannot be written to */
export function writeRunRecord(folder: string, record: RunRecord): Promise<void> {
  return writeJson(join(folder, 'run.json'), record);
}

/** The lines that a report ends with. */
export function footOf({ command, sessions, options, identity }: RunRecord): string[] {
  const { precision } = options as { precision?: string };
  const { weights, ...data } = identity;
  const digest = createHash('sha256').update(JSON.stringify(data)).digest('hex');
  const said = sessions.map(
    ({ device, started, ended }) =>
      `begun ${started}${ended === undefined ? '' : `, ended ${ended}`}${device === null ? '' : `, on ${device}`}`,
  );
  return [
    `volsam ${command}, version ${versions.volsam}, kernels ${versions.kernels}${precision === undefined ? '' : `, in ${precision}`}: ${said.join('; ')}.`,
    `${weights === null ? 'No weights file' : `Weights sha256 ${weights}`}; what else went in (run.json lists it), together ${digest}.`,
    `Options: ${JSON.stringify(options)}.`,
  ];
}
