/** `volsam auto`: every lesion of a whole volume, without clicks. */
import type { Command } from 'commander';
import { openTuned } from './open-tuned.ts';
import { numberFrom, presetNamed } from './parsers.ts';
import type { Precision } from '../kernels/kernel.ts';
import { configOf } from '../model/config.ts';
import { checkMemory, describeNeed } from '../node/gpu/memory-check.ts';
import { checkDistinct, checkOutputPaths } from '../node/files/output-paths.ts';
import { checkResults, outputPaths, writeCase, type Outputs } from '../node/runs/segment-case.ts';
import { readVolume } from '../node/files/volume-file.ts';
import { readWeights, withConfig } from '../node/files/weights-file.ts';
import { segmentAutomatically } from '../lesions/automatic.ts';
import { statisticsOf } from '../lesions/lesion-measures.ts';
import { Sam3D } from '../engine/sam3d.ts';
import { addImage, addMemory, addModel, addResults, addTuning, type ImageOptions } from './options.ts';
import { warnOfPreset } from './preset-warning.ts';
import { progressBar } from './progress.ts';

interface AutoOptions extends Outputs, ImageOptions {
  readonly weights: string;
  readonly config?: string;
  readonly preset: string;
  readonly overlap: number;
  readonly precision: Precision;
  readonly maxMemory?: number;
  readonly json?: boolean;
  readonly tune: boolean;
}

async function auto(given: AutoOptions): Promise<void> {
  await checkOutputPaths(outputPaths(given), [given.image, given.weights, given.preset]);
  const started = performance.now();
  const [volume, weights, preset] = [
    await readVolume(given.image, given),
    withConfig(await readWeights(given.weights), given.config),
    await presetNamed(given.preset),
  ];
  warnOfPreset(weights, preset);
  await checkDistinct(outputPaths(given), volume.files);
  await checkResults(given, volume);
  configOf(weights); // bad weights are refused before a GPU is opened
  const gpu = await openTuned(given);
  const bar = progressBar(process.stderr.isTTY && !given.json);
  try {
    const sam = await Sam3D.create(gpu, weights, given);
    const need = checkMemory(gpu, sam, 0, given.maxMemory);
    if (!given.json) {
      [...volume.notes, describeNeed(need)].forEach((note) => console.error(note));
    }
    const { mask, probability, lesions } = await segmentAutomatically(gpu, sam, volume.image, preset, {
      overlap: given.overlap,
      progress: bar.update,
    });
    const statistics = statisticsOf(volume.image, mask, lesions);
    await writeCase(given, volume, lesions, { mask, probability, statistics });
    bar.stop();
    const seconds = (performance.now() - started) / 1e3;
    console.log(
      given.json
        ? JSON.stringify({ mask: given.output, lesions: statistics, seconds, device: gpu.adapter.name })
        : [
            `${given.output}: ${lesions} ${lesions === 1 ? 'lesion' : 'lesions'}, in ${seconds.toFixed(1)} s on ${gpu.adapter.name}`,
            ...statistics.map(
              ({ lesion, millilitres, diameterMm }) =>
                `  lesion ${lesion}: ${millilitres.toFixed(2)} ml, ${diameterMm.toFixed(1)} mm`,
            ),
          ].join('\n'),
    );
  } finally {
    bar.stop();
    gpu.close();
  }
}

export function addAuto(program: Command): void {
  const command = program
    .command('auto')
    .description(
      "segment a whole volume without clicks, by sliding windows of the network's crop; of a model that was trained without clicks (the published ones: --config '{\"crop\": 256}')",
    )
    .option('--overlap <share>', 'of two neighbouring windows', numberFrom(0, false), 0.5)
    .option('--json', 'one JSON object instead of sentences')
    .action(auto);
  addTuning(addMemory(addResults(addModel(addImage(command)))));
}
