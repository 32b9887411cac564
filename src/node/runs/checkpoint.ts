/** Checkpoints: what training has changed, and where it was, in one safetensors file that is written whole or not at all. */
import { formatSafetensors, type TensorFile } from '../../formats/safetensors.ts';
import { configNamed, parameterShapes, type Config } from '../../model/config.ts';
import { InputError } from '../../runtime/errors.ts';
import type { TrainerState } from '../../engine/trainer.ts';
import { writeWhole } from '../files/disk.ts';
import type { RunIdentity } from './run-identity.ts';
import { readSafetensors } from '../files/weights-file.ts';

/** Where a run stands. Random numbers are functions of the seed and these, so that there is nothing else to save. */
export interface Progress {
  /** Whole epochs that are done. */
  readonly epoch: number;
  /** Steps done of the next one. */
  readonly step: number;
  /** The best validation Dice so far. */
  readonly bestDice: number;
}

export interface Checkpoint {
  readonly config: Config;
  readonly preset: string;
  /** Options that a resumed run has to share. */
  readonly schedule: Readonly<Record<string, unknown>>;
  readonly progress: Progress;
  /** What the run is made from; undefined of a checkpoint that an older volsam wrote. */
  readonly identity: RunIdentity | undefined;
  readonly state: TrainerState;
}

const firstPrefix = 'optimizer.first.';
const secondPrefix = 'optimizer.second.';
const stateName = 'optimizer.state';

/** @throws InputError where the folder cannot be written to */
export async function writeCheckpoint(
  path: string,
  { config, preset, schedule, progress, identity, state }: Checkpoint,
): Promise<void> {
  const shapes = parameterShapes(config);
  const entries = (prefix: string, values: ReadonlyMap<string, Float32Array>) =>
    [...values].map(([name, data]) => [`${prefix}${name}`, { shape: shapes.get(name)!, values: data }] as const);
  const tensors = new Map([
    ...entries('', state.weights),
    ...entries(firstPrefix, state.firstMoments),
    ...entries(secondPrefix, state.secondMoments),
    [stateName, { shape: [state.optimizer.length], values: state.optimizer }] as const,
  ]);
  await writeWhole(
    path,
    formatSafetensors(tensors, {
      config: JSON.stringify(config),
      preset,
      schedule: JSON.stringify(schedule),
      progress: JSON.stringify(progress),
      ...(identity && { identity: JSON.stringify(identity) }),
    }),
  );
}

/** @throws InputError where the file is no checkpoint of a training run */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const file = await readSafetensors(path);
  const { config, preset, schedule, progress, identity } = file.metadata;
  if (!config || !preset || !schedule || !progress || !file.shapes.has(stateName)) {
    throw new InputError(
      `${path}: no checkpoint of a training run; expected last.safetensors or best.safetensors in its folder`,
    );
  }
  const under = (prefix: string) =>
    new Map(
      [...file.shapes.keys()]
        .filter((name) => name.startsWith(prefix))
        .map((name) => [name.slice(prefix.length), file.read(name)]),
    );
  return {
    config: configNamed(config),
    preset,
    schedule: parsed<Checkpoint['schedule']>(schedule, 'schedule', path),
    progress: parsed<Progress>(progress, 'progress', path),
    identity: identity === undefined ? undefined : parsed<RunIdentity>(identity, 'identity', path),
    state: {
      weights: trainedTensors(file),
      firstMoments: under(firstPrefix),
      secondMoments: under(secondPrefix),
      optimizer: file.read(stateName),
    },
  };
}

function parsed<T>(json: string, field: string, path: string): T {
  try {
    return JSON.parse(json) as T;
  } catch {
    throw new InputError(`${path}: its metadata ${field} is no JSON; expected a checkpoint as volsam train writes it`);
  }
}

function trainedTensors(file: TensorFile): Map<string, Float32Array> {
  return new Map(
    [...file.shapes.keys()].filter((name) => !name.startsWith('optimizer.')).map((name) => [name, file.read(name)]),
  );
}
