/** Synthetic weights and volumes: pure functions of (seed, name, index), the reference's to the bit, for goldens and benchmarks. */
import { sizeOf } from '../runtime/tensor.ts';
import type { TensorFile } from '../files/safetensors.ts';
import { parameterShapes, type Config } from './config.ts';

/** `count` values in [0, 1) of 24 bits: FNV-1a of the name, then murmur3's finaliser of the index. */
export function uniform(name: string, count: number): Float32Array {
  let hash = 2166136261;
  for (const byte of new TextEncoder().encode(name)) {
    hash = Math.imul(hash ^ byte, 16777619);
  }
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    let x = (Math.imul(i, 0x9e3779b1) + hash) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    x = (x ^ (x >>> 16)) >>> 0;
    values[i] = (x >>> 8) * 2 ** -24;
  }
  return values;
}

/** Offset and amplitude of a parameter's synthetic distribution, by what it is. */
function amplitude(name: string, shape: readonly number[]): [offset: number, amplitude: number] {
  const last = name.slice(name.lastIndexOf('.') + 1);
  if (last === 'lr') {
    return [1, 0];
  }
  if (last === 'bias') {
    return [0, 0.05];
  }
  if (shape.length === 1) {
    return [1, 0.1];
  }
  if (last === 'pos_embed' || last === 'depth_embed') {
    return [0, 0.2];
  }
  if (last.startsWith('rel_pos')) {
    return [0, 0.3];
  }
  if (last === 'global_query') {
    return [0, 0.5];
  }
  return [0, Math.sqrt(3 / sizeOf(shape.slice(1)))];
}

/** All weights of a configuration, made as they are read. */
export function syntheticWeights(config: Config, seed = 'w0'): TensorFile {
  const shapes = parameterShapes(config);
  return {
    metadata: { config: JSON.stringify(config) },
    shapes,
    read(name) {
      const shape = shapes.get(name)!;
      const [offset, scale] = amplitude(name, shape).map(Math.fround) as [number, number];
      return uniform(`${seed}/${name}`, sizeOf(shape)).map((u) => offset + Math.fround(scale * (2 * u - 1)));
    },
  };
}

/** (side, side, side) with structure and noise, about zero mean and unit scale. */
export function syntheticVolume(side: number, seed = 'v0'): Float32Array {
  const k = (2 * Math.PI) / side;
  const noise = uniform(seed, side ** 3);
  return noise.map((u, i) => {
    const [d, h, w] = [Math.floor(i / (side * side)), Math.floor(i / side) % side, i % side];
    return 0.8 * Math.sin(3 * k * d) * Math.cos(2 * k * h) + 0.6 * Math.sin(5 * k * w + 1) + 0.5 * (2 * u - 1);
  });
}
