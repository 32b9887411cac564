/** The tiny network's synthetic weights, as a weights file. Synthetic weights find nothing, but each value depends on every input. */
import { formatSafetensors } from '../../src/formats/safetensors.ts';
import { configs, type Config } from '../../src/model/config.ts';
import { syntheticWeights } from '../../src/model/synthetic.ts';

const fileOf = (config: Config): Uint8Array => {
  const { shapes, read } = syntheticWeights(config);
  return formatSafetensors(new Map([...shapes].map(([name, shape]) => [name, { shape, values: read(name) }])), {
    config: JSON.stringify(config),
  });
};

/** @returns the bytes of a safetensors file */
export const tinyWeightsFile = (): Uint8Array => fileOf(configs.tiny!);

/** As `tinyWeightsFile`, of a network that takes clicks of every kind, and masks. */
export const interactiveWeightsFile = (): Uint8Array => fileOf({ ...configs.tiny!, labels: true, masks: true });
