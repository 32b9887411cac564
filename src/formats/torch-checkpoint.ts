/** PyTorch checkpoints of this network and of SAM: which of their tensors are which of ours. */
import { InputError } from '../runtime/errors.ts';
import type { TorchTensor, TorchValue } from './torch-pickle.ts';

export interface NamedTensors {
  /** By volsam's names. */
  readonly tensors: ReadonlyMap<string, TorchTensor>;
  /** Names in the checkpoint of tensors that the network does not use. */
  readonly unused: readonly string[];
  /** What the checkpoint is. */
  readonly kind: 'the adapted network' | 'SAM';
  /** A configuration's JSON, which volsam writes beside the published code's entries. */
  readonly config?: string;
}

/** Of the published code: masks that are computed, an attention and an encoding that its forward pass never asks. */
const unusedPatterns = [/\.attn_mask$/, /\.cross_attn_token_to_image\./, /positional_encoding_gaussian_matrix$/];

function isTensor(value: unknown): value is TorchTensor {
  return typeof value === 'object' && value !== null && (value as Partial<TorchTensor>).kind === 'tensor';
}

function tensorsIn(value: TorchValue | undefined, where: string, file: string): [string, TorchTensor][] {
  if (!(value instanceof Map)) {
    throw new InputError(`${file}: ${where} is no dict of tensors`);
  }
  return [...(value as Map<unknown, TorchValue>)].flatMap(([name, tensor]): [string, TorchTensor][] =>
    typeof name === 'string' && isTensor(tensor) ? [[name, tensor]] : [],
  );
}

function adaptedNetwork(checkpoint: ReadonlyMap<unknown, TorchValue>, file: string): NamedTensors {
  const features = checkpoint.get('feature_dict');
  // The published code trains four prompt encoders, and asks the last one only.
  const prompt = Array.isArray(features) ? (features as TorchValue[]).at(-1) : features;
  const parts = [
    ['encoder', checkpoint.get('encoder_dict')],
    ['prompt', prompt],
    ['decoder', checkpoint.get('decoder_dict')],
  ] as const;
  const named = parts.flatMap(([prefix, part]) =>
    tensorsIn(part, `${prefix}'s part`, file).map(([name, tensor]) => [`${prefix}.${name}`, tensor] as const),
  );
  const isUnused = (name: string) => unusedPatterns.some((pattern) => pattern.test(name));
  const config = checkpoint.get('config');
  return {
    kind: 'the adapted network',
    ...(typeof config === 'string' && { config }),
    tensors: new Map(named.filter(([name]) => !isUnused(name))),
    unused: named.map(([name]) => name).filter(isUnused),
  };
}

/** SAM's image encoder without its 2D neck; prompt encoder and mask decoder of SAM are not this network's. */
function imageEncoder(entries: readonly [string, TorchTensor][]): NamedTensors {
  const prefix = 'image_encoder.';
  const isUsed = (name: string) => name.startsWith(prefix) && !name.startsWith(`${prefix}neck.`);
  return {
    kind: 'SAM',
    tensors: new Map(
      entries
        .filter(([name]) => isUsed(name))
        .map(([name, tensor]) => [`encoder.${name.slice(prefix.length)}`, tensor]),
    ),
    unused: entries.map(([name]) => name).filter((name) => !isUsed(name)),
  };
}

/** @throws InputError where the checkpoint is neither the adapted network's nor SAM's */
export function namedTensors(checkpoint: TorchValue, file: string): NamedTensors {
  if (checkpoint instanceof Map) {
    if (checkpoint.has('encoder_dict')) {
      return adaptedNetwork(checkpoint, file);
    }
    const entries = tensorsIn(checkpoint, 'it', file);
    if (entries.some(([name]) => name.startsWith('image_encoder.'))) {
      return imageEncoder(entries);
    }
  }
  throw new InputError(
    `${file}: expected checkpoints of the adapted network (with encoder_dict, feature_dict and decoder_dict) and SAM's own (with image_encoder.)`,
  );
}
