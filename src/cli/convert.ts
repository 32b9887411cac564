/** `volsam convert`: PyTorch checkpoints to safetensors. */
import type { Command } from 'commander';
import { parseConfig } from './parsers.ts';
import { checkOutputPaths } from '../node/files/output-paths.ts';
import { convertTorch } from '../node/files/torch-conversion.ts';

export function addConvert(program: Command): void {
  program
    .command('convert')
    .description('a PyTorch checkpoint of the adapted network, or of SAM, to safetensors')
    .argument('<file>', '.pth or .pth.tar, as torch.save writes it')
    .requiredOption('-o, --output <file>', 'safetensors')
    .option('--config <name or JSON>', 'what the tensors\' shapes do not show, such as {"crop": 256}', parseConfig)
    .action(async (file: string, { output, config }: { output: string; config?: string }) => {
      await checkOutputPaths([output], [file]);
      const { kind, tensors, parameters, unused } = await convertTorch(file, output, config);
      console.log(
        `${output}: ${tensors} tensors of ${kind}, ${(parameters / 1e6).toFixed(2)} M parameters; ${unused.length} that are not used were left out`,
      );
      if (kind === 'SAM') {
        console.log(
          'This is the encoder that training starts from (volsam train --weights); by itself it segments nothing.',
        );
      }
    });
}
