/** The tiny network's synthetic weights, as a weights file. */
import { formatSafetensors } from '../../src/formats/safetensors.ts';
import { configs } from '../../src/model/config.ts';
import { syntheticWeights } from '../../src/model/synthetic.ts';

/** @returns the bytes of a safetensors file */
export function tinyWeightsFile(): Uint8Array {
  const { shapes, read } = syntheticWeights(configs.tiny!);
  return formatSafetensors(new Map([...shapes].map(([name, shape]) => [name, { shape, values: read(name) }])), {
    config: 'tiny',
  });
}
