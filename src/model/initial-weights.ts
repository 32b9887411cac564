/** Starting points for training: what a file does not hold is made as PyTorch and the paper's code initialise it. */
import { randomOf } from './random.ts';
import { InputError } from '../runtime/errors.ts';
import { sizeOf } from '../runtime/tensor.ts';
import type { TensorFile } from '../formats/safetensors.ts';
import { isOfSam, type Adaptation } from './adaptation.ts';
import { parameterShapes, type Config } from './config.ts';

/** SAM's 2D tables that a depth table starts from. */
function depthTable(read: (name: string) => Float32Array, name: string): Float32Array {
  const [h, w] = ['h', 'w'].map((axis) => read(name.replace(/d$/, axis))) as [Float32Array, Float32Array];
  return h.map((value, i) => (value + w[i]!) / 2);
}

/** The bound of torch.nn.Linear's and torch.nn.ConvNd's uniform distribution: 1 / sqrt(fan in), for weight and bias alike. */
function uniformBound(name: string, shapes: ReadonlyMap<string, readonly number[]>): number {
  const weight = shapes.get(name.replace(/bias$/, 'weight'))!;
  return 1 / Math.sqrt(sizeOf(weight.slice(1)));
}

function fresh(
  name: string,
  shapes: ReadonlyMap<string, readonly number[]>,
  read: (name: string) => Float32Array,
  seed: string,
  adaptation: Adaptation,
): Float32Array {
  const shape = shapes.get(name)!;
  const random = randomOf(`${seed}/initial/${name}`);
  const values = (draw: () => number) => Float32Array.from({ length: sizeOf(shape) }, draw);
  const last = name.slice(name.lastIndexOf('.') + 1);
  if (adaptation === 'frozen' && /^encoder\.(slice_embed\.|depth_embed$)/.test(name)) {
    return values(() => (name.endsWith('weight') ? 1 / shape.at(-1)! : 0)); // never trained: the mean of a token's slices, at any depth
  }
  if (/\.(lora_b|label_embedding|mask_embedding\.lin2|mask_channel)\./.test(name)) {
    return values(() => 0); // what is added begins as nothing
  }
  if (name.endsWith('attn.lr') || name === 'encoder.depth_embed') {
    return values(() => 1);
  }
  if (last === 'rel_pos_d') {
    return depthTable(read, name);
  }
  if (last === 'global_query') {
    return values(() => 0.1 * random.normal());
  }
  if (last === 'pos_embed' || last.startsWith('rel_pos')) {
    return values(() => 0.02 * random.normal());
  }
  const isNorm = /(norm\d|neck_3d\.\d\.[13])\.(weight|bias)$/.test(name);
  if (isNorm) {
    return values(() => (last === 'weight' ? 1 : 0));
  }
  const bound = uniformBound(name, shapes);
  return values(() => random.between(-bound, bound));
}

/**
 * A whole model: the file's tensors, and fresh ones for what it does not hold.
 * @param file SAM's own encoder, or a model that is trained on; without one the encoder is random too, for experiments
 * @param seed fixes everything that is fresh
 * @throws InputError where the file holds a part of the frozen encoder only, a tensor of another shape, or an unknown one
 */
export function completedWeights(file: TensorFile | undefined, config: Config, seed: string): TensorFile {
  const shapes = parameterShapes(config);
  const missing = [...shapes.keys()].filter((name) => isOfSam(name) && !file?.shapes.has(name));
  if (file && missing.length > 0) {
    throw new InputError(
      `weights: ${missing.length} tensors of the frozen encoder are missing (${missing.slice(0, 5).join(', ')}); expected a whole SAM encoder`,
    );
  }
  for (const [name, shape] of file?.shapes ?? []) {
    const expected = shapes.get(name);
    if (!expected || sizeOf(expected) !== sizeOf(shape)) {
      throw new InputError(
        `weights: ${name} has shape [${shape}]; ${expected ? `this configuration takes [${expected}]` : 'this network has no such tensor'}`,
      );
    }
  }
  const made = new Map<string, Float32Array>();
  const read = (name: string): Float32Array => {
    if (file?.shapes.has(name)) {
      return file.read(name);
    }
    const values = made.get(name) ?? fresh(name, shapes, read, seed, config.adaptation);
    made.set(name, values);
    return values;
  };
  return { metadata: { ...file?.metadata, config: JSON.stringify(config) }, shapes, read };
}
