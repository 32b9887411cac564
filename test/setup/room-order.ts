/**
 * The order of the test files: those that take longest first, so that two workers end at about the same time; where there is
 * a deadline, last, so that it meets as few tests as can be.
 */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Rooms and files by the time that they take, the longest first; what is not named comes last. */
const longest = [
  'web/page',
  'model/gradients',
  'cli/train',
  'ops/window-attention.backward',
  'runtimes',
  'ops/window-attention',
  'model',
  'engine',
  'cli',
  'web',
  'node',
  'ops',
];

function rankOf({ moduleId }: TestSpecification): number {
  const rank = longest.findIndex((room) => moduleId.includes(`/test/${room}`));
  return rank < 0 ? longest.length : rank;
}

export class RoomOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const longestFirst = [...files].sort((a, b) => rankOf(a) - rankOf(b) || a.moduleId.localeCompare(b.moduleId));
    return process.env.VOLSAM_DEADLINE === undefined ? longestFirst : longestFirst.reverse();
  }
}
