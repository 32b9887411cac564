/** Results of a check: a line of JSON each, written as they come, and the table that is made of them at the end. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';

export interface Result {
  /** What a reader looks for first: `goldens`, `ViT-B f16`, `PyTorch`. */
  readonly stage: string;
  readonly name: string;
  readonly value: string;
  /** Whether it is as it should be; undefined for a figure. */
  readonly isRight?: boolean;
}

/** Appends to the file that VOLSAM_CHECK_RESULTS names, and prints. */
export function writeResult(result: Result): void {
  const { VOLSAM_CHECK_RESULTS: file } = process.env;
  if (file !== undefined) {
    appendFileSync(file, `${JSON.stringify(result)}\n`);
  }
  console.log(lineOf(result));
}

export function readResults(file: string): Result[] {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Result);
}

const lineOf = ({ stage, name, value, isRight }: Result): string =>
  `${stage.padEnd(14)} ${name.padEnd(52)} ${value}${isRight === false ? '   WRONG' : ''}`;

/** Everything in the order in which it came, what is wrong once more at the end. */
export function summaryOf(results: readonly Result[]): string {
  const wrong = results.filter(({ isRight }) => isRight === false);
  return [
    ...results.map(lineOf),
    '',
    wrong.length === 0 ? 'nothing is wrong' : `${wrong.length} wrong:`,
    ...wrong.map(lineOf),
  ].join('\n');
}
