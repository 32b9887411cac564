/** What the reference computes of two small networks, and what it was given. */
import { readFileSync } from 'node:fs';
import type { Point, Volume } from '../../src/engine/inputs.ts';
import { parseSafetensors, type TensorFile } from '../../src/formats/safetensors.ts';
import { configNamed, type Config } from '../../src/model/config.ts';
import { syntheticTarget, syntheticWeights } from '../../src/model/synthetic.ts';

const clicks: Readonly<Record<string, readonly Point[]>> = {
  tiny: [
    [10, 12, 20],
    [25, 3, 7],
  ],
  odd: [
    [3, 20, 11],
    [23, 0, 5],
    [12, 12, 12],
  ],
};

export interface GoldenCase {
  readonly goldens: TensorFile;
  readonly config: Config;
  readonly weights: TensorFile;
  readonly volume: Volume;
  readonly points: readonly Point[];
  readonly target: Uint8Array;
  /** Names of the stored tensors of a kind, `tap` or `grad`. */
  names(kind: string): string[];
}

export function goldenCase(file: 'tiny' | 'odd'): GoldenCase {
  const goldens = parseSafetensors(readFileSync(`test/goldens/${file}.safetensors`), file);
  const config = configNamed(goldens.metadata.config!);
  const side = config.crop;
  return {
    goldens,
    config,
    weights: syntheticWeights(config),
    points: clicks[file]!,
    target: syntheticTarget(side),
    volume: { data: goldens.read('volume'), shape: [side, side, side] },
    names: (kind) =>
      [...goldens.shapes.keys()].flatMap((name) => (name.startsWith(`${kind}/`) ? [name.slice(kind.length + 1)] : [])),
  };
}
