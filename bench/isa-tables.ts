// Writes the tables of docs/compiled-kernels.md: what RADV makes of ViT-B's kernels on three generations, by form.
//   npm run bench:isa-tables
// A form's readings are those of its heaviest shape; its time is the estimate over all its shapes.
import { readFileSync, writeFileSync } from 'node:fs';
import { compilerView } from './isa/compiler-view.ts';
import { gpuRates } from './isa/gpus.ts';
import { leanness, reportOf, type IsaReport, type Row } from './isa/report.ts';

const page = new URL('../docs/compiled-kernels.md', import.meta.url);
const mark = '<!-- tables: npm run bench:isa-tables -->';

/** Below this share of a pass's estimate a kernel is not listed. */
const leastShare = 0.01;

const sum = (rows: readonly Row[]): number => rows.reduce((total, { milliseconds }) => total + (milliseconds ?? 0), 0);

function tableRow(rows: readonly Row[]): string {
  const [row] = [...rows].sort((a, b) => b.gflop - a.gflop);
  const { form, fit, vgprs, scratchBytes, spills, ldsBytes, waves, waveLanes, instructions, boundBy } = row!;
  const cells = [
    fit ? `${form} (${fit.split(',')[0]})` : form,
    vgprs,
    scratchBytes + spills,
    ldsBytes,
    `${waves} x ${waveLanes}`,
    instructions,
    leanness(row!),
    sum(rows).toFixed(1),
    boundBy,
  ];
  return `| ${cells.join(' | ')} |`;
}

function section({ gpu, product, pass, precision, rows, totals }: IsaReport): string {
  const listed = totals.kernels.filter(({ milliseconds }) => milliseconds! >= leastShare * totals.milliseconds!);
  const forms = listed.flatMap(({ kernel }) => {
    const own = rows.filter((row) => row.kernel === kernel);
    return [...new Set(own.map(({ form }) => form))].map((form) => tableRow(own.filter((row) => row.form === form)));
  });
  const shares = listed.map(({ kernel, milliseconds }) => `${kernel} ${milliseconds!.toFixed(1)}`);
  return [
    `### ${gpu} (${product}), ${pass}, ${precision}`,
    '',
    '| form | VGPRs | scratch + spills | LDS | waves | instructions | main loop | est. ms | bound by |',
    '|---|---|---|---|---|---|---|---|---|',
    ...forms,
    '',
    `Fastest form of each shape: ${shares.join(', ')}; all ${totals.milliseconds!.toFixed(1)} ms for ${totals.gflop.toFixed(0)} GFLOP.`,
  ].join('\n');
}

const sections: string[] = [];
for (const gpu of ['navi31', 'navi21', 'vega10']) {
  for (const pass of ['forward', 'train'] as const) {
    for (const precision of ['f32', 'f16'] as const) {
      const wanted = { pass, config: 'vit_b', precision };
      sections.push(section(reportOf(gpu, wanted, compilerView(gpu, wanted), gpuRates[gpu])));
      console.log(sections.at(-1));
    }
  }
}
const [head] = readFileSync(page, 'utf8').split(mark);
writeFileSync(page, `${head}${mark}\n\n${sections.join('\n\n')}\n`);
