/** Ends a run with its ten slowest files, what there was no time for, and, where something failed, with the seed that its inputs were drawn by. */
import { relative } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';
import { noTime } from './no-time.ts';
import { seed } from './seed.ts';

const shownFiles = 10;

const secondsOf = (module: TestModule) => {
  const { setupDuration, collectDuration, duration } = module.diagnostic();
  return (setupDuration + collectDuration + duration) / 1e3;
};

export default class Summary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const slowest = [...modules].sort((a, b) => secondsOf(b) - secondsOf(a)).slice(0, shownFiles);
    console.log('\nThe slowest files:');
    slowest.forEach((module) =>
      console.log(`${secondsOf(module).toFixed(1).padStart(8)} s  ${relative('.', module.moduleId)}`),
    );
    const left = modules
      .flatMap((module) => [...module.children.allTests()])
      .filter((test) => {
        const result = test.result();
        return result.state === 'skipped' && result.note === noTime;
      });
    if (left.length > 0) {
      console.log(`There was no time for ${left.length} tests:`);
      left.forEach((test) => console.log(`  ${relative('.', test.module.moduleId)}: ${test.fullName}`));
    }
    if (modules.some((module) => !module.ok())) {
      console.log(`Inputs were drawn by VOLSAM_SEED=${seed}; npx vitest run FILE -t 'NAME' with it runs a test again.`);
    }
  }
}
