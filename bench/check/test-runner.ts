/**
 * Runs the project's own tests where there is no Vitest: the archive's bundles take this in the place of `vitest`, with Vitest's
 * matchers. Only what the tests of ops and goldens use is here.
 */
import { type ExpectStatic, JestAsymmetricMatchers, JestChaiExpect, JestExtend } from '@vitest/expect';
import * as chai from 'chai';

[JestExtend, JestChaiExpect, JestAsymmetricMatchers].forEach((plugin) => chai.use(plugin));
export const expect = chai.expect as unknown as ExpectStatic;

export interface TestContext {
  /** Leaves the test where the condition, if one is given, holds. */
  skip(condition: boolean | string, reason?: string): void;
}

type Body = (context: TestContext) => unknown;

interface Registered {
  readonly name: string;
  readonly body: Body;
}

class Skipped extends Error {}

const registered: Registered[] = [];
const groups: string[] = [];

export function describe(name: string, body: () => void): void {
  groups.push(name);
  body();
  groups.pop();
}

export function test(name: string, ...rest: readonly [Body] | readonly [options: object, body: Body]): void {
  registered.push({ name: [...groups, name].join(' > '), body: rest.at(-1) as Body });
}

export interface Outcome {
  readonly name: string;
  /** Undefined where it passed or was skipped. */
  readonly failure?: string;
  readonly isSkipped: boolean;
}

const context: TestContext = {
  skip(condition) {
    if (condition !== false) {
      throw new Skipped();
    }
  },
};

/** Runs what has been registered, in turn, until the time given; what is left was not reached. */
export async function runRegistered(
  until: number,
  report: (outcome: Outcome) => void,
): Promise<{ notReached: number }> {
  const tests = registered.splice(0);
  for (const [done, { name, body }] of tests.entries()) {
    if (Date.now() > until) {
      return { notReached: tests.length - done };
    }
    try {
      await body(context);
      report({ name, isSkipped: false });
    } catch (error) {
      const isSkipped = error instanceof Skipped;
      report({ name, isSkipped, ...(!isSkipped && { failure: (error as Error).message.split('\n')[0]! }) });
    }
  }
  return { notReached: 0 };
}
