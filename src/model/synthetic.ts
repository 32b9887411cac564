/** Synthetic weights and volumes, the reference's to the bit: for goldens and benchmarks. */
import { sizeOf } from '../runtime/tensor.ts';
import type { TensorFile } from '../formats/safetensors.ts';
import { parameterShapes, type Config } from './config.ts';
import { uniform } from './random.ts';

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

/** (side, side, side): an off-centre ellipsoid as the label, the reference's. */
export function syntheticTarget(side: number): Uint8Array {
  return Uint8Array.from({ length: side ** 3 }, (_, i) => {
    const [d, h, w] = [Math.floor(i / side ** 2), Math.floor(i / side) % side, i % side].map(
      (at) => (at + 0.5) / side,
    ) as [number, number, number];
    return Number(((d - 0.45) / 0.25) ** 2 + ((h - 0.5) / 0.2) ** 2 + ((w - 0.55) / 0.3) ** 2 < 1);
  });
}
