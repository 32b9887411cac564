/** Options that several commands have. */
import type { Command } from 'commander';
import { presets } from '../volume/preset.ts';
import type { Part } from '../node/data/part.ts';
import { numberFrom, parseConfig, parsePart, parsePrecisionChoice } from './parsers.ts';

/** Adds `--no-tune`, for `openTuned`. */
export function addTuning(command: Command): Command {
  return command.option('--no-tune', 'a safe form of each kernel, instead of timing them on this device once');
}

/** The image that a command works on. */
export interface ImageOptions {
  readonly image: string;
  readonly series?: string;
  readonly resampleSlices?: boolean;
}

/** Adds `--image` and how it is read, for `readVolume`. */
export function addImage(command: Command): Command {
  return command
    .requiredOption(
      '--image <file or folder>',
      'CT or MR volume: NIfTI, NRRD, MetaImage, or a DICOM series: its folder, or one of its files',
    )
    .option('--series <number or text>', "of several DICOM series in a folder: one's number, description or UID")
    .option('--resample-slices', 'put an uneven or tilted DICOM series on an even grid, slices at right angles');
}

/** Adds what a run of a trained model takes: weights, configuration, preset and precision. */
export function addModel(command: Command): Command {
  return command
    .requiredOption('--weights <file>', 'safetensors, or a PyTorch checkpoint of the adapted network')
    .option('--config <name or JSON>', 'what the weights file does not say, such as {"crop": 256}', parseConfig)
    .requiredOption('--preset <name or file>', `${Object.keys(presets).join(', ')}, or a JSON file`)
    .option('--precision <type>', precisionHelp, parsePrecisionChoice, 'auto');
}

export const precisionHelp = 'f32, f16, or auto: f16 on a GPU that has it';

/** Adds the files that `writeCase` writes. */
export function addResults(command: Command): Command {
  return command
    .requiredOption(
      '-o, --output <file>',
      'the mask, a label for each lesion: .nii, .nii.gz, .nrrd; of a DICOM series also .dcm (SEG)',
    )
    .option('--probability <file>', 'also the soft map, .nii, .nii.gz or .nrrd')
    .option('--statistics <file>', 'also volume, longest diameters and mean intensity of each lesion, .json or .csv')
    .option('--contours <file>', 'of a DICOM series, also an RTSTRUCT, .dcm')
    .option('--identified', "keep the patient's name, identifier and dates in DICOM results");
}

/** Adds `--max-memory`. */
export function addMemory(command: Command): Command {
  return command.option(
    '--max-memory <MiB>',
    'refuse what needs more GPU memory',
    (text) => numberFrom(1, false)(text) * 2 ** 20,
  );
}

/** Which cases are held out, for `readDataset`. */
export interface DivisionOptions {
  readonly seed: string;
  readonly fold?: Part;
  readonly splits?: string;
}

/** Adds `--fold` and `--splits`. */
export function addFolds(command: Command, purpose: string): Command {
  return command
    .option('--fold <i/n>', `${purpose}, counted from 0`, parsePart)
    .option(
      '--splits <file>',
      "where folds are written down, as nnU-Net's (default: splits_final.json beside the data)",
    );
}
