// Runs the bundled tests of ops, or of the golden networks, until a time:
//   node tests.js goldens|ops SECONDS
import { readdirSync } from 'node:fs';
import { writeResult } from './results.ts';
import { runRegistered } from './test-runner.ts';

const [what, seconds] = process.argv.slice(2);
const until = Date.now() + 1e3 * Number(seconds);

/** What takes most of a pass first, and forward before backward. */
const first = ['linear', 'window-attention', 'conv3d', 'weight-gradient'];
const rank = (file: string) => {
  const at = first.findIndex((name) => file.startsWith(name));
  return (at < 0 ? first.length : at) + (file.includes('.backward') ? first.length + 1 : 0);
};
const folder = new URL(`${what}/`, import.meta.url);
const files = readdirSync(folder)
  .filter((file) => file.endsWith('.test.js'))
  .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
for (const file of files) {
  await import(new URL(file, folder).href);
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const { notReached } = await runRegistered(until, ({ name, failure, isSkipped }) => {
    counts[failure ? 'failed' : isSkipped ? 'skipped' : 'passed']++;
    if (failure) {
      writeResult({ stage: what!, name, value: failure, isRight: false });
    } else if (what === 'goldens' && !isSkipped) {
      writeResult({ stage: what, name, value: 'passed', isRight: true });
    }
  });
  const said = [`${counts.passed} passed`, `${counts.failed} failed`, `${counts.skipped} not possible here`];
  writeResult({
    stage: what!,
    name: file.replace('.test.js', ''),
    value: [...said, ...(notReached > 0 ? [`${notReached} not reached`] : [])].join(', '),
  });
}
process.exit(0);
