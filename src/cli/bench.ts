/** `volsam bench`: what this device is worth for a model, in a minute and without a download. */
import type { Command } from 'commander';
import { benchmark } from '../engine/benchmark.ts';
import { benchmarkTable, kernelShares } from '../engine/benchmark-table.ts';
import type { Precision } from '../kernels/kernel.ts';
import { configs } from '../model/config.ts';
import { writeJson } from '../node/files/disk.ts';
import { checkOutputPaths } from '../node/files/output-paths.ts';
import { versions } from '../node/runs/mask-record.ts';
import { openTuned } from './open-tuned.ts';
import { addTuning } from './options.ts';
import { parseConfig, parsePrecision } from './parsers.ts';
import { textTable } from './text-table.ts';

interface BenchArguments {
  readonly config: string;
  readonly precision?: Precision;
  readonly output?: string;
  readonly tune: boolean;
}

async function bench({ config, precision, output, tune }: BenchArguments): Promise<void> {
  await checkOutputPaths([output], []);
  const gpu = await openTuned({ tune });
  try {
    const found = await benchmark(gpu, config, {
      precisions: precision && [precision],
      report: (what) => console.error(what),
    });
    const { head, rows } = benchmarkTable(found);
    console.log(`${gpu.adapter.name}: ${config} with synthetic weights\n\n${textTable(head, rows)}`);
    for (const result of found.precisions) {
      const shares = kernelShares(result);
      console.log(`\n${textTable(shares.head, shares.rows)}`);
    }
    if (output !== undefined) {
      await writeJson(output, { volsam: versions.volsam, runtime: `Node ${process.version}`, ...found });
      console.log(`\nwritten to ${output}`);
    }
  } finally {
    gpu.close();
  }
}

export function addBench(program: Command): void {
  addTuning(program.command('bench'))
    .description(
      'what this device is worth: a first and a further click and a training step with synthetic weights, memory, ceilings, time by kernel',
    )
    .option('--config <name>', Object.keys(configs).join(', '), parseConfig, 'vit_b')
    .option('--precision <type>', 'f32 or f16 alone; both by default, where the device has them', parsePrecision)
    .option('-o, --output <file>', 'also all figures, .json')
    .action(bench);
}
