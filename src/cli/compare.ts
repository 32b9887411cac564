/** `volsam compare`: two evaluations side by side. */
import type { Command } from 'commander';
import { fileHash, readBytes, writeWhole } from '../node/files/disk.ts';
import { checkOutputPaths } from '../node/files/output-paths.ts';
import { formatComparisonPage, measureName } from '../node/reports/evaluation-report.ts';
import { versions } from '../node/runs/mask-record.ts';
import { InputError } from '../runtime/errors.ts';
import { compare } from '../scoring/comparison.ts';
import type { Evaluation } from '../scoring/evaluation.ts';
import { describeSummary } from '../scoring/summary.ts';

async function readEvaluation(path: string): Promise<Evaluation> {
  try {
    const evaluation = JSON.parse(new TextDecoder().decode(await readBytes(path))) as Partial<Evaluation>;
    if (Array.isArray(evaluation.cases)) {
      return evaluation as Evaluation;
    }
  } catch (error) {
    if (error instanceof InputError) {
      throw error;
    }
  }
  throw new InputError(`${path}: no evaluation; expected an evaluation.json of volsam evaluate`);
}

async function compareFiles(
  a: string,
  b: string,
  { output, common = false }: { output: string; common?: boolean },
): Promise<void> {
  await checkOutputPaths([output], [a, b]);
  const [first, second] = [await readEvaluation(a), await readEvaluation(b)];
  const comparisons = compare(first, second, common);
  const robots = [first, second].map(({ corrections }) =>
    corrections?.foregroundOnly ? 'in the lesion alone' : 'in the lesion and beside it',
  );
  const isUnlike = first.corrections && second.corrections && robots[0] !== robots[1];
  const note = `corrections by clicks ${robots[0]}, and ${robots[1]}`;
  const names = first.model === second.model ? ([a, b] as const) : ([first.model, second.model] as const);
  const hashed = async (file: string) => `${file} sha256 ${await fileHash(file)}`;
  const foot = [
    `volsam compare, version ${versions.volsam}, of ${await hashed(a)} and ${await hashed(b)}${common ? ', on the cases of both' : ''}${isUnlike ? `; ${note}` : ''}.`,
  ];
  await writeWhole(output, new TextEncoder().encode(await formatComparisonPage(...names, comparisons, foot)));
  comparisons.forEach(({ differences, mean, p, adjustedP, ...measure }) =>
    console.log(
      `${measureName(measure).padEnd(18)} ${describeSummary(mean)} over ${differences.length} cases, p = ${p.toPrecision(3)}, by Holm ${adjustedP.toPrecision(3)}`,
    ),
  );
  if (isUnlike) {
    console.log(note);
  }
  console.log(`${names[1]} less ${names[0]}; ${output}`);
}

export function addCompare(program: Command): void {
  program
    .command('compare')
    .description('paired differences of two evaluations, with a Wilcoxon signed-rank test')
    .argument('<first>', 'evaluation.json')
    .argument('<second>', 'evaluation.json')
    .option('--common', 'go on with the cases that both have')
    .requiredOption('-o, --output <file>', 'the page, .html')
    .action(compareFiles);
}
