/** A run's log: one JSON object a line, of each step and each validation. */
import { appendFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { readBytes, unwritable, writeWhole } from '../files/disk.ts';
import type { Progress } from './checkpoint.ts';

export interface StepRecord {
  readonly kind: 'step';
  readonly epoch: number;
  /** Within the epoch. */
  readonly step: number;
  readonly case: string;
  readonly loss: number;
  readonly dice: number;
  readonly learningRate: number;
  readonly gradientNorms: readonly number[];
  readonly skipped: boolean;
  readonly seconds: number;
}

export interface ValidationRecord {
  readonly kind: 'validation';
  /** Whole epochs before it. */
  readonly epoch: number;
  readonly dice: number;
  readonly cases: Readonly<Record<string, number>>;
}

export type LogRecord = StepRecord | ValidationRecord;

export async function readLog(path: string): Promise<LogRecord[]> {
  if (!existsSync(path)) {
    return [];
  }
  const lines = new TextDecoder()
    .decode(await readBytes(path))
    .split('\n')
    .filter((line) => line !== '');
  // A killed run may have left half of a line, which the checkpoint before it knows nothing of.
  return lines.flatMap((line) => {
    try {
      return [JSON.parse(line) as LogRecord];
    } catch {
      return [];
    }
  });
}

/** What of the log a checkpoint knows of: what came after it will come again. */
export function logUntil(records: readonly LogRecord[], { epoch, step }: Progress): LogRecord[] {
  return records.filter((record) =>
    record.kind === 'validation'
      ? record.epoch <= epoch
      : record.epoch < epoch || (record.epoch === epoch && record.step < step),
  );
}

export async function writeLog(path: string, records: readonly LogRecord[]): Promise<void> {
  await writeWhole(path, new TextEncoder().encode(records.map((record) => `${JSON.stringify(record)}\n`).join('')));
}

/** @throws InputError where the file cannot be written to */
export async function appendLog(path: string, record: LogRecord): Promise<void> {
  try {
    await appendFile(path, `${JSON.stringify(record)}\n`);
  } catch (error) {
    throw unwritable(path, error);
  }
}
