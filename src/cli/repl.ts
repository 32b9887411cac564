/** `volsam repl`: a session at the terminal; the crop that was clicked in last stays on the GPU. */
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import type { Click, Place } from '../formats/click.ts';
import { presetNamed } from './parsers.ts';
import { warnOfClicks, warnOfPreset } from './model-warnings.ts';
import { openTuned } from './open-tuned.ts';
import type { PrecisionChoice } from '../engine/precision.ts';
import { readVolume, writeVolume, type VolumeFile } from '../node/files/volume-file.ts';
import { checkOutputPaths } from '../node/files/output-paths.ts';
import { readWeights, withConfig } from '../node/files/weights-file.ts';
import { InputError, VolsamError } from '../runtime/errors.ts';
import { paint, type LesionMask } from '../lesions/lesion-mask.ts';
import { measuresOf } from '../lesions/lesion-measures.ts';
import { createSession, type Session } from '../lesions/session.ts';
import { addImage, addModel, addTuning, type ImageOptions } from './options.ts';

interface ReplOptions extends ImageOptions {
  readonly weights: string;
  readonly config?: string;
  readonly preset: string;
  readonly precision: PrecisionChoice;
  readonly tune: boolean;
}

interface Lesion {
  readonly clicks: readonly Click[];
  readonly mask: LesionMask;
}

const help = `click i j k   segment the lesion there; further clicks refine it
not i j k     what is there is none of it
box i j k i j k   two opposite corners of a box round it
new           begin another lesion
undo          take the last click back
lesions       list what was found
save FILE     write a label for each lesion: .nii, .nii.gz or .nrrd
help, quit`;

function described({ clicks, mask }: Lesion, { image }: VolumeFile): string {
  const { voxels, millilitres, axialDiameterMm } = measuresOf(mask, image);
  return `${voxels} voxels, ${millilitres.toFixed(2)} ml, ${axialDiameterMm.toFixed(1)} mm, ${clicks.length} ${clicks.length === 1 ? 'click' : 'clicks'}`;
}

/** @throws InputError where the words are not so many places */
function placesIn(command: string, words: readonly string[], count: number): Place[] {
  const numbers = words.map(Number);
  if (numbers.length !== 3 * count || !numbers.every(Number.isFinite)) {
    throw new InputError(`${command} ${words.join(' ')}; expected ${command} ${Array(count).fill('i j k').join(' ')}`);
  }
  return Array.from({ length: count }, (_, n) => numbers.slice(3 * n, 3 * n + 3));
}

/** Answers one line at a time. */
function createDialogue(session: Session, volume: VolumeFile) {
  const lesions: Lesion[] = [];
  let clicks: readonly Click[] = [];

  async function refine(next: readonly Click[]): Promise<string> {
    const isNew = clicks.length === 0;
    const { mask, milliseconds, encoded, precision } =
      next.length === 0 ? { mask: undefined, milliseconds: 0, encoded: 0, precision: '' } : await session.segment(next);
    clicks = next;
    lesions.splice(isNew ? lesions.length : lesions.length - 1, isNew ? 0 : 1, ...(mask ? [{ clicks, mask }] : []));
    return mask
      ? `lesion ${lesions.length}: ${described(lesions.at(-1)!, volume)}; ${(milliseconds / 1e3).toFixed(2)} s in ${precision}${encoded > 0 ? '' : ', the crop was still there'}`
      : 'its only click is taken back';
  }

  async function save(path: string): Promise<string> {
    await checkOutputPaths([path], volume.files);
    const grid = new Uint8Array(volume.image.values.length);
    lesions.forEach(({ mask }, i) => paint(grid, volume.image.dims, mask, i + 1));
    await writeVolume(path, volume.image, grid);
    return `${path}: ${lesions.length} lesions`;
  }

  /** @throws InputError where the line is no command */
  return async function answer(line: string): Promise<string> {
    const [command, ...rest] = line.trim().split(/[\s,]+/);
    switch (command) {
      case '':
        return '';
      case 'click':
        return refine([...clicks, placesIn(command, rest, 1)[0]!]);
      case 'not':
        return refine([...clicks, { label: 'background', places: placesIn(command, rest, 1) }]);
      case 'box':
        return refine([...clicks, { box: placesIn(command, rest, 2) }]);
      case 'undo':
        return clicks.length > 0 ? refine(clicks.slice(0, -1)) : 'there is no click to take back';
      case 'new': {
        clicks = [];
        return 'the next click begins another lesion';
      }
      case 'lesions':
        return lesions.length === 0
          ? 'none yet'
          : lesions.map((lesion, i) => `lesion ${i + 1}: ${described(lesion, volume)}`).join('\n');
      case 'save':
        return save(line.trim().slice('save'.length).trim());
      case 'help':
        return help;
      default:
        throw new InputError(`${command}: no command; help lists them`);
    }
  };
}

async function repl(given: ReplOptions): Promise<void> {
  const [volume, weights, preset] = [
    await readVolume(given.image, given),
    withConfig(await readWeights(given.weights), given.config),
    await presetNamed(given.preset),
  ];
  warnOfPreset(weights, preset);
  warnOfClicks(weights);
  const session = createSession({ open: () => openTuned(given), weights, precision: given.precision });
  session.load(volume.image, preset);
  const answer = createDialogue(session, volume);
  const lines = createInterface({
    input: process.stdin,
    output: process.stdout,
    prompt: process.stdin.isTTY ? 'volsam> ' : '',
    terminal: process.stdin.isTTY,
  });
  console.log([...volume.notes, `${volume.image.dims.join(' x ')} voxels; help lists the commands`].join('\n'));
  lines.prompt();
  for await (const line of lines) {
    if (line.trim() === 'quit') {
      break;
    }
    try {
      const text = await answer(line);
      if (text) {
        console.log(text);
      }
    } catch (error) {
      if (!(error instanceof VolsamError)) {
        throw error;
      }
      console.log(error.message);
    }
    lines.prompt();
  }
  lines.close();
  session.close();
}

export function addRepl(program: Command): void {
  const command = program
    .command('repl')
    .description('a session at the terminal: click after click, with the crop kept on the GPU')
    .action(repl);
  addTuning(addModel(addImage(command)));
}
