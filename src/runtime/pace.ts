/**
 * How much of a plan is submitted at once: little enough for a device to answer in between, to report progress and to be stopped;
 * and no less, because a submission costs the host as much as a dozen dispatches.
 */
import type { Command } from './command.ts';

/** A first submission takes a second or less, on a software device and on a slow GPU. */
const firstOperations = { software: 10e9, gpu: 200e9 } as const;

/** What later ones are meant to take. */
const meantMilliseconds = 250;

/** Most that a submission may grow over the one before: a network's layers differ in their rate. */
const growth = 4;

export interface Pace {
  /** Operations that the next submission should have. */
  operations(): number;
  /** Learns from a submission that has ended; times in milliseconds. */
  finished(operations: number, submitted: number, ended: number): void;
}

/** Learns from what has run; never goes below where it began. */
export function createPace(software: boolean): Pace {
  const first = firstOperations[software ? 'software' : 'gpu'];
  let [next, lastEnded] = [first as number, 0];
  return {
    operations: () => next,
    finished(operations, submitted, ended) {
      // One that waited behind another began when that one ended.
      const milliseconds = Math.max(ended - Math.max(submitted, lastEnded), 0.01);
      lastEnded = ended;
      if (operations < first) {
        return; // the end of a plan, or up to a tap: too little to learn from
      }
      next = Math.max(first, Math.min((operations / milliseconds) * meantMilliseconds, growth * next));
    },
  };
}

export function operationsOf(commands: readonly Command[], first: number, end: number): number {
  let operations = 0;
  for (let i = first; i < end; i++) {
    const command = commands[i]!;
    operations += command.kind === 'dispatch' ? command.operations : 0;
  }
  return operations;
}

/** Where a submission that begins at `first` ends: after enough work, after a tap that is read, or with the commands. */
export function submissionEnd(
  commands: readonly Command[],
  first: number,
  operations: number,
  taps: ReadonlyMap<string, unknown> | undefined,
): number {
  let sum = 0;
  for (let i = first; i < commands.length; i++) {
    const command = commands[i]!;
    sum += command.kind === 'dispatch' ? command.operations : 0;
    if (sum >= operations || (command.kind === 'tap' && taps?.has(command.name))) {
      return i + 1;
    }
  }
  return commands.length;
}
