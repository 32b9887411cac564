/** `volsam auto`: every lesion of a whole volume, without clicks. */
import type { Command } from 'commander';
import { numberFrom, presetNamed } from './parsers.ts';
import type { PrecisionChoice } from '../engine/precision.ts';
import { rememberFile } from '../node/files/known-files.ts';
import { checkDistinct, checkOutputPaths } from '../node/files/output-paths.ts';
import { recordOf, recordPath, writeRecord } from '../node/runs/mask-record.ts';
import { checkResults, outputPaths, writeCase, type Outputs } from '../node/runs/segment-case.ts';
import { readVolume } from '../node/files/volume-file.ts';
import { readHashedWeights, withConfig } from '../node/files/weights-file.ts';
import { warnOfNoClicks, warnOfPreset } from './model-warnings.ts';
import { addImage, addMemory, addModel, addResults, addTuning, type ImageOptions } from './options.ts';
import { runAutomatic } from './segment-run.ts';

interface AutoOptions extends Outputs, ImageOptions {
  readonly weights: string;
  readonly config?: string;
  readonly preset: string;
  readonly overlap: number;
  readonly precision: PrecisionChoice;
  readonly maxMemory?: number;
  readonly json?: boolean;
  readonly tune: boolean;
}

async function auto(given: AutoOptions): Promise<void> {
  const recordFile = recordPath(given.output);
  const outputs = [...outputPaths(given), recordFile];
  await checkOutputPaths(outputs, [given.image, given.weights, given.preset]);
  const started = performance.now();
  const [volume, file, preset] = [
    await readVolume(given.image, given),
    await readHashedWeights(given.weights),
    await presetNamed(given.preset),
  ];
  const weights = withConfig(file.weights, given.config);
  warnOfPreset(weights, preset);
  warnOfNoClicks(weights);
  await checkDistinct(outputs, volume.files);
  await checkResults(given, volume);
  const { precision, config, tune, resampleSlices, overlap, json: quiet = false, maxMemory } = given;
  const options = { precision, config, follow: false, tune, ...(resampleSlices && { resampleSlices }) };
  if (!quiet) {
    volume.notes.forEach((note) => console.error(note));
  }
  const work = { volume, weights, preset, options };
  const { found, device, options: taken } = await runAutomatic(work, overlap, { maxMemory, quiet });
  await writeCase(given, volume, found);
  const { maskSha256, statistics } = found;
  const made = { device, weightsSha256: file.sha256, preset, options: taken, maskSha256, automatic: { overlap } };
  await writeRecord(recordFile, recordOf(volume, [], made));
  await Promise.all([rememberFile(volume.sha256, volume.source), rememberFile(file.sha256, given.weights)]);
  const seconds = (performance.now() - started) / 1e3;
  console.log(
    quiet
      ? JSON.stringify({
          mask: given.output,
          lesions: statistics,
          seconds,
          device,
          precision: taken.precision,
          session: recordFile,
        })
      : [
          `${given.output}: ${statistics.length} ${statistics.length === 1 ? 'lesion' : 'lesions'}, in ${seconds.toFixed(1)} s on ${device}`,
          ...statistics.map(
            ({ lesion, millilitres, diameterMm }) =>
              `  lesion ${lesion}: ${millilitres.toFixed(2)} ml, ${diameterMm.toFixed(1)} mm`,
          ),
        ].join('\n'),
  );
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
