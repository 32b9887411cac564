/** `volsam convert` and `volsam inspect`: PyTorch checkpoints to safetensors, and what a weights file holds. */
import type { Command } from 'commander';
import { configNamed, isTrainable, parameterShapes, partialConfigOf } from '../model/config.ts';
import { convertTorch } from '../node/convert.ts';
import { readWeights } from '../node/weights-file.ts';
import { sizeOf } from '../runtime/tensor.ts';

/** @throws InputError where the text names no configuration */
function parseConfig(text: string): string {
  configNamed(text);
  return text;
}

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
  const names = [...file.shapes.keys()];
  return {
    config, tensors: names.length, parameters: count(names), trainedParameters: count(names.filter((name) => expected.has(name) && isTrainable(name))),
    missing: [...expected.keys()].filter((name) => !file.shapes.has(name)), unknown: names.filter((name) => !expected.has(name)), metadata: file.metadata,
  };
}

function described({ config, tensors, parameters, trainedParameters, missing, unknown }: Inspection): string {
  const list = (names: readonly string[]) => (names.length === 0 ? 'none' : `${names.length} (${names.slice(0, 4).join(', ')}${names.length > 4 ? ', …' : ''})`);
  return [
    `config      ${Object.entries(config).map(([name, value]) => `${name} ${Array.isArray(value) ? `[${value.join(',')}]` : value}`).join(', ')}`,
    `tensors     ${tensors}, ${(parameters / 1e6).toFixed(2)} M parameters, ${(trainedParameters / 1e6).toFixed(2)} M of them trained`,
    `missing     ${list(missing)}`, `unknown     ${list(unknown)}`,
  ].join('\n');
}

export function addConvert(program: Command): void {
  program.command('convert')
    .description('a PyTorch checkpoint of the adapted network, or of SAM, to safetensors')
    .argument('<file>', '.pth or .pth.tar, as torch.save writes it')
    .requiredOption('-o, --output <file>', 'safetensors')
    .option('--config <name or JSON>', 'where shapes do not tell all of it', parseConfig)
    .action(async (file: string, { output, config }: { output: string; config?: string }) => {
      const { kind, tensors, parameters, unused } = await convertTorch(file, output, config);
      console.log(`${output}: ${tensors} tensors of ${kind}, ${(parameters / 1e6).toFixed(2)} M parameters; ${unused.length} that are not used were left out`);
      if (kind === 'SAM') {
        console.log('This is the encoder that training starts from (volsam train --weights); by itself it segments nothing.');
      }
    });
  program.command('inspect')
    .description('what a weights file holds: configuration, tensors, what is missing or unknown')
    .argument('<file>', 'safetensors, or a PyTorch checkpoint')
    .option('--json', 'one JSON object')
    .action(async (file: string, { json }: { json?: boolean }) => {
      const found = await inspection(file);
      console.log(json ? JSON.stringify(found) : described(found));
    });
}
