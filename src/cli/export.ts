/** `volsam export`: a checkpoint's trained tensors as safetensors, alone or merged into a whole model. */
import { InvalidArgumentError, type Command } from 'commander';
import { formatSafetensors, type FloatType, type TensorFile } from '../formats/safetensors.ts';
import { InputError } from '../runtime/errors.ts';
import { parameterShapes } from '../model/config.ts';
import { describeRecipe, type ClickRecipe } from '../teaching/augmentation.ts';
import { completedWeights } from '../model/initial-weights.ts';
import { readCheckpoint, type Checkpoint } from '../node/runs/checkpoint.ts';
import { writeTorch } from '../node/files/torch-conversion.ts';
import { fileHash, writeWhole } from '../node/files/disk.ts';
import { checkSameBase } from '../node/runs/run-identity.ts';
import { checkOutputPaths } from '../node/files/output-paths.ts';
import { readWeights } from '../node/files/weights-file.ts';

interface ExportArguments {
  readonly checkpoint?: string;
  readonly torch?: boolean;
  readonly weights?: string;
  readonly randomEncoder?: boolean;
  readonly output: string;
  readonly precision: FloatType;
}

/** @throws InputError where training began with another base than is given */
async function checkBase({ identity }: Checkpoint, path: string, weights: string | undefined): Promise<void> {
  if (identity) {
    checkSameBase(identity, weights === undefined ? null : await fileHash(weights), path);
  } else {
    console.error(`${path}: does not say what it was trained from, so that the base cannot be checked`);
  }
}

/**
 * The whole model's tensors: trained ones from the checkpoint, frozen ones from the file that training began with.
 * @throws InputError as `checkBase`
 */
async function merged(
  checkpoint: Checkpoint,
  path: string,
  weights: string | undefined,
): Promise<Map<string, Float32Array>> {
  await checkBase(checkpoint, path, weights);
  const { config, schedule, state } = checkpoint;
  const base = completedWeights(
    weights === undefined ? undefined : await readWeights(weights),
    config,
    String(schedule.seed),
  );
  return new Map([...parameterShapes(config).keys()].map((name) => [name, state.weights.get(name) ?? base.read(name)]));
}

/** A whole model as the published code's checkpoint: a run's, or that of a weights file. */
async function exportTorch({ checkpoint: path, weights, output }: ExportArguments): Promise<void> {
  const checkpoint = path === undefined ? undefined : await readCheckpoint(path);
  const file = checkpoint
    ? tensorFileOf(checkpoint, await merged(checkpoint, path!, weights))
    : await readWeights(weights!);
  console.log(`${output}: ${await writeTorch(file, output)} tensors, as the published code loads them`);
}

/** What an exported file says of itself. */
function metadataOf({ config, preset, schedule }: Checkpoint): Record<string, string> {
  const recipe = schedule.recipe as ClickRecipe | undefined;
  return {
    config: JSON.stringify(config),
    preset,
    ...(recipe && { clicks: describeRecipe(recipe) }),
  };
}

function tensorFileOf(checkpoint: Checkpoint, values: ReadonlyMap<string, Float32Array>): TensorFile {
  return {
    metadata: metadataOf(checkpoint),
    shapes: parameterShapes(checkpoint.config),
    read: (name) => values.get(name)!,
  };
}

async function exportWeights(given: ExportArguments): Promise<void> {
  const { checkpoint: path, weights, randomEncoder, output, precision } = given;
  await checkOutputPaths([output], [path, weights]);
  if (given.torch && (path !== undefined || weights !== undefined)) {
    return exportTorch(given);
  }
  if (path === undefined) {
    throw new InputError("export: expected a run's --checkpoint; with --torch, or a whole model's --weights");
  }
  const checkpoint = await readCheckpoint(path);
  const whole = weights !== undefined || randomEncoder === true;
  const values = whole ? await merged(checkpoint, path, weights) : checkpoint.state.weights;
  const shapes = parameterShapes(checkpoint.config);
  const tensors = new Map([...values].map(([name, data]) => [name, { shape: shapes.get(name)!, values: data }]));
  const bytes = formatSafetensors(tensors, metadataOf(checkpoint), precision);
  await writeWhole(output, bytes);
  console.log(
    `${output}: ${tensors.size} tensors${whole ? '' : ', the trained ones only'}, ${(bytes.length / 1e6).toFixed(1)} MB`,
  );
}

function parseType(text: string): FloatType {
  const type = text.toUpperCase();
  if (type !== 'F32' && type !== 'F16' && type !== 'BF16') {
    throw new InvalidArgumentError('expected f32, f16 or bf16');
  }
  return type;
}

export function addExport(program: Command): void {
  program
    .command('export')
    .description("write a checkpoint's weights under the published names")
    .option('--checkpoint <file>', 'best.safetensors or last.safetensors of a run')
    .option(
      '--torch',
      'a checkpoint that the published code loads, instead of safetensors; also of a whole model that --weights names',
    )
    .option('--weights <file>', 'what the run began with: everything is merged into a whole model')
    .option('--random-encoder', 'the same, of a run that began with a random encoder')
    .option('--precision <type>', 'f32, f16 or bf16', parseType, 'F32')
    .requiredOption('-o, --output <file>', 'safetensors')
    .action(exportWeights);
}
