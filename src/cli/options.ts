/** What several commands read from their options. */
import { InvalidArgumentError, type Command } from 'commander';
import type { Precision } from '../kernels/kernel.ts';
import { configNamed } from '../model/config.ts';
import { readBytes } from '../node/files/disk.ts';
import { openGpu } from '../node/gpu/open-gpu.ts';
import type { Gpu } from '../runtime/gpu.ts';
import { parsePreset, presets, type Preset } from '../volume/preset.ts';

/** @throws InputError where it is neither a preset's name nor a preset file */
export async function presetOf(name: string): Promise<Preset> {
  return Object.hasOwn(presets, name) ? presets[name]! : parsePreset(new TextDecoder().decode(await readBytes(name)), name);
}

export function parsePrecision(text: string): Precision {
  if (text !== 'f32' && text !== 'f16') {
    throw new InvalidArgumentError('accepted are f32 and f16');
  }
  return text;
}

/** A parser of numbers within bounds. */
export function numberFrom(low: number, whole: boolean): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < low || (whole && !Number.isInteger(value))) {
      throw new InvalidArgumentError(`accepted is a ${whole ? 'whole ' : ''}number from ${low} on`);
    }
    return value;
  };
}

/** Adds `--no-tune`, for `openTuned`. */
export function addTuning(command: Command): Command {
  return command.option('--no-tune', 'a safe form of each kernel, instead of timing them on this device once');
}

/** @throws InputError where the text names no configuration */
export function parseConfig(text: string): string {
  configNamed(text);
  return text;
}

/** Adds what a run of a trained model takes: weights, configuration, preset and precision. */
export function addModel(command: Command): Command {
  return command
    .requiredOption('--weights <file>', 'safetensors, or a PyTorch checkpoint of the adapted network')
    .option('--config <name or JSON>', 'what neither the shapes of its tensors nor its metadata tell, such as {"crop": 256}', parseConfig)
    .requiredOption('--preset <name or file>', `${Object.keys(presets).join(', ')}, or a JSON file`)
    .option('--precision <type>', 'f32 or f16', parsePrecision, 'f32');
}

/** Adds the files that `writeCase` writes. */
export function addResults(command: Command): Command {
  return command
    .requiredOption('-o, --output <file>', 'the mask, a label for each lesion: .nii, .nii.gz, .nrrd; of a DICOM series also .dcm (SEG)')
    .option('--probability <file>', 'also the soft map, .nii, .nii.gz or .nrrd')
    .option('--statistics <file>', 'also volume, longest diameters and mean intensity of each lesion, .json or .csv')
    .option('--contours <file>', 'of a DICOM series, also an RTSTRUCT, .dcm')
    .option('--identified', 'keep the patient\'s name, identifier and dates in DICOM results');
}

/** Adds `--max-memory`. */
export function addMemory(command: Command): Command {
  return command.option('--max-memory <MiB>', 'refuse what needs more GPU memory', (text) => numberFrom(1, false)(text) * 2 ** 20);
}

/** @throws AdapterError as `openGpu` */
export function openTuned({ tune }: { readonly tune: boolean }): Promise<Gpu> {
  return openGpu({ tune, report: (text) => console.error(text) });
}
