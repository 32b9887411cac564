/** `run.json`: what a run was made with, for a person to read; its reports end with it. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Preset } from '../../volume/preset.ts';
import { writeJson } from '../files/disk.ts';
import { versions } from './mask-record.ts';

export interface RunRecord {
  readonly command: 'train' | 'evaluate' | 'batch';
  readonly versions: typeof versions;
  /** Null where nothing was computed on one: masks were read from files. */
  readonly device: string | null;
  /** ISO 8601. */
  readonly started: string;
  readonly ended?: string;
  readonly options: Readonly<object>;
  readonly preset: Preset;
  /** SHA-256 of what went in: the weights file, or null, and files of each case. */
  readonly identity: { readonly weights: string | null; readonly [data: string]: unknown };
}

export function beginRecord(given: Omit<RunRecord, 'versions' | 'started' | 'ended'>): RunRecord {
  return { ...given, versions, started: new Date().toISOString() };
}

export function endRecord(record: RunRecord): RunRecord {
  return { ...record, ended: new Date().toISOString() };
}

/** @throws InputError where the folder cannot be written to */
export function writeRunRecord(folder: string, record: RunRecord): Promise<void> {
  return writeJson(join(folder, 'run.json'), record);
}

/** The lines that a report ends with. */
export function footOf({ command, device, started, ended, options, identity }: RunRecord): string[] {
  const { precision } = options as { precision?: string };
  const { weights, ...data } = identity;
  const digest = createHash('sha256').update(JSON.stringify(data)).digest('hex');
  return [
    `volsam ${command}, version ${versions.volsam}, kernels ${versions.kernels}${device === null ? '' : `, on ${device}${precision === undefined ? '' : ` in ${precision}`}`}; begun ${started}${ended === undefined ? '' : `, ended ${ended}`}.`,
    `${weights === null ? 'No weights file' : `Weights sha256 ${weights}`}; files of the cases, together, ${digest}.`,
    `Options: ${JSON.stringify(options)}. run.json has it all.`,
  ];
}
