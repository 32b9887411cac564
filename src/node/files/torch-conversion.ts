/** PyTorch checkpoints to safetensors, tensor by tensor, and back. */
import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import { formatHeader, type TensorFile } from '../../formats/safetensors.ts';
import { formatTorchPickle, type WrittenTensor, type WrittenValue } from '../../formats/torch-pickle.ts';
import { configOf, parameterShapes, partialConfigOf, type Config } from '../../model/config.ts';
import { InputError } from '../../runtime/errors.ts';
import { sizeOf } from '../../runtime/tensor.ts';
import { writeBeside } from './disk.ts';
import type { TorchFile } from './torch-file.ts';
import { readTorch } from './weights-file.ts';

const floatTypes = ['F32', 'F16', 'BF16'];

/** Writes one part after the other. */
function writeParts(path: string, parts: Iterable<Uint8Array>): Promise<void> {
  return writeBeside(path, async (temporary) => {
    const file = await open(temporary, 'w');
    try {
      for (const part of parts) {
        await file.write(part);
      }
    } finally {
      await file.close();
    }
  });
}

/** @throws InputError where a tensor is not of floats */
function headerOf(file: TorchFile, metadata: Readonly<Record<string, string>>): Uint8Array {
  const entries = [...file.shapes].map(([name, shape]) => {
    const dtype = file.dtypeOf(name);
    if (!floatTypes.includes(dtype)) {
      throw new InputError(`tensor ${name} has type ${dtype}; expected ${floatTypes.join(', ')}`);
    }
    return { name, dtype, shape };
  });
  return formatHeader(entries, metadata);
}

export interface Conversion {
  readonly kind: TorchFile['kind'];
  readonly tensors: number;
  readonly parameters: number;
  readonly unused: readonly string[];
}

/**
 * Writes a checkpoint's tensors under volsam's names, in their own types; one at a time is in memory.
 * @param configName where shapes do not tell all: a configuration's name or JSON
 * @throws InputError as `openTorch`, or where the adapted network is not whole
 */
export async function convertTorch(from: string, to: string, configName?: string): Promise<Conversion> {
  const opened = await readTorch(from);
  const file: TorchFile = { ...opened, metadata: configName === undefined ? opened.metadata : { config: configName } };
  const config = file.kind === 'SAM' ? partialConfigOf(file) : configOf(file);
  const header = headerOf(file, { config: JSON.stringify(config) });
  await writeParts(
    to,
    (function* () {
      yield header;
      for (const name of file.shapes.keys()) {
        yield file.bytesOf(name);
      }
    })(),
  );
  return {
    kind: file.kind,
    tensors: file.shapes.size,
    parameters: [...file.shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0),
    unused: file.unused,
  };
}

/** The published code's mask of a shifted block, (windows, tokens, tokens): what it computes itself, and yet asks for in a checkpoint. */
function attentionMask({ grid, window }: Config): { shape: number[]; values: () => Float32Array } {
  const [side, tokens] = [grid / window, window ** 3];
  const label = (at: number) => (at < grid - window ? 0 : at < grid - Math.floor(window / 2) ? 1 : 2);
  const values = () => {
    const out = new Float32Array(side ** 3 * tokens * tokens);
    for (let w = 0; w < side ** 3; w++) {
      const origin = [Math.floor(w / side ** 2), Math.floor(w / side) % side, w % side];
      const labels = Array.from({ length: tokens }, (_, t) =>
        [Math.floor(t / window ** 2), Math.floor(t / window) % window, t % window].reduce(
          (sum, at, axis) => 3 * sum + label(origin[axis]! * window + at),
          0,
        ),
      );
      for (let a = 0; a < tokens; a++) {
        for (let b = 0; b < tokens; b++) {
          out[(w * tokens + a) * tokens + b] = labels[a] === labels[b] ? 0 : -100;
        }
      }
    }
    return out;
  };
  return { shape: [side ** 3, tokens, tokens], values };
}

interface Entry {
  readonly shape: readonly number[];
  readonly values: () => Float32Array;
}

/** What the published code's strict loading asks for beside the network's own tensors; its forward pass never reads them. */
function publishedExtras(config: Config): { encoder: [string, Entry][]; prompt: [string, Entry][] } {
  const inner = Math.floor(config.neck / 2);
  const zeros = (...shape: number[]): Entry => ({ shape, values: () => new Float32Array(sizeOf(shape)) });
  const layers = Array.from(
    { length: config.promptDepth },
    (_, i) => `transformer.layers.${i}.cross_attn_token_to_image`,
  );
  return {
    encoder: Array.from({ length: config.depth }, (_, i) => i)
      .filter((i) => i % 2 === 0)
      .map((i) => [`blocks.${i}.attn_mask`, attentionMask(config)]),
    prompt: [
      ['positional_encoding_gaussian_matrix', zeros(3, config.neck / 2)],
      ...layers.flatMap((name): [string, Entry][] => [
        ...['q_proj', 'k_proj', 'v_proj'].flatMap((part): [string, Entry][] => [
          [`${name}.${part}.weight`, zeros(inner, config.neck)],
          [`${name}.${part}.bias`, zeros(inner)],
        ]),
        [`${name}.out_proj.weight`, zeros(config.neck, inner)],
        [`${name}.out_proj.bias`, zeros(config.neck)],
      ]),
    ],
  };
}

/**
 * Writes a whole model as the published code's checkpoint, in f32: `encoder_dict`, `decoder_dict` and four times the prompt encoder
 * as `feature_dict`, of which that code asks the last.
 * @throws InputError where the weights are not a whole model's, or of an adaptation that the published code does not have, or the
 * file cannot be written
 */
export async function writeTorch(file: TensorFile, to: string): Promise<number> {
  const config = configOf(file);
  if (config.labels || config.masks) {
    throw new InputError(
      '--torch: the model takes clicks beside the lesion or masks, by tensors that the published code does not have. Without --torch it is exported as safetensors',
    );
  }
  if (config.adaptation !== 'spatial') {
    throw new InputError(
      `--torch: the model's adaptation is ${config.adaptation}, which the published code does not have; expected spatial. Without --torch it is exported as safetensors`,
    );
  }
  const entries: Entry[] = [];
  const placed = (entry: Entry): WrittenTensor => ({
    kind: 'written',
    key: String(entries.push(entry) - 1),
    shape: entry.shape,
  });
  const extras = publishedExtras(config);
  const dict = (prefix: string, more: readonly [string, Entry][]): Map<string, WrittenValue> =>
    new Map([
      ...[...parameterShapes(config)]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, shape]) => [name.slice(prefix.length), placed({ shape, values: () => file.read(name) })] as const),
      ...more.map(([name, entry]) => [name, placed(entry)] as const),
    ]);
  const prompt = dict('prompt.', extras.prompt);
  const pickle = formatTorchPickle(
    new Map<string, WrittenValue>([
      ['epoch', 0],
      ['config', JSON.stringify(config)],
      ['encoder_dict', dict('encoder.', extras.encoder)],
      ['decoder_dict', dict('decoder.', [])],
      ['feature_dict', [prompt, prompt, prompt, prompt]],
    ]),
  );
  const archive = new ZipFile();
  const stored = { compress: false, mtime: new Date(1980, 0, 1), forceZip64Format: false };
  archive.addBuffer(Buffer.from(pickle), 'archive/data.pkl', stored);
  entries.forEach(({ shape, values }, i) =>
    archive.addReadStreamLazy(`archive/data/${i}`, { ...stored, size: 4 * sizeOf(shape) }, (give) => {
      const data = values();
      give(null, Readable.from([Buffer.from(data.buffer, data.byteOffset, data.byteLength)], { objectMode: false }));
    }),
  );
  archive.addBuffer(Buffer.from('3\n'), 'archive/version', stored);
  archive.end();
  await writeBeside(to, (temporary) => pipeline(archive.outputStream, createWriteStream(temporary)));
  return entries.length;
}
