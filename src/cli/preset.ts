/** `volsam preset`: a preset from one's own cases, as the published ones were worked out. */
import { basename } from 'node:path';
import type { Command } from 'commander';
import { numberFrom } from './parsers.ts';
import { readDataset } from '../node/data/dataset.ts';
import { writeJson } from '../node/files/disk.ts';
import { checkOutputPaths } from '../node/files/output-paths.ts';
import { readImageAndLabel } from '../node/data/labelled-case.ts';
import { InputError } from '../runtime/errors.ts';
import { combined, fingerprintOf, presetOf, type CaseFingerprint } from '../volume/fingerprint.ts';

async function makePreset({ data, label, output }: { data: string; label?: number; output: string }): Promise<void> {
  await checkOutputPaths([output], [data]);
  const { training, validation } = await readDataset(data);
  const cases: CaseFingerprint[] = [];
  for (const one of [...training, ...validation]) {
    const { image, label: labels, warnings } = await readImageAndLabel(one);
    warnings.forEach((warning) => console.error(warning));
    cases.push(fingerprintOf(image, labels));
    console.error(
      `${cases.length}  ${one.name}: ${cases.at(-1)!.intensities.length} foreground voxels, stored as ${cases.at(-1)!.orientation}`,
    );
  }
  if (!cases.some(({ intensities }) => intensities.length > 0)) {
    throw new InputError(`${data}: no training case has foreground; expected labels above 0`);
  }
  const fingerprint = combined(cases);
  const preset = presetOf(fingerprint, basename(output).replace(/\.json$/, ''), label ?? fingerprint.highestLabel);
  await writeJson(output, preset);
  const others = cases.filter(({ orientation }) => orientation !== fingerprint.orientation).length;
  console.log(
    `${output}: clip ${preset.clip.map((value) => value.toFixed(1)).join(' to ')}, mean ${preset.mean.toFixed(3)}, deviation ${preset.std.toFixed(3)}, lesion label ${preset.label}, orientation ${fingerprint.orientation}${others > 0 ? ` (${others} cases are stored in another)` : ''}`,
  );
}

export function addPreset(program: Command): void {
  program
    .command('preset')
    .description(
      'work out a preset from the training cases of a dataset: percentiles, mean and deviation of the foreground, orientation',
    )
    .requiredOption('--data <file>', 'dataset.json of the Medical Segmentation Decathlon, or a CSV of image and label')
    .option('--label <n>', "the lesion's value in the labels; the highest, if not given", numberFrom(1, true))
    .requiredOption('-o, --output <file>', 'the preset, .json')
    .action(makePreset);
}
