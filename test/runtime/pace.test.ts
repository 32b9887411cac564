import { expect, test } from 'vitest';
import type { Command } from '../../src/runtime/command.ts';
import { createPace, operationsOf, submissionEnd } from '../../src/runtime/pace.ts';

const dispatch = (operations: number) => ({ kind: 'dispatch', operations }) as Command;
const tap = (name: string) => ({ kind: 'tap', name }) as Command;
const commands = [dispatch(3), dispatch(4), tap('middle'), dispatch(5), { kind: 'copy' } as Command];

test('a submission ends after enough work, after a tap that is read, or with the commands', () => {
  expect(submissionEnd(commands, 0, 3, undefined)).toBe(1);
  expect(submissionEnd(commands, 0, 7, undefined)).toBe(2);
  expect(submissionEnd(commands, 0, 8, undefined)).toBe(4);
  expect(submissionEnd(commands, 0, 8, new Map([['middle', 0]]))).toBe(3);
  expect(submissionEnd(commands, 0, 8, new Map([['other', 0]]))).toBe(4);
  expect(submissionEnd(commands, 3, 6, undefined)).toBe(5);
  expect(operationsOf(commands, 0, 4)).toBe(12);
  expect(operationsOf(commands, 1, 3)).toBe(4);
});

test('a fast device gets longer submissions, at most four times the last, and about a quarter of a second', () => {
  const pace = createPace(false);
  expect(pace.operations()).toBe(200e9);
  pace.finished(200e9, 0, 10); // 20 TFLOP/s
  expect(pace.operations()).toBe(800e9);
  pace.finished(800e9, 0, 50); // waited behind the first: 40 ms
  expect(pace.operations()).toBe(3200e9);
  pace.finished(3200e9, 60, 220);
  expect(pace.operations()).toBe(5000e9);
});

test('a slow device keeps the first length, and a short submission teaches nothing', () => {
  const pace = createPace(true);
  pace.finished(10e9, 0, 2000);
  expect(pace.operations()).toBe(10e9);
  pace.finished(20e9, 2000, 2100);
  expect(pace.operations()).toBe(40e9);
  pace.finished(1e6, 2100, 2200);
  expect(pace.operations()).toBe(40e9);
});
