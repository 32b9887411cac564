/** `volsam inspect`: what a weights file holds, and what is wrong with a dataset. */
import type { Command } from 'commander';
import { numberFrom, presetNamed } from './parsers.ts';
import { isTrainable } from '../model/adaptation.ts';
import { parameterShapes, partialConfigOf } from '../model/config.ts';
import { readDataset, splits } from '../node/data/dataset.ts';
import { readVolume } from '../node/files/volume-file.ts';
import { readWeights } from '../node/files/weights-file.ts';
import { InputError } from '../runtime/errors.ts';
import { sizeOf } from '../runtime/tensor.ts';
import { caseProblems } from '../teaching/case-check.ts';
import type { Preset } from '../volume/preset.ts';

interface Inspection {
  readonly config: object;
  readonly tensors: number;
  readonly parameters: number;
  readonly trainedParameters: number;
  readonly missing: readonly string[];
  readonly unknown: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

async function inspection(path: string): Promise<Inspection> {
  const file = await readWeights(path);
  const config = partialConfigOf(file);
  const expected = parameterShapes(config);
  const count = (names: readonly string[]) => names.reduce((sum, name) => sum + sizeOf(file.shapes.get(name)!), 0);
  // A checkpoint of a run holds the optimizer's moments, too, which are no parameters.
  const names = [...file.shapes.keys()].filter((name) => !name.startsWith('optimizer.'));
  return {
    config,
    tensors: names.length,
    parameters: count(names),
    trainedParameters: count(names.filter((name) => expected.has(name) && isTrainable(name, config))),
    missing: [...expected.keys()].filter((name) => !file.shapes.has(name)),
    unknown: names.filter((name) => !expected.has(name)),
    metadata: file.metadata,
  };
}

function described({ config, tensors, parameters, trainedParameters, missing, unknown }: Inspection): string {
  const list = (names: readonly string[]) =>
    names.length === 0 ? 'none' : `${names.length} (${names.slice(0, 4).join(', ')}${names.length > 4 ? ', …' : ''})`;
  return [
    `config      ${Object.entries(config)
      .map(([name, value]) => `${name} ${Array.isArray(value) ? `[${value.join(',')}]` : value}`)
      .join(', ')}`,
    `tensors     ${tensors}, ${(parameters / 1e6).toFixed(2)} M parameters, ${(trainedParameters / 1e6).toFixed(2)} M of them trained`,
    `missing     ${list(missing)}`,
    `unknown     ${list(unknown)}`,
  ].join('\n');
}

interface InspectOptions {
  readonly data?: string;
  readonly preset?: string;
  readonly crop: number;
  readonly json?: boolean;
}

interface CaseInspection {
  readonly case: string;
  readonly problems: readonly string[];
}

/** Every case that has a label. A case whose files cannot be read has that as its problem. */
async function inspectCases(data: string, preset: Preset, crop: number): Promise<CaseInspection[]> {
  const dataset = await readDataset(data);
  const found: CaseInspection[] = [];
  for (const { name, image, label } of new Map(
    splits.flatMap((split) => dataset[split]).map((one) => [one.image, one]),
  ).values()) {
    try {
      const [{ image: values, warnings }, { image: labels }] = [await readVolume(image), await readVolume(label)];
      found.push({
        case: name,
        problems: [...warnings, ...caseProblems(values, labels, preset, crop)],
      });
    } catch (error) {
      if (!(error instanceof InputError)) {
        throw error;
      }
      found.push({ case: name, problems: [error.message] });
    }
  }
  return found;
}

async function inspect(file: string | undefined, { data, preset, crop, json }: InspectOptions): Promise<void> {
  if ((file === undefined) === (data === undefined) || (data !== undefined) !== (preset !== undefined)) {
    throw new InputError('inspect: expected a weights file, or --data and --preset');
  }
  if (file !== undefined) {
    const found = await inspection(file);
    console.log(json ? JSON.stringify(found) : described(found));
    return;
  }
  const cases = await inspectCases(data!, await presetNamed(preset!), crop);
  const troubled = cases.filter(({ problems }) => problems.length > 0);
  process.exitCode = troubled.length > 0 ? 1 : 0;
  console.log(
    json
      ? JSON.stringify(cases)
      : [
          ...troubled.flatMap(({ case: name, problems }) => problems.map((problem) => `${name}: ${problem}`)),
          `${cases.length} cases, ${troubled.length} with something to look at`,
        ].join('\n'),
  );
}

export function addInspect(program: Command): void {
  program
    .command('inspect')
    .description("what a weights file holds, or what is wrong with a dataset's cases")
    .argument('[file]', 'safetensors, or a PyTorch checkpoint')
    .option('--data <file>', 'instead, a dataset: labels that vanish, grids and orientations that do not match')
    .option('--preset <name or file>', 'with --data: how its images are to be prepared')
    .option('--crop <voxels>', "with --data: side of the network's crop", numberFrom(1, true), 128)
    .option('--json', 'one JSON object')
    .action(inspect);
}
