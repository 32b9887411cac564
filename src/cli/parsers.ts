/** What options' texts mean. */
import { existsSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import type { Place } from '../formats/click.ts';
import type { PrecisionChoice } from '../engine/precision.ts';
import type { Precision } from '../kernels/kernel.ts';
import { configNamed } from '../model/config.ts';
import type { Part } from '../node/data/part.ts';
import { readBytes } from '../node/files/disk.ts';
import { InputError } from '../runtime/errors.ts';
import { parsePreset, presets, type Preset } from '../volume/preset.ts';

/** @throws InputError where it is neither a preset's name nor a preset file */
export async function presetNamed(name: string): Promise<Preset> {
  if (Object.hasOwn(presets, name)) {
    return presets[name]!;
  }
  if (!existsSync(name)) {
    throw new InputError(
      `preset ${name}: no such preset or file; expected ${Object.keys(presets).join(', ')}, or a JSON file`,
    );
  }
  return parsePreset(new TextDecoder().decode(await readBytes(name)), name);
}

export function parsePrecision(text: string): Precision {
  if (text !== 'f32' && text !== 'f16') {
    throw new InvalidArgumentError('expected f32 or f16');
  }
  return text;
}

export function parsePrecisionChoice(text: string): PrecisionChoice {
  if (text !== 'f32' && text !== 'f16' && text !== 'auto') {
    throw new InvalidArgumentError('expected f32, f16 or auto');
  }
  return text;
}

/** A parser of numbers within bounds. */
export function numberFrom(low: number, whole: boolean): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < low || (whole && !Number.isInteger(value))) {
      throw new InvalidArgumentError(`expected a ${whole ? 'whole ' : ''}number from ${low} on`);
    }
    return value;
  };
}

/** @throws InputError where the text names no configuration */
export function parseConfig(text: string): string {
  configNamed(text);
  return text;
}

/** @throws InvalidArgumentError */
export function parsePart(text: string): Part {
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(text)?.map(Number) ?? [];
  if (index === undefined || count === undefined || index >= count) {
    throw new InvalidArgumentError('expected i/n with i from 0 to n - 1, such as 0/4');
  }
  return { index, count };
}

/** A parser of places, each three numbers, of an option that may be given again. @param example of its value */
export function placesParser(count: number, example: string): (text: string, before?: Place[][]) => Place[][] {
  return (text, before = []) => {
    const numbers = text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)));
    if (numbers.length !== 3 * count || !numbers.every(Number.isFinite)) {
      throw new InvalidArgumentError(
        `expected ${count === 1 ? 'three' : 3 * count} numbers separated by commas, such as ${example}`,
      );
    }
    return [...before, Array.from({ length: count }, (_, n) => numbers.slice(3 * n, 3 * n + 3))];
  };
}
